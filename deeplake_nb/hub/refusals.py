"""What was refused goes on record as what was done does: who asked, for what, of what, and why not.

Bounded, so that nobody can fill the disk by asking: the same refusal once an hour, so much an hour of one user, and so
much of all of them. Whoever shows no token of the hub's is one user for this, however many they are.
"""

from __future__ import annotations

import inspect
import threading
from collections import Counter
from datetime import timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from sqlalchemy import select

from deeplake_nb.errors import (
    CredentialsError,
    DatasetNotFoundError,
    HubNotFoundError,
    LakeError,
    MissingCredentialsError,
    PermissionDeniedError,
    UrlError,
)
from deeplake_nb.hub import audit
from deeplake_nb.hub.names import is_name
from deeplake_nb.hub.protocol import Hub
from deeplake_nb.hub.tables import ORGS
from deeplake_nb.hub.wire import plain
from deeplake_nb.urls import DiscreetText, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from datetime import datetime

    from deeplake_nb.hub.seat import Seat
    from deeplake_nb.hub.store import Store

T = TypeVar("T")

USER_PER_HOUR, ALL_PER_HOUR = 60, 1000
_HOUR = timedelta(hours=1)
_LONGEST = 300  # characters
_UNSEEN = (HubNotFoundError, DatasetNotFoundError, MissingCredentialsError)
_REFUSED = (PermissionDeniedError, CredentialsError, *_UNSEEN)
_USES_KEY = frozenset(
    {"resolve", "presign", "lend", "presign_link", "connect", "set_default_storage", "try_key", "provisioning"}
)
_SHOWN = (("name", "user"), ("mode", "method", "role", "scope"))  # what it is about, and how far it goes


class Refusals:
    """Puts refusals on record. Thread-safe; each process counts for itself."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._began = clock()
        self._seen: set[Hashable] = set()
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def record(  # noqa: PLR0917 - as the columns of the record
        self,
        error: LakeError,
        who: str,
        action: str,
        org: str = "",
        subject: str = "",
        prefix: str = "",
        mode: str = "",
    ) -> None:
        """Enter one, unless it is there already or there are too many. An organisation that is not there is the hub."""
        what = (who, action, org, subject, prefix, mode, error.kind)
        with self._lock:
            last = self._is_last(who, what)
        if last is None:
            return
        with self._store.read() as connection:
            is_there = connection.execute(select(ORGS.c.id).where(ORGS.c.name == org)).first() is not None
        kept, said = (org if is_there else ""), plain(str(error), _LONGEST) + last
        with self._store.write(*filter(None, (kept,))) as connection:
            audit.record(connection, self._clock(), who, action, kept, subject, prefix, mode, refused=said)

    def _is_last(self, who: str, what: Hashable) -> str | None:
        """What is added to the last entry of the hour; None: there have been enough, or it is there already."""
        now = self._clock()
        if not timedelta() <= now - self._began < _HOUR:
            self._began = now
            self._seen.clear()
            self._counts.clear()
        if what in self._seen or self._counts[who] >= USER_PER_HOUR or len(self._seen) >= ALL_PER_HOUR:
            return None
        self._seen.add(what)
        self._counts[who] += 1
        for count, most, whose in (
            (self._counts[who], USER_PER_HOUR, f"{who or 'unknown users'} is"),
            (len(self._seen), ALL_PER_HOUR, "anybody is"),
        ):
            if count == most:
                return f" [what else {whose} refused until {self._began + _HOUR:%H:%M} UTC is not on record]"
        return ""


def on_record(hub: type[T]) -> type[T]:
    """A class that does what the protocol says, and puts on record what it refuses."""
    for name, member in vars(Hub).items():
        if callable(member) and not name.startswith("_"):
            setattr(hub, name, _noting(getattr(hub, name)))
    return hub


class _Asked(NamedTuple):
    """What of a call goes on record: nothing that may hold a secret."""

    method: str
    org: str
    subject: str
    place: str
    mode: str

    @classmethod
    def of(cls, method: Callable[..., Any], given: tuple[Any, ...], named: dict[str, Any]) -> _Asked:
        bound = inspect.signature(method).bind(*given, **named)
        bound.apply_defaults()
        values = bound.arguments
        subject, mode = (next((values[name] for name in names if is_name(values.get(name))), "") for names in _SHOWN)
        return cls(method.__name__, values.get("org") or "", subject, _place(values.get("url")), mode)


def _noting(method: Callable[..., T]) -> Callable[..., T]:
    @wraps(method)
    def noting(hub: Seat, *given: Any, **named: Any) -> T:
        try:
            return method(hub, *given, **named)
        except BaseException as error:
            asked = _Asked.of(method, (hub, *given), named) if isinstance(error, _REFUSED) else None
            del given, named  # no traceback shows them
            if isinstance(error, LakeError) and asked is not None:
                _note(hub, asked, error)
            raise

    return noting


def _note(hub: Seat, asked: _Asked, error: LakeError) -> None:
    """Put it on record if it is one: what a member asked for and is not there was not refused."""
    is_unseen = isinstance(error, _UNSEEN) and is_name(asked.org) and not hub.is_member(asked.org)
    is_of_key = isinstance(error, CredentialsError) and asked.method in _USES_KEY
    if isinstance(error, PermissionDeniedError) or is_of_key or is_unseen:
        hub.refused(error, asked.method.replace("_", " "), *asked[1:])


def _place(url: Any) -> str:
    try:
        return plain(str(parse(DiscreetText(url))), _LONGEST) if isinstance(url, str) else ""
    except UrlError:
        return ""
