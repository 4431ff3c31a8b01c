"""Objects from one storage to another: only what is missing, and checked when it is there."""

from __future__ import annotations

import hashlib
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from deeplake_nb.errors import LakeError, StorageError
from deeplake_nb.storage.provider import ByteRange, Stored, digests, get_many, in_parallel, put_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from deeplake_nb.storage.provider import StorageProvider

_LARGE_NBYTES = 32 << 20
"""From here on objects go in pieces, one object after the other."""

_PIECE_NBYTES = 8 << 20
_UNDER_WAY_NBYTES = 128 << 20
"""So much of smaller objects is held in memory at once."""


class Plan(NamedTuple):
    """What it takes to make the target hold what the source holds.

    Attributes:
        missing: objects of the source that the target lacks, or has with another size or digest.
        present: objects of the source that the target has.
        foreign: keys of the target that the source has not.
    """

    missing: tuple[Stored, ...]
    present: tuple[Stored, ...]
    foreign: tuple[str, ...]


def plan(source: StorageProvider, target: StorageProvider, *, leave_out: Callable[[str], bool]) -> Plan:
    """Compare two storages; costs a listing of each, and reads of what is local and has an equal size elsewhere.

    Args:
        source: from where.
        target: where to.
        leave_out: keys that count on neither side.
    """
    wanted = _listed(source, leave_out)
    there = _listed(target, leave_out)
    is_there = {
        key: (found := there.get(key)) is not None and _is_equal(source, stored, target, found)
        for key, stored in wanted.items()
    }
    return Plan(
        tuple(stored for key, stored in wanted.items() if not is_there[key]),
        tuple(stored for key, stored in wanted.items() if is_there[key]),
        tuple(key for key in there if key not in wanted),
    )


