"""Edits against plain lists: what goes, what comes, and where everything is afterwards."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from deeplake_nb.format.batch import Varied
from deeplake_nb.format.chunk import Chunk, ChunkBuilder
from deeplake_nb.format.edits import Edit, rebuilt
from deeplake_nb.format.encoders import ChunkIds, CredsCodes, Sequences, Tiling
from deeplake_nb.format.meta import TensorMeta
from deeplake_nb.format.regions import Piece, rewritten
from deeplake_nb.format.tiles import Tiles


@st.composite
def layouts(draw):
    """Widths of chunks; a width of None is a sample in that many tiles (2 to 4)."""
    return draw(st.lists(st.one_of(st.integers(1, 5), st.tuples(st.just("tiles"), st.integers(2, 4))), max_size=6))


def table(layout):
    """The table of a layout, its tiles, and the chunk id that each item is in (of a tiled one: the first)."""
    ids, lasts, tiles, where = [], [], {}, []
    for one in layout:
        if isinstance(one, int):
            where += [len(ids)] * one
            ids.append(len(ids))
            lasts.append(len(where) - 1)
        else:
            tiles[len(where)] = Tiling(((one[1],), (1,)))
            where.append(len(ids))
            for _ in range(one[1]):
                ids.append(len(ids))
                lasts.append(len(where) - 1)
    return ChunkIds(np.array(ids, np.uint64), np.array(lasts, np.int64)), tiles, where


@st.composite
def edits(draw, length):
    """Changes as ``(start, stop, count)``, in order and apart."""
    cuts = sorted(draw(st.lists(st.integers(0, length), max_size=8)))
    changes = []
    for start, stop in zip(cuts[::2], cuts[1::2], strict=False):
        count = draw(st.integers(0, 3))
        if (start < stop or count) and (not changes or start > changes[-1][1]):
            changes.append((start, stop, count))
    columns = np.array(changes, np.int64).reshape(-1, 3).T
    return changes, Edit(*(np.ascontiguousarray(one) for one in columns))


def applied(values, changes, new):
    """The same edit of a list."""
    out, at, new = [], 0, iter(new)
    for start, stop, count in changes:
        out += values[at:start] + [next(new) for _ in range(count)]
        at = stop
    return out + values[at:]


@given(st.data(), st.integers(0, 12))
def test_values_and_tables_are_spliced(data, length):
    changes, edit = data.draw(edits(length))
    added = sum(count for _, _, count in changes)
    values, new = list(range(length)), [-1 - at for at in range(added)]
    expected = applied(values, changes, new)
    assert edit.spliced(np.array(values, np.int64), np.array(new, np.int64)).tolist() == expected
    assert edit.growth == len(expected) - length
    kept = [value for value in values if value in expected]
    assert edit.moved(np.array(kept, np.int64)).tolist() == [expected.index(value) for value in kept]
    assert edit.joined().spliced(np.array(values, np.int64), np.array(new, np.int64)).tolist() == expected
    codes = [value % 3 for value in values]
    creds = edit.creds(CredsCodes().extended(np.array(codes, np.uint32)), np.array([7] * added, np.uint32))
    spread = creds.at(np.arange(len(expected))).tolist() if expected else []
    assert spread == applied(codes, changes, [7] * added)
    sequences = edit.sequences(Sequences().extended(np.array(codes, np.int64)), np.array([5] * added, np.int64))
    assert sequences.sizes().tolist() == applied(codes, changes, [5] * added)


def test_replacing_and_removing():
    rows = np.array([1, 2, 5])
    edit = Edit.replacing(rows)
    assert (edit.starts.tolist(), edit.stops.tolist(), edit.counts.tolist()) == ([1, 5], [3, 6], [2, 1])
    assert edit.is_in_place
    gone = Edit.removing(rows, rows + 1)
    assert (gone.starts.tolist(), gone.growth, gone.removed.tolist()) == ([1, 5], -3, [1, 2, 5])


@given(st.data(), layouts())
def test_only_chunks_of_changed_items_are_rewritten(data, layout):
    ids, tiles, where = table(layout)
    changes, edit = data.draw(edits(len(ids)))
    regions = edit.regions(ids, tiles)
    touched = {at for one in regions for at in range(one.first, one.stop)}
    assert len(touched) == sum(one.stop - one.first for one in regions), "no entry twice"
    assert [at for one in regions for at in range(one.changes.start, one.changes.stop)] == list(range(len(changes)))
    for start, stop, _ in changes:
        assert {where[item] for item in range(start, stop)} <= touched
    for item in tiles:
        is_changed = any(start <= item < stop for start, stop, _ in changes)
        assert (where[item] in touched) == is_changed, "tiles of a sample that stays are left alone"


@given(st.data(), layouts(), st.integers(1, 12))
def test_chunks_are_rewritten(data, layout, limit):
    ids, tiles, where = table(layout)
    stored = [b"%d" % item * (item % 3) for item in range(len(ids))]
    shapes = [(item % 3, item) for item in range(len(ids))]
    chunks = {}
    for at in range(len(ids.ids)):
        items = [item for item, chunk in enumerate(where) if chunk == at and item not in tiles]
        if items:
            builder = ChunkBuilder(2)
            sizes = np.array([len(stored[item]) for item in items])
            builder.add_varied([stored[item] for item in items], np.array([shapes[item] for item in items]), sizes)
            chunks[at] = Chunk.parse(b"".join(builder.build()), "c")
    changes, edit = data.draw(edits(len(ids)))
    fresh = [bytes([65 + at]) * (at % 4) for at in range(sum(count for _, _, count in changes))]
    cut = data.draw(st.sets(st.integers(0, max(len(fresh) - 1, 0)))) if fresh else set()
    array = np.arange(30, dtype="uint8").reshape(10, 3)
    fresh = [Tiles(Tiling(((10, 3), (4, 2))), array, bytes) if at in cut else one for at, one in enumerate(fresh)]
    batch = Varied(list(fresh), [one.shape if at in cut else (at, 1) for at, one in enumerate(fresh)])
    meta = TensorMeta("x", "generic", "uint8", max_shape=(99, 99), max_chunk_size=2 * limit)
    taken = np.concatenate([[0], np.cumsum(edit.counts)])
    new, built = [], {}
    for region in edit.regions(ids, tiles):
        first = int(ids.lasts[region.first - 1]) + 1 if region.first else 0
        numbers = range(region.first, region.stop)
        pieces = [Piece(chunks.get(at), ids.count(at), int(ids.lasts[at])) for at in numbers]
        part = region.changes
        places = taken[part.start : part.stop + 1].tolist()
        starts, stops = (edit.starts[part] - first).tolist(), (edit.stops[part] - first).tolist()
        entries = []
        for one in rewritten(pieces, (starts, stops, places), batch, meta):
            number = 1000 + len(built)
            built[number] = Chunk.parse(b"".join(one.builder.build()), "n")
            entries.append((number, one.width))
        new.append(entries)
    after = rebuilt(ids, edit.regions(ids, tiles), new)
    left = edit.tiles(tiles, {at: one.tiling for at, one in enumerate(fresh) if at in cut})
    expected = applied(list(zip(stored, shapes, strict=True)), changes, zip(fresh, batch.shapes, strict=True))
    moved = {int(edit.moved(np.array([item]))[0]) for item in tiles} if tiles else set()
    assert {item for item, tiling in left.items() if tiling.shape != (10, 3)} <= moved
    assert len(after) == len(expected)
    for item, (payload, shape) in enumerate(expected):
        entry = int(np.searchsorted(after.lasts, item))
        number = int(after.ids[entry])
        if item in left:
            if isinstance(payload, Tiles):
                tiles_of = [built[int(one)] for one in after.ids[after.lasts == item]]
                assert [chunk.shape(0) for chunk in tiles_of] == [(4, 2), (4, 1), (4, 2), (4, 1), (2, 2), (2, 1)]
                assert bytes(tiles_of[-1].data) == array[8:, 2:].tobytes()
            continue
        chunk = chunks.get(number) if number < 1000 else built[number]
        inside = item - int(after.firsts()[entry])
        start, stop = chunk.span(inside)
        assert (bytes(chunk.data[start:stop]), chunk.shape(inside)) == (payload, shape)
    for item, tiling in left.items():
        assert int((after.lasts == item).sum()) == (6 if tiling.shape == (10, 3) else tiling.shape[0])
