"""One question after the other, each with a real call, until it is clear what works and what does not."""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from deeplake_nb.credentials.chain import utc_now
from deeplake_nb.diagnosis.advice import advice
from deeplake_nb.diagnosis.connection import connection
from deeplake_nb.diagnosis.explain import Inquiry
from deeplake_nb.diagnosis.report import Line, Report
from deeplake_nb.errors import (
    KeyExistsError,
    LakeError,
    PermissionDeniedError,
    ReadOnlyError,
    RefusedCredentialsError,
    StorageError,
    UnsupportedError,
)
from deeplake_nb.storage.provider import Checkable, exists
from deeplake_nb.storage.ranges import ByteRange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deeplake_nb.credentials.chain import Clock
    from deeplake_nb.credentials.provider import CredentialProvider
    from deeplake_nb.diagnosis.report import State, Step
    from deeplake_nb.storage.provider import StorageProvider

_THROWAWAY = "deeplake_nb-doctor-"
_MINE, _OTHER = b"written by deeplake_nb's doctor, to be removed at once", b"another writer"


def examine(storage: StorageProvider, provider: CredentialProvider | None, clock: Clock = utc_now) -> Report:
    """Walk from the credentials to the bytes.

    Writes one small object of a name of its own below the storage's root, reads it back and removes it.

    Args:
        storage: where.
        provider: the source of its credentials.
        clock: gives the time, aware of its zone.
    """
    return Report(f"doctor {storage.url}", tuple(_lines(storage, provider, clock)))


def _lines(storage: StorageProvider, provider: CredentialProvider | None, clock: Clock) -> Iterator[Line]:
    inquiry = Inquiry(storage.url, provider)
    sources = inquiry.report(clock)
    yield from sources.lines
    if not sources:
        yield Line("skipped", "storage", "nothing is asked of it without credentials")
        return
    who = inquiry.in_force
    if who is not None:
        yield inquiry.expiry(clock)
    if isinstance(storage, Checkable):
        try:
            endpoint = storage.endpoint()
        except LakeError as error:
            yield Line("failed", "endpoint", str(error), advice("endpoint", storage.url, error), "reached")
            return
        yield from connection(endpoint, clock)
        for check in storage.checks():
            line, _ = _tried(storage, check.name, check.run)
            state: State = "unknown" if line.state == "failed" else line.state  # of use, and no condition
            yield replace(line, state=state, step="identity" if check.name == "identity" else "")
    with _no_trace(storage):
        yield from _Verbs(storage, is_signed=who is not None and not getattr(who, "anonymous", False)).lines()


class _Verbs:
    """List, write, lock, read and delete, with throwaway objects below the storage's root."""

    def __init__(self, storage: StorageProvider, *, is_signed: bool) -> None:
        self._storage = storage
        self._is_signed = is_signed
        self._key = _THROWAWAY + secrets.token_hex(8)
        self._lock = f"{self._key}.lock"
        self._there = ""
        self._errors: list[LakeError | None] = []

    def lines(self) -> list[Line]:
        """How each of them went; whatever happens, nothing is left behind.

        A place that refuses goes on to the next verb, as rights are given one by one; one that fails does not.
        """
        listed, error = self._tried("list", self._look, "list")
        if isinstance(error, RefusedCredentialsError):
            return self._refused(error)
        if listed.state == "failed" and not isinstance(error, PermissionDeniedError):
            why = "it would fail as the listing does"
            return [listed, *(Line("skipped", name, why) for name in ("write", "lock", "read", "delete"))]
        lines = [listed, *self._with_throwaways()]
        if not self._is_signed:
            return lines
        refusal = next((error for error in self._errors if isinstance(error, RefusedCredentialsError)), None)
        if refusal is not None:
            return self._refused(refusal)
        return [_ACCEPTED if any(line.state == "ok" for line in lines) else _UNTOLD, *lines]

    def _with_throwaways(self) -> list[Line]:
        written, _ = self._tried("write", self._write, "write")
        if written.state != "ok":
            read, _ = self._tried("read", self._read_another, "read")
            with contextlib.suppress(LakeError):  # a write whose answer was lost
                self._delete()
            lock, delete = (Line("skipped", name, "nothing can be written") for name in ("lock", "delete"))
            return [written, lock, read, delete]
        lines = [written]
        try:
            lines.append(self._tried("lock", self._take_twice, "write")[0])
            lines.append(self._tried("read", self._read_back, "read")[0])
        finally:
            lines.append(self._tried("delete", self._delete, "write")[0])
        return lines

    def _refused(self, error: LakeError) -> list[Line]:
        line = Line("failed", "signed", str(error), advice("signed", self._storage.url, error), "signed")
        why = "nothing is done for credentials that are not accepted"
        return [line, *(Line("skipped", name, why) for name in ("list", "write", "lock", "read", "delete"))]

    def _tried(self, name: str, run: Callable[[], str], step: Step) -> tuple[Line, LakeError | None]:
        line, error = _tried(self._storage, name, run)
        self._errors.append(error)
        return replace(line, step=step), error

    def _look(self) -> str:
        self._there = next((entry.key for entry in self._storage.list()), "")
        return f"found {self._there!r}, and maybe more" if self._there else "found nothing: the place is empty"

    def _write(self) -> str:
        self._storage.put(self._key, _MINE)
        return f"wrote {len(_MINE)} bytes"

    def _take_twice(self) -> str:
        self._storage.put(self._lock, _MINE, if_absent=True)
        try:
            self._storage.put(self._lock, _OTHER, if_absent=True)
        except KeyExistsError:
            return "a lock is given to one writer, and refused to the next"
        raise StorageError("a lock that was taken was given away again: this storage ignores conditional writes")

    def _read_back(self) -> str:
        if bytes(self._storage.get(self._key)) != _MINE:
            raise StorageError(f"other bytes came back from {self._key} than were written")
        return "the same bytes came back"

    def _read_another(self) -> str:
        if self._there:
            return f"read {len(self._storage.get(self._there, ByteRange(0, 1)))} byte of {self._there!r}"
        exists(self._storage, self._key)
        return "nothing is there to read, and asking is not refused"

    def _delete(self) -> str:
        for key in (self._key, self._lock):
            self._storage.delete(key)
        if exists(self._storage, self._key):
            raise StorageError(f"{self._key} is still there after it was deleted: remove it by hand")
        return "removed what was written"


def _tried(storage: StorageProvider, name: str, run: Callable[[], str]) -> tuple[Line, LakeError | None]:
    try:
        return Line("ok", name, run()), None
    except (ReadOnlyError, UnsupportedError) as error:  # how this storage is, and no fault
        return Line("skipped", name, str(error)), error
    except LakeError as error:
        return Line("failed", name, str(error), advice(name, storage.url, error)), error


_ACCEPTED = Line("ok", "signed", "the storage takes these credentials", step="signed")
_UNTOLD = Line(
    "unknown", "signed", "all is refused; whether for who asks or for what they may do is not told", step="signed"
)


@contextlib.contextmanager
def _no_trace(storage: StorageProvider) -> Iterator[None]:
    """A local folder that was not there before is not there afterwards."""
    path = Path(storage.url.path)
    made = [] if storage.url.scheme != "file" else [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        yield
    finally:
        for folder in made:
            with contextlib.suppress(OSError):  # somebody else put something there meanwhile
                folder.rmdir()
