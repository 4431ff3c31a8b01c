"""Bodies of HTTP answers: read to the last byte, or not at all.

For the answers of urllib3, which the AWS SDK has inside.
"""

from __future__ import annotations

import re
import time
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar

from deeplake_nb.credentials.provider import without_frames
from deeplake_nb.storage.provider import flat
from deeplake_nb.storage.ranges import ByteRange, cut
from deeplake_nb.storage.retries import TransientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

R = TypeVar("R")

PATIENCE_SECONDS = 60.0
SLOWEST_PER_SECOND = 4096.0
_PIECE_NBYTES = 1 << 18
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class Body(NamedTuple):
    """The body of an answer, not read yet.

    Attributes:
        raw: urllib3's response.
        nbytes: its ``Content-Length``; ``None`` if the server sends chunks.
        content_range: the header of that name; ``None`` if the body is the whole object.
        check: raises for bytes of a whole object that are not those the storage keeps.
    """

    raw: Any
    nbytes: int | None
    content_range: str | None
    check: Callable[[memoryview], None] | None = None


class BodyError(TransientError):
    """A body that broke off, came too slowly, or is not what was asked for; the text is the reason in a few words."""


class BodyReads:
    """``get`` and ``get_into`` of a storage over HTTP, which adds how it asks (``_get``) and ``size``."""

    if TYPE_CHECKING:

        def size(self, key: str) -> int: ...  # noqa: D102
        def _get(self, key: str, asked: ByteRange | None, read: Callable[[Body], R], nothing: R) -> R: ...

    def get(self, key: str, byte_range: ByteRange | None = None) -> memoryview:
        """The object's bytes; one GET (a HEAD for an empty range)."""
        asked = ByteRange(max(byte_range.start, 0), byte_range.stop) if byte_range is not None else None
        return self._read(key, asked, lambda body: received(body, asked), memoryview(b""))

    def get_into(self, key: str, buffer: Buffer, start: int = 0) -> int:
        """Read the object from ``start`` on straight into the buffer; one GET."""
        target = flat(buffer)
        asked = ByteRange(start, start + len(target))
        return self._read(key, asked, lambda body: received_into(body, asked, target), 0)

    def _read(self, key: str, asked: ByteRange | None, read: Callable[[Body], R], nothing: R) -> R:
        if asked is not None and asked.stop <= asked.start:  # HTTP cannot ask for nothing
            self.size(key)
            return nothing
        return self._get(key, asked, read, nothing)


def length(answer: Any) -> int | None:
    """``Content-Length`` of an answer, if it says one."""
    said = answer.headers.get("Content-Length", "")
    return int(said) if said.isdecimal() else None


def received(body: Body, asked: ByteRange | None) -> memoryview:
    """The bytes that were asked for; of a server that knows no ranges no more is read than it takes to have them.

    Raises:
        BodyError: it broke off, came too slowly, or has other bytes.
    """
    if asked is None:
        data = read(body.raw, body.nbytes)
        if body.check is not None:
            body.check(data)
        return data
    given = answered_range(body.content_range, asked, body.nbytes)
    nbytes = body.nbytes if given is not None or body.nbytes is None else min(body.nbytes, asked.stop)
    return cut(read(body.raw, nbytes), given, asked)


def received_into(body: Body, asked: ByteRange, target: memoryview) -> int:
    """The same, straight into memory of the size that was asked for; how many bytes there were."""
    if body.content_range is None or body.nbytes is None:
        data = received(body, asked)
        target[: len(data)] = data
        return len(data)
    answered_range(body.content_range, asked, body.nbytes)
    fill(body.raw, target[: body.nbytes])
    return body.nbytes


def read(answer: Any, nbytes: int | None) -> memoryview:
    """The body, which has ``nbytes``; with ``None`` the server must say where it ends (chunked encoding)."""
    if nbytes is None:
        if not answer.chunked:
            raise BodyError("an answer without a length, so that a broken one cannot be told")
        pieces = []
        with _Watch() as watch:
            while piece := answer.read1(_PIECE_NBYTES):
                pieces.append(piece)
                watch.arrived(len(piece))
        return memoryview(b"".join(pieces))
    import numpy as np

    target = np.empty(nbytes, "u1").data  # a bytearray would be written twice, the first time with zeros
    fill(answer, target)
    return target.toreadonly()


def fill(answer: Any, target: memoryview) -> None:
    """Read the body into memory of its size.

    Raises:
        BodyError: it broke off, or came slower than 4 kB a second after the first minute.
    """
    done = 0
    with _Watch() as watch:
        while done < len(target):
            # The end comes through urllib3 in any case, which then keeps the connection for the next request.
            nbytes = _read_straight(answer, target[done:-_PIECE_NBYTES])
            nbytes = nbytes or _read_piece(answer, target[done : done + _PIECE_NBYTES])
            if not nbytes:
                raise BodyError(f"{done} of {len(target)} bytes")
            done += nbytes
            watch.arrived(nbytes)


def _read_piece(answer: Any, target: memoryview) -> int:
    piece = answer.read1(len(target))  # what is there now: a read() waits for all
    target[: len(piece)] = piece
    return len(piece)


def _read_straight(answer: Any, target: memoryview) -> int:
    """Read what is there now without a copy on the way, which halves the processor time; 0 where that cannot be.

    urllib3 has no call for it: this asks the response of the standard library that it holds, and keeps the books of
    both, which count what is still to come.
    """
    inner = getattr(answer, "_fp", None)
    if not target or not isinstance(inner, HTTPResponse) or inner.chunked or not inner.length or inner.fp is None:
        return 0
    if answer.length_remaining != inner.length:
        return 0
    nbytes: int = inner.fp.readinto1(target[: inner.length])
    inner.length -= nbytes
    answer.length_remaining -= nbytes
    return nbytes


def answered_range(header: str | None, asked: ByteRange, nbytes: int | None) -> ByteRange | None:
    """Which bytes of the object an answer to a range request has, from its ``Content-Range``; ``None`` is all.

    Raises:
        BodyError: others than were asked for.
    """
    if header is None:  # the server does not know ranges, and sends everything
        return None
    found = _CONTENT_RANGE.fullmatch(header.strip())
    given = ByteRange(int(found[1]), int(found[2]) + 1) if found else ByteRange(-1, -1)
    if given.start != asked.start or given.stop > asked.stop or nbytes not in (None, given.stop - given.start):
        raise BodyError(f"{header!r} in answer to bytes {asked.start}-{asked.stop - 1}")
    return given


class _Watch:
    """Ends the wait for a body that hardly moves, and makes urllib3's errors ours."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._nbytes = 0

    def arrived(self, nbytes: int) -> None:
        self._nbytes += nbytes
        seconds = self._clock() - self._began
        if seconds > PATIENCE_SECONDS + self._nbytes / SLOWEST_PER_SECOND:
            raise BodyError(f"only {self._nbytes} bytes in {seconds:.0f} s")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        from urllib3.exceptions import HTTPError

        if isinstance(error, HTTPError | OSError) and not isinstance(error, BodyError):  # OSError: from below urllib3
            raise BodyError(type(error).__name__) from without_frames(error)
