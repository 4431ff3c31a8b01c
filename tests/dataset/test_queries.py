"""Queries in v3's words: which rows they give, of which tensors, and what is said of those that cannot be run."""

from __future__ import annotations

import re
import warnings
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deeplake_nb
from deeplake_nb.dataset import matching
from deeplake_nb.dataset.clauses import in_words, source_of
from deeplake_nb.dataset.expression import expression
from deeplake_nb.dataset.queries import weights
from deeplake_nb.errors import CommandError, LakeError, SampleError

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
        ("select * where words/caption == ' order by limit 1' or CONTAINS(label, 'bird') limit 1", [2]),
        ("SELECT * WHERE ANY(boxes > 6) AND NOT ALL(boxes == 0) ORDER BY L2_NORM(embedding)", [7]),
        ("(select * where score > 2.4) except (select * where label == 'bird')", [6, 7]),
        ("(select *) except (select * where score > 1) except (select * limit 1)", [1, 2]),
        ("select * where label == 'cat' order by score > 1 desc, \"a-name\" desc", [6, 3, 0]),
        ("select * order by label desc, score asc limit 4", [2, 5, 1, 4]),
        ("select * where label == 'bird' expand by 1, 0", [1, 2, 4, 5]),
        ("select * where score == 3.5 or score == 0 expand by 2, 1 order by score desc limit 3", [7, 6, 5]),
        ("select * where score > 9 expand by 3, 3", []),
        ("select * expand by 100000000000000000, 100000000000000000", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("select * from (select * where label == 'cat') where row_number() > 0", [3, 6]),
        ("select * from (select * order by score desc limit 4) where label == 'cat' or label == 'dog'", [7, 6, 4]),
        ("select * from ((select * limit 2) union (select * where score > 3)) order by score desc limit 2", [7, 1]),
        ("select * from (select label, score from (select * limit 3)) where score > 0", [1, 2]),
        ('select "a-name", label from "./any where" limit 1', [0]),
        ("(select * limit 2)", [0, 1]),
        ("select * where label == 'cat' sample by max_weight(score > 2: 1) limit 3", [6, 6, 6]),
        ("select * where score > 2.9 sample by score + 1 replace False limit 0", []),
        ("select * where score > 9 sample by score limit 2", []),
    ],
)
def test_rows_of_a_query(ds, query, expected):
    assert list(ds.query(query).sample_indices) == expected


def test_a_query_draws_rows(ds):
    every = list(ds.query("select * sample by row + 1 replace false").sample_indices)
    assert sorted(every) == list(range(8))
    assert len(ds.query("select * where score > 2 sample by max_weight(label == 'cat': 2, score > 3: 1)")) == 3
    some = ds.query("select * sample by sum_weight(label == 'cat': 2, label == 'dog': 1) REPLACE True LIMIT 200")
    assert set(some.sample_indices) == {0, 1, 3, 4, 6, 7}
    with pytest.raises(SampleError, match="3 different rows are wanted, but there are 2 rows with a weight"):
        ds.query("select * sample by max_weight(score > 2.9: 1) replace false limit 3")


@pytest.mark.parametrize(
    ("ask", "row"),
    [
        (lambda ds: ds.filter("label == 'cta' or score == 3.5", progressbar=False), 7),
        (lambda ds: ds.query("select * where label == 'cta' or score == 3.5"), 7),
        (lambda ds: ds.query("select * order by label == 'cta', score desc limit 1"), 7),
        (lambda ds: ds.sample_by("max_weight(label == 'cta': 9, score == 3.5: 1)", size=1), 7),
    ],
)
def test_a_class_that_there_is_not_is_no_label_and_is_said_once(ds, ask, row, monkeypatch):
    monkeypatch.setattr(matching, "BLOCK", 3)
    with pytest.warns(UserWarning, match=r"no class 'cta' \(did you mean 'cat'\?\)") as told:
        assert list(ask(ds).sample_indices) == [row]
    assert [one.filename for one in told] == [__file__]


@pytest.mark.parametrize(
    ("text", "expected", "said"),
    [
        ("label == 'horse'", [], "there are 'cat', 'dog', 'bird'"),
        ("label != 'horse'", range(8), "in \"label != 'horse'\": no class 'horse'"),
        ("label in ('cat', 'horse')", [0, 3, 6], "no class 'horse'"),
        ("label == ['cat', 'horse']", [], "no class 'horse'"),
        ("label != ['cat', 'horse']", range(8), "no class 'horse'"),
        ("contains(label, 'horse') or not label == 'horse' and row > 5", [6, 7], "no class 'horse'"),
    ],
)
def test_what_a_class_that_there_is_not_means(ds, text, expected, said):
    with pytest.warns(UserWarning, match=re.escape(said)):
        assert list(ds.filter(text, progressbar=False).sample_indices) == list(expected)


