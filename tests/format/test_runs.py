"""Tables of runs against plain Python lists."""

from __future__ import annotations

from itertools import groupby

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from deeplake_nb.format.runs import merged, run_ends


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=20))
def test_run_ends_mark_the_last_of_each_run(rows):
    values = np.array(rows, np.int64).reshape(-1, 2)
    expected = [at + 1 == len(rows) or rows[at + 1] != rows[at] for at in range(len(rows))]
    assert run_ends(values).tolist() == expected
    assert run_ends(values[:, 0]).tolist() == [
        at + 1 == len(rows) or rows[at + 1][0] != rows[at][0] for at in range(len(rows))
    ]


rows = st.tuples(st.integers(0, 1), st.integers(0, 1))
tables = st.lists(st.lists(rows, min_size=1, max_size=6), max_size=5)


@given(tables, st.integers(1, 3))
def test_tables_are_joined_at_their_borders(given_rows, length):
    each = [[(*row, length * len(list(run))) for row, run in groupby(part)] for part in given_rows]
    found = merged([np.array(part, np.int64) for part in each], 3)
    whole = [row for part in given_rows for row in part]
    assert found.tolist() == [[*row, length * len(list(run))] for row, run in groupby(whole)]
    assert found.shape[1] == 3
    found[:] = -1  # nobody else's
