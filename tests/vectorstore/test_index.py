"""Approximate search: what it finds beside exact search, while rows come, change and go; what is stored of it."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import deeplake_nb as deeplake
from deeplake_nb.dataset import blocks
from deeplake_nb.errors import MissingDependencyError, StorageError, VectorStoreError
from deeplake_nb.vectorstore import graph, index, ranking
from deeplake_nb.vectorstore.graph import Graph
from deeplake_nb.vectorstore.index import VectorIndex
from deeplake_nb.vectorstore.metrics import metric_named
from deeplake_nb.vectorstore.searching import Search
from deeplake_nb.vectorstore.store import VectorStore

WIDTH = 24
PARAMS = {"threshold": 100, "distance_metric": "cos"}


def throw(error):
    raise error


def vectors(count, seed=0):
    """As embeddings lie: in clusters."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((12, WIDTH))
    return (centres[rng.integers(0, 12, count)] + 0.5 * rng.standard_normal((count, WIDTH))).astype("float32")


def rows(count, seed=0):
    text = [f"{seed}.{at}" for at in range(count)]
    return {"text": text, "id": text, "metadata": [{"even": at % 2 == 0, "tenth": at % 10} for at in range(count)]}


def filled(path, count=1500, **options):
    store = VectorStore(path, **({"verbose": False, "index_params": PARAMS} | options))
    store.add(**rows(count), embedding=vectors(count))
    return store


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "store")


@pytest.fixture
def counted(monkeypatch):
    """How many nodes were added to graphs."""
    added = []
    add = Graph.add

    def counting(self, given):
        added.append(len(given))
        add(self, given)

    monkeypatch.setattr(Graph, "add", counting)
    return lambda: sum(added)


def recall(store, k=10, **options):
    """Of the rows that exact search finds, the share that the index finds; it finds nothing twice or wrongly scored."""
    found = wanted = 0
    for query in vectors(20, seed=7):
        exact = store.search(embedding=query, k=k, exec_option="python", return_tensors=["id"], **options)
        near = store.search(embedding=query, k=k, exec_option="compute_engine", return_tensors=["id"], **options)
        assert len(set(near["id"])) == len(near["id"]) == len(exact["id"])
        scores = dict(zip(exact["id"], exact["score"], strict=True))
        for one, score in zip(near["id"], near["score"], strict=True):
            assert score == pytest.approx(scores.get(one, score), rel=1e-5, abs=1e-5)
        assert near["score"] == sorted(near["score"], reverse=options.get("distance_metric") != "l2")
        found, wanted = found + len(set(exact["id"]) & set(near["id"])), wanted + len(exact["id"])
    return found / wanted if wanted else 1.0


@pytest.mark.parametrize("metric", ["cos", "l2"])
def test_it_finds_nearly_all(path, metric):
    assert recall(filled(path), distance_metric=metric) >= 0.95


@pytest.mark.parametrize(
    "wanted",
    [{"metadata": {"even": True}}, {"metadata": {"tenth": 3}}, {"id": [f"0.{at}" for at in range(7)]}, {"id": "none"}],
)
def test_filtered_it_finds_nearly_all_of_what_passes(path, wanted):
    store = filled(path)
    assert recall(store, filter=wanted) >= 0.95
    assert recall(store, filter=wanted, k=400) >= 0.95


def test_all_rows_there_are(path):
    assert recall(filled(path, 300), k=300) == 1


def test_it_grows_with_the_rows(path, counted):
    store = filled(path)
    assert recall(store) >= 0.95
    assert counted() == 1500
    store.add(**rows(30, seed=1), embedding=vectors(30, seed=1))
    found = store.search(embedding=vectors(30, seed=1)[4], k=1, exec_option="compute_engine")
    assert found["id"] == ["1.4"]
    assert counted() == 1530


def test_rows_that_go_are_found_no_more(path, counted):
    store = filled(path)
    recall(store)
    store.delete(filter={"metadata": {"tenth": 4}})
    assert recall(store) >= 0.95
    store.delete(row_ids=[0])
    assert recall(store) >= 0.95
    assert counted() == 1500


