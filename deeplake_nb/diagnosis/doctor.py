"""One question after the other, each with a real call, until it is clear what works and what does not."""

from __future__ import annotations

import contextlib
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from deeplake_nb.credentials.chain import utc_now
from deeplake_nb.diagnosis.advice import advice
from deeplake_nb.diagnosis.connection import connection
from deeplake_nb.diagnosis.explain import explain
from deeplake_nb.diagnosis.report import Line, Report
from deeplake_nb.errors import KeyExistsError, LakeError, ReadOnlyError, StorageError, UnsupportedError
from deeplake_nb.storage.provider import Checkable, exists
from deeplake_nb.storage.ranges import ByteRange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deeplake_nb.credentials.chain import Clock
    from deeplake_nb.credentials.provider import CredentialProvider
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
    sources = explain(storage.url, provider, clock)
    yield from sources.lines
    if not sources:
        yield Line("skipped", "storage", "nothing is asked of it without credentials")
        return
    if isinstance(storage, Checkable):
        try:
            endpoint = storage.endpoint()
        except LakeError as error:
            yield Line("failed", "endpoint", str(error), advice("endpoint", storage.url, error))
            return
        yield from connection(endpoint, clock)
        for check in storage.checks():
            line = _step(storage, check.name, check.run)
            yield line._replace(state="unknown") if line.state == "failed" else line
    with _no_trace(storage):
        yield from _Verbs(storage).lines()


class _Verbs:
    """List, write, lock, read and delete, with throwaway objects below the storage's root."""

    def __init__(self, storage: StorageProvider) -> None:
        self._storage = storage
        self._key = _THROWAWAY + secrets.token_hex(8)
        self._lock = f"{self._key}.lock"
        self._there = ""

    def lines(self) -> list[Line]:
        """How each of them went; whatever happens, nothing is left behind."""
        lines = [self._step("list", self._look), self._step("write", self._write)]
        if lines[-1].state != "ok":
            lines.append(Line("skipped", "lock", "nothing can be written"))
            lines.append(self._step("read", self._read_another))
            lines.append(Line("skipped", "delete", "nothing was written"))
            with contextlib.suppress(LakeError):  # a write whose answer was lost
                self._delete()
            return lines
        try:
            lines.append(self._step("lock", self._take_twice))
            lines.append(self._step("read", self._read_back))
        finally:
            lines.append(self._step("delete", self._delete))
        return lines

    def _step(self, name: str, run: Callable[[], str]) -> Line:
        return _step(self._storage, name, run)

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


def _step(storage: StorageProvider, name: str, run: Callable[[], str]) -> Line:
    try:
        return Line("ok", name, run())
    except (ReadOnlyError, UnsupportedError) as error:  # how this storage is, and no fault
        return Line("skipped", name, str(error))
    except LakeError as error:
        return Line("failed", name, str(error), advice(name, storage.url, error))


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
