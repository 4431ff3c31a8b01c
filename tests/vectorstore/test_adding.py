"""What ``add`` is given: in which forms, and which numbers embeddings become."""

from __future__ import annotations

import numpy as np
import pytest

from deeplake_nb.errors import SampleError
from deeplake_nb.vectorstore.store import VectorStore
from tests.vectorstore.test_store import PAGES, TEXTS, contents, embed


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "store")


def test_values_come_in_any_form_that_can_be_counted(path):
    store = VectorStore(path, embedding_function=embed, verbose=False)
    store.add(text=iter(TEXTS), metadata=(one for one in PAGES), embedding=iter(embed(TEXTS)), id=map(str, range(4)))
    store.add(text=TEXTS, metadata=None, embedding_data=(one for one in TEXTS), id=dict.fromkeys("abcd"))
    store.add(text=np.array(TEXTS), metadata=[{}] * 4, embedding=(embed, iter(TEXTS)), id=np.array(list("efgh")))
    assert contents(store)["text"] == TEXTS * 3
    assert "".join(contents(store)["id"]) == "0123abcdefgh"
    assert store.dataset.embedding.numpy().tolist() == embed(TEXTS) * 3


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        ("float64", [[0.1, 1e300], [1e-300, 3]]),
        ("float64", np.array([[0.1, 1e300], [1e-300, 3]])),
        ("float64", [np.array([0.1, 1e300]), None]),
        ("float16", [[0.5, 2], [1, 1]]),
        ("int64", [[1, 1 << 40], [-3, 4]]),
        ("int8", [[1, -128], [127, 4]]),
        ("uint8", np.array([[1, 255]], "uint8")),
    ],
)
def test_embeddings_are_kept_as_their_tensor_has_numbers(path, dtype, values):
    params = [{"name": "embedding", "htype": "embedding", "dtype": dtype}]
    store = VectorStore(path, tensor_params=params, verbose=False)
    store.add(embedding=values)
    found = store.dataset.embedding.numpy(aslist=True)
    assert {one.dtype for one in found} == {np.dtype(dtype)}
    assert [one.tolist() for one in found] == [[] if one is None else list(one) for one in values]


@pytest.mark.parametrize(
    ("dtype", "values", "message"),
    [
        ("float32", [[1e39, 0]], r"beyond 3.4e\+38, the largest of float32"),
        ("float32", np.array([[-1e39, 0]]), "beyond"),
        ("float16", [[1e5, 0]], "the largest of float16"),
        ("int8", [[128, 0]], "do not fit"),
        ("int64", [[0.5, 0]], "do not fit"),
    ],
)
def test_embeddings_that_their_tensor_cannot_have(path, dtype, values, message):
    params = [{"name": "embedding", "htype": "embedding", "dtype": dtype}]
    store = VectorStore(path, tensor_params=params, verbose=False)
    with pytest.raises(SampleError, match=message):
        store.add(embedding=values)
    assert len(store) == 0
    store.add(embedding=np.zeros((1, 2), dtype))
    assert len(store) == 1


def test_infinity_is_kept(path):
    store = VectorStore(path, verbose=False)
    store.add(text=["a"], metadata=None, embedding=[[np.inf, -np.inf]])
    assert store.dataset.embedding.numpy().tolist() == [[np.inf, -np.inf]]
