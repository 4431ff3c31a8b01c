"""What is written in brackets selects what numpy would select."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import deeplake_nb as deeplake
from deeplake_nb.errors import RowError
from deeplake_nb.format.index import Index

ROWS, SHAPE = 7, (4, 3, 2)
STACKED = np.arange(ROWS * 24).reshape(ROWS, *SHAPE)


@pytest.fixture(scope="module")
def tensors():
    """The same numbers three ways: one array per chunk, one sample per chunk, and with samples that are files."""
    ds = deeplake.empty("mem://test-index", overwrite=True)
    ds.create_tensor("whole").extend(STACKED)
    ds.create_tensor("single", max_chunk_size=1).extend(list(STACKED))
    ds.create_tensor("packed", sample_compression="lz4").extend(STACKED)
    return [ds.whole, ds.single, ds.packed]


def rows_of(count):
    """Indices that numpy applies to an axis of ``count`` entries."""
    slices = st.slices(count)
    choices = [slices]
    if count:
        number = st.integers(-count, count - 1)
        choices += [number, number.map(np.int64), st.lists(number, max_size=5)]
        choices += [st.lists(st.booleans(), min_size=count, max_size=count)]
    return st.one_of(choices)


@st.composite
def brackets(draw):
    """A chain of indices, and what it selects: rows as numpy has them, then parts of each sample as numpy has them."""
    expected, chain, is_single = STACKED, [], False
    for _ in range(draw(st.integers(1, 3))):
        axes = list(expected.shape)
        if not axes or (0 in axes and chain):
            break
        items = tuple(draw(rows_of(size)) for size in axes[: draw(st.integers(1, len(axes)))])
        if sum(isinstance(item, list) for item in items[0 if is_single else 1 :]) > 1:
            items = items[:1]  # numpy pairs two lists up, which is another story
        arrays = tuple(_array(item) for item in items)
        if is_single:
            expected = expected[arrays]
        elif isinstance(items[0], (int, np.integer)):
            expected, is_single = expected[arrays[0]][arrays[1:]], True
        elif all(isinstance(item, (int, np.integer, slice)) for item in items[1:]):
            expected = expected[arrays[0]][(slice(None), *arrays[1:])]
        else:
            rows = expected[arrays[0]]
            part = np.empty(axes[1:])[arrays[1:]].shape
            expected = np.stack([row[arrays[1:]] for row in rows]) if len(rows) else np.empty((0, *part))
        chain.append(items if len(items) > 1 or draw(st.booleans()) else items[0])
    return chain, expected


def _array(item):
    if not isinstance(item, list):
        return item
    return np.array(item, bool if item and isinstance(item[0], bool) else np.int64)


@given(brackets())
def test_any_chain_of_brackets_equals_numpy(tensors, case):
    chain, expected = case
    for tensor in tensors:
        view = tensor
        for item in chain:
            view = view[item]
        found = np.asarray(view.numpy())
        assert found.shape == expected.shape
        assert np.array_equal(found, expected)
        if view.index.is_single:
            assert tuple(view.shape) == expected.shape


def test_an_ellipsis_in_front_stands_for_rows_and_axes(tensors):
    for tensor in tensors:
        assert np.array_equal(tensor[..., 0].numpy(), STACKED[..., 0])
        assert np.array_equal(tensor[..., 1:, 0].numpy(), STACKED[..., 1:, 0])
        assert np.array_equal(tensor[2:5, ..., 0].numpy(), STACKED[2:5, ..., 0])
        assert np.array_equal(tensor[...].numpy(), STACKED)
        assert tensor[...].index.is_whole


def test_several_axes_in_one_bracket_and_in_several(tensors):
    for tensor in tensors:
        assert np.array_equal(tensor[1:3, :, 0].numpy(), STACKED[1:3, :, 0])
        assert np.array_equal(tensor[1:3][:, 1][1].numpy(), STACKED[1:3][:, 1][1])
        assert np.array_equal(tensor[3][1][2].numpy(), STACKED[3][1][2])


def test_a_list_of_rows_has_a_shape_and_a_repr(tensors):
    view = tensors[0][[1, 5, 1]]
    assert view.shape == (3, *SHAPE)
    assert "3 of 7 rows" in repr(view)
    assert "of" not in repr(tensors[0][...]).partition("length=7")[2]


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (7, "row 7 is out of range; there are 7 rows"),
        (-8, "row -8 is out of range; there are 7 rows"),
        ([0, 7], "row 7 is out of range"),
        ([True, False], "a mask of 2 values cannot select from 7 rows"),
        (np.zeros((7, 2), bool), "use a number, a slice, a list of numbers or a mask"),
        (1.5, "use a number, a slice, a list of numbers or a mask"),
        (None, "use a number, a slice, a list of numbers or a mask"),
        (True, "use a number, a slice, a list of numbers or a mask"),
        ("a", "use a number, a slice, a list of numbers or a mask"),
        ([[1], [2, 3]], "use a number, a slice, a list of numbers or a mask"),
        (slice("a", None), "slice('a', None, None)"),
        (slice(None, None, 0), "zero"),
    ],
)
def test_what_is_no_row_is_refused(item, message):
    with pytest.raises(RowError) as caught:
        Index().narrowed(item, 7)
    assert message in str(caught.value)


@pytest.mark.parametrize("item", [(slice(0, 2), 9), (0, 9), (slice(0, 2), 0, 0, 0, 0), (0, "a")])
def test_a_part_of_a_sample_that_is_not_there_is_refused(tensors, item):
    for tensor in tensors:
        with pytest.raises(RowError):
            tensor[item].numpy()


def test_a_view_of_a_view_counts_from_its_own_first_row(tensors):
    for tensor in tensors:
        view = tensor[1::2]
        assert np.array_equal(view[-1].numpy(), STACKED[1::2][-1])
        assert np.array_equal(view[[0, -1]].numpy(), STACKED[1::2][[0, -1]])
        with pytest.raises(RowError, match="row 3 is out of range; there are 3 rows"):
            view[3]


def test_rows_in_any_order_and_twice(tensors):
    rows = [6, 0, 0, 3, 6]
    for tensor in tensors:
        assert np.array_equal(tensor[rows].numpy(), STACKED[rows])
        assert np.array_equal(tensor[::-1].numpy(), STACKED[::-1])


def test_resolve_and_count_agree():
    for rows, length in [(None, 5), (range(4, -1, -2), 5), (np.array([3, 3]), 5)]:
        index = Index(rows)
        assert len(index.resolve(length)) == index.count(length)
