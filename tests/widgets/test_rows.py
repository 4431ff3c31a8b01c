"""Filtered, sorted and sampled rows of real datasets; and the code that gives them again."""

from __future__ import annotations

from uuid import uuid4

import numpy as np
import pytest

import deeplake_nb as deeplake
from deeplake_nb.dataset import matching as module
from deeplake_nb.dataset.columns import class_counts, column
from deeplake_nb.errors import CommandError
from deeplake_nb.widgets.rows import View, code, rows_of, select
from tests.widgets.conftest import BLUE, RED, file


@pytest.fixture
def ds(monkeypatch):
    """Ten rows; rows are looked at three at a time, so that every filter crosses the seams."""
    monkeypatch.setattr(module, "BLOCK", 3)
    made = deeplake.empty(f"mem://rows-{uuid4().hex}", overwrite=True)
    with made:
        made.create_tensor("labels", htype="class_label", class_names=["red", "blue", "none"])
        made.create_tensor("boxes", htype="bbox")
        made.create_tensor("captions", htype="text")
        made.create_tensor("images", htype="image", sample_compression="png")
        made.create_tensor("words", htype="list")
        made.create_tensor("about", htype="json")
        for index in range(10):
            made.append(
                {
                    "labels": [index % 2] * (index % 3),
                    "boxes": np.ones((index % 4, 4), "float32") * index,
                    "captions": f"number {index}",
                    "images": file((RED, BLUE)[index % 2], width=10 + index, height=20 - index),
                    "words": ["x"] * index,
                    "about": {"n": index},
                }
            )
    return made


def found(ds, **view):
    rows = rows_of(ds, View.of(view))
    return None if rows is None else rows.tolist()


def test_every_row_as_stored_is_no_list_of_rows(ds):
    assert found(ds) is None
    assert found(ds, where="  ", seed=3) is None


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ('labels == "blue"', [1, 5, 7]),
        ("len(labels) == 0", [0, 3, 6, 9]),
        ("len(boxes) == 3 and boxes > 3", [7]),
        ('captions == "number 4"', [4]),
        ("width(images) > height(images)", [6, 7, 8, 9]),
        ("len(words) > 7", [8, 9]),
        ('about["n"] % 5 == 1', [1, 6]),
        ("max(images) > 210 and sum(images) > 50000", [0, 2, 4, 6, 8]),
        ("row >= 8", [8, 9]),
        ("row > 100", []),
    ],
)
def test_rows_that_fit(ds, where, expected):
    assert found(ds, where=where) == expected


def test_a_view_counts_its_own_rows(ds):
    view = ds[[9, 7, 5, 4]]
    assert found(view, where='labels == "blue"') == [1, 2]
    assert found(view, where="row == 3 or len(words) == 9") == [0, 3]
    assert found(view, where="len(boxes) == 1") == [0, 2]


def test_sorting_is_stable_and_goes_both_ways(ds):
    assert found(ds, sort="len(boxes)") == [0, 4, 8, 1, 5, 9, 2, 6, 3, 7]
    assert found(ds, sort="len(boxes)", descending=True) == [3, 7, 2, 6, 1, 5, 9, 0, 4, 8]
    assert found(ds, sort="captions", where="row < 3", descending=True) == [2, 1, 0]


def test_a_sample_is_the_same_for_the_same_seed(ds):
    first = found(ds, sample=4)
    assert len(set(first)) == 4
    assert first == sorted(first) == found(ds, sample=4)
    assert any(found(ds, sample=4, seed=seed) != first for seed in range(1, 5))
    assert found(ds, where="row < 3", sample=9) == [0, 1, 2]


def test_selected_rows_are_a_view_of_the_dataset(ds):
    chosen = select(ds, 'labels == "red"', sort="row", descending=True)
    assert [text[0] for text in chosen.captions.numpy()] == ["number 8", "number 4", "number 2"]
    assert select(ds) is ds


def test_what_is_not_wanted_any_more_is_not_read(ds):
    assert rows_of(ds, View(where="row > 0"), is_wanted=lambda: False).tolist() == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"were": "row > 1"}, "did you mean 'where'"),
        ({"where": 3}, "where of a view must be a str"),
        ({"sample": -1}, "at least 0"),
        ({"sample": True}, "must be a int"),
        ({"where": "row >"}, "cannot be read"),
        ({"sort": "import os"}, "cannot be read"),
    ],
)
def test_a_view_that_is_none_is_refused(given, message):
    with pytest.raises(CommandError, match=message):
        View.of(given)


def test_a_single_row_is_not_filtered(ds):
    with pytest.raises(CommandError, match="single row"):
        rows_of(ds[3], View(where="row > 0"))


def test_classes_are_counted_over_all_rows_and_over_some(ds):
    assert class_counts(ds.labels, None, block=3) == [(0, 5), (1, 4)]
    assert class_counts(ds.labels, np.array([1, 5, 7])) == [(1, 4)]


def test_a_column_of_one_value_each_has_no_counts(ds):
    assert column(ds.captions, 2, 4).values.tolist() == ["number 2", "number 3"]
    boxes = column(ds.boxes, 0, 4)
    assert boxes.counts.tolist() == [0, 4, 8, 12]
    assert column(ds.labels, 0, 3).names == ["red", "blue", "none"]


def test_code_gives_the_same_rows_again(ds):
    assert code("mem://x", None, View(), [3, 4, 5]).endswith("ds[3:6]")
    assert code("mem://x", None, View(), [3, 5]).endswith("ds[[3, 5]]")
    assert "read_only=True)[[7]]" in code("mem://x", [7], View(), None)
    view = View(where='labels == "blue"', sort="row", descending=True)
    written = code(ds.path, None, view, None)
    scope = {}
    lines = written.splitlines()
    exec("\n".join([*lines[:-1], f"shown = {lines[-1]}"]), scope)
    assert [text[0] for text in scope["shown"].captions.numpy()] == ["number 7", "number 5", "number 1"]
