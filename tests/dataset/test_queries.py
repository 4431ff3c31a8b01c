"""Queries in v3's words: which rows they give, of which tensors, and what is said of those that cannot be run."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deeplake_nb
from deeplake_nb.dataset import matching
from deeplake_nb.dataset.expression import expression
from deeplake_nb.dataset.queries import in_words, source_of, weights
from deeplake_nb.errors import CommandError

from .stores import create, memory


@pytest.fixture(scope="module")
def ds():
    made = deeplake_nb.empty("mem://test-queries", overwrite=True)
    with made:
        made.create_tensor("label", htype="class_label", class_names=["cat", "dog", "bird"])
        made.create_tensor("score", dtype="float64")
        made.create_tensor("words/caption", htype="text")
        made.create_tensor("a-name", dtype="int64")
        made.create_tensor("boxes", htype="bbox")
        made.create_tensor("embedding", htype="embedding")
        for row in range(8):
            made.append(
                {
                    "label": row % 3,
                    "score": np.float64(row) / 2,
                    "words/caption": f"row {row} and {row + 1}, between 1 and 2",
                    "a-name": row,
                    "boxes": np.full((row % 3, 4), row),
                    "embedding": np.array([row, 1.0, 0.0], "float32"),
                }
            )
    return made


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("select *", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("select * where label == 'cat' limit 2", [0, 3]),
        ("SELECT * WHERE label = 'cat' AND NOT score > 1", [0]),
        ("select * where label <> 'cat' and score BETWEEN 1 AND 2.5", [2, 4, 5]),
        ("select * where contains(label, 'dog')", [1, 4, 7]),
        ("select * where contains(\"words/caption\", 'row 3')", [3]),
        ("select * where words/caption == 'row 3 and 4, between 1 and 2'", [3]),
        ("select * where \"words/caption\" in ('row 3 and 4, between 1 and 2', 'x')", [3]),
        ('select * where "a-name" == 5', [5]),
        ('select * where "a-name" between 5 and 6 or "a-name" = 1', [1, 5, 6]),
        ('select * where label == "cat"', [0, 3, 6]),
        ("select * where label in ('cat', 'bird') and score < 1.2", [0, 2]),
        ("select * where score in (1, 2, 6)", [2, 4]),
        ("select * where shape(boxes)[0] > 1", [2, 5]),
        ("select * where shape(boxes)[0] between 1 and 1", [1, 4, 7]),
        ("select * where any(boxes[:, 2] > 4)", [5, 7]),
        ("select * where all(boxes == 0)", [0, 3, 6]),
        ("select * where all_strict(boxes > 0)", [1, 2, 4, 5, 7]),
        ("select * where any(logical_and(boxes[:,3] > 2, boxes[:,3] < 5))", [4]),
        ("select * where row_number() == 7", [7]),
        ("select * where score == null or TRUE == (score > 3)", [7]),
        ("select * order by l2_norm(embedding - ARRAY[5, 1, 0]) asc limit 3", [5, 4, 6]),
        ("select * order by l2_norm(embedding - data(embedding, 2)) limit 1", [2]),
        ("select * order by cosine_similarity(embedding, array[0, 1, 0]) desc limit 2", [0, 1]),
        ("select * where label = 'dog' order by score desc limit 2 offset 1", [4, 1]),
        ("select * order by words/caption desc limit 1", [7]),
        ("(select * where label == 'cat') intersect (select * where score > 1)", [3, 6]),
        ("(select * where score > 2.9) union (select * where label = 'cat' limit 1)", [6, 7, 0]),
        (
            "(select * where score > 3) union ((select * where label = 'cat') intersect (select * where score < 1))",
            [7, 0],
        ),
        (
            '(select * where score > 3) union (select * where score < 0.4) union (select * where "a-name" = 2);',
            [7, 0, 2],
        ),
        ("select * where words/caption == '(select *) union (select *)'", []),
    ],
)
def test_rows_of_a_query(ds, query, expected):
    assert list(ds.query(query).sample_indices) == expected


def test_a_query_of_some_tensors(ds):
    found = ds.query("select label, words/caption where score > 3")
    assert list(found.tensors) == ["label", "words/caption"]
    assert found["words/caption"].data()["value"] == ["row 7 and 8, between 1 and 2"]
    with pytest.raises(KeyError, match="lable"):
        ds.query("select lable where score > 3")


def test_a_query_of_a_view_counts_its_rows(ds):
    assert list(ds[4:].query("select * where row_number() < 2").sample_indices) == [4, 5]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("select * sample by max_weight(label == 'cat': 5)", r"ds\.sample_by\(.* draws rows"),
        ("select * group by label", "GROUP BY is not here"),
        ("select * ungroup by split", "GROUP BY is not here"),
        ("select * where label = 'cat' expand by 1, 1", "EXPAND BY is not here"),
        ("select *, score + 1 as more where score > 1", "computed columns are not here"),
        ("select * from (select label, score) order by score", "queries of queries are not here"),
        ("select * where", "cannot be run here; queries are SELECT"),
        ("delete *", "cannot be run here"),
        ("(select *) union", "cannot be run here"),
        ("select * where label == 'cta'", "did you mean 'cat'"),
        ("select * where a-name == 5", "no such tensor"),
        ("select * where data(embedding, 99) == embedding", "99"),
    ],
)
def test_what_cannot_be_run_says_what_to_do(ds, query, message):
    with pytest.raises((CommandError, IndexError), match=message):
        ds.query(query)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("label == 'cat'", [1, 0, 0, 1, 0, 0, 1, 0]),
        ("score", [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]),
        ("max_weight(label == 'cat': 5, \"a-name\" > 5: 2)", [5, 0, 0, 5, 0, 0, 5, 2]),
        ("sum_weight(label = 'cat': 5, boxes[:, 0] > 3 AND score < 3: 0.5)", [5, 0, 0, 5, 0.5, 0.5, 5, 0]),
        ("MAX_WEIGHT(contains(words/caption, 'row 1, '): 3, label in ('cat', 'dog'): 1)", [1, 1, 0, 1, 1, 0, 1, 1]),
    ],
)
def test_weights_of_rows(ds, text, expected):
    assert weights(ds, text).tolist() == expected
    drawn = set(ds.sample_by(text, size=50).sample_indices)
    assert drawn <= set(np.flatnonzero(expected).tolist())


@pytest.mark.parametrize("text", ["max_weight(label == 'cat')", "sum_weight(label == 'cat': x)", "max_weight()"])
def test_weights_that_are_none(ds, text):
    with pytest.raises(CommandError, match="weights are pairs such as"):
        ds.sample_by(text)


def test_words_within_texts_stay():
    text = "caption = 'a AND b = c between 1 and 2 ARRAY[1]' AND x = \"NOT a name\""
    assert in_words(text) == "caption == 'a AND b = c between 1 and 2 ARRAY[1]' and x == \"NOT a name\""
    assert in_words('about["x"] = 1', ["x"]) == 'about["x"] == 1'
    assert in_words('"x" = 1', ["x"]) == 'tensor("x") == 1'


def test_the_dataset_that_a_query_names():
    assert source_of('select * from "./some where" where x > 1') == "./some where"
    assert source_of("(select * from a where x > 1) union (select * from b)") == "a"
    assert source_of("select * where x > 1") is None


@pytest.fixture(scope="module")
def odd():
    """Rows of every kind of value, ragged and empty ones among them."""
    made = deeplake_nb.empty("mem://test-queries-odd", overwrite=True)
    json = [{"a": 1, "l": [1, 2]}, [1, 2], "s", 5, None, {"a": "x"}]
    with made:
        made.create_tensor("x", dtype="float32")
        made.create_tensor("flag", dtype="bool")
        made.create_tensor("label", htype="class_label", class_names=["cat", "dog"])
        made.create_tensor("text", htype="text")
        made.create_tensor("json", htype="json")
        made.create_tensor("list", htype="list")
        made.create_tensor("polygons", htype="polygon")
        made.create_tensor("words", htype="sequence[text]")
        for row in range(6):
            made.append(
                {
                    "x": None if row == 4 else np.full((2, row % 3), row, "float32"),
                    "flag": row % 2 == 0,
                    "label": np.arange(row % 3, dtype="uint32") % 2,
                    "text": f"row {row}",
                    "json": json[row],
                    "list": [row, "a", [1]][: row % 4],
                    "polygons": [np.ones((3, 2), "float32")] * (row % 3),
                    "words": ["a"] * (row % 3),
                }
            )
    return made


NAMES = st.sampled_from(["x", "flag", "label", "text", "json", "list", "polygons", "words", "row", "nothing"])
PARTS = st.sampled_from(
    ["", "", "[0]", "[-1]", "[1:]", "[:, 0]", "[0][1]", "['a']", "['l'][0]", ".max", ".mean", ".size", ".shape",
     ".shape[0]", "[0].min", ".sample_info"]
)  # fmt: skip
VALUES = st.sampled_from(["1", "2.5", "'cat'", "'row 1'", "True", "None", "[1, 2]", "()", "['cat']", "{'a': 1}"])
OPERATORS = st.sampled_from(["==", "!=", "<", ">=", "in", "+", "-", "*", "/", "%", "//", "**", "and", "or", "|", "&"])
FUNCTIONS = st.sampled_from(
    ["max", "sum", "mean", "any", "all_strict", "abs", "round", "len", "lower", "l2_norm", "shape", "not", "~", "-"]
)
EXPRESSIONS = st.recursive(
    st.builds("{}{}".format, NAMES, PARTS) | VALUES,
    lambda inner: (
        st.builds("({} {} {})".format, inner, OPERATORS, inner)
        | st.builds("{}({})".format, FUNCTIONS, inner)
        | st.builds("{}({}, {})".format, st.sampled_from(["max", "contains", "cosine_similarity"]), inner, inner)
    ),
    max_leaves=6,
)


@settings(max_examples=400, deadline=None)
@given(left=EXPRESSIONS, operator=OPERATORS, right=EXPRESSIONS)
def test_any_filter_gives_rows_or_a_refusal(odd, left, operator, right):
    with suppress(CommandError):
        found = odd.filter(f"{left} {operator} {right}", progressbar=False).sample_indices
        assert set(found) <= set(range(6))


def test_few_rows_of_large_samples_are_looked_at_together(monkeypatch):
    monkeypatch.setattr(matching, "_BLOCK_NBYTES", 3 * 30_000)
    ds = create(memory())
    ds.create_tensor("images", dtype="uint8")
    ds.create_tensor("labels", htype="class_label")
    pictures = np.arange(10, dtype="uint8")[:, None, None] * np.ones((1, 100, 300), "uint8")
    ds.extend({"images": pictures, "labels": np.arange(10)})

    def sizes(*texts):
        return [block.count for block in matching.blocks(ds, *map(expression, texts))]

    assert sizes("mean(images) > 3") == sizes("labels > 1", "max(images)") == [3, 3, 3, 1]
    assert sizes("labels > 3") == sizes("width(images) > 3") == sizes() == [10]
    assert matching.matching(ds, "mean(images) > 6.5").tolist() == [7, 8, 9]
    found = ds.query("select * where mean(images) > 2 order by mean(images) desc limit 2")
    assert list(found.sample_indices) == [9, 8]
