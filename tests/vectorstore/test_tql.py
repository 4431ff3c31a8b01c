"""Queries: what they find, and what is refused; any text is read or refused."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeplake_nb.errors import TensorNotFoundError, VectorStoreError
from deeplake_nb.vectorstore.store import VectorStore
from deeplake_nb.vectorstore.tql import Condition, Path, named, parse

TEXTS = ["a cat", "a dog", 'it\'s a "fish"', "BIRD"]
VECTORS = np.array([[1, 0, 0], [0, 2, 0], [0, 0, 3], [1, 1, 0]], "float32")
PAGES = [
    {"page": 1, "of": "a", "in": {"list": [5, 6]}},
    {"page": 2, "of": "a", "draft": True},
    {"page": 1.5, "of": "b"},
    {"of": None},
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    made = VectorStore(str(tmp_path_factory.mktemp("tql") / "store"), verbose=False)
    made.add(text=TEXTS, metadata=PAGES, embedding=VECTORS, id=list("cdfb"))
    return made


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("SELECT *", "cdfb"),
        ("select * where id == 'd'", "d"),
        ("select * where id = \"d\" or id == 'b'", "db"),
        ("select * where id in ('b', 'c')", "cb"),
        ("select * where metadata['page'] > 1", "df"),
        ("select * where metadata['page'] >= 1 and not metadata['of'] == 'a'", "f"),
        ("select * where (metadata['of'] == 'b' or metadata['of'] == 'a') and metadata['page'] < 2", "cf"),
        ("select * where metadata['draft'] == true", "d"),
        ("select * where metadata['draft'] != true", "cfb"),
        ("select * where metadata['of'] == null", "b"),
        ("select * where metadata['draft'] == null", ""),  # what is not there is not null, nor something
        ("select * where metadata['page'] != null", "cdf"),
        ("select * where metadata['in']['list'][7] == null", ""),
        ("select * where `metadata`['page'] == 2", "d"),
        ("select * where metadata['in']['list'][1] == 6", "c"),
        ("select * where metadata['in']['list'] == [5, 6]", "c"),
        ("select * where metadata['in'] == {'list': [5, 6]}", "c"),
        ("select * where [5, 6,] == metadata['in']['list']", "c"),
        ("select * where metadata['in']['list'] in ([], [5], [5, 6])", "c"),
        ("select * where contains(metadata['in']['list'], 6)", "c"),
        ("select * where metadata['page'] == [1]", ""),
        ("select * where metadata['page'] < 1e999", "cdf"),
        ("select * where metadata['draft'] == True or metadata['of'] == None", "db"),  # as Python writes them
        ("select * where metadata['of'] > 3", ""),
        ("select * where contains(text, 'a ')", "cdf"),
        ("select * where text == 'it\\'s a \"fish\"'", "f"),
        ("SELECT * ORDER BY text LIMIT 2", "bc"),
        ("SELECT * ORDER BY id DESC", "fdcb"),
        ("SELECT * LIMIT 2 OFFSET 1", "df"),
        ("SELECT * LIMIT 0", ""),
        ("SELECT * ORDER BY COSINE_SIMILARITY(embedding, ARRAY[0, 1, 0]) DESC LIMIT 2", "db"),
        ("SELECT * ORDER BY L2_NORM(embedding-ARRAY[1, 1e0, 0.0]) ASC LIMIT 2 OFFSET 1", "cd"),
        ("SELECT * WHERE metadata['of'] == 'a' ORDER BY L1_NORM(embedding - ARRAY[0, 0, 3])", "cd"),
        # as the original makes them
        (
            """select text, id, score from (select *, L2_NORM(embedding-ARRAY[1.0, 0.0, 0.0]) as score
            where metadata['of'] == 'a' order by L2_NORM(embedding-ARRAY[1.0, 0.0, 0.0]) ASC limit 1)""",
            "c",
        ),
        (
            """select * from (select *, L2_NORM(embedding-ARRAY[0, 0, 3]) as score where contains(text, 'a'))
            order by score ASC limit 2""",
            "fc",
        ),
    ],
)
def test_what_queries_find(store, query, ids):
    found = store.search(query=query)
    assert "".join(found["id"]) == ids
    assert store.search(query=query, return_view=True).id.data()["value"] == list(ids)


def test_what_a_query_gives(store):
    assert list(store.search(query="select text, id")) == ["text", "id"]
    assert list(store.search(query="select *")) == ["text", "metadata", "embedding", "id"]
    asked = "select id, score from (select *, DOT_PRODUCT(embedding, ARRAY[0, 0, 1]) as score order by score desc)"
    assert store.search(query=asked) == {"score": [3.0, 0.0, 0.0, 0.0], "id": ["f", "c", "d", "b"]}


def test_removing_and_embedding_anew_by_query(tmp_path):
    store = VectorStore(tmp_path / "store", verbose=False)
    store.add(text=TEXTS, metadata=PAGES, embedding=VECTORS, id=list("cdfb"))
    store.update_embedding(query="select * where id == 'c'", embedding_function=lambda texts: [[9.0] * 3] * len(texts))
    assert store.dataset.embedding[0].numpy().tolist() == [9.0] * 3
    store.delete(query="select * where metadata['page'] < 2")
    assert store.dataset.id.data()["value"] == ["d", "b"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "expected select"),
        ("select", "expected a name"),
        ("select * wher id == 1", "expected the end"),
        ("select * where", "expected a name"),
        ("select * where id", "expected a comparison"),
        ("select * where id == ", "expected a name"),
        ("select * where (id == 1", r"expected \)"),
        ("select * where id == 1; drop", "no part of queries"),
        ("select * limit 1.5", "whole number"),
        ("select * limit -1", "whole number"),
        ("select * limit " + "9" * 5000, "a number of 5000 digits"),
        ("select * where id == " + "9" * 5000, "a number of 5000 digits"),
        ("select * where id == [1 2]", r"expected a comma or \]"),
        ("select * where id == [1, ", "expected a text in quotes or a number"),
        ("select * where id == {'a' 1}", "expected :"),
        ("select * where id == {1: 1}", "expected a text"),
        ("select * where metadata[['a']] == 1", "expected a text in quotes or a number"),
        ("select * where id == " + "[" * 100, "nested too deeply"),
        ("select * order by L2_NORM(embedding)", "expected a vector"),
        ("select * order by L2_NORM(embedding-ARRAY[1, x])", "expected a number"),
        ("select *, L2_NORM(embedding-ARRAY[1]) as far", "called score"),
        ("select * from (select * limit 3) where id == 1", "filtered or sorted again"),
        ("select * where " + "(" * 100, "nested too deeply"),
        ("select score", "add ORDER BY score"),
        ("select * order by L2_NORM(embedding-ARRAY[1, 2, 3]) desc", "nearest first with ASC"),
        ("select * order by COSINE_SIMILARITY(embedding, ARRAY[1, 2, 3])", "nearest first with DESC"),
        ("select * order by L2_NORM(embedding-ARRAY[1, 2])", "has 2 numbers"),
        ("select * order by L2_NORM(embedding-ARRAY[1, 2, 1e39])", "any number beyond 3.4e38"),
        ("select * order by metadata", "no order"),
        ("x" * 1_000_001, "at most"),
    ],
)
def test_what_is_refused(store, query, message):
    with pytest.raises(VectorStoreError, match=message):
        store.search(query=query)


def test_unknown_names(store):
    for query in ("select txt", "select * where txt == 'a'", "select * order by txt"):
        with pytest.raises(TensorNotFoundError, match="did you mean 'text'"):
            store.search(query=query)


@pytest.mark.parametrize(
    "others",
    [{"embedding": [1, 0, 0]}, {"filter": {}}, {"return_tensors": ["id"]}, {"exec_option": "python"}],
)
def test_what_does_not_go_with_a_query(store, others):
    with pytest.raises(VectorStoreError, match="query"):
        store.search(query="select *", **others)


def test_how_conditions_bind():
    where = parse("select * where a == 1 or b == 2 and not c == 3").where
    one, two, three = (Condition("==", (Path(name), value)) for name, value in (("a", 1), ("b", 2), ("c", 3)))
    assert where == Condition("or", (one, Condition("and", (two, Condition("not", (three,))))))


WORDS = ["select", "*", "where", "order", "by", "limit", "from", "(", ")", "[", "]", ",", "-", "==", "in", "and", "not"]
VALUES = ["a", "'x'", "1", "2.5", "ARRAY", "L2_NORM", "as", "score"]


@given(st.lists(st.sampled_from(WORDS + VALUES), max_size=30).map(" ".join) | st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(VectorStoreError):
        parse(text)


def test_names_in_backquotes():
    assert parse("select `my-ids` where `order` == 'x' order by `my-ids`").tensors == ("my-ids",)
    assert [named(one) for one in ("id", "a/b", "my-ids", "Order", "score", "é")] == [
        "id",
        "a/b",
        "`my-ids`",
        "`Order`",
        "`score`",
        "`é`",
    ]
    with pytest.raises(VectorStoreError, match="for its backquote"):
        named("a`b")
