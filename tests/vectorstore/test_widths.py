"""Stores whose vectors were once of another width, and those that have several."""

from __future__ import annotations

import numpy as np
import pytest

from deeplake_nb.dataset import blocks
from deeplake_nb.errors import DynamicShapeError, VectorStoreError
from deeplake_nb.vectorstore.store import VectorStore

OPTIONS = ("python", "compute_engine")


@pytest.fixture(params=["l2", "cos"])
def store(request, tmp_path):
    params = {"threshold": 0, "distance_metric": request.param}
    made = VectorStore(str(tmp_path / "store"), verbose=False, index_params=params)
    made.add(text=list("abcd"), metadata=None, embedding=np.eye(4, 3, dtype="float32") + 1, id=list("abcd"))
    for option in OPTIONS:
        assert made.search(embedding=[9, 1, 1], k=1, exec_option=option)["id"] == ["a"]
    return made


def onehot(width):
    return lambda texts: [np.eye(5, width, dtype="float32")["abcde".index(text)] + 1 for text in texts]


@pytest.mark.parametrize("width", [2, 5])
def test_a_model_of_another_width_for_all_rows(store, width):
    store.update_embedding(filter={}, embedding_function=onehot(width))
    again = VectorStore(store.path, read_only=True)
    for one in (store, again):
        for option in OPTIONS:
            found = one.search(embedding=[1, 9] + [1] * (width - 2), k=1, exec_option=option)
            assert found["id"] == ["b"]
            with pytest.raises(VectorStoreError, match=f"those of tensor 'embedding' have {width}"):
                one.search(embedding=[1], exec_option=option)
    with pytest.raises(VectorStoreError, match=r"several shapes, \(\d,\) and \(\d,\)"):
        store.add(text=["e"], metadata=None, embedding=[[1, 2, 3]])
    store.add(text=["e"], metadata=None, embedding=onehot(width)("e"), id=["e"])
    assert len(store) == 5
    with pytest.raises(VectorStoreError, match="several shapes"):
        store.update_embedding(ids=list("abcd"), embedding_function=onehot(4))  # all but one


@pytest.mark.parametrize("width", [2, 5])
def test_other_vectors_once_all_are_gone(store, width):
    store.delete(filter={})
    store.add(text=list("abcd"), metadata=None, embedding=onehot(width)("abcd"), id=list("abcd"))
    for option in OPTIONS:
        assert store.search(embedding=[1, 9] + [1] * (width - 2), k=1, exec_option=option)["id"] == ["b"]


@pytest.mark.parametrize("width", [2, 3])
def test_vectors_of_several_widths_are_named(store, width):
    store.dataset.append({"text": "e", "metadata": {}, "embedding": np.ones(2, "float32"), "id": "e"})
    asked = {"embedding": [1] * width, "k": 1}
    for option in OPTIONS:
        with pytest.raises((DynamicShapeError, VectorStoreError), match=r"among those of 3|have 3"):
            store.search(**asked, exec_option=option)
    if width == 3:
        with pytest.raises(DynamicShapeError, match="row 4: a vector of 2 numbers among those of 3"):
            store.search(**asked, filter={"id": ["e"]})


def test_rows_read_by_themselves_are_of_the_width_that_is_wanted(store):
    several = blocks.Blocks.of(store.dataset.embedding, 2)
    with pytest.raises(DynamicShapeError, match="row 1: a vector of 3 numbers among those of 2"):
        several.chosen(np.array([1, 3]))