def test_rows_that_change_are_found_where_they_are(path, counted):
    store = filled(path)
    recall(store)
    new = vectors(1, seed=50)[0] * -3
    store.dataset.embedding[77] = new
    assert store.search(embedding=new, k=1, exec_option="compute_engine")["id"] == ["0.77"]
    assert recall(store) >= 0.95
    assert counted() == 1501


def test_when_much_has_gone_it_is_made_anew(path, counted):
    store = filled(path)
    recall(store)
    store.delete(row_ids=list(range(0, 1500, 2)))
    assert recall(store) >= 0.95
    assert counted() == 1500 + 750


def test_it_is_kept_with_the_dataset(path, counted):
    store = filled(path)
    assert recall(store) >= 0.95
    again = VectorStore(path, read_only=True, index_params=PARAMS)
    assert recall(again) >= 0.95
    assert counted() == 1500
    assert deeplake.load(path, read_only=True).tensors.keys() == {"text", "metadata", "embedding", "id"}


def test_a_kept_one_learns_what_happened_since(path, counted):
    store = filled(path)
    recall(store)
    plain = VectorStore(path, verbose=False)
    plain.delete(row_ids=[3, 4, 5])
    plain.add(**rows(20, seed=1), embedding=vectors(20, seed=1))
    plain.dataset.embedding[100] = vectors(1, seed=3)[0]
    again = VectorStore(path, index_params=PARAMS)
    assert recall(again) >= 0.95
    assert counted() == 1500 + 21
    assert again.search(embedding=vectors(1, seed=3)[0], k=1)["score"] == pytest.approx([1], abs=1e-6)


def test_dead_nodes_survive_being_kept(path, counted):
    store = filled(path)
    recall(store)
    store.delete(row_ids=list(range(100)))
    store.add(**rows(300, seed=1), embedding=vectors(300, seed=1))
    recall(store)  # which stores it, with 100 nodes whose rows are gone
    assert counted() == 1800
    again = VectorStore(path, read_only=True, index_params=PARAMS)
    assert recall(again) >= 0.95
    assert counted() == 1800


def test_equal_rows_each_have_a_node(path, counted):
    store = VectorStore(path, verbose=False, index_params=PARAMS)
    same = np.tile(vectors(4), (50, 1))
    store.add(**rows(200), embedding=same)
    found = store.search(embedding=same[1], k=50, exec_option="compute_engine")
    assert found["id"] == [f"0.{at}" for at in range(1, 200, 4)]
    store.delete(row_ids=[1, 5])
    again = VectorStore(path, index_params=PARAMS)
    assert again.search(embedding=same[1], k=48, exec_option="compute_engine")["id"] == found["id"][2:]
    assert counted() == 200


@pytest.mark.parametrize("metric", ["cos", "l2"])
def test_equal_rows_come_in_their_order_whatever_way_the_graph_finds_them(path, metric):
    store = VectorStore(path, verbose=False, index_params=PARAMS)
    given = vectors(2000)
    given[5::100] = given[5]
    store.add(**rows(2000), embedding=given)
    for at in range(30):
        query = given[5] + 0.1 * vectors(1, seed=at)[0]
        found = store.search(embedding=query, k=60, distance_metric=metric, exec_option="compute_engine")
        same = [int(one[2:]) for one in found["id"] if int(one[2:]) % 100 == 5]
        assert len(same) == 20
        assert same == sorted(same)
        assert len({found["score"][found["id"].index(f"0.{one}")] for one in same}) == 1


def test_distances_too_small_for_single_precision(path):
    store = VectorStore(path, verbose=False, index_params=PARAMS)
    given = vectors(200) * np.float32(1e-24)
    store.add(**rows(200), embedding=given)
    asked = {"embedding": given[3], "k": 50, "distance_metric": "l2"}
    found, exact = (store.search(exec_option=option, **asked) for option in ("compute_engine", "python"))
    scores = dict(
        zip(store.dataset.id.data()["value"], np.linalg.norm(given.astype(float) - given[3], axis=1), strict=True)
    )
    assert found["score"] == pytest.approx([scores[one] for one in found["id"]], rel=1e-6)
    assert found["score"] == sorted(found["score"])
    assert found["score"][-1] > 0
    assert exact["score"][0] == 0


