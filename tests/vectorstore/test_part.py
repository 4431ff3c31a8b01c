"""A store that is a selection of rows finds these and no others, whichever way it searches."""

from __future__ import annotations

import numpy as np
import pytest

from deeplake_nb.errors import ReadOnlyError, RowError, VectorStoreError
from deeplake_nb.vectorstore.store import VectorStore
from deeplake_nb.widgets.search_result import search

COUNT = 300
VECTORS = np.random.default_rng(0).standard_normal((COUNT, 8)).astype("float32")
QUERY = np.random.default_rng(1).standard_normal(8).astype("float32")
ROWS = {
    "slice": range(100, 250),
    "steps back": range(290, 10, -3),
    "list": [5, 3, 299, 7],
    "with repeats": [8, 5, 8, 8, 2],
    "one": [17],
    "none": [],
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    store = VectorStore(str(tmp_path_factory.mktemp("part") / "store"), verbose=False)
    ids = [f"{row}" for row in range(COUNT)]
    store.add(text=ids, metadata=[{"third": row % 3} for row in range(COUNT)], embedding=VECTORS, id=ids)
    return store


@pytest.fixture(params=ROWS)
def rows(request):
    return list(ROWS[request.param])


def part(whole, rows, **options):
    return VectorStore(dataset=whole.dataset[rows], verbose=False, **options)


def nearest(rows, k):
    """As many of the rows, as ids, nearest first."""
    order = np.argsort(np.linalg.norm(VECTORS[rows] - QUERY, axis=1), kind="stable")[:k]
    return [str(rows[at]) for at in order.tolist()]


@pytest.mark.parametrize("option", ["python", "compute_engine"])
def test_the_nearest_of_the_selected_rows(whole, rows, option):
    store = part(whole, rows, index_params={"threshold": 0, "distance_metric": "l2"})
    if not rows:
        with pytest.raises(VectorStoreError, match="is empty"):
            store.search(embedding=QUERY)
        return
    for k in {1, len(rows) // 2 or 1, len(rows)}:
        found = store.search(embedding=QUERY, k=k, exec_option=option)
        assert found["id"] == nearest(rows, k)
        assert found["score"] == sorted(found["score"])
    with pytest.raises(VectorStoreError, match=f"k={len(rows) + 1} is more"):
        store.search(embedding=QUERY, k=len(rows) + 1)


@pytest.mark.parametrize("wanted", [{"metadata": {"third": 2}}, lambda row: row.metadata.data()["value"]["third"] == 2])
def test_filters_in_the_order_of_the_selection(whole, rows, wanted):
    if rows:
        store, passing = part(whole, rows), [row for row in rows if row % 3 == 2]
        assert store.search(filter=wanted)["id"] == list(map(str, passing))
        found = store.search(embedding=QUERY, filter=wanted, k=1, distance_metric="l2")
        assert found["id"] == nearest(passing, 1)
        assert list(store.search(filter=wanted, return_view=True).sample_indices) == passing


def test_queries_in_the_order_of_the_selection(whole, rows):
    if rows:
        store, passing = part(whole, rows), [str(row) for row in rows if row % 3 == 2]
        assert store.search(query="select id where metadata['third'] == 2")["id"] == passing
        assert store.search(query="select id limit 2 offset 1")["id"] == list(map(str, rows[1:3]))
        near = f"L2_NORM(embedding - ARRAY[{', '.join(map(str, QUERY))}])"
        assert store.search(query=f"select id order by {near} limit 2")["id"] == nearest(rows, 2)


def test_words_find_selected_rows(whole):
    store = part(whole, [40, 30, 20], embedding_function=lambda _: QUERY)
    found = search(store, "anything")
    assert sorted(found.texts) == ["20", "30", "40"]
    assert [int(one) for one in found.texts] == list(found.view.sample_indices)


def test_rows_of_a_selection_that_change(tmp_path):
    store = VectorStore(str(tmp_path / "store"), verbose=False)
    store.add(text=list("abcd"), metadata=None, embedding=np.eye(4, dtype="float32"), id=list("abcd"))
    some = part(store, [3, 1])
    some.update_embedding(ids=["b", "c"], embedding_function=lambda texts: np.full((len(texts), 4), 7))
    some.update_embedding(row_ids=[0], embedding_function=lambda texts: np.full((len(texts), 4), 8))
    assert store.dataset.embedding.numpy().max(axis=1).tolist() == [1, 7, 1, 8]
    with pytest.raises(RowError, match="row 2 is out of range"):
        some.update_embedding(row_ids=[2], embedding_function=len)
    for change in ({"ids": ["b"]}, {"row_ids": [0]}, {"delete_all": True}):
        with pytest.raises(ReadOnlyError):
            some.delete(**change)
    assert store.dataset.id.data()["value"] == list("abcd")


@pytest.mark.parametrize("option", ["python", "compute_engine"])
def test_rows_that_only_the_embeddings_have_are_none(tmp_path, option):
    store = VectorStore(str(tmp_path / "store"), verbose=False, index_params={"threshold": 0, "distance_metric": "l2"})
    store.add(text=list("ab"), metadata=None, embedding=[[1, 0], [0, 1]], id=list("ab"))
    store.dataset.embedding.append(np.array([5, 5], "float32"))
    assert store.search(embedding=[5, 4], k=2, exec_option=option)["id"] == ["a", "b"]


def test_the_hub_is_not_asked_about_a_selection():
    store = VectorStore("hub://me/part", verbose=False, runtime={"tensor_db": True})
    store.add(text=list("ab"), metadata=None, embedding=[[1, 0], [0, 1]], id=list("ab"))
    some = part(store, [1])
    assert some.search(embedding=[1, 0])["id"] == ["b"]
    with pytest.raises(VectorStoreError, match="the hub searches all rows"):
        some.search(embedding=[1, 0], exec_option="tensor_db")
