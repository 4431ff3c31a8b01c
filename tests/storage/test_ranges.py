"""Joining near ranges: pure."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deeplake_nb.storage.ranges import ByteRange, clip, coalesce, cut, regrouped


def reads(requests, **limits):
    return coalesce(requests, **limits)[0]


def test_clip():
    assert clip(None, 10) == (0, 10)
    assert clip(ByteRange(3, 7), 10) == (3, 7)
    assert clip(ByteRange(3, 70), 10) == (3, 10)
    assert clip(ByteRange(-3, 70), 10) == (0, 10)
    assert clip(ByteRange(7, 3), 10) == (7, 7)
    assert clip(ByteRange(20, 30), 10) == (10, 10)
    assert clip(ByteRange(0, 5), 0) == (0, 0)


def test_near_ranges_are_joined_and_far_ones_are_not():
    requests = [("k", ByteRange(0, 10)), ("k", ByteRange(15, 20)), ("k", ByteRange(31, 40))]
    assert coalesce(requests, gap_nbytes=10) == ([("k", ByteRange(0, 20)), ("k", ByteRange(31, 40))], [0, 0, 1])
    assert reads(requests, gap_nbytes=11) == [("k", ByteRange(0, 40))]
    assert reads(requests, gap_nbytes=0) == requests
    assert reads([("k", ByteRange(0, 10)), ("k", ByteRange(10, 20))], gap_nbytes=0) == [("k", ByteRange(0, 20))]


def test_a_join_has_a_limit_but_a_request_has_none():
    requests = [("k", ByteRange(n * 10, n * 10 + 10)) for n in range(10)]
    assert reads(requests, limit_nbytes=30) == [
        ("k", ByteRange(0, 30)),
        ("k", ByteRange(30, 60)),
        ("k", ByteRange(60, 90)),
        ("k", ByteRange(90, 100)),
    ]
    assert reads([("k", ByteRange(0, 1000))], limit_nbytes=30) == [("k", ByteRange(0, 1000))]


def test_reads_come_in_the_order_of_need():
    requests = [("b", ByteRange(0, 1)), ("a", None), ("b", ByteRange(1, 2)), ("c", None), ("a", ByteRange(3, 4))]
    assert coalesce(requests) == ([("b", ByteRange(0, 2)), ("a", None), ("c", None)], [0, 1, 0, 2, 1])


def test_cut():
    data = memoryview(bytes(range(100, 120)))
    assert cut(data, ByteRange(100, 120), ByteRange(105, 107)) == bytes([105, 107 - 1])
    assert cut(data, None, ByteRange(18, 40)) == bytes([118, 119])
    assert cut(data, None, None) is data


KEYS = {"short": bytes(range(50)), "long": bytes(range(256)) * 4, "empty": b""}
_edges = st.integers(-20, 1200)
_requests = st.lists(
    st.tuples(st.sampled_from(sorted(KEYS)), st.none() | st.builds(ByteRange, _edges, _edges)), max_size=30
)


def slice_of(content, byte_range):
    return content if byte_range is None else content[slice(*clip(byte_range, len(content)))]


@given(_requests, st.integers(0, 300), st.integers(1, 600))
def test_every_request_is_cut_out_of_its_read(requests, gap_nbytes, limit_nbytes):
    reads, owner = coalesce(requests, gap_nbytes=gap_nbytes, limit_nbytes=limit_nbytes)
    assert len(owner) == len(requests)
    assert sorted(set(owner)) == list(range(len(reads)))
    assert [owner.index(number) for number in range(len(reads))] == sorted(owner.index(n) for n in range(len(reads)))
    for (key, wanted), number in zip(requests, owner, strict=True):
        read_key, read = reads[number]
        assert read_key == key
        answer = memoryview(slice_of(KEYS[key], read))
        assert bytes(cut(answer, read, wanted)) == slice_of(KEYS[key], wanted)


@given(st.lists(st.binary(max_size=20), max_size=20), st.integers(1, 30))
def test_regrouped_pieces_are_the_same_bytes_in_even_parts(pieces, nbytes):
    buffers = [memoryview(piece) if index % 2 else bytearray(piece) for index, piece in enumerate(pieces)]
    parts = list(regrouped(iter(buffers), nbytes))
    assert b"".join(parts) == b"".join(pieces)
    assert all(len(part) == nbytes for part in parts[:-1])
    assert all(0 < len(part) <= nbytes for part in parts)
    assert all(type(part) is bytes for part in parts)
