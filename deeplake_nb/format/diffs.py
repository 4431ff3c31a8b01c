"""What a commit changed in one tensor: the ``commit_diff`` object (big-endian, unlike everything else)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from deeplake_nb.errors import FormatError

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

    def encode(self) -> bytes:
        """The object's bytes."""
        head = (self.created, self.info_updated, self.data_transformed, self.added_first, self.added_stop)
        updated = _COUNT.pack(len(self.updated)) + b"".join(map(_COUNT.pack, self.updated))
        deleted = _COUNT.pack(len(self.deleted)) + b"".join(map(_COUNT.pack, self.deleted))
        return _HEAD.pack(*head) + updated + bytes([self.cleared]) + deleted + self.deleted_ids


def _numbers(data: bytes, at: int) -> tuple[list[int], int]:
    (count,) = _COUNT.unpack_from(data, at)
    if count > len(data):
        raise struct.error(f"{count} numbers in {len(data)} bytes")
    return list(struct.unpack_from(f">{count}Q", data, at + 8)), at + 8 + 8 * count
