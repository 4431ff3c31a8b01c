"""Chunks: bytes of the original, what a builder builds is what is parsed, and damage."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeplake_nb.errors import FormatError
from deeplake_nb.format import packing
from deeplake_nb.format.chunk import Chunk, ChunkBuilder, uniform_start
from deeplake_nb.format.codecs import lz4
from deeplake_nb.format.meta import TensorMeta

from .fuzz import at_most, damaged, survives

HEAD = bytes.fromhex("06332e392e3532")
INT16 = HEAD + struct.pack("<ii3Ii3I", 1, 3, 3, 2, 4, 1, 12, 0, 4) + np.arange(30, dtype="<i2").tobytes()
DYNAMIC_SHAPES = [(2, 3), (2, 3), (1, 4), (0, 3), (5, 1), (5, 1), (2, 0), (0, 0)]
DYNAMIC = (
    HEAD
    + struct.pack("<ii18I", 6, 3, 2, 3, 1, 1, 4, 2, 0, 3, 3, 5, 1, 5, 2, 0, 6, 0, 0, 7)
    + struct.pack("<i15I", 5, 24, 0, 1, 16, 48, 2, 0, 64, 3, 20, 64, 5, 0, 104, 7)
    + bytes(range(104))
)
LINKS = (
    HEAD
    + struct.pack("<ii2Ii9I", 1, 2, 1, 4, 3, 11, 0, 2, 0, 33, 3, 11, 33, 4)
    + b"files/a.pngfiles/b.jpgfiles/a.pngfiles/g.png"
)
TILE = HEAD + struct.pack("<ii3Ii", 1, 3, 2, 2, 0, 0) + bytes(4)
ONLY_MISSING = HEAD + struct.pack("<iii3I", 0, 0, 1, 0, 0, 2)


def parse(data, what="x/chunks/1"):
    return Chunk.parse(data, what)


def samples(chunk):
    return [
        (bytes(chunk.data[slice(*chunk.span(at))]) if len(chunk.positions) else None, chunk.shape(at))
        for at in range(len(chunk))
    ]


# ------------------------------------------------------------------ bytes of the original


def test_uniform_samples_of_the_original():
    chunk = parse(INT16)
    assert len(INT16) == 103
    assert (len(chunk), chunk.uniform(), chunk.is_whole, chunk.rank) == (5, (12, (3, 2)), False, 2)
    assert chunk.span(3) == (36, 48)
    assert np.frombuffer(chunk.data, "<i2").tolist() == list(range(30))
    builder = ChunkBuilder()
    builder.add_uniform(chunk.data, 5, (3, 2), 12)
    assert b"".join(builder.build()) == INT16


def test_dynamic_shapes_of_the_original():
    chunk = parse(DYNAMIC)
    assert [chunk.shape(at) for at in range(len(chunk))] == DYNAMIC_SHAPES
    sizes = [24, 24, 16, 0, 20, 20, 0, 0]
    starts, stops = chunk.spans(np.arange(8))
    assert (stops - starts).tolist() == sizes
    assert list(zip(starts.tolist(), stops.tolist(), strict=True)) == [chunk.span(at) for at in range(8)]
    assert chunk.uniform() is None
    builder = ChunkBuilder()
    views = [bytes(chunk.data[slice(*chunk.span(at))]) for at in range(8)]
    builder.add_varied(views, np.array(DYNAMIC_SHAPES, np.int64), np.array(sizes, np.int64))
    assert b"".join(builder.build()) == DYNAMIC


def test_links_of_the_original():
    found = [(payload.decode(), shape) for payload, shape in samples(parse(LINKS))]
    assert [path for path, _ in found] == ["files/a.png", "files/b.jpg", "files/a.png", "", "files/g.png"]
    assert {shape for _, shape in found} == {(1,)}


def test_a_tile_has_a_shape_and_no_positions():
    chunk = parse(TILE)
    assert (chunk.is_whole, chunk.shape(0), len(chunk)) == (True, (2, 2), 1)


def test_samples_that_are_all_missing_have_positions_only():
    chunk = parse(ONLY_MISSING)
    assert (len(chunk), chunk.shape(0), chunk.rank, chunk.span(2)) == (3, None, None, (0, 0))


def test_an_empty_shape_table_may_state_columns():
    assert len(parse(HEAD + struct.pack("<iii", 0, 3, 0))) == 0


# ------------------------------------------------------------------ what is built is what is parsed


@st.composite
def batches(draw):
    """Batches of samples of one rank: uniform, varied, and missing ones before the rank is known."""
    rank = draw(st.integers(1, 3))
    shape = st.lists(st.integers(0, 3), min_size=rank, max_size=rank).map(tuple)
    out = []
    for _ in range(draw(st.integers(0, 5))):
        kind = draw(st.sampled_from(["missing", "uniform", "varied"]))
        if kind == "missing":
            out.append(("missing", draw(st.integers(1, 3))))
        elif kind == "uniform":
            out.append(("uniform", draw(shape), draw(st.integers(1, 4))))
        else:
            out.append(("varied", draw(st.lists(st.tuples(shape, st.integers(0, 5)), min_size=1, max_size=4))))
    return rank, out


def fill(builder, parts, payload):
    """Add the batches; returns what they should be read as: payload and shape."""
    expected = []
    for part in parts:
        if part[0] == "missing":
            builder.add_uniform(b"", part[1], None, 0)
            expected += [(b"", None)] * part[1]
        elif part[0] == "uniform":
            _, shape, count = part
            nbytes = int(np.prod(shape))
            data = payload(nbytes * count)
            builder.add_uniform(memoryview(data), count, shape, nbytes)
            expected += [(data[at * nbytes : (at + 1) * nbytes], shape) for at in range(count)]
        else:
            payloads = [payload(size) for _, size in part[1]]
            shapes = [shape for shape, _ in part[1]]
            sizes = np.array([len(one) for one in payloads], np.int64)
            builder.add_varied(payloads, np.array(shapes, np.int64), sizes)
            expected += list(zip(payloads, shapes, strict=True))
    return expected


def payloads():
    counter = iter(range(10**6))
    return lambda nbytes: bytes(next(counter) % 256 for _ in range(nbytes))


def as_read(expected, rank, known=False):
    known = known or any(shape is not None for _, shape in expected)
    return [(data, shape if shape is not None else (0,) * rank if known else None) for data, shape in expected]


@given(batches())
def test_a_built_chunk_holds_what_was_added(case):
    rank, parts = case
    builder = ChunkBuilder()
    expected = fill(builder, parts, payloads())
    assert (builder.count, builder.nbytes) == (len(expected), sum(len(data) for data, _ in expected))
    chunk = parse(b"".join(builder.build()))
    assert samples(chunk) == as_read(expected, rank)
    packed = builder.build(lz4.compress)
    again = Chunk.parse(b"".join(packed), "x", lambda data: lz4.decompress(data, "x"))
    assert samples(again) == samples(chunk)


def resumed_from(chunk, count, rank):
    """As the end of a tensor does it, whose rank is known or not."""
    return packing.resumed(chunk, count, TensorMeta("x", "generic", "uint8"), rank)


@given(batches(), batches(), st.data())
def test_a_builder_goes_on_after_any_sample(case, more, data):
    rank, parts = case
    parts = parts or [("uniform", (1,) * rank, 1)]
    builder = ChunkBuilder()
    expected = fill(builder, parts, payloads())
    stored = parse(b"".join(builder.build()))
    count = data.draw(st.integers(0, len(expected)))
    resumed = resumed_from(stored, count, None)
    assert (resumed.count, resumed.nbytes) == (count, sum(len(one) for one, _ in expected[:count]))
    same_rank = [part for part in more[1] if part[0] == "missing" or more[0] == rank]
    knew = bool(count) and any(shape is not None for _, shape in expected)  # the chunk remembers its rank
    expected = expected[:count] + fill(resumed, same_rank, payloads())
    assert samples(parse(b"".join(resumed.build()))) == as_read(expected, rank, knew)


@given(batches(), st.data())
def test_a_builder_comes_back_to_its_mark(case, data):
    _, parts = case
    at = data.draw(st.integers(0, len(parts)))
    builder, payload = ChunkBuilder(), payloads()
    fill(builder, parts[:at], payload)
    before, mark = b"".join(builder.build()), builder.mark()
    fill(builder, parts[at:], payload)
    builder.own()
    builder.restore(mark)
    assert b"".join(builder.build()) == before
    fill(builder, parts[at:], payload)
    builder.own()


def test_going_on_joins_runs_of_equal_samples():
    stored = parse(INT16)
    builder = resumed_from(stored, 3, 2)
    builder.add_uniform(bytes(24), 2, (3, 2), 12)
    chunk = parse(b"".join(builder.build()))
    assert (len(chunk), chunk.uniform()) == (5, (12, (3, 2)))


def test_going_on_where_samples_do_not_follow_each_other():
    data = HEAD + struct.pack("<ii2Ii6I", 1, 2, 2, 1, 2, 2, 3, 0, 2, 0, 1) + b"abcde"
    builder = resumed_from(parse(data), 2, 1)
    assert [payload for payload, _ in samples(parse(b"".join(builder.build())))] == [b"de", b"ab"]


def test_going_on_beyond_the_end_is_refused():
    with pytest.raises(FormatError, match="x/chunks/1: expected at least 6 samples, got 5"):
        resumed_from(parse(INT16), 6, 2)


def test_bytes_of_the_caller_are_copied_and_others_are_not():
    mine, theirs = b"mine" * 2000, bytearray(b"theirs" * 2000)
    builder = ChunkBuilder()
    sizes = np.array([12_000, 8000, 12_000], np.int64)
    builder.add_varied([memoryview(theirs), memoryview(mine), theirs], np.ones((3, 1), np.int64), sizes)
    builder.own()
    theirs[:] = b"xxxxxx" * 2000
    _, *kept = builder.build()
    assert [bytes(one) for one in kept[:2]] == [b"theirs" * 2000, mine]
    assert kept[1].obj is mine


def test_small_samples_are_kept_in_one_piece():
    builder = ChunkBuilder()
    theirs = bytearray(b"theirs")
    builder.add_varied([theirs, b"mine"], np.ones((2, 1), np.int64), np.array([6, 4], np.int64))
    theirs[:] = b"xxxxxx"
    _, *kept = builder.build()
    assert kept == [b"theirsmine"]


def test_more_than_four_gigabytes_do_not_fit():
    builder = ChunkBuilder()
    builder.add_uniform(b"", 1, (2**32,), 2**32)
    with pytest.raises(FormatError, match=r"4294967296 bytes.*allows 4294967295"):
        builder.build()


# ------------------------------------------------------------------ damage


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "expected a version string"),
        (HEAD + bytes(4), "the header is cut off"),
        (HEAD + struct.pack("<ii", -1, 3), "a header of -1 x 3 entries"),
        (HEAD + struct.pack("<ii", 2, 0) + bytes(40), "a header of 2 x 0 entries"),
        (HEAD + struct.pack("<ii", 2**31 - 1, 2**31 - 1) + bytes(40), "does not fit into"),
        (INT16[:40], "does not fit into 13 bytes"),
        (INT16[:60], "expected 60 bytes of samples, got 17; the chunk is cut off"),
        (HEAD + struct.pack("<ii4Ii", 2, 2, 1, 3, 1, 3, 0), "does not rise"),
        (HEAD + struct.pack("<iii3I", 0, 0, 1, 2**32 - 1, 0, 2**32 - 1), "the chunk is cut off"),
        (HEAD + struct.pack("<iii3I", 0, 0, 1, 2**31, 0, 2**31 - 1), "the chunk is cut off"),
        (HEAD + struct.pack("<iii3I", 0, 0, 1, 0, 7, 3), "the chunk is cut off"),
    ],
)
def test_a_damaged_chunk_is_named_and_explained(data, message):
    with pytest.raises(FormatError) as caught:
        parse(data)
    assert str(caught.value).startswith("x/chunks/1: ")
    assert message in str(caught.value)


@pytest.mark.parametrize("sample", [5, 2**40])
def test_a_sample_beyond_the_chunk_is_refused(sample):
    chunk = parse(INT16)
    message = f"x/chunks/1: expected at least {sample + 1} samples, got 5"
    with pytest.raises(FormatError, match=message):
        chunk.span(sample)
    with pytest.raises(FormatError, match=message):
        chunk.spans(np.array([0, sample]))


def test_a_chunk_that_has_shapes_of_more_samples_than_places_says_so():
    chunk = parse(HEAD + struct.pack("<ii2Ii3I", 1, 2, 1, 4, 1, 1, 0, 2) + bytes(3))
    assert len(chunk) == 5
    with pytest.raises(FormatError, match="x/chunks/1: expected at least 5 samples, got 3"):
        chunk.spans(np.arange(5))


@pytest.mark.parametrize("data", [INT16, DYNAMIC, LINKS])
def test_all_spans_are_the_spans_of_each(data):
    chunk = parse(data)
    each = [chunk.span(at) for at in range(len(chunk))]
    for order in (np.arange(len(chunk)), np.arange(len(chunk))[::-1], np.array([0, *range(1, len(chunk) - 1)][::-1])):
        starts, stops = chunk.spans(order)
        assert list(zip(starts.tolist(), stops.tolist(), strict=True)) == [each[at] for at in order]
    shuffled = np.array([0, 2, 1, *range(3, len(chunk))])  # begins and ends as all of them do
    assert chunk.spans(shuffled)[0].tolist() == [each[at][0] for at in shuffled]


@given(damaged([INT16, DYNAMIC, LINKS, TILE, ONLY_MISSING]))
def test_damage_gives_samples_or_an_error_in_bounded_memory(data):
    chunk = survives(parse, data, 400_000)
    if chunk is None:
        return
    with at_most(400_000):
        for at in {0, len(chunk) // 2, len(chunk) - 1} if len(chunk) else ():
            try:
                start, stop = chunk.span(at)
            except FormatError:
                continue
            assert 0 <= start <= stop <= len(chunk.data)
            starts, stops = chunk.spans(np.array([at]))
            assert (int(starts[0]), int(stops[0])) == (start, stop)
        if 0 < len(chunk) < 1000 and not chunk.is_whole:
            placed = min(int(chunk.positions[-1, 2]) + 1, len(chunk))  # shapes may say of more
            starts, stops = chunk.spans(np.arange(placed))
            assert (starts <= stops).all()
            assert stops.max() <= len(chunk.data)
        try:
            again = resumed_from(chunk, min(len(chunk), 1000), None).build()
        except FormatError:
            return
        if chunk.is_whole and len(chunk):
            return  # a tile is one sample, whatever its header says
        assert len(parse(b"".join(again))) == min(len(chunk), 1000)


# ------------------------------------------------------------------ the head alone


def start(data, nbytes=12, rows=slice(0, 5), shape=None):
    return uniform_start(memoryview(data), "x", nbytes, rows, shape)


def test_where_uniform_samples_start():
    assert start(INT16) == start(INT16, shape=(3, 2)) == start(INT16[:50]) == 43
    assert start(INT16, rows=slice(2, 4)) == 43 + 24
    assert start(INT16, nbytes=6) is None
    assert start(INT16, shape=(2, 3)) is None
    assert start(INT16, rows=slice(0, 6)) is None
    assert start(INT16[:30]) is None
    assert start(DYNAMIC) is None
    assert start(ONLY_MISSING) is None


@given(damaged([INT16]), st.integers(0, 60))
def test_damage_to_the_head_alone_never_raises(data, length):
    found = survives(lambda raw: start(bytes(raw)[:length]), data)
    assert found is None or found >= 0