@pytest.mark.parametrize(
    ("keys", "apart"),
    [
        ([], True),
        ([-1.0], True),
        ([-1.0, -0.9999, 0.5], True),
        ([-1.0, -0.999999, 0.5], False),
        ([0.1, 0.1], False),
        ([0.1, np.inf], False),
        ([np.inf], False),
        ([np.nan], False),
    ],
)
def test_which_keys_are_apart(keys, apart):
    assert ranking.are_apart(keys, metric_named("cos")) is apart


def test_apart_is_by_the_size_of_distances():
    assert ranking.are_apart([1e-9, 2e-9], metric_named("l2"))
    assert not ranking.are_apart([1e9, 1e9 + 100], metric_named("l2"))


def agree(store, **asked):
    """Both ways to search give the same rows, and scores but for single precision."""
    near, exact = (
        store.search(exec_option=option, return_tensors=["id"], **asked) for option in ("compute_engine", "python")
    )
    assert near["id"] == exact["id"], asked
    assert near["score"] == pytest.approx(exact["score"], rel=1e-5, abs=1e-5, nan_ok=True), asked


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("metric", ["cos", "l2"])
def test_vectors_that_have_no_node_stand_where_an_exact_search_has_them(path, metric, dtype):
    params = [{"name": "text", "htype": "text"}, {"name": "embedding", "htype": "embedding", "dtype": dtype}]
    store = VectorStore(path, tensor_params=params, verbose=False, index_params=PARAMS)
    given = vectors(200).astype(dtype)
    given[[5, 9, 60]] = 0
    given[[7, 61], [0, 3]] = np.nan
    given[[11, 62], [1, 2]] = np.inf
    given[12, 4] = -np.inf
    given[13, 4:6] = np.inf, np.nan
    far = [14, 15, 63]
    given[far] = np.eye(3, WIDTH) * (5.1e18 if dtype == "float32" else 1e200)
    ids = [f"{at}" for at in range(200)]
    store.add(text=ids, embedding=given, id=ids)
    some = {"id": ids[60:] + ids[:8]}
    for k in (1, 190, 195, 200):
        agree(store, embedding=given[0], k=k, distance_metric=metric)
    agree(store, embedding=given[0], k=148, distance_metric=metric, filter=some)
    agree(store, embedding=np.eye(3, WIDTH)[1] * 4.9e18, k=1, distance_metric=metric, filter={"id": ["0", "15", "63"]})
    again = VectorStore(path, index_params=PARAMS)
    agree(again, embedding=given[0], k=200, distance_metric=metric)


@pytest.mark.parametrize("metric", ["cos", "l2"])
def test_of_many_equal_rows_the_first_are_found(path, metric):
    store = VectorStore(path, verbose=False, index_params=PARAMS)
    given = vectors(3000)
    given[7::10] = given[7]
    given[1001::1000] = given[1001]
    store.add(**rows(3000), embedding=given)
    for at, k in ((7, 1), (7, 50), (7, 299), (7, 300), (1001, 1), (1001, 2)):
        agree(store, embedding=given[at], k=k, distance_metric=metric)
        agree(store, embedding=given[at], k=k, distance_metric=metric, filter={"metadata": {"even": False}})
    store.delete(row_ids=[7, 27, 1001])
    for k in (1, 4, 100):
        agree(store, embedding=given[7], k=k, distance_metric=metric)


@pytest.mark.parametrize("metric", ["cos", "l2"])
def test_of_others_that_are_as_near_the_first_are_found(path, metric):
    store = VectorStore(path, verbose=False, index_params=PARAMS)
    given = vectors(1200)
    given[::100] = np.eye(12, WIDTH) * (2.0 ** np.arange(12)[:, None] if metric == "cos" else 1)
    store.add(**rows(1200), embedding=given)
    for k in (1, 3, 12):
        agree(store, embedding=[1] * 12 + [0] * 12, k=k, distance_metric=metric, filter={"metadata": {"tenth": 0}})
        agree(store, embedding=[1] * 12 + [-9] * 12, k=k, distance_metric=metric)


