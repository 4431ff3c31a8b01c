"""Credentials that end are replaced before they do: once, however many threads ask."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from deeplake_nb.credentials.chain import utc_now
from deeplake_nb.credentials.provider import without_frames
from deeplake_nb.errors import CredentialsError, ExpiredCredentialsError, LakeError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from deeplake_nb.credentials.chain import Clock
    from deeplake_nb.credentials.provider import Credentials

_log = logging.getLogger(__name__)
_MARGIN = timedelta(minutes=5)
_SHARE = 5  # short lives are renewed after four fifths of them, failed renewals tried again after a fifth of the rest


@dataclass(frozen=True, slots=True)
class _Held:
    credentials: Credentials
    renew_at: datetime | None


class Refreshing:
    """A source that remembers what ``fetch`` gave, and asks it anew before that expires. Thread-safe.

    While one thread fetches, the others go on with what is still valid, and wait only when nothing is. A renewal that
    fails early is logged and tried again; one that fails when it is too late is raised, in every thread that waited.

    Args:
        name: what it is called in messages.
        fetch: gives credentials with ``expires_at`` (``None``: for ever), or ``None`` if there are none.
        margin: how long before their end credentials are renewed, a fifth of their life at most.
        clock: gives the time, aware of its zone.

    Example:
        >>> from datetime import UTC, datetime, timedelta
        >>> from deeplake_nb.credentials.provider import Secret
        >>> from deeplake_nb.credentials.s3 import S3Credentials
        >>> end = datetime.now(UTC) + timedelta(hours=1)
        >>> def vend():
        ...     print("asked")
        ...     return S3Credentials(aws_access_key_id="A", aws_secret_access_key=Secret("s"), expires_at=end)
        >>> source = Refreshing("vending machine", vend)
        >>> source().aws_access_key_id, source().aws_access_key_id
        asked
        ('A', 'A')
    """

    absent = "it gave none"

    def __init__(
        self,
        name: str,
        fetch: Callable[[], Credentials | None],
        *,
        margin: timedelta = _MARGIN,
        clock: Clock = utc_now,
    ) -> None:
        self.name = name
        self._fetch = fetch
        self._margin = margin
        self._clock = clock
        self._held: _Held | None = None
        self._attempts = 0
        self._failure: LakeError | None = None
        self._lock = threading.Lock()

    def __call__(self) -> Credentials | None:
        """The credentials in force; costs a comparison unless they are due.

        Raises:
            ExpiredCredentialsError: what was fetched is past its time already.
            CredentialsError: there are none that are valid, and fetching failed.
        """
        held, attempts = self._held, self._attempts
        now = self._clock()
        if held is not None and (held.renew_at is None or now < held.renew_at):
            return held.credentials
        is_valid = held is not None and not _is_past(held.credentials, now)
        if not self._lock.acquire(blocking=not is_valid):
            return held.credentials if held else None
        try:
            fetched = self._held if self._attempts != attempts else None  # by another thread, while this one waited
            if self._attempts == attempts or (fetched is not None and _is_past(fetched.credentials, self._clock())):
                self._renew(held if is_valid else None)
            if self._failure is not None:
                raise type(self._failure)(str(self._failure)) from self._failure.__cause__
            return self._held.credentials if self._held else None
        finally:
            self._lock.release()

    def _renew(self, valid: _Held | None) -> None:
        self._failure = None
        began = self._clock()
        try:
            found = self._asked()
        except LakeError as error:
            if valid is None or valid.credentials.expires_at is None:
                self._held, self._failure = None, error
            else:
                _log.warning(
                    "%s: renewal failed, still valid until %s: %s", self.name, valid.credentials.expires_at, error
                )
                self._held = _Held(valid.credentials, began + (valid.credentials.expires_at - began) / _SHARE)
        else:
            self._held = None if found is None else _Held(found, self._due(found, began))
        finally:
            self._attempts += 1

    def _asked(self) -> Credentials | None:
        try:
            found = self._fetch()
        except LakeError:
            raise
        except Exception as error:  # noqa: BLE001 - the user's own function: anything may come
            reason = type(error).__name__
            raise CredentialsError(f"{self.name} failed ({reason}): see the cause, and call it by itself") from (
                without_frames(error)
            )
        if found is not None and _is_past(found, self._clock()):
            raise ExpiredCredentialsError(f"{self.name} gave credentials that expired at {found.expires_at}")
        return found

    def _due(self, found: Credentials, began: datetime) -> datetime | None:
        if found.expires_at is None:
            return None
        return found.expires_at - min(self._margin, (found.expires_at - began) / _SHARE)


def _is_past(credentials: Credentials, now: datetime) -> bool:
    return credentials.expires_at is not None and credentials.expires_at <= now
