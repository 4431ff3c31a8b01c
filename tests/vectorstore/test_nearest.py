"""The nearest of blocks, against all distances in 64 bits at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeplake_nb.errors import VectorStoreError
from deeplake_nb.vectorstore import products
from deeplake_nb.vectorstore.metrics import METRICS, metric_named
from deeplake_nb.vectorstore.nearest import Nearest


def brute(name, vectors, query):
    """Scores as v3 defines them, in 64 bits."""
    a, b = query.astype("float32").astype("float64"), vectors.astype("float64")
    with np.errstate(all="ignore"):
        return {
            "l2": lambda: np.linalg.norm(a - b, axis=1),
            "l1": lambda: np.linalg.norm(a - b, axis=1, ord=1),
            "max": lambda: np.linalg.norm(a - b, axis=1, ord=np.inf),
            "cos": lambda: b @ a / (np.linalg.norm(a) * np.linalg.norm(b, axis=1)),
            "dot": lambda: b @ a,
        }[name]()


@pytest.fixture(params=["faiss", "numpy"], autouse=True, scope="module")
def _library(request):
    """The products of either library."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "_LIBRARY", {})
        if request.param == "faiss":
            pytest.importorskip("faiss")
            products.load()
        yield


def found(name, vectors, query, k, block=64):
    nearest = Nearest(METRICS[name], query, k)
    for start in range(0, len(vectors), block):
        part = vectors[start : start + block]
        nearest.see(np.arange(start, start + len(part)), part)
    return nearest


def is_descending(name):
    return name in {"cos", "dot"}


SCALES = [1e-25, 1e-20, 1e-3, 1.0, 1e6, 1e19, 1e30]


@pytest.mark.parametrize("name", METRICS)
@given(st.data())
def test_it_finds_what_looking_at_all_in_64_bits_finds(name, data):
    seed = data.draw(st.integers(0, 2**32))
    rows, width = data.draw(st.integers(1, 400)), data.draw(st.sampled_from([1, 2, 3, 16, 70]))
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((rows, width))
    if data.draw(st.booleans()):  # close together: where single precision cannot tell them apart
        vectors = 1 + vectors * 1e-6
    vectors = (vectors * data.draw(st.sampled_from(SCALES))).astype(data.draw(st.sampled_from(["float32", "float64"])))
    if data.draw(st.booleans()):
        vectors[rng.integers(0, rows, rows // 3)] = vectors[0]
    if data.draw(st.booleans()):
        vectors[rng.integers(0, rows, rows // 4)] = 0
    query = (rng.standard_normal(width) if data.draw(st.booleans()) else vectors[rng.integers(0, rows)]).astype(
        "float32"
    )
    k = data.draw(st.integers(1, rows + 5))
    nearest = found(name, vectors, query, k)
    every = brute(name, vectors, query)
    keys = -every if is_descending(name) else every
    best = np.sort(np.where(np.isnan(keys), np.inf, keys))[: min(k, rows)]
    mine = keys[nearest.rows]
    assert len(nearest.rows) == min(k, rows) == len(set(nearest.rows.tolist()))
    scale = np.nanmax(np.abs(every[np.isfinite(every)]), initial=0)
    with np.errstate(invalid="ignore"):
        tolerance = 1e-12 * scale
        assert (np.abs(np.where(np.isnan(mine), np.inf, mine) - best)[np.isfinite(best)] <= tolerance).all()
        close = np.isfinite(every[nearest.rows])
        assert (np.abs(nearest.scores() - every[nearest.rows])[close] <= tolerance).all()


@pytest.mark.parametrize("name", METRICS)
def test_equal_rows_come_in_their_order_and_nan_comes_last(name):
    rng = np.random.default_rng(1)
    vectors = np.tile(rng.standard_normal((1, 33)).astype("float32"), (200, 1))
    vectors[[3, 77, 150]] = np.nan
    nearest = found(name, vectors, vectors[0], 200, block=7)
    whole = [row for row in range(200) if row not in {3, 77, 150}]
    assert nearest.rows.tolist() == [*whole, 3, 77, 150]
    assert np.isnan(nearest.scores()[-3:]).all()
    assert not np.isnan(nearest.scores()[:-3]).any()


def test_a_vector_without_length_has_no_angle_and_comes_last():
    vectors = np.array([[0, 0], [1, 0], [-1, 0]], "float32")
    assert found("cos", vectors, np.array([1.0, 0]), 3).rows.tolist() == [1, 2, 0]


def test_joined_parts_are_as_one():
    rng = np.random.default_rng(2)
    vectors = rng.standard_normal((300, 8)).astype("float32")
    vectors[200:210] = vectors[5]
    one, other = (Nearest(METRICS["l2"], vectors[5], 12) for _ in range(2))
    other.see(np.arange(150, 300), vectors[150:])
    one.see(np.arange(150), vectors[:150])
    other.join(one)
    assert other.rows.tolist() == found("l2", vectors, vectors[5], 12).rows.tolist()
    assert other.rows[:11].tolist() == [5, *range(200, 210)]


@pytest.mark.parametrize(
    ("name", "metric"), [(None, "cos"), ("COS", "cos"), ("L2", "l2"), ("Max", "max"), ("dot", "dot")]
)
def test_names_of_metrics(name, metric):
    assert metric_named(name).name == metric


def test_an_unknown_metric():
    with pytest.raises(VectorStoreError, match=r"no distance metric 'cosin'.*did you mean 'cos'"):
        metric_named("cosin")
