"""Two measures at one look say what each says by itself, wherever vectors and query lie in memory."""

from __future__ import annotations

import mmap

import numpy as np
import pytest

from deeplake_nb.vectorstore import products
from deeplake_nb.vectorstore.products import lengths, measured

faiss = pytest.importorskip("faiss")
BOTH = (products.products, lengths)


@pytest.fixture(autouse=True)
def _loaded():
    products.load()


def apart(vectors, query):
    out = np.empty((2, len(vectors)), np.float32)
    for measure, row in zip(BOTH, out, strict=True):
        measured(vectors, query, [measure], row[None])
    return out


def together(vectors, query):
    out = np.empty((2, len(vectors)), np.float32)
    measured(vectors, query, BOTH, out)
    return out


@pytest.mark.parametrize("offset", [0, 4, 35])
@pytest.mark.parametrize(("count", "width"), [(1, 1), (5, 3), (40_000, 3), (300, 768)])
def test_at_any_address(count, width, offset):
    values = np.random.default_rng(0).standard_normal((count, width), "float32")
    with mmap.mmap(-1, values.nbytes + offset) as memory:
        memory[offset:] = values.tobytes()
        vectors = np.frombuffer(memory, np.float32, offset=offset).reshape(values.shape)
        np.testing.assert_allclose(together(vectors, values[-1]), apart(values, values[-1]), rtol=1e-5, atol=1e-5)
        del vectors


def test_before_and_behind_the_query(monkeypatch):
    many = [np.full((2, 3), at, np.float32) for at in range(400)]
    del many[200]  # where the query is put
    query, seen = np.array([1, 2, 3], np.float32), []
    beside = products._beside

    def noted(vectors, query):
        found, away = beside(vectors, query)
        assert products._address(found) - products._address(vectors) == away * query.nbytes
        assert found.tobytes() == query.tobytes()
        seen.append(away > 0)
        return found, away

    monkeypatch.setattr(products, "_beside", noted)
    for vectors in many:
        np.testing.assert_allclose(together(vectors, query), apart(vectors, query), rtol=1e-6)
    assert set(seen) == {True, False}


def test_lengths_that_single_precision_cannot_square_are_not_known():
    vectors = np.array([[0, 0], [1e-20, 0], [3, 4], [1e30, 0], [np.nan, 0], [np.inf, 0]], "float32")
    found = together(vectors, vectors[2])
    assert found[1].tolist()[2] == 5
    assert np.isnan(found[1]).tolist() == [True, True, False, True, True, True]
    assert found[0, 2] == 25


def test_nothing():
    assert together(np.empty((0, 7), np.float32), np.ones(7, np.float32)).shape == (2, 0)


def test_the_threads_of_others_are_left_alone():
    before = faiss.omp_get_max_threads()
    try:
        faiss.omp_set_num_threads(3)
        together(np.ones((4, 5), np.float32), np.ones(5, np.float32))
        assert faiss.omp_get_max_threads() == 3
    finally:
        faiss.omp_set_num_threads(before)
