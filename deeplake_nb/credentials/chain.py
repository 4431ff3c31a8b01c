"""Which source is in force: asked in order, the first answer wins."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from deeplake_nb.credentials.provider import Env, sealed
from deeplake_nb.errors import CredentialsError, ExpiredCredentialsError, LakeError, MissingCredentialsError
from deeplake_nb.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deeplake_nb.credentials.provider import CredentialProvider, Credentials
    from deeplake_nb.urls import Url

    Clock = Callable[[], datetime]

_log = logging.getLogger(__name__)


def utc_now() -> datetime:
    """The time, aware of its zone."""
    return datetime.now(UTC)


class Row(NamedTuple):
    """One source in `Chain.explain`: what it is called and what it said."""

    source: str
    outcome: str


class Finding(NamedTuple):
    """One source in `Chain.findings`.

    Attributes:
        source: what it is called.
        state: ``failed`` stops the search as an error; ``overridden`` has some, but another is in force.
        said: the credentials without their secrets, why there are none, or the error.
        found: the credentials themselves, if there are any.
        failure: what kind of error it failed with.
    """

    source: str
    state: Literal["in force", "none", "failed", "overridden", "not asked"]
    said: str
    found: Credentials | None = None
    failure: type[LakeError] | None = None


class Chain:
    """Sources in order. The one that answers first stays in force until it has nothing more. Thread-safe.

    Args:
        target: what the credentials are for, redacted, for messages.
        sources: in order of precedence.
        settings: fields that hold whatever the source, such as a region; they override the source's own.
        advice: what to do when no source has any.
        clock: gives the time, aware of its zone.
        kept: sources that come after the first one. What they give is whole: settings only fill what it leaves open.
    """

    name = "chain"

    def __init__(
        self,
        target: str,
        sources: Sequence[CredentialProvider],
        *,
        settings: Mapping[str, Any],
        advice: str,
        clock: Clock = utc_now,
        kept: Sequence[CredentialProvider] = (),
    ) -> None:
        self._target = target
        self._sources = (*sources[:1], *kept, *sources[1:])
        self._kept = tuple(kept)
        self._settings = dict(settings)
        self._advice = advice
        self._clock = clock
        self._winner: CredentialProvider | None = None
        self._lock = threading.Lock()

    @property
    def absent(self) -> str:
        """What each source lacks."""
        return ", ".join(f"{source.name} ({source.absent})" for source in self._sources)

    def __call__(self) -> Credentials:
        """The credentials in force.

        Raises:
            MissingCredentialsError: no source has any; every one is named.
            ExpiredCredentialsError: those found are past their time.
            CredentialsError: a source has something that cannot be used.
        """
        winner = self._winner
        found = winner() if winner else None
        if found is None:
            with self._lock:  # one search, however many threads wait for it
                if self._winner is not None and self._winner is not winner:
                    found = self._winner()
                if found is None:
                    found = self._search()
        if found.expires_at is not None and found.expires_at <= self._clock():
            raise ExpiredCredentialsError(
                f"the credentials for {self._target} from {found.source} expired at {found.expires_at}: renew them"
            )
        settings = self._settings
        if settings and self._winner in self._kept:
            settings = {name: value for name, value in settings.items() if getattr(found, name) is None}
        return replace(found, **settings) if settings else found

    def led_by(self, kept: Sequence[CredentialProvider]) -> Chain:
        """The same, asking ``kept`` after the first source, which is what was given."""
        settings, advice = self._settings, self._advice
        return Chain(self._target, self._sources, settings=settings, advice=advice, clock=self._clock, kept=kept)

    def _search(self) -> Credentials:
        for source in self._sources:
            found = source()
            if found is not None:
                _log.debug("credentials for %s: %s", self._target, found.source)
                self._winner = source
                return found
            _log.debug("credentials for %s: %s has none (%s)", self._target, source.name, source.absent)
        raise MissingCredentialsError(f"no credentials for {self._target}: tried {self.absent}. {self._advice}")

    def first(self) -> Credentials | None:
        """What the source of the highest precedence has, which is what was given; the others are not asked."""
        found = self._sources[0]()
        return replace(found, **self._settings) if found is not None else None

    @property
    def advice(self) -> str:
        """What to do when no source has any."""
        return self._advice

    @property
    def settings(self) -> dict[str, Any]:
        """What holds whatever the source: region, endpoint and the like."""
        return dict(self._settings)

    def explain(self) -> list[Row]:
        """Every source with what it says: ``in force``, why it has none, its error, or ``not asked``."""
        return [
            Row(
                found.source,
                {"in force": f"in force: {found.said}", "overridden": "not asked"}.get(found.state, found.said),
            )
            for found in self.findings()
        ]

    def findings(self) -> list[Finding]:
        """Every source with its part in the outcome.

        Those after the decisive one are asked only if they cost nothing: they run no program and no request.
        """
        findings: list[Finding] = []
        decided = False
        for source in self._sources:
            if decided and not isinstance(source, Env):
                findings.append(Finding(source.name, "not asked", "not asked"))
                continue
            try:
                found = source()
            except LakeError as error:
                findings.append(
                    Finding(source.name, "overridden" if decided else "failed", str(error), failure=type(error))
                )
                decided = True
                continue
            if found is None:
                findings.append(Finding(source.name, "none", source.absent))
            else:
                state: Literal["in force", "overridden"] = "overridden" if decided else "in force"
                findings.append(Finding(source.name, state, str(found), found))
                decided = True
        return findings


_CHAINS: Registry[Callable[..., Chain]] = Registry(
    "storage with credentials",
    {
        "azure": "deeplake_nb.credentials.azure:chain",
        "gcs": "deeplake_nb.credentials.gcs:chain",
        "http": "deeplake_nb.credentials.http:chain",
        "https": "deeplake_nb.credentials.http:chain",
        "s3": "deeplake_nb.credentials.s3:chain",
    },
)
_MARKS = {"gcs": "before_request"}  # what tells a credentials object of the cloud's own SDK
_OPEN = {"http", "https"}  # ask for credentials only if some are given


def credentials_from(
    url: Url,
    creds: Mapping[str, object]
    | CredentialProvider
    | Callable[[], Mapping[str, object] | None]
    | os.PathLike[str]
    | str
    | None = None,
    *,
    environ: Mapping[str, str],
    clock: Clock = utc_now,
    kept: Sequence[CredentialProvider] = (),
) -> CredentialProvider | None:
    """The source of credentials for a url; finding them waits until it is called.

    Args:
        url: what is to be opened.
        creds: what the user gave: a dictionary with the lowercase keys, a word or path that the storage's own chain
            understands (``"anonymous"``), a function that gives one of these (called again before ``expires_at``
            in its answer; its ``name``, if it has one, is what messages say), a credentials object of Google's SDK, a
            provider of their own, or nothing.
        environ: usually ``os.environ``; read again whenever the environment is asked.
        clock: gives the time, aware of its zone.
        kept: sources that come before the environment; they are not asked where ``creds`` are given.

    Returns:
        A provider, or ``None`` for storages that know no credentials (``creds`` is not looked at then).

    Raises:
        CredentialsError: ``creds`` has an unknown key or word, half a set, or is not one of the above.
    """
    creds = sealed(os.fspath(creds) if isinstance(creds, os.PathLike) else creds)
    if url.scheme not in _CHAINS or (creds is None and url.scheme in _OPEN):
        return None
    if callable(creds):
        if hasattr(creds, "absent"):
            return cast("CredentialProvider", creds)
        return _vended(url, creds, environ=environ, clock=clock)
    if isinstance(creds, str) and creds.lstrip().startswith("{"):
        raise CredentialsError("creds begins as JSON and is none: pass the dictionary, or the path of its file")
    is_object = url.scheme in _MARKS and hasattr(creds, _MARKS[url.scheme])
    if creds is not None and not is_object and not isinstance(creds, Mapping | str):
        raise CredentialsError(f"creds for {url.scheme}:// is a dictionary or a word, not {type(creds).__name__}")
    chain = _CHAINS[url.scheme](url, creds or {}, environ=environ, clock=clock)
    return chain.led_by(kept) if kept and creds is None else chain


def _vended(url: Url, function: Callable[[], Any], *, environ: Mapping[str, str], clock: Clock) -> CredentialProvider:
    """A user's function as a source: what it answers counts as given, and is kept until it ends."""
    from deeplake_nb.credentials.refreshing import Refreshing

    name = getattr(function, "name", None) or f"{getattr(function, '__name__', type(function).__name__)}()"

    def fetch() -> Credentials | None:
        answer = sealed(function())
        if answer is None:
            return None
        if not isinstance(answer, Mapping):
            kind = "text" if isinstance(answer, str) else f"a {type(answer).__name__}"
            raise CredentialsError(f"{name} gave {kind}: expected a dictionary as creds= takes it")
        found = _CHAINS[url.scheme](url, answer, environ=environ, clock=clock).first()
        return replace(found, source=name) if found is not None else None

    return Refreshing(name, fetch, clock=clock)
