"""Credentials that nobody gave in the call: those kept for this session, and those that a hub manages.

Both say for which places they are, and one that is for a place comes before the environment, which is for all of them.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.errors import (
    CredentialsError,
    HubError,
    HubNotFoundError,
    LakeError,
    MissingCredentialsError,
    PermissionDeniedError,
)
from deeplake_nb.session.names import Lending
from deeplake_nb.urls import Url, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from deeplake_nb.credentials.provider import CredentialProvider, Credentials
    from deeplake_nb.hub.protocol import Hub, ManagedKey, Mode

ORGANISATION = "DEEPLAKE_NB_ORG"
_ASKED_AGAIN_SECONDS = 60


class KeyRing:
    """Keys by the places they are for. Thread-safe.

    Args:
        hub: gives the hub in force; None where there is none yet, which is not made for this.
        environ: for what a key leaves open, such as a region.
    """

    def __init__(self, hub: Callable[[], Hub | None], environ: Mapping[str, str]) -> None:
        self._hub = hub
        self._environ = environ
        self._kept: dict[Url, Any] = {}
        self._managed: dict[str | None, tuple[float, list[ManagedKey]]] = {}
        self._lock = threading.Lock()

    def keep(self, prefix: Url, creds: Any) -> None:
        """Use ``creds`` (sealed, as ``creds=`` takes them) for every place below ``prefix``, until the process ends.

        Raises:
            CredentialsError: they are incomplete or not for this storage, or it asks for none.
        """
        if credentials_from(prefix, creds, environ=self._environ) is None or creds is None:
            raise CredentialsError(f"{prefix} needs no credentials: there is nothing to keep")
        with self._lock:
            self._kept[prefix] = creds

    def forget(self, prefix: Url) -> bool:
        """Use them no more; False if there were none for just this prefix."""
        with self._lock:
            return self._kept.pop(prefix, None) is not None

    def kept(self) -> tuple[Url, ...]:
        """The prefixes that this session keeps credentials for."""
        return tuple(sorted(self._kept, key=str))

    def sources(self, url: Url, mode: Mode, org: str | None = None) -> tuple[CredentialProvider, CredentialProvider]:
        """The two sources for a place, in order: this session's, then the hub's. Neither is asked yet.

        On a server the user says whose keys are meant (``org``, else ``DEEPLAKE_NB_ORG``): anybody may take a user
        into an organisation, and a key of theirs, with an endpoint of theirs, must not come by itself.
        """
        return (
            _Source("session key", "none kept for this place", lambda: self._of_session(url)),
            _Source("managed key", "none that is bound to this place", lambda: self._of_hub(url, mode, org), _HUBS_OWN),
        )

    def _of_session(self, url: Url) -> CredentialProvider | None:
        if not self._kept:
            return None
        from deeplake_nb.hub.kinds import is_below

        with self._lock:
            found = [prefix for prefix in self._kept if is_below(url, [prefix])]
            if not found:
                return None
            prefix = max(found, key=lambda one: len(one.path))  # the nearest one
            creds = self._kept[prefix]
        lending = creds if callable(creds) else _Named(f"session key for {prefix}", creds)
        return credentials_from(url, lending, environ=self._environ)

    def _of_hub(self, url: Url, mode: Mode, org: str | None) -> CredentialProvider | None:
        hub = self._hub()
        if hub is None:
            return None
        org = org or self._environ.get(ORGANISATION, "").strip() or None
        if org is None and hub.url != "embedded":
            raise MissingCredentialsError(f"say whose are meant, with org_id= or {ORGANISATION}")
        from deeplake_nb.hub.kinds import is_below

        near = ((parse(prefix), key) for key in self._keys(hub, org) for prefix in key.prefixes)
        found = [(len(prefix.path), key) for prefix, key in near if is_below(url, [prefix])]
        if not found:
            return None
        orgs = sorted({key.org for _, key in found})
        if len(orgs) > 1:  # any of them may have taken this user in, and nobody but the user knows which one is meant
            raise CredentialsError(
                f"several organisations have keys for it, {', '.join(map(repr, orgs))}: say which one is meant, with"
                " creds={'creds_key': name} and org_id="
            )
        key = max(found, key=lambda one: one[0])[1]
        return credentials_from(url, _lending(hub, key, url, mode), environ=self._environ)

    def _keys(self, hub: Hub, org: str | None) -> list[ManagedKey]:
        asked, keys = self._managed.get(org, (0.0, []))
        good_seconds = 0 if hub.url == "embedded" else _ASKED_AGAIN_SECONDS
        if not asked or time.monotonic() - asked > good_seconds:
            keys = [key for one in (hub.orgs() if org is None else [org]) for key in _usable(hub, one)]
            self._managed[org] = (time.monotonic(), keys)
        return keys


def _usable(hub: Hub, org: str) -> Sequence[ManagedKey]:
    try:
        return hub.keys(org)
    except (PermissionDeniedError, HubNotFoundError):  # a reader uses keys by the names of datasets
        return ()


def _lending(hub: Hub, key: ManagedKey, url: Url, mode: Mode) -> Lending:
    place = url.reveal()
    return Lending(
        f"hub key {key.name!r}", lambda fresh: hub.lend(key.org, key.name, url=place, mode=mode, fresh=fresh)
    )


class _Named:
    """Credentials as a function that gives them, under a name."""

    def __init__(self, name: str, creds: Any) -> None:
        self.name = name
        self._creds = creds

    def __call__(self) -> Any:
        return self._creds


_HUBS_OWN = (HubError, CredentialsError, PermissionDeniedError)
"""A hub that is away, or a key that it cannot lend, must not stop those who have other credentials."""


class _Source:
    """A source of credentials that is looked up when it is first asked, and again as long as it has none.

    Args:
        name: for messages.
        absent: why it has none.
        find: looks it up.
        excused: errors of a source that never had any which mean that it has none, and are told as the reason.
    """

    def __init__(
        self,
        name: str,
        absent: str,
        find: Callable[[], CredentialProvider | None],
        excused: tuple[type[LakeError], ...] = (),
    ) -> None:
        self.name = name
        self.absent = absent
        self._find = find
        self._excused = excused
        self._found: CredentialProvider | None = None

    def __call__(self) -> Credentials | None:
        if self._found is not None:
            return self._found()
        try:
            source = self._find()
            answer = source() if source is not None else None
        except self._excused as error:
            self.absent = str(error)
            return None
        self._found = source if answer is not None else None
        return answer
