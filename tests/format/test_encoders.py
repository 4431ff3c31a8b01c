"""The run-length tables against plain Python lists, and against bytes the original wrote."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeplake_nb.errors import FormatError
from deeplake_nb.format.encoders import (
    EMPTY_TILES,
    ChunkIds,
    CredsCodes,
    Sequences,
    decode_tiles,
    split_version,
)
from deeplake_nb.format.runs import run_ends

from .fuzz import damaged, survives

V = bytes.fromhex("06332e392e3532")
CHUNK_IDS = V + bytes.fromhex("083d43300034130c2b0400000000000000")
SEQUENCES = V + struct.pack("<12I", 3, 0, 1, 1, 6, 2, 0, 7, 3, 2, 7, 4)
CREDS = V + struct.pack("<6I", 0, 1, 2, 2, 0, 4)
TILES = V + struct.pack("<7Q", 1, 2, 1, 21, 17, 11, 9)

chunk_sizes = st.lists(st.integers(1, 5), max_size=12)


def chunk_ids(sizes):
    return ChunkIds(np.arange(len(sizes), dtype=np.uint64) + 7, np.cumsum(sizes, dtype=np.int64) - 1)


# ------------------------------------------------------------------ golden bytes


def test_chunk_ids_of_the_original():
    ids = ChunkIds.decode(CHUNK_IDS, "t")
    assert (ids.ids.tolist(), ids.lasts.tolist(), len(ids)) == ([0x2B0C13340030433D], [4], 5)
    assert ids.encode() == CHUNK_IDS


def test_chunk_ids_of_versions_before_2_7_6_have_four_bytes_and_no_width():
    data = b"\x052.7.5" + struct.pack("<4I", 0xDEADBEEF, 2, 7, 9)
    ids = ChunkIds.decode(data, "t")
    assert (ids.ids.tolist(), ids.lasts.tolist()) == ([0xDEADBEEF, 7], [2, 9])


def test_sequences_of_the_original():
    found = Sequences.decode(SEQUENCES, "t")
    assert [found.span(row) for row in range(len(found))] == [(0, 3), (3, 6), (6, 7), (7, 7), (7, 9)]
    assert found.items == 9
    assert found.encode() == SEQUENCES


def test_creds_of_the_original():
    found = CredsCodes.decode(CREDS, "t")
    assert found.at(np.arange(5)).tolist() == [0, 0, 2, 0, 0]
    assert found.encode() == CREDS


def test_tiles_of_the_original():
    (item,) = decode_tiles(TILES, "t").items()
    assert item[0] == 1
    assert (item[1].shape, item[1].tile, item[1].grid) == ((21, 17), (11, 9), (2, 2))


def test_a_table_without_tiles_ends_after_its_count():
    assert V + bytes(8) == EMPTY_TILES
    assert decode_tiles(EMPTY_TILES, "t") == {}


# ------------------------------------------------------------------ against lists


@given(chunk_sizes)
def test_chunk_ids_locate_rows_as_a_list_does(sizes):
    ids = chunk_ids(sizes)
    expected = [(entry, inside) for entry, size in enumerate(sizes) for inside in range(size)]
    assert len(ids) == len(expected)
    entries, inside = ids.locate(np.arange(len(ids)))
    assert list(zip(entries.tolist(), inside.tolist(), strict=True)) == expected
    again = ChunkIds.decode(ids.encode(), "t")
    assert (again.ids.tolist(), again.lasts.tolist()) == (ids.ids.tolist(), ids.lasts.tolist())


@given(chunk_sizes, st.integers(-1, 70))
def test_chunk_ids_are_cut_as_a_list_is(sizes, length):
    ids = chunk_ids(sizes)
    rows = [int(ids.ids[entry]) for entry, size in enumerate(sizes) for _ in range(size)][: max(length, 0)]
    cut = ids.truncated(length)
    assert len(cut) == len(rows)
    entries, _ = cut.locate(np.arange(len(cut)))
    assert cut.ids[entries].tolist() == rows
    assert len(cut.ids) == len(set(rows))


def test_the_tiles_of_one_sample_share_their_last_row():
    ids = ChunkIds(np.array([1, 2, 3, 4, 5, 6], np.uint64), np.array([1, 2, 2, 2, 2, 4]))
    assert ids.firsts().tolist() == [0, 2, 2, 2, 2, 3]
    entries, inside = ids.locate(np.arange(5))
    assert (entries.tolist(), inside.tolist()) == ([0, 0, 1, 5, 5], [0, 1, 0, 0, 1])
    assert ids.truncated(3).ids.tolist() == [1, 2, 3, 4, 5]
    assert ids.truncated(2).ids.tolist() == [1]
    assert ids.truncated(4).lasts.tolist() == [1, 2, 2, 2, 2, 3]


def test_tiles_of_the_very_first_sample():
    ids = ChunkIds(np.array([1, 2, 3], np.uint64), np.array([0, 0, 1]))
    assert ids.firsts().tolist() == [0, 0, 1]
    assert ids.truncated(1).ids.tolist() == [1, 2]


counts = st.lists(st.lists(st.integers(0, 4), max_size=6), max_size=5)


@given(counts)
def test_sequences_are_extended_and_stored_as_a_list_is(batches):
    table, rows, items = Sequences(), [], 0
    for batch in batches:
        table = table.extended(np.array(batch, np.int64))
        for count in batch:
            rows.append((items, items + count))
            items += count
    for found in (table, Sequences.decode(table.encode(), "t")):
        assert (len(found), found.items) == (len(rows), items)
        assert [found.span(row) for row in range(len(rows))] == rows
    ends = run_ends(np.array([stop - start for start, stop in rows]))
    assert len(table.counts) == int(ends.sum()), "neighbours with as many items share a run"


@given(counts, st.integers(0, 60))
def test_sequences_are_cut_to_whole_rows(batches, items):
    table = Sequences()
    for batch in batches:
        table = table.extended(np.array(batch, np.int64))
    rows = [table.span(row) for row in range(len(table))]
    cut = table.truncated(items)
    expected = [span for span in rows if span[1] <= items]
    assert [cut.span(row) for row in range(len(cut))] == expected
    assert len(Sequences.decode(cut.encode(), "t")) == len(expected)


def test_a_billion_empty_rows_take_no_memory():
    data = V + struct.pack("<3I", 0, 0, 2**32 - 1)
    table = survives(lambda raw: Sequences.decode(raw, "t"), data, 100_000)
    assert (len(table), table.items, table.span(2**31)) == (2**32, 0, (0, 0))


@pytest.mark.parametrize(
    "rows", [(1, 5, 0), (2, 0, 1, 1, 3, 2), (2**32 - 1, 0, 2**32 - 1), (1, 0, 3, 2**31, 4, 2**32 - 1)]
)
def test_sequences_whose_items_do_not_follow_each_other_are_refused(rows):
    with pytest.raises(FormatError, match=r"^t: items of the rows do not follow"):
        Sequences.decode(V + struct.pack(f"<{len(rows)}I", *rows), "t")


codes = st.lists(st.lists(st.integers(0, 3), max_size=6), max_size=5)


@given(codes, st.integers(0, 40))
def test_creds_codes_equal_a_list(batches, length):
    table = CredsCodes()
    for batch in batches:
        table = table.extended(np.array(batch, np.uint32))
    expected = [code for batch in batches for code in batch]
    for found in (table, CredsCodes.decode(table.encode(), "t")):
        assert len(found) == len(expected)
        assert found.at(np.arange(len(expected))).tolist() == expected
    cut = table.truncated(length)
    assert cut.at(np.arange(len(cut))).tolist() == expected[:length]


@pytest.mark.parametrize("length", [0, 1, 5])
def test_items_without_credentials_are_one_run(length):
    table = CredsCodes.none(length)
    assert (len(table), table.at(np.arange(length)).tolist()) == (length, [0] * length)
    assert len(table.extended(np.array([2], np.uint32))) == length + 1


# ------------------------------------------------------------------ damage


@pytest.mark.parametrize("data", [b"", b"\x06", b"\x063.9.5", b"\x04abcd", b"\x00rest", b"\x033.\xff"])
def test_an_object_without_a_version_is_refused(data):
    with pytest.raises(FormatError, match="expected a version string at the start"):
        split_version(data, "t")


@pytest.mark.parametrize(
    ("decode", "data", "message"),
    [
        (ChunkIds.decode, CHUNK_IDS[:-1], "no whole number of 16-byte rows"),
        (ChunkIds.decode, V + b"\x03" + bytes(6), "expected ids of 4 or 8 bytes, got 3"),
        (ChunkIds.decode, V + b"\x08" + struct.pack("<4Q", 1, 5, 2, 4), "does not rise"),
        (ChunkIds.decode, V + b"\x08" + struct.pack("<2Q", 1, 2**63), "beyond"),
        (Sequences.decode, SEQUENCES[:-2], "no whole number of 12-byte rows"),
        (CredsCodes.decode, CREDS + b"\0", "no whole number of 8-byte rows"),
        (decode_tiles, V + bytes(7), "expected a count of tiled samples"),
        (decode_tiles, V + struct.pack("<Q", 1), "expected the rank"),
        (decode_tiles, TILES[:-8], "do not fit"),
        (decode_tiles, V + struct.pack("<7Q", 1, 2, 1, 21, 17, 0, 9), "sample 1 has tiles of shape"),
    ],
)
def test_a_damaged_table_is_named_and_explained(decode, data, message):
    with pytest.raises(FormatError) as caught:
        decode(data, "x/index")
    assert str(caught.value).startswith("x/index: ")
    assert message in str(caught.value)


DECODERS = {
    "chunk ids": (ChunkIds.decode, [CHUNK_IDS, chunk_ids([3, 1, 2]).encode()]),
    "sequences": (Sequences.decode, [SEQUENCES, Sequences().extended(np.array([1, 1, 0, 2])).encode()]),
    "creds": (CredsCodes.decode, [CREDS]),
    "tiles": (decode_tiles, [TILES, EMPTY_TILES, V + struct.pack("<8Q", 2, 1, 0, 9, 3, 4, 8, 2)]),
}


@pytest.mark.parametrize("name", DECODERS)
@given(data=st.data())
def test_damage_gives_a_table_or_an_error_in_bounded_memory(name, data):
    decode, originals = DECODERS[name]
    found = survives(lambda raw: decode(raw, "t"), data.draw(damaged(originals)))
    if isinstance(found, Sequences) and len(found):
        found.truncated(found.items // 2)
        assert found.span(len(found) - 1)[1] == found.items
    if isinstance(found, ChunkIds) and len(found):
        found.truncated(len(found) // 2)
        assert found.locate(np.array([0, len(found) - 1]))[1].min() >= 0
