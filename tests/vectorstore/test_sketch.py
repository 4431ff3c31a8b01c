"""What a sketch tells of vectors is true of each of them, whatever they are."""

from __future__ import annotations

import numpy as np
import pytest

from deeplake_nb.vectorstore import products
from deeplake_nb.vectorstore.metrics import METRICS
from tests.vectorstore.vectors import kinds, queries

pytest.importorskip("faiss")
from deeplake_nb.vectorstore.sketch import Sketch

COUNT = 3000
SKETCHED = [metric for metric in METRICS.values() if metric.of_cosines is not None]
WIDTHS = [1, 2, 3, 31, 40, 768]


def test_which_metrics():
    assert [metric.name for metric in SKETCHED] == ["l2", "cos", "dot"]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", kinds(5, 2))
def test_each_key_is_where_it_is_said_to_be(kind, width):
    products.load()
    values = kinds(COUNT, width)[kind]
    sketch = Sketch(values)
    assert len(sketch) == COUNT
    asked = [query for query in queries(values) if products.is_plain(query)]
    for query in asked:
        for metric in SKETCHED:
            keys, slack = (np.asarray(one, np.float64) for one in sketch.keys(metric, query))
            with np.errstate(all="ignore"):
                exact = metric.exact(values.astype(np.float64), query.astype(np.float64))
                outside = (exact < keys - slack) | (exact > keys + slack)
            assert not outside.any(), (metric.name, np.flatnonzero(outside)[:5])
            wild = ~np.isfinite(exact)
            assert np.isnan(keys[wild] + slack[wild]).all()


@pytest.mark.parametrize("width", [128, 768])
def test_it_tells_most_of_them_apart(width):
    """An interval is about an eighth of the way to what has nothing in common with the query."""
    products.load()
    values = kinds(COUNT, width)["clusters"]
    keys, slack = Sketch(values).keys(METRICS["cos"], values[5])
    assert np.isfinite(keys).all()
    assert np.median(slack) < 0.14


def test_what_lies_near_one_point_is_told_apart_the_better():
    products.load()
    values = kinds(COUNT, 768)["near one point"]
    _, slack = Sketch(values).keys(METRICS["cos"], values[5])
    assert np.max(slack) < 0.002


def test_vectors_at_an_odd_address():
    products.load()
    values = kinds(500, 40)["clusters"]
    raw = np.frombuffer(b"x" + values.tobytes(), np.uint8)[1:]
    odd = np.frombuffer(raw.data, np.float32).reshape(values.shape)
    for one, other in zip(*(Sketch(given).keys(METRICS["l2"], values[0]) for given in (values, odd)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3)


def test_what_it_takes():
    products.load()
    sketch = Sketch(kinds(COUNT, 768)["plain"])
    assert sketch.size == Sketch.nbytes(COUNT, 768) == COUNT * (384 + 20)
