"""What is read and written is decided first: each chunk once, and samples before what mentions them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from deeplake_nb.format.encoders import ChunkIds
from deeplake_nb.format.plans import Phase, Put, read_plan, write_plan


@st.composite
def wanted(draw):
    """A table of chunks, some of them tiles of one sample, and rows to read from it."""
    lasts, last = [], -1
    for size in draw(st.lists(st.integers(1, 4), min_size=1, max_size=9)):
        last += size
        lasts += [last] * (draw(st.integers(1, 3)) if size == 1 else 1)
    ids = ChunkIds(np.arange(len(lasts), dtype=np.uint64), np.array(lasts))
    rows = draw(st.lists(st.integers(0, last), max_size=12) | st.just(list(range(last + 1))))
    return ids, rows


@given(wanted())
def test_a_read_plan_finds_every_row_and_every_chunk_once(case):
    ids, rows = case
    plan = read_plan(ids, np.array(rows, np.int64))
    found = {}
    for part in plan:
        firsts = int(ids.lasts[part.entry - 1]) + 1 if part.entry else 0
        for inside, out in zip(part.rows.tolist(), part.out.tolist(), strict=True):
            assert out not in found
            found[out] = firsts + inside
        assert max(part.rows) <= int(ids.lasts[part.entry]) - firsts
    assert [found[at] for at in range(len(rows))] == rows
    entries = [part.entry for part in plan]
    assert entries == sorted(set(entries))


@given(st.lists(st.sampled_from(list(Phase)), max_size=20), st.sets(st.sampled_from(list(Phase))))
def test_a_write_plan_goes_through_the_phases_in_order(phases, ends):
    puts = [Put(phase, str(number), b"") for number, phase in enumerate(phases)]
    rounds = write_plan(puts, sorted(ends))
    assert len(rounds) == len(ends) + 1
    for end, group in zip([*sorted(ends), max(Phase) + 1], rounds, strict=True):
        assert all(put.phase <= end and all(put.phase > other for other in ends if other < end) for put in group)
    plan = [put for group in rounds for put in group]
    assert sorted(put.phase for put in puts) == [put.phase for put in plan]
    for phase in Phase:
        assert [put for put in plan if put.phase is phase] == [put for put in puts if put.phase is phase]


def test_samples_come_before_tables_and_tables_before_metadata():
    metadata = [Phase.COMPANIONS, Phase.TENSORS, Phase.DATASET]
    assert list(Phase) == [Phase.CHUNKS, Phase.TABLES, *metadata]
