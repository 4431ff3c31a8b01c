"""Byte ranges, and joining near ones into fewer requests. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from typing_extensions import Buffer


class ByteRange(NamedTuple):
    """Half-open range of bytes ``[start, stop)`` of an object."""

    start: int
    stop: int

    @property
    def header(self) -> str:
        """As HTTP's ``Range`` says it; of a range that is not empty."""
        return f"bytes={self.start}-{self.stop - 1}"


Request = tuple[str, ByteRange | None]
"""A key and which of its bytes; ``None`` is all of them."""

GAP_NBYTES = 256 << 10
"""Bytes worth reading in vain to save a request: what a connection carries in a few milliseconds."""

LIMIT_NBYTES = 8 << 20
"""No join grows beyond this, so that large reads still go in parallel."""


def clip(byte_range: ByteRange | None, nbytes: int) -> ByteRange:
    """The part of the range an object of ``nbytes`` has; ``None`` is all of it. May be empty, never negative."""
    if byte_range is None:
        return ByteRange(0, nbytes)
    start = min(max(byte_range.start, 0), nbytes)
    return ByteRange(start, min(max(byte_range.stop, start), nbytes))


def coalesce(
    requests: Sequence[Request], *, gap_nbytes: int = GAP_NBYTES, limit_nbytes: int = LIMIT_NBYTES
) -> tuple[list[Request], list[int]]:
    """Fewer reads that hold every request.

    Ranges of one key at most ``gap_nbytes`` apart become one read of at most ``limit_nbytes``; a request for the whole
    object takes in all others of its key. Cut the answers with `cut`.

    Returns:
        The reads, ordered by the first request each serves, and for every request the index of its read.
    """
    by_key: dict[str, list[int]] = {}
    for index, (key, _) in enumerate(requests):
        by_key.setdefault(key, []).append(index)
    groups: list[tuple[list[int], Request]] = []
    for key, indices in by_key.items():
        ranges = [(byte_range, index) for index in indices if (byte_range := requests[index][1]) is not None]
        if len(ranges) < len(indices):
            groups.append((indices, (key, None)))
            continue
        members: list[int] = []
        joined = ByteRange(0, 0)
        for byte_range, index in sorted(ranges):
            wider = ByteRange(joined.start, max(joined.stop, byte_range.stop))
            if members and byte_range.start <= joined.stop + gap_nbytes and wider.stop - wider.start <= limit_nbytes:
                joined = wider
            else:
                members, joined = [], byte_range
                groups.append((members, (key, joined)))
            members.append(index)
            groups[-1] = (members, (key, joined))
    groups.sort(key=lambda group: min(group[0]))
    reads, owner = [], [0] * len(requests)
    for number, (indices, read) in enumerate(groups):
        reads.append(read)
        for index in indices:
            owner[index] = number
    return reads, owner


def cut(data: memoryview, read: ByteRange | None, wanted: ByteRange | None) -> memoryview:
    """The bytes a request wanted, out of the answer to the read that holds it."""
    if wanted is None or wanted == read:
        return data
    start = 0 if read is None else max(read.start, 0)
    return data[slice(*clip(ByteRange(wanted.start - start, wanted.stop - start), len(data)))]


def regrouped(data: Iterable[Buffer], nbytes: int) -> Iterator[bytes]:
    """Pieces of any size as pieces of ``nbytes`` each, the last one of what is left."""
    waiting: list[memoryview] = []
    length = 0
    for buffer in data:
        rest = memoryview(buffer)
        while length + len(rest) >= nbytes:
            waiting.append(rest[: nbytes - length])
            rest = rest[nbytes - length :]
            yield b"".join(waiting)
            waiting, length = [], 0
        if len(rest):
            waiting.append(rest)
            length += len(rest)
    if length:
        yield b"".join(waiting)
