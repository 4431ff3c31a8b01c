"""The language of filters: what it means, what it refuses, and that it runs nothing of Python's."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeplake_nb.dataset.columns import Column
from deeplake_nb.dataset.expression import expression
from deeplake_nb.errors import CommandError


def objects(*values):
    out = np.empty(len(values), object)
    out[:] = values
    return out


COLUMNS = {
    "label": Column(np.array([0, 1, 0, 2]), None, ("cat", "dog", "bird")),
    "labels": Column(np.array([0, 1, 1, 2]), np.array([2, 0, 1, 1]), ("cat", "dog", "bird")),
    "score": Column(np.array([0.25, 0.5, 0.75, np.nan])),
    "boxes": Column(np.array([1.0, 2.0, 3.0, 9.0]), np.array([2, 0, 1, 1])),
    "caption": Column(objects("a red car", "A blue boat", "", "red")),
    "about": Column(objects({"stars": 3, "by": "me"}, {"stars": 5}, {}, {"stars": "many", "sizes": [3, 9]})),
    "fixed": Column(np.array([3.0, 4.0, 0.0, 1.0, 3.0, 4.0, 0.0, 0.0]), np.array([2, 2, 2, 2])),
    "a name": Column(np.array([7, 8, 9, 7])),
    "row": Column(np.arange(4)),
}


class Table:
    """Four rows: a class each, a score each, zero to two boxes, a caption, some JSON."""

    count = 4
    names = tuple(COLUMNS)

    rows = np.arange(4)

    def column(self, name, parts=()):
        """Of `boxes` and `fixed` the first or last value of each row."""
        column = COLUMNS[name]
        if not parts:
            return column
        if parts not in {(0,), (-1,)}:
            raise IndexError(f"{parts} of {name}")
        split = [part[parts[0] :][:1] for part in np.split(column.values, np.cumsum(column.counts)[:-1])]
        return Column(np.concatenate(split), np.array([len(part) for part in split]))

    def sizes(self, name):
        return COLUMNS[name].sizes

    def shapes(self, name):
        return [(10, 40), (20, 30), (30, 20, 3), (40, 10)]

    def infos(self, name):
        return [{"format": "png"}, {}, None, {"format": "jpeg"}]

    def sample(self, name, row):
        return COLUMNS[name].values[2 * row : 2 * row + 2]

    def note(self, text):
        raise AssertionError(f"nothing is odd, and yet: {text}")

    def extents(self, name, axis):
        by_axis = {None: [2, 0, 1, 1], 0: [10, 20, 30, 40], 1: [40, 30, 20, 10], -1: [40, 30, 3, 10]}
        return np.array(by_axis[axis])


def rows(text):
    return np.flatnonzero(expression(text).mask(Table())).tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('label == "cat"', [0, 2]),
        ('"cat" == label', [0, 2]),
        ('label != "cat"', [1, 3]),
        ("label == 2", [3]),
        ('label in ("cat", "bird")', [0, 2, 3]),
        ('label not in ["cat"]', [1, 3]),
        ('labels == "dog"', [0, 2]),
        ('not labels == "dog"', [1, 3]),
        ('labels == "cat" or labels == "bird"', [0, 3]),
        ("score > 0.3 and score < 0.7", [1]),
        ("0.3 < score <= 0.75", [1, 2]),
        ("-score < -0.6", [2]),
        ("score * 2 + 1 == 2", [1]),
        ("len(boxes) > 1", [0]),
        ("len(boxes) == 0", [1]),
        ("boxes > 2.5", [2, 3]),
        ("any(boxes > 1.5)", [0, 2, 3]),
        ("all(boxes > 1.5)", [1, 2, 3]),
        ("max(boxes) == 2", [0]),
        ("sum(boxes) == 3", [0, 2]),
        ("mean(boxes) == 1.5", [0]),
        ('"red" in caption', [0, 3]),
        ('"boat" in lower(caption)', [1]),
        ('lower(caption) == "a blue boat"', [1]),
        ('caption == ""', [2]),
        ('about["stars"] >= 3', [0, 1]),
        ('about["by"] == "me"', [0]),
        ("height(boxes) > width(boxes)", [2, 3]),
        ("row % 2 == 1", [1, 3]),
        ("row // 2 == 1", [2, 3]),
        ("abs(row - 2) <= 1", [1, 2, 3]),
        ("1 == 1", [0, 1, 2, 3]),
        ('labels != "dog"', [1, 3]),
        ('"dog" != labels', [1, 3]),
        ('any(labels != "dog")', [0, 3]),
        ('labels == ["dog", "cat"]', [0]),
        ("labels == [1, 0, 1]", [0]),
        ('labels == ["dog"]', [2]),
        ("labels == []", [1]),
        ('labels != ["dog"]', [0, 1, 3]),
        ("label == (0,)", [0, 2]),
        ("boxes[0] == 1", [0]),
        ("boxes[0] < 99", [0, 2, 3]),
        ("boxes[-1] == 2", [0]),
        ("fixed[0] > fixed[-1]", []),
        ("fixed[-1] - fixed[0] == 1", [0, 1, 2]),
        ("fixed[0].max == 3", [0, 2]),
        ("fixed.size == 2 and boxes[0].size == 0", [1]),
        ("(score > 0.3) & (score < 0.7) | (label == 2)", [1, 3]),
        ("~(label == 0)", [1, 3]),
        ("row ** 2 > 3", [2, 3]),
        ("2 ** 99 > row", [0, 1, 2, 3]),
        ("boxes.shape == (20, 30)", [1]),
        ("boxes.shape != (20, 30)", [0, 2, 3]),
        ("shape(boxes)[0] > 20 and boxes.shape[-1] == 3", [2]),
        ("len(boxes.shape) == 3", [2]),
        ('boxes.sample_info["format"] == "png"', [0]),
        ('about == {"stars": 5}', [1]),
        ('about["sizes"] == [3, 9]', [3]),
        ('about["sizes"][1] == 9', [3]),
        ('about["sizes"][7] == 9', []),
        ("max(row, 2) == 2", [0, 1, 2]),
        ("min(row, 1) == row", [0, 1]),
        ("round(score) == 1", [2]),
        ("int(score * 2) == 1", [1, 2]),
        ('caption == ["red"]', [3]),
        ('tensor("a name") == 7', [0, 3]),
        ("row_number() >= 2", [2, 3]),
        ("all_strict(boxes > 1.5)", [2, 3]),
        ("any(logical_and(boxes > 1.5, boxes < 5))", [0, 2]),
        ("l2_norm(fixed) == 5", [0, 2]),
        ("l1_norm(fixed - [3, 4]) == 0", [0, 2]),
        ("linf_norm(fixed) == 1", [1]),
        ("cosine_similarity(fixed, [6, 8]) > 0.999", [0, 2]),
        ("l2_norm(fixed - data(fixed, 2)) == 0", [0, 2]),
        ("cosine_similarity(fixed, [1, 0]) < 0.1", [1]),
    ],
)
def test_what_a_filter_means(text, expected):
    assert rows(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read"),
        ("label ==", "cannot be read"),
        ("lable == 'cat'", "did you mean 'label'"),
        ("label", "says yes or no"),
        ("label and row", "and, or and not join comparisons"),
        ("size(boxes) > 1", "no function of that name"),
        ("len(row + 1)", "takes the name of a tensor"),
        ("caption + 1 > 2", "do not go together"),
        ("label is 0", "compare with"),
        ("row + 99999999999999999999999999 > 1", "do not go together"),
        ('"a" * 1000000000 == caption', "do not go together"),
        ('label > "cat"', "classes have no order"),
        ("row << 3 == row", "this is no part of filters"),
        ('score["x"] == 1', "only json tensors"),
        ("(1, 2) == (1, 2)", "a list is compared with a tensor"),
        ("fixed + [1, 2, 3] == 1", "as many numbers as each row"),
        ("boxes[1] == 1", "no sample has it"),
        ("boxes[label] == 1", "write numbers and texts here"),
        ("boxes[0.5] == 1", "positions are whole numbers"),
        ("boxes.shape[0:1] == 1", "one whole number"),
        ("tensor(label) == 1", "other arguments"),
        ('tensor("label").nothing == 1', "the name of a tensor is needed"),
        ("boxes[0].nothing == 1", "the name of a tensor is needed"),
        ('about == {"a": label}', "write numbers and texts here"),
        ("max(row, 1, 2) == 2", "other arguments"),
        ("l2_norm(caption) == 2", "do not go"),
        ("cosine_similarity(caption, fixed) == 1", "do not go|different numbers"),
        ("label == 0 if True else False", "filters have"),
        ("lambda: 0", "filters have"),
        ("[x for x in label]", "filters have"),
        ("label.dtype", "filters have"),
        ("__import__('os').system('true')", "functions"),
        ("().__class__.__bases__", "filters have"),
        ("(x := 3) == 3", "filters have"),
        ("f'{label}'", "filters have"),
        ("open('x')", "no function of that name"),
        ("len(label, key=3)", "functions"),
        ("-" * 100 + "1 == 1", "nested too deeply"),
        ("1 == " + "1" * 100_000, "at most 100,000 characters"),
    ],
)
def test_what_is_refused_and_why(text, message):
    with pytest.raises(CommandError, match=message):
        rows(text)


def test_rows_are_sorted_by_one_value_each():
    assert expression("score").keys(Table()).tolist()[:3] == [0.25, 0.5, 0.75]
    assert expression("-row").keys(Table()).tolist() == [0, -1, -2, -3]
    with pytest.raises(CommandError, match="take min"):
        expression("boxes").keys(Table())


@given(st.text(max_size=60))
def test_any_text_gives_rows_or_a_refusal(text):
    with suppress(CommandError):
        assert expression(text).mask(Table()).shape == (4,)


@pytest.mark.parametrize(
    ("text", "is_read"),
    [
        ("images > 3", True),
        ("mean(images) > 3", True),
        ("labels == 'images'", True),  # cautious
        ("group.images[0] > 2", True),
        ("tensor('images') > 2", True),
        ("width(images) > 3 and labels == 'cat'", False),
        ("images.shape[0] == 3 or len(images) == 2", False),
        ("labels == 'cat'", False),
    ],
)
def test_which_values_are_read(text, is_read):
    assert expression(text).reads("group/images") is is_read
