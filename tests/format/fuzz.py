"""Damaged bytes for decoders: what comes out must be a value or a `LakeError`, in bounded memory."""

from __future__ import annotations

import tracemalloc
from contextlib import contextmanager

from hypothesis import strategies as st

from deeplake_nb.errors import LakeError

_NUMBERS = [0, 1, 2, 0x7F, 0x80, 0xFF]
_WORDS = [bytes(4), b"\xff" * 4, b"\x01\0\0\0", b"\0\0\0\x80", b"\xff\xff\xff\x7f", b"\0\0\x01\0", b"\xff" * 8]


@st.composite
def damaged(draw, originals):
    """One of ``originals`` with bytes cut off, put in, taken out, or overwritten, also with extreme words."""
    data = bytearray(draw(st.sampled_from(list(originals))))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        match draw(st.integers(0, 5)):
            case 0:
                del data[at:]
            case 1:
                data[at : at + 1] = bytes([draw(st.sampled_from(_NUMBERS) | st.integers(0, 255))])
            case 2:
                word = draw(st.sampled_from(_WORDS))
                data[at : at + len(word)] = word
            case 3:
                data[at:at] = draw(st.binary(max_size=9))
            case 4:
                del data[at : at + draw(st.integers(1, 9))]
            case _:
                data += draw(st.binary(max_size=9))
    return bytes(data)


@contextmanager
def at_most(nbytes):
    """Fail when more than ``nbytes`` of memory were allocated at once inside (numpy's and Python's own)."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= nbytes, f"{peak} bytes were allocated; at most {nbytes} were expected"


def survives(decode, data, nbytes=2_000_000):
    """The decoder's answer, or None for its error; anything but a `LakeError` escapes."""
    with at_most(nbytes):
        try:
            return decode(data)
        except LakeError as error:
            if not str(error):
                raise AssertionError("an error without a message") from error
            return None