def test_classes_without_names_and_with_many():
    made = create(memory())
    made.create_tensor("bare", htype="class_label").extend([0, 1])
    made.create_tensor("many", htype="class_label", class_names=[f"class {at}" for at in range(9)]).extend([0, 1])
    with pytest.warns(UserWarning, match="no class 'x'; there are no class names"):
        assert matching.matching(made, "bare != 'x'", note=lambda text: matching.warn([text])).tolist() == [0, 1]
    notes = []
    assert matching.matching(made, "many == 'x'", note=notes.append).tolist() == []
    assert notes[0].endswith("there are 'class 0', 'class 1', 'class 2', 'class 3', 'class 4', ...")


@pytest.mark.parametrize("text", ["lable == 'cat'", "label > 'cat'", "label == 'cat' and words"])
def test_a_wrong_expression_is_refused_where_there_are_no_rows(text):
    made = create(memory())
    made.create_tensor("label", htype="class_label", class_names=["cat"])
    made.create_tensor("words", htype="text")
    for ask in (made.filter, made.sample_by, lambda text: made.query(f"select * where {text}")):
        with pytest.raises(CommandError):
            ask(text)
    assert list(made.filter("label == 'cat' and words != 'x'", progressbar=False).sample_indices) == []
    assert list(made.query("select * where label == 'cat' order by words limit 2").sample_indices) == []


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
        ("select * group by label", "GROUP BY is not here"),
        ("select * ungroup by split", "UNGROUP BY is not here"),
        ("select * where label = 'cat' expand by 1", "EXPAND BY takes two numbers, .* got '1'; queries are SELECT"),
        ("select * where label = 'cat' expand by -1, x", "EXPAND BY takes two numbers"),
        ("select *, score + 1 as more where score > 1", r"SELECT takes \* or names of tensors .*computed"),
        ("select count(*)", r"SELECT takes .* got 'count\(\*\)'"),
        ("select label where score > 1 and words/caption = 'x' from x", "FROM stands twice, or in the wrong place"),
        ("select * limit 1 limit 2", "LIMIT stands twice, or in the wrong place"),
        ("select * limit 1, 2", "LIMIT takes a whole number, got '1, 2'"),
        ("select * limit -1", "LIMIT takes a whole number"),
        ("select * where", "WHERE takes a condition, got ''; queries are SELECT"),
        ("select", "SELECT takes"),
        ("select * order by", "ORDER BY takes values"),
        ("select * order by score,", "ORDER BY takes values"),
        ("select * order by boxes", "sorted by one value each"),
        ("select * from a b", "FROM takes the name of a dataset, or a query in brackets"),
        ("select * from (label == 1)", "does not begin with SELECT"),
        ("select * from (select score) where label == 'cat'", "no such tensor"),
        ("select * sample by", "SAMPLE BY takes weights"),
        ("select * sample by nothing", "no such tensor"),
        ("delete *", r"does not begin with SELECT; ds\.filter\(\) takes a condition alone"),
        ("label == 'cat'", r"ds\.filter\(\) takes a condition alone"),
        ("(select *) union", "cannot be run here"),
        ("union (select *)", "cannot be run here"),
        ("(" * 2000 + "select *" + ")" * 2000, "nested too deeply"),
        ("select * from (" * 100 + "select *" + ")" * 100, "nested too deeply"),
        ("select * where label > 'cta'", "classes have no order"),
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
    assert source_of("(select * from (select y from 'of y' limit 3) where x > 1)") == "of y"
    assert source_of("select * from (select * limit 3)") is None


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


WORDS = st.sampled_from(
    ["select", "*", "from", "where", "and", "or", "not", "in", "between", "order by", "ORDER  BY", "desc", "limit",
     "offset", "expand by", "sample by", "replace", "true", "group by", "union", "INTERSECT", "except", "(", ")", "[",
     "]", ",", ":", ";", "'", '"', "'cat'", '"a-name"', "label", "score", "words/caption", "row", "=", "==", "<>", "<",
     "0", "1", "2.5", "-1", "9" * 30, "max_weight(", "contains(", "l2_norm(embedding - ARRAY[1, 2, 3])", "\x001\0"]
)  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(words=st.lists(WORDS, max_size=14), begins=st.booleans())
def test_any_query_gives_rows_or_a_refusal(ds, words, begins):
    with suppress(LakeError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = ds.query(("select * " if begins else "") + " ".join(words)).sample_indices
        assert set(found) <= set(range(8))


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
