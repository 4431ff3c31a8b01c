"""lz4 blocks and frames."""

from __future__ import annotations

import struct

import lz4.block
import lz4.frame
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeplake_nb.errors import FormatError
from deeplake_nb.format.codecs import lz4 as codec
from tests.format.fuzz import damaged, survives

RAW = bytes(range(256)) * 20


@given(st.binary(max_size=3000))
def test_what_is_packed_is_unpacked(data):
    packed = codec.compress(data)
    assert codec.decompress(memoryview(packed), "x") == data
    if data:
        assert lz4.block.decompress(packed) == data
        assert struct.unpack_from("<I", packed) == (len(data),)


@pytest.mark.parametrize("data", [b"", bytes(5)])
def test_two_ways_to_write_nothing(data):
    assert codec.decompress(memoryview(data), "x") == b""
    assert codec.compress(b"") == b""


@pytest.mark.parametrize("store_size", [True, False])
@pytest.mark.parametrize("data", [RAW, b"a", b""])
def test_frames_of_old_versions_are_read(data, store_size):
    assert codec.decompress(memoryview(lz4.frame.compress(data, store_size=store_size)), "x") == data


def test_the_most_that_a_block_can_hold_is_read():
    data = bytes(4_000_000)
    packed = codec.compress(data)
    assert len(data) / len(packed) > 250
    assert codec.decompress(memoryview(packed), "x") == data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x01\0\0\0", "an lz4 block of 4 bytes is cut off"),
        (struct.pack("<I", 2**31) + b"abc", "an lz4 block of 7 bytes cannot hold 2147483648"),
        (codec.compress(RAW)[:-4], "corrupt lz4 data"),
        (lz4.frame.compress(RAW)[:-8], "corrupt lz4 data"),
        (b"\x04\x22\x4d\x18", "corrupt lz4 data"),
    ],
)
def test_damage_is_named(data, message):
    with pytest.raises(FormatError, match=f"^x: {message}"):
        codec.decompress(memoryview(data), "x")


def frame_of(size):
    """A frame whose header states ``size``, and is right otherwise."""
    frame = bytearray(lz4.frame.compress(RAW))
    at = frame.index(struct.pack("<Q", len(RAW)))
    frame[at : at + 8] = struct.pack("<Q", size)
    for checksum in range(256):
        frame[at + 8] = checksum
        try:
            assert lz4.frame.get_frame_info(bytes(frame))["content_size"] == size
        except RuntimeError:
            continue
        return bytes(frame)
    raise AssertionError("no checksum fits")


@pytest.mark.parametrize("size", [2**33, 2**40, 2**62])
def test_a_frame_that_states_too_much_is_refused_before_memory_is_taken(size):
    assert survives(lambda raw: codec.decompress(memoryview(raw), "x"), frame_of(size), 100_000) is None


@given(damaged([codec.compress(RAW), lz4.frame.compress(RAW), lz4.frame.compress(b"abc"), frame_of(2**40), bytes(5)]))
def test_damage_gives_bytes_or_an_error_in_bounded_memory(data):
    survives(lambda raw: codec.decompress(memoryview(raw), "x"), data, 400 * len(data) + 10_000_000)