def test_other_versions_have_their_own_rows(path):
    store = filled(path, 400)
    store.commit()
    store.checkout("side", create=True)
    store.delete(row_ids=list(range(0, 400, 7)))
    assert recall(store) >= 0.95
    store.checkout("main")
    assert recall(store) >= 0.95


def folder(path):
    return Path(path, ".deeplake_nb", "hnsw", "embedding", "cos")


@pytest.mark.parametrize("damage", ["cut", "gone", "other", "no json", "another version", "no nodes"])
def test_a_damaged_one_is_made_anew(path, damage, counted):
    recall(filled(path, 300))
    head = json.loads((folder(path) / "head.json").read_text())
    edges = folder(path) / head["parts"][0]
    match damage:
        case "cut":
            edges.write_bytes(edges.read_bytes()[:100])
        case "gone":
            edges.unlink()
        case "other":
            edges.write_bytes(b"x" * edges.stat().st_size)
        case "no json":
            (folder(path) / "head.json").write_text("[1")
        case "no nodes":
            (folder(path) / head["digests"]).write_bytes(b"")
        case "another version":
            (folder(path) / "head.json").write_text(json.dumps(head | {"version": 0}))
    again = VectorStore(path, index_params=PARAMS)
    assert recall(again) >= 0.95
    assert counted() == 600


def test_growth_that_breaks_off_goes_on_where_it_was(path, counted, monkeypatch):
    store = filled(path)
    recall(store)
    monkeypatch.setattr(index, "_BATCH_ROWS", 40)
    monkeypatch.setattr(blocks, "BLOCK_NBYTES", 40 * WIDTH * 4)
    store.add(**rows(200, seed=1), embedding=vectors(200, seed=1))
    add = VectorIndex._add

    def failing(self, some, *given):
        if some[0] > 1600:
            raise StorageError("the disk went away")
        add(self, some, *given)

    with monkeypatch.context() as broken:
        broken.setattr(VectorIndex, "_add", failing)
        with pytest.raises(StorageError):
            store.search(embedding=vectors(1)[0], exec_option="compute_engine")
    assert recall(store) >= 0.95  # which looks for rows that are found twice
    assert recall(store, k=300) >= 0.95
    assert counted() == 1700


def test_a_stored_one_that_cannot_be_read_now_is_read_the_next_time(path, counted, monkeypatch):
    recall(filled(path))
    again = VectorStore(path, read_only=True, index_params=PARAMS)
    with monkeypatch.context() as broken:
        broken.setattr(VectorIndex, "_match", lambda *_: throw(StorageError("the network went away")))
        with pytest.raises(StorageError):
            again.search(embedding=vectors(1)[0], exec_option="compute_engine")
    assert recall(again) >= 0.95
    assert counted() == 1500


def test_rows_come_while_others_search(path):
    store = filled(path)
    recall(store)
    wrong, done = [], threading.Event()

    def searching():
        asked = VectorIndex.search
        while not done.is_set():
            (made,) = store._engines._indexes.values()
            found = asked(made, store.dataset.embedding, Search("embedding", vectors(1)[0], 10, metric_named("cos")))
            if len(set(found.rows.tolist())) != 10 or found.scores != sorted(found.scores, reverse=True):
                wrong.append(found)

    threads = [threading.Thread(target=searching) for _ in range(3)]
    for thread in threads:
        thread.start()
    for at in range(1, 12):
        new = vectors(150, seed=at)
        store.add(**rows(150, seed=at), embedding=new)
        assert store.search(embedding=new[7], k=1, exec_option="compute_engine")["id"] == [f"{at}.7"]
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_looking_for_damage_leaves_it_alone(path):
    store = filled(path, 300)
    recall(store)
    store.dataset.close()
    assert ".deeplake_nb" not in str(store.dataset.fsck())


