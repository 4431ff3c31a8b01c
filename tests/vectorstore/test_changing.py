"""Rows that are changed while others write: those that were meant, wherever they are by then."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from deeplake_nb.errors import LockedError, ReadOnlyError
from deeplake_nb.vectorstore.store import VectorStore

VECTORS = np.array([[1, 0, 0.1], [0, 2, 0], [0, 0, 3], [1, 1, 0]], "float32")


@pytest.fixture
def path(tmp_path):
    made = VectorStore(str(tmp_path / "store"), verbose=False)
    made.add(text=list("cdfb"), metadata=None, embedding=VECTORS, id=list("cdfb"))
    made.dataset.close()
    return made.path


@pytest.fixture
def store(path):
    """Has read all there is, before the others come."""
    made = VectorStore(path, verbose=False)
    assert made.search(embedding=[0, 0, 1], k=1)["id"] == ["f"]
    return made


def removed(path, row):
    """Another writer takes a row away."""
    other = VectorStore(path, verbose=False)
    other.delete(row_ids=[row])
    other.dataset.close()


def ids(path):
    return VectorStore(path, read_only=True).dataset.id.data()["value"]


MEANT = [
    {"ids": ["f"]},
    {"filter": {"text": "f"}},
    {"filter": lambda row: row.text.data()["value"] == "f"},
    {"query": "select * where id == 'f'"},
]


@pytest.mark.parametrize("meant", MEANT)
def test_what_is_deleted_is_what_was_meant(store, path, meant):
    removed(path, 0)
    store.delete(**meant)
    assert ids(path) == store.dataset.id.data()["value"] == ["d", "b"]


@pytest.mark.parametrize("meant", MEANT)
def test_what_is_embedded_anew_is_what_was_meant(store, path, meant):
    removed(path, 0)
    store.update_embedding(**meant, embedding_function=lambda texts: [[7, 7, 7]] * len(texts))
    found = store.search(embedding=[7, 7, 7], k=3, distance_metric="l2")
    assert (found["id"][0], found["score"][0], len(found["id"])) == ("f", 0, 3)


def test_the_lock_may_run_out_while_a_model_works(store, path):
    asked = []

    def model(texts):
        asked.append(list(texts))
        if len(asked) == 1:
            store.dataset.close()  # as a lock runs out that nobody uses
            removed(path, 0)
        return [[7, 7, 7]] * len(texts)

    store.update_embedding(ids=["f", "d"], embedding_function=model)
    assert asked == [["d", "f"]] * 2
    assert store.dataset.embedding.numpy().tolist() == [[7, 7, 7], [7, 7, 7], [1, 1, 0]]


def test_others_who_never_stop(store, path):
    def model(texts):
        store.dataset.close()
        other = VectorStore(path, verbose=False)
        other.add(text=["x"], metadata=None, embedding=[[1, 1, 1]])
        other.dataset.close()
        return [[7, 7, 7]] * len(texts)

    with pytest.raises(LockedError, match="changed it 3 times while rows were found"):
        store.update_embedding(ids=["f"], embedding_function=model)
    assert store.dataset.embedding[2].numpy().tolist() == [0, 0, 3]


@pytest.mark.parametrize("exec_option", ["python", "compute_engine"])
def test_rows_that_go_while_they_are_searched(store, exec_option):
    gone = []

    def is_wanted(row):
        if not gone:  # rows are found by now
            gone.append("c")
            worker = threading.Thread(target=store.delete, args=(None, gone))
            worker.start()
            worker.join()
        return row.id.data()["value"] != "d"

    asked = {"embedding": [0, 0, 1], "k": 1, "exec_option": exec_option}
    assert store.search(filter=is_wanted, **asked)["text"] == ["f"]
    gone.clear()
    store.add(text=["c"], metadata=None, embedding=VECTORS[:1], id=["c"])
    store.delete(ids=["d"])
    store.add(text=["d"], metadata=None, embedding=VECTORS[1:2], id=["d"])
    assert store.search(filter=is_wanted, return_view=True, **asked).text.data()["value"] == ["f"]
    with pytest.raises(ZeroDivisionError):
        store.search(filter=lambda _: 1 / 0, **asked)


def test_rows_come_and_go_while_others_search(path):
    store = VectorStore(path, verbose=False, overwrite=True)
    vectors = np.random.default_rng(0).standard_normal((200, 8)).astype("float32")
    ids = [str(at) for at in range(200)]
    store.add(text=ids, metadata=[{"even": at % 2 == 0} for at in range(200)], embedding=vectors, id=ids)
    wrong, is_over = [], threading.Event()

    def search(**asked):
        while not is_over.is_set():
            for at in range(100, 200, 2):
                try:
                    found = store.search(embedding=vectors[at], k=1, **asked)
                except Exception as error:  # noqa: BLE001 - the test has it
                    wrong.append(error)
                    return
                if found["id"] != [str(at)]:
                    wrong.append(found)

    ways = ({}, {"filter": {"metadata": {"even": True}}})
    workers = [threading.Thread(target=search, kwargs=way) for way in ways]
    for worker in workers:
        worker.start()
    for at in range(40):
        store.delete(ids=[str(at)])
        store.add(text=["new"], metadata=[{}], embedding=[[0] * 8])
    is_over.set()
    for worker in workers:
        worker.join()
    assert wrong == []


def test_nobody_changes_what_is_read(store, path):
    reader = VectorStore(path, read_only=True)
    for action in (lambda: reader.delete(ids=["f"]), lambda: reader.update_embedding(ids=["f"])):
        with pytest.raises(ReadOnlyError):
            action()
    assert ids(path) == list("cdfb")
