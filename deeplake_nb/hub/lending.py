"""What was lent is remembered while it is good: per user, key, place and mode, so that each loan is on record once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from deeplake_nb.credentials.chain import utc_now
from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import CredentialsError, PermissionDeniedError
from deeplake_nb.hub import kinds
from deeplake_nb.hub.managed import opened
from deeplake_nb.hub.vending import vend
from deeplake_nb.hub.vending.grant import Vended

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence
    from datetime import datetime

    from deeplake_nb.hub.managed import Key
    from deeplake_nb.hub.protocol import KeyKind, Mode
    from deeplake_nb.hub.vault import Vault
    from deeplake_nb.urls import Url

TTL = timedelta(hours=1)
_SHARE = 4  # what has less than a quarter of its life left is not given to the next who asks
_KEPT = 4096
_NOTED = Vended(None)


@dataclass(frozen=True, slots=True)
class _Held:
    vended: Vended
    until: datetime


class Lender:
    """Lends managed keys. Thread-safe.

    Args:
        vault: opens them.
        clock: gives the time, aware of its zone.
        check: raises for a key whose addresses are not to be asked; they may lead elsewhere than when it was entered.
        lends_all: give the keys themselves where that is possible: nothing leaves the process.
    """

    def __init__(
        self,
        vault: Vault,
        clock: Callable[[], datetime],
        check: Callable[[Mapping[str, Any], Key, Sequence[Url]], None],
        *,
        lends_all: bool,
    ) -> None:
        self._vault = vault
        self._check = check
        self._clock = clock
        self._lends_all = lends_all
        self._held: OrderedDict[Hashable, _Held] = OrderedDict()
        self._lock = threading.Lock()

    def lend(
        self, user: int, key: Key, urls: Sequence[Url], mode: Mode, *, fresh: bool, on_record: Callable[[], None]
    ) -> Vended:
        """A narrowed key, kept or new; ``on_record`` is called before a new one is given.

        Raises:
            CredentialsError: the key lends nothing there.
            PermissionDeniedError: the cloud refused it.
        """
        name = (user, key.id, key.revision, key.lends_itself, tuple(urls), mode)
        now = self._clock()
        held = None if fresh else self._held.get(name)
        if held is not None and now < held.until:
            return held.vended
        vended = self._bounded(self._vended(key, urls, mode), now)
        on_record()
        assert vended.expires_at is not None  # _bounded
        self._hold(name, _Held(vended, vended.expires_at - (vended.expires_at - now) / _SHARE))
        return vended

    def note(self, name: Hashable, on_record: Callable[[], None]) -> None:
        """Have ``on_record`` called for the first of many small loans in each hour."""
        now = self._clock()
        held = self._held.get(name)
        if held is None or held.until <= now:
            on_record()
            self._hold(name, _Held(_NOTED, now + TTL))

    def _hold(self, name: Hashable, held: _Held) -> None:
        with self._lock:
            self._held[name] = held
            self._held.move_to_end(name)
            while len(self._held) > _KEPT:
                self._held.popitem(last=False)

    def _bounded(self, vended: Vended, now: datetime) -> Vended:
        """With an end: also a key that has none is asked for again, so that a rotation comes through."""
        return vended if vended.expires_at is not None else Vended(vended.creds, now + TTL)

    def _vended(self, key: Key, urls: Sequence[Url], mode: Mode) -> Vended:
        try:
            return self._made(key, opened(self._vault, key), urls, mode)
        except (CredentialsError, PermissionDeniedError):
            if key.former_fields is None or key.overlaps_until is None or key.overlaps_until <= self._clock():
                raise
        return self._made(key, opened(self._vault, key, "former_fields"), urls, mode)  # the new one may need a while

    def _made(self, key: Key, fields: Mapping[str, Any], urls: Sequence[Url], mode: Mode) -> Vended:
        itself = whole(key.kind, fields) if self._lends_all or not urls else None
        if itself is not None and (self._lends_all or key.lends_itself):
            return Vended(itself)
        if not urls:
            raise CredentialsError(
                f"the managed key {key.name!r} is bound to no urls, so it cannot be lent for links: say where they lie"
            )
        self._check(fields, key, urls)
        return vend(
            key.kind,
            fields,
            urls,
            mode,
            ttl_seconds=int(TTL.total_seconds()),
            clock=self._clock,
            lends_itself=key.lends_itself or self._lends_all,
            external_id=key.external_id or None,
        )


def whole(kind: KeyKind, fields: Mapping[str, Any]) -> dict[str, Any] | None:
    """A key as ``creds=`` takes it, unnarrowed; None for the kinds that are no key but leave to ask for one."""
    if kinds.KINDS[kind].is_role and "client_secret" not in fields:
        return None
    if "role_arn" in fields:
        return None
    if kind == "gcs-account":
        return {**kinds.google_key(fields), **{name: value for name, value in fields.items() if name != "key"}}
    return {name: value for name, value in fields.items() if name != "sts_endpoint_url"}


@dataclass(frozen=True, slots=True, repr=False)
class Borrowed:
    """What a key that is none itself lends, as ``creds=`` takes a function: asked for when it is needed."""

    kind: KeyKind
    fields: Mapping[str, Any]
    url: Url
    clock: Callable[[], datetime] = utc_now
    external_id: str | None = None

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"the {kinds.KINDS[self.kind].label.removeprefix('AWS ')}"

    def __call__(self) -> Mapping[str, Any]:
        """A few requests to the cloud; errors as `vend` raises them."""
        lent = vend(self.kind, self.fields, self.url, "w", clock=self.clock, external_id=self.external_id)
        if lent.creds is None:
            raise CredentialsError(f"a key of kind {self.kind} lends nothing for {self.url}")
        return {**lent.creds, "expires_at": lent.expires_at} if lent.expires_at else lent.creds


def revealed(creds: Mapping[str, Any]) -> dict[str, Any]:
    """Credentials with their secrets in the open, for the one who is to have them."""
    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in creds.items()}
