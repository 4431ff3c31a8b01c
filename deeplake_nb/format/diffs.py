"""What a commit changed: in one tensor (``commit_diff``) and in the dataset itself (``dataset_diff``).

Both objects are big-endian, unlike everything else.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from deeplake_nb.errors import FormatError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

_HEAD = struct.Struct(">???QQ")
_COUNT = struct.Struct(">Q")


@dataclass(slots=True)
class CommitDiff:
    """Rows ``[added_first, added_stop)`` are new in this commit; ``updated`` and ``deleted`` name older rows.

    ``deleted_ids`` may be longer than ``deleted``: the original writes some that it then ignores.
    """

    created: bool = False
    info_updated: bool = False
    data_transformed: bool = False
    added_first: int = 0
    added_stop: int = 0
    updated: list[int] = field(default_factory=list)
    cleared: bool = False
    deleted: list[int] = field(default_factory=list)
    deleted_ids: bytes = b""

    @classmethod
    def decode(cls, data: bytes, what: str) -> CommitDiff:
        """Read the object.

        Raises:
            FormatError: cut off.
        """
        try:
            head = _HEAD.unpack_from(data)
            at = _HEAD.size
            updated, at = _numbers(data, at)
            cleared = bool(data[at])
            deleted, at = _numbers(data, at + 1)
        except (struct.error, IndexError) as error:
            raise FormatError(f"{what}: the object is cut off ({error})") from error
        created, info_updated, transformed, first, stop = head
        return cls(created, info_updated, transformed, first, stop, updated, cleared, deleted, bytes(data[at:]))

    def update(self, rows: Ints) -> None:
        """Rows got other values; new ones stay just new."""
        older = rows[rows < self.added_first].tolist()
        self.updated = sorted({*self.updated, *older})

    def remove(self, rows: Ints, ids: NDArray[np.uint64] | None) -> None:
        """Rows (rising) are gone; ``ids`` are what their companion knows them by.

        ``updated`` counts as the rows are now, ``deleted`` as they were in the commit before.
        """
        is_older = rows < self.added_first
        older = rows[is_older]
        before = np.delete(np.arange(self.added_first + len(self.deleted)), np.array(self.deleted, np.int64))
        self.deleted = sorted([*self.deleted, *before[older].tolist()])
        if ids is not None:
            self.deleted_ids += ids[is_older].astype(">u8").tobytes()
        updated = np.array(self.updated, np.int64)
        updated = updated[~np.isin(updated, rows)]
        self.updated = (updated - np.searchsorted(rows, updated)).tolist()
        self.added_first -= len(older)
        self.added_stop -= len(rows)

    def clear(self) -> None:
        """All rows are gone."""
        self.added_first = self.added_stop = 0
        self.updated, self.deleted, self.deleted_ids = [], [], b""
        self.info_updated, self.cleared = False, True

    @property
    def removed_ids(self) -> NDArray[np.uint64]:
        """What the companion knew removed rows by."""
        return np.frombuffer(self.deleted_ids, ">u8", count=len(self.deleted_ids) // 8).astype(np.uint64)

    @property
    def has_changes(self) -> bool:
        """Whether anything is different from the commit before."""
        return bool(
            self.created
            or self.info_updated
            or self.data_transformed
            or self.added_stop > self.added_first
            or self.updated
            or self.cleared
            or self.deleted
        )

    def encode(self) -> bytes:
        """The object's bytes."""
        head = (self.created, self.info_updated, self.data_transformed, self.added_first, self.added_stop)
        updated = _COUNT.pack(len(self.updated)) + b"".join(map(_COUNT.pack, self.updated))
        deleted = _COUNT.pack(len(self.deleted)) + b"".join(map(_COUNT.pack, self.deleted))
        return _HEAD.pack(*head) + updated + bytes([self.cleared]) + deleted + self.deleted_ids


@dataclass(slots=True)
class DatasetDiff:
    """Whether the dataset's info changed, which names became which, and which tensors of older commits are gone."""

    info_updated: bool = False
    renamed: dict[str, str] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)

    @classmethod
    def decode(cls, data: bytes, what: str) -> DatasetDiff:
        """Read the object.

        Raises:
            FormatError: cut off.
        """
        try:
            (count,) = _COUNT.unpack_from(data, 1)
            at, renamed, deleted = 1 + _COUNT.size, {}, []
            for _ in range(count):
                old, new = struct.unpack_from(">QQ", data, at)
                at += 2 * _COUNT.size
                (before, after), at = _texts(data, at, old, new)
                renamed[before] = after
            (count,) = _COUNT.unpack_from(data, at)
            at += _COUNT.size
            for _ in range(count):
                (length,) = _COUNT.unpack_from(data, at)
                (name,), at = _texts(data, at + _COUNT.size, length)
                deleted.append(name)
        except (struct.error, UnicodeDecodeError) as error:
            raise FormatError(f"{what}: the object is cut off ({error})") from error
        return cls(bool(data[0]), renamed, deleted)

    def rename(self, old: str, new: str) -> None:
        """A tensor of an older commit has another name."""
        first = next((name for name, now in self.renamed.items() if now == old), old)
        self.renamed.pop(first, None)
        if first != new:
            self.renamed[first] = new

    def delete(self, name: str) -> None:
        """A tensor of an older commit is gone."""
        first = next((old for old, now in self.renamed.items() if now == name), name)
        self.renamed.pop(first, None)
        if first not in self.deleted:
            self.deleted.append(first)

    @property
    def has_changes(self) -> bool:
        """Whether anything is different from the commit before."""
        return bool(self.info_updated or self.renamed or self.deleted)

    def encode(self) -> bytes:
        """The object's bytes. Lengths count bytes, also of names that are no ASCII."""
        out = [bytes([self.info_updated]), _COUNT.pack(len(self.renamed))]
        for old, new in self.renamed.items():
            before, after = old.encode(), new.encode()
            out += [struct.pack(">QQ", len(before), len(after)), before, after]
        out.append(_COUNT.pack(len(self.deleted)))
        for name in self.deleted:
            out += [_COUNT.pack(len(name.encode())), name.encode()]
        return b"".join(out)


def _texts(data: bytes, at: int, *lengths: int) -> tuple[list[str], int]:
    out = []
    for length in lengths:
        if length > len(data) - at:
            raise struct.error(f"a name of {length} bytes in {len(data) - at}")
        out.append(data[at : at + length].decode())
        at += length
    return out, at


def _numbers(data: bytes, at: int) -> tuple[list[int], int]:
    (count,) = _COUNT.unpack_from(data, at)
    if count > len(data):
        raise struct.error(f"{count} numbers in {len(data)} bytes")
    return list(struct.unpack_from(f">{count}Q", data, at + 8)), at + 8 + 8 * count