def transfer(
    source: StorageProvider, target: StorageProvider, objects: Sequence[Stored], *, progress: Callable[[int], None]
) -> None:
    """Copy objects, in no order, and check what arrived. What was copied before an error stays.

    Args:
        source: from where.
        target: where to.
        objects: of the source, as `plan` found them.
        progress: told the number of bytes as they are written and, where that means reading back, checked; by any
            thread.

    Raises:
        StorageError: a storage failed, something arrived damaged, or an object was changed meanwhile.
        KeyNotFoundError: one was removed meanwhile.
    """
    carried: dict[str, bytes] = {}
    is_near = target.concurrency == 1  # and keeps no digests: what was written is read back at once
    memory = _Memory(_UNDER_WAY_NBYTES)

    def carry(one: Stored) -> int:
        with memory.held(one.nbytes):
            data = source.get(one.key)
            _same_length(source, one, len(data))
            carried[one.key] = hashlib.md5(data, usedforsecurity=False).digest()
            target.put(one.key, data)
            del data
        if is_near:
            _read_back(target, one, carried[one.key])
        return one.nbytes

    small = [one for one in objects if one.nbytes < _LARGE_NBYTES]
    for nbytes in in_parallel(carry, small, min(max(source.concurrency, target.concurrency), len(small))):
        progress(nbytes)
    for one in objects:
        if one.nbytes >= _LARGE_NBYTES and not is_near:
            carried[one.key] = _carry_pieces(source, target, one, progress)
        elif one.nbytes >= _LARGE_NBYTES:  # each of the two is half of the work
            carried[one.key] = _carry_pieces(source, target, one, lambda nbytes: progress(nbytes // 2))
            _read_back(target, one, carried[one.key], lambda nbytes: progress(nbytes - nbytes // 2))
    _check(target, carried, is_read_back=is_near)


def _carry_pieces(
    source: StorageProvider, target: StorageProvider, one: Stored, progress: Callable[[int], None]
) -> bytes:
    """One long object, through memory for a few pieces; its MD5."""
    digest = hashlib.md5(usedforsecurity=False)

    def pieces() -> Iterator[memoryview]:
        for piece in _pieces(source, one):
            digest.update(piece)
            yield piece

    put_parts(target, one.key, pieces(), one.nbytes, progress=progress)
    return digest.digest()


def _same_length(source: StorageProvider, one: Stored, nbytes: int) -> None:
    if nbytes != one.nbytes:
        raise StorageError(f"{source.url}/{one.key} was changed while it was copied: copy again")


def _check(target: StorageProvider, carried: Mapping[str, bytes], *, is_read_back: bool) -> None:
    """Every object that was carried is there, with its digest; what the target cannot tell is read back, once."""
    there = _listed(target, lambda key: key not in carried) if carried else {}
    for key in carried:
        if key not in there:
            raise _damaged(target, key)
    doubtful = [] if is_read_back else [one for one in there.values() if one.md5 != carried[one.key]]
    for _ in in_parallel(
        lambda one: _read_back(target, one, carried[one.key]), doubtful, min(target.concurrency, len(doubtful))
    ):
        pass


def _read_back(
    target: StorageProvider, one: Stored, md5: bytes, progress: Callable[[int], None] = lambda _: None
) -> None:
    if _md5(target, one, progress) != md5:
        raise _damaged(target, one.key)


def _damaged(target: StorageProvider, key: str) -> StorageError:
    return StorageError(f"{target.url}/{key} is not what was written there: copy again")


def check_unchanged(source: StorageProvider, todo: Plan, *, leave_out: Callable[[str], bool]) -> None:
    """Make sure that the source is what the plan was made of; costs a listing.

    Raises:
        StorageError: somebody wrote to it meanwhile; names an object.
    """
    before = {one.key: one for one in (*todo.missing, *todo.present)}
    now = _listed(source, leave_out)
    changed = [key for key in (*before, *now) if before.get(key) != now.get(key)]
    if changed:
        raise StorageError(f"{source.url} was written to while it was copied ({changed[0]!r} changed): copy again")


def _listed(storage: StorageProvider, leave_out: Callable[[str], bool]) -> dict[str, Stored]:
    return {found.key: found for found in digests(storage) if not leave_out(found.key)}


def _is_equal(source: StorageProvider, wanted: Stored, target: StorageProvider, found: Stored) -> bool:
    """Whether both hold the same, as far as can be known without fetching what is far away."""
    if wanted.nbytes != found.nbytes:
        return False
    one, other = _known_md5(source, wanted), _known_md5(target, found)
    return one is None or other is None or one == other


def _known_md5(storage: StorageProvider, stored: Stored) -> bytes | None:
    return _md5(storage, stored) if stored.md5 is None and storage.concurrency == 1 else stored.md5


def _md5(storage: StorageProvider, stored: Stored, progress: Callable[[int], None] = lambda _: None) -> bytes:
    digest = hashlib.md5(usedforsecurity=False)
    for piece in _pieces(storage, stored):
        digest.update(piece)
        progress(len(piece))
    return digest.digest()


def _pieces(storage: StorageProvider, stored: Stored) -> Iterator[memoryview]:
    """The object's content, a few megabytes at a time.

    Raises:
        StorageError: it is not of the size that was listed.
    """
    starts = range(0, stored.nbytes, _PIECE_NBYTES)
    spans = [ByteRange(start, min(start + _PIECE_NBYTES, stored.nbytes)) for start in starts]
    for span, piece in zip(spans, get_many(storage, [(stored.key, span) for span in spans]), strict=True):
        if isinstance(piece, LakeError):
            raise piece
        _same_length(storage, stored, span.start + len(piece) if len(piece) < span.stop - span.start else stored.nbytes)
        yield piece


class _Memory:
    """Lets so many bytes be held at once; what is larger than all of it is held alone."""

    def __init__(self, nbytes: int) -> None:
        self._limit = nbytes
        self._held = 0
        self._room = threading.Condition()

    @contextmanager
    def held(self, nbytes: int) -> Iterator[None]:
        """Wait for room, and give it back."""
        with self._room:
            self._room.wait_for(lambda: not self._held or self._held + nbytes <= self._limit)
            self._held += nbytes
        try:
            yield
        finally:
            with self._room:
                self._held -= nbytes
                self._room.notify_all()