def test_only_the_newest_is_kept(path):
    store = filled(path, 300)
    recall(store)
    store.add(**rows(200, seed=1), embedding=vectors(200, seed=1))
    recall(store)
    head = json.loads((folder(path) / "head.json").read_text())
    assert {one.name for one in folder(path).iterdir()} == {"head.json", *head["parts"], head["digests"], head["gone"]}


def test_which_searches_take_it(path, counted):
    store = filled(path, 200, index_params=None)
    query = vectors(1)[0]
    for option in ("python", "auto", "compute_engine"):  # so few rows need none
        store.search(embedding=query, exec_option=option)
    assert counted() == 0
    for params, option, takes in [
        (PARAMS, "auto", True),
        (PARAMS, "python", False),
        (PARAMS | {"threshold": 201}, "auto", False),
        (PARAMS | {"threshold": -1}, "compute_engine", False),
    ]:
        before = counted()
        made = VectorStore(path, index_params=params, read_only=True)
        made.search(embedding=query, exec_option=option)
        assert (made._engines._indexes != {}) == takes
        for metric in ("l1", "max", "dot"):
            made.search(embedding=query, exec_option=option, distance_metric=metric)
        assert counted() - before == (200 if takes else 0)


def test_the_metric_of_the_index_is_the_one_of_searches(path):
    store = filled(path, 200, index_params={"distance_metric": "L2"})
    query = vectors(1, seed=4)[0]
    assert store.search(embedding=query) == store.search(embedding=query, distance_metric="l2")


def test_searches_hold_more_candidates_among_more_nodes(path, monkeypatch):
    monkeypatch.setattr(graph, "_EF_NODES", 100)
    kept = {}
    for count in (100, 400, 1600):
        store = filled(f"{path}-{count}", count)
        store.search(embedding=vectors(1)[0])
        (made,) = store._engines._indexes.values()
        again = VectorStore(store.path, index_params=PARAMS | {"additional_params": {"efSearch": 50}})
        again.search(embedding=vectors(1)[0])
        (other,) = again._engines._indexes.values()
        kept[count] = made._graph._hnsw.hnsw.efSearch, other._graph._hnsw.hnsw.efSearch
    assert kept == {100: (96, 50), 400: (192, 50), 1600: (384, 50)}


@pytest.mark.parametrize(
    "params",
    [{"threshold": -2}, {"threshold": "many"}, {"distance_metric": "x"}, {"additional_params": {"M": 0}}],
)
def test_params_that_are_none(path, params):
    with pytest.raises(VectorStoreError):
        VectorStore(path, index_params=params)


def test_without_the_library(path, monkeypatch):
    store = filled(path, 200)
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingDependencyError, match=r"deeplake-nb\[vectors\]"):
        store.search(embedding=vectors(1)[0])
    assert store.search(embedding=vectors(1)[0], exec_option="python", k=1)["id"]


def test_digests_tell_vectors_apart():
    given = vectors(5000)
    given[1] = given[0]
    given[2] = -given[0]
    given[3, [0, 1]] = given[0, [1, 0]]
    digests = index._digests(given)
    assert len(set(digests.tolist())) == 4999
    assert (digests > 0).all()


def test_one_width_only(path):
    store = filled(path, 200)
    with pytest.raises(VectorStoreError, match="has 2 numbers"):
        store.search(embedding=[1, 2], exec_option="compute_engine")
    assert VectorIndex.__doc__


@pytest.mark.parametrize("metric", ["cos", "l2"])
def test_vectors_of_any_length_are_all_found(path, metric):
    store = filled(path, 200)
    far = np.ones((5, WIDTH), "float32") * np.array([[1e30], [1e19], [3e18], [-1e25], [1e-30]], "float32")
    store.add(**rows(5, seed=1), embedding=far)
    for query in (np.ones(WIDTH), np.full(WIDTH, 1e20), np.full(WIDTH, 1e-30)):
        asked = {"embedding": query, "k": 205, "distance_metric": metric}
        near = store.search(**asked, exec_option="compute_engine")
        exact = store.search(**asked, exec_option="python")
        assert set(near["id"]) == set(exact["id"])
        assert near["score"][:100] == pytest.approx(exact["score"][:100], rel=1e-5)
