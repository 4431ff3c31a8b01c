"""Searches that a real hub server runs, in data on S3 and in its own folder; and those of a hub in this process."""

from __future__ import annotations

import json

import numpy as np
import pytest
import urllib3

from deeplake_nb import VectorStore
from deeplake_nb.errors import (
    LakeError,
    TensorNotFoundError,
    UnsupportedError,
    VectorStoreError,
)
from deeplake_nb.vectorstore import managed
from deeplake_nb.vectorstore.filters import checked
from deeplake_nb.vectorstore.managed import MARK, written
from deeplake_nb.vectorstore.metrics import METRICS
from deeplake_nb.vectorstore.searching import Search
from deeplake_nb.vectorstore.tql import parse
from tests.fakes import moto
from tests.fakes.hub import hub_server

ROLE = "arn:aws:iam::123456789012:role/hub"
TEXTS = ["cat", 'it\'s a "dog"', "fish\\", "bird"]
PAGES = [
    {"page": 1, "of": "a", "tags": "a", "in": {"deep": {"of": [1, {"a\\'": "b"}]}}},
    {"page": 2.5, "of": "it's", "tags": [], "in": {"deep": {}}},
    {"page": 1, "of": None, "tags": ["a"], "in": {}},
    {"draft": True, "tags": ["a", 'it\'s a "b"', 2.5, None, [True]], "in": float("inf")},
]
VECTORS = np.array([[1, 0, 0.1], [0, 2, 0], [0, 0, 3], [1, 1, 0]], "float32")
MANAGED = {"verbose": False, "runtime": {"tensor_db": True}}


@pytest.fixture(scope="module")
def hub():
    """A hub with an organisation whose datasets lie in a bucket, and one whose lie in its own folder."""
    with moto.moto_server() as endpoint, hub_server() as server:
        moto.client(endpoint).create_bucket(Bucket="team")
        root = server.client()
        root.create_org("acme")
        root.create_org("plain")
        keys = moto.ADMIN | {"endpoint_url": endpoint, "role_arn": ROLE, "sts_endpoint_url": endpoint}
        root.add_key("acme", "bucket", "aws-keys", keys | {"aws_region": "us-east-1"}, prefixes=["s3://team"])
        root.set_default_storage("acme", "s3://team/hub", "bucket")
        yield server


@pytest.fixture(params=["acme", "plain"])
def place(request, hub, monkeypatch):
    """A path of its own, in this process signed in as the administrator."""
    monkeypatch.setenv("DEEPLAKE_NB_HUB", hub.url)
    monkeypatch.setenv("DEEPLAKE_NB_TOKEN", hub.token.reveal())
    name = "".join(one if one.isalnum() else "-" for one in request.node.name)
    return f"hub://{request.param}/{name.strip('-')}"


@pytest.fixture
def nothing_here(monkeypatch):
    """Fails a test that looks at vectors in this process."""

    def here(*_):
        raise AssertionError("vectors were looked at in this process")

    monkeypatch.setattr("deeplake_nb.vectorstore.searching.scan", here)


def filled(place, **options):
    store = VectorStore(place, **(MANAGED | options))
    store.add(text=TEXTS, metadata=PAGES, embedding=VECTORS, id=list("cdfb"))
    return store


FILTERS = [
    (None, "cdfb"),
    ({"metadata": {"page": 1}}, "cf"),
    ({"metadata": {"page": 1, "of": "a"}}, "c"),
    ({"metadata": {"of": "it's"}}, "d"),
    ({"metadata": {"draft": True}}, "b"),
    ({"metadata": {"of": None, "page": 1}}, "f"),
    ({"text": TEXTS[1]}, "d"),
    ({"text": [TEXTS[2], "x", TEXTS[3]]}, "fb"),
    ({"id": []}, ""),
    ({"metadata": {"draft": None}}, ""),  # the others have no such key
    ({"metadata": {"of": None}}, "f"),
    ({"metadata": {}}, "cdfb"),
    ({"metadata": {"draft": True, "tags": ["a", 'it\'s a "b"', 2.5, None, [True]]}}, "b"),
    ({"metadata": {"tags": ("a", 'it\'s a "b"', np.float32(2.5), None, (True,))}}, "b"),
    ({"metadata": {"tags": ["a"]}}, "f"),
    ({"metadata": {"tags": np.array(["a"])}}, "f"),
    ({"metadata": {"tags": "a"}}, "c"),
    ({"metadata": {"tags": []}}, "d"),
    ({"metadata": {"in": {"deep": {"of": [1, {"a\\'": "b"}]}}}}, "c"),
    ({"metadata": {"in": {"deep": {}}}}, "d"),
    ({"metadata": {"in": {}}}, "f"),
    ({"metadata": {"in": float("inf")}}, "b"),
    ({"text": ("cat", "bird")}, "cb"),
    ({"text": {"cat"}}, "c"),
    ({"text": [5, None, "cat"]}, "c"),
    ({"embedding": VECTORS[2]}, "f"),
    ({"embedding": VECTORS[2].tolist()}, ""),  # a list: one of these numbers
    ({"embedding": [VECTORS[3], (1, 2), [0, 2, 0]]}, "db"),
]


@pytest.mark.parametrize("metric", METRICS)
def test_the_hub_finds_what_is_found_here(place, metric, nothing_here, monkeypatch):
    store = filled(place)
    found = [store.search(embedding=[0.3, 0.1, 0.7], k=3, distance_metric=metric) for _ in range(2)]
    monkeypatch.undo()
    here = store.search(embedding=[0.3, 0.1, 0.7], k=3, distance_metric=metric, exec_option="python")
    for one in found:
        assert one.pop("score") == pytest.approx(here["score"], rel=1e-6)
        assert one == {name: values for name, values in here.items() if name != "score"}


def test_filters_and_queries_run_there(place, nothing_here):
    store = filled(place)
    for given, ids in FILTERS:
        assert set(store.search(embedding=[1, 1, 1], k=4, filter=given)["id"]) == set(ids), given
        if given is not None:
            assert "".join(store.search(filter=given)["id"]) == ids, given
    near = "COSINE_SIMILARITY(embedding, ARRAY[0, 1, 0])"
    found = store.search(query=f"select id, score from (select *, {near} as score order by score desc limit 1)")
    assert found == {"score": [1.0], "id": ["d"]}
    assert store.search(embedding=[0, 0, 1], k=1, return_view=True).id.data()["value"] == ["f"]


def test_filters_mean_the_same_here_and_there(place):
    """That of the hub is also what is found by a filter of another store."""
    store = filled(place)
    for given, ids in FILTERS:
        if given is not None:
            for option in ("tensor_db", "python", "compute_engine"):
                assert "".join(store.search(filter=given, exec_option=option)["id"]) == ids, (given, option)


def test_what_is_written_is_found_at_once(place, nothing_here):
    store = filled(place)
    store.add(text=["new"], metadata=[{}], embedding=[[9, 9, 9]], id=["n"])
    assert store.search(embedding=[9, 9, 9], k=1, distance_metric="l2")["id"] == ["n"]
    store.delete(ids=["n"])
    store.commit()
    store.checkout("side", create=True)
    store.delete(filter={"metadata": {"page": 1}})
    assert store.search(embedding=[1, 0, 0], k=2)["id"] == ["b", "d"]
    store.checkout("main")
    assert store.search(embedding=[1, 0, 0], k=1)["id"] == ["c"]


@pytest.fixture
def once(monkeypatch):
    """Fails a test that opens a store a second time."""
    monkeypatch.setattr(managed, "_opened_anew", lambda *_: pytest.fail("opened anew"))


def test_a_store_that_nobody_else_changed_is_not_opened_anew(place, once):
    store = filled(place)
    reader = VectorStore(place, read_only=True)
    for number in range(3):
        for one in (store, reader):
            assert one.search(embedding=[0, 0, 1], k=1)["id"] == ["f"]
            assert one.search(query="select * where id == 'f'", return_view=True).id.data()["value"] == ["f"]
        store.add(text=["x"], metadata=[{}], embedding=[[-1, number, 0]])
        if number == 1:
            store.delete(ids=["c"])
            store.commit()
        reader = VectorStore(place, read_only=True)


def test_what_others_have_changed_since_is_found_as_it_is(place, nothing_here):
    """The hub numbers rows as they are now; who opened the store before that has other numbers."""
    store = filled(place)
    reader, writer = VectorStore(place, read_only=True), VectorStore(place, verbose=False)
    changes = (
        lambda: store.delete(row_ids=[0]),
        lambda: store.add(text=["new"], metadata=[{}], embedding=[[-3, -3, -3]], id=["n"]),
        store.commit,
        lambda: store.delete(ids=["d"]),
    )
    for one in (reader, writer):
        one.search(embedding=[0, 0, 1], k=1)  # so that it has read what rows there are
    for change in changes:
        change()
        for one in (reader, writer):
            assert one.search(embedding=[0, 0, 1], k=1)["id"] == ["f"]
            assert one.search(filter={"id": ["b"]})["text"] == ["bird"]
            assert one.search(query="select text where id == 'f'")["text"] == [TEXTS[2]]
            assert one.search(embedding=[0, 0, 1], k=1, return_view=True).text.data()["value"] == [TEXTS[2]]
    assert reader.search(embedding=[-3, -3, -3], k=1)["text"] == ["new"]
    writer.delete(query="select * where id == 'f'")
    assert VectorStore(place, read_only=True).dataset.id.data()["value"] == ["b", "n"]


def test_auto_knows_a_store_that_was_made_so(place, monkeypatch):
    filled(place)
    again = VectorStore(place, read_only=True)
    assert again._engines._hub("auto", again.dataset) is not None
    assert again._engines._hub("auto", again.dataset, is_plain=False) is None  # a function cannot travel
    assert again.search(embedding=[1, 0, 0], filter=lambda row: row.id.data()["value"] == "b")["id"] == ["b"]
    other = VectorStore(f"{place}-plain", verbose=False)
    assert other._engines._hub("auto", other.dataset) is None
    assert other._engines._hub("tensor_db", other.dataset) is not None


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"embedding": [1, 0]}, VectorStoreError, "has 2 numbers"),
        ({"embedding": [1, 0, 0], "filter": {"txt": "a"}}, TensorNotFoundError, "did you mean 'text'"),
        ({"embedding": [1, 0, 0], "filter": lambda _: True}, VectorStoreError, "a function cannot filter on the hub"),
        ({"embedding": [1, 0, 0], "filter": {"metadata": "a"}}, VectorStoreError, "expected a dictionary"),
        ({"filter": [{"id": "a"}]}, VectorStoreError, "not a list"),
        ({"filter": "id"}, VectorStoreError, "not a str"),
        ({"query": "select * where nope == 1"}, TensorNotFoundError, "no tensor of hub://"),
        ({"query": "select * where not (id == 'a' and nope in ('b'))"}, TensorNotFoundError, "no tensor of hub://"),
        ({"query": "select * order by nope"}, TensorNotFoundError, "no tensor of hub://"),
        ({"filter": {3: "a"}}, TensorNotFoundError, "no tensor 3"),
        ({"query": "select nope"}, TensorNotFoundError, "no tensor of hub://"),
        ({"query": 5}, VectorStoreError, "a query is text"),
        ({"query": "select * wher"}, VectorStoreError, "expected the end"),
    ],
)
def test_what_cannot_be_searched_there(place, arguments, error, message):
    store = filled(place)
    with pytest.raises(error, match=message):
        store.search(**arguments, exec_option="tensor_db")


def test_only_those_who_may_read(hub, place):
    filled(place)
    org, name = place.removeprefix("hub://").split("/")
    reader, stranger = hub.user(f"reader-{name}"[:40]), hub.user(f"stranger-{name}"[:40])
    hub.client().set_member(org, f"reader-{name}"[:40], "reader")
    assert reader.query(org, name, "select id where id == 'b'")["data"] == {"id": ["b"]}
    for who, where in ((stranger, name), (reader, "nothing")):
        with pytest.raises(LakeError) as refused:
            who.query(org, where, "select *")
        assert refused.value.kind in {"permission-denied", "hub-not-found", "dataset-not-found"}


def test_a_place_without_a_key_is_not_opened_with_what_the_server_has(hub):
    """A bucket that the server itself could read is no reason to read it for somebody."""
    root = hub.client()
    root.connect("s3://somebodys/bucket", "acme", "borrowed")
    with pytest.raises(UnsupportedError, match="has no key"):
        root.query("acme", "borrowed", "select *")


def test_the_answer_of_a_query_as_the_original_asks_for_it(hub, place):
    filled(place)
    org, name = place.removeprefix("hub://").split("/")
    near = "L2_NORM(embedding-ARRAY[0.0, 0.0, 3.0])"
    answer = urllib3.request(
        "POST",
        f"{hub.url}/api/query/dataset/{org}/{name}",
        json={"query": f"select *, score from (select *, {near} as score order by {near} ASC limit 1)"},
        headers={"Authorization": f"Bearer {hub.token.reveal()}"},
    )
    said = json.loads(answer.data)
    assert said["indices"] == [2]
    assert said["data"]["score"] == [0.0]
    assert said["data"]["embedding"] == [[0, 0, 3]]
    assert said["data"]["text"] == [TEXTS[2]]


def test_a_hub_in_this_process_searches_here(tmp_path):
    store = filled("hub://me/store")
    assert store.dataset._state.storage.get(MARK)
    assert store.search(embedding=[0, 1, 0], k=1, exec_option="tensor_db")["id"] == ["d"]
    assert VectorStore("hub://me/store", read_only=True).search(embedding=[0, 1, 0], k=1)["id"] == ["d"]


def test_deleting_all_leaves_it_a_store_of_the_hub(place, nothing_here):
    store = filled(place)
    store.delete(delete_all=True)
    store.add(text=TEXTS, metadata=PAGES, embedding=VECTORS, id=list("cdfb"))
    for one in (store, VectorStore(place, read_only=True)):
        assert one.search(embedding=[0, 1, 0], k=1)["id"] == ["d"]


@pytest.mark.parametrize("name", ["my-vectors", "my vectors", "order", "score", "true", "contains", "l2_norm", "1st"])
def test_tensors_that_are_no_words_of_queries(hub, name, nothing_here, monkeypatch):
    monkeypatch.setenv("DEEPLAKE_NB_HUB", hub.url)
    monkeypatch.setenv("DEEPLAKE_NB_TOKEN", hub.token.reveal())
    params = [{"name": name, "htype": "embedding"}, {"name": f"{name} text", "htype": "text"}]
    store = VectorStore("hub://plain/odd-names", overwrite=True, **MANAGED, tensor_params=params)
    store.add(**{name: VECTORS, f"{name} text": TEXTS}, id=list("cdfb"))
    assert store.search(embedding=[0, 0, 1], embedding_tensor=name, k=1)["id"] == ["f"]
    found = store.search(embedding=[1, 1, 1], embedding_tensor=name, filter={f"{name} text": TEXTS[1]}, k=2)
    assert found["id"] == ["d"]


def test_other_stores_have_no_hub(tmp_path):
    with pytest.raises(VectorStoreError, match="for stores of a hub"):
        VectorStore(tmp_path / "store", **MANAGED)
    assert not (tmp_path / "store").exists()
    store = filled(tmp_path / "store", runtime=None)
    with pytest.raises(VectorStoreError, match="for stores of a hub"):
        store.search(embedding=[0, 1, 0], exec_option="tensor_db")


@pytest.mark.parametrize(("given", "_"), FILTERS)
def test_a_search_reads_as_it_was_written(given, _):
    query = np.array([0.1, -2e-7, 1e20], "float32")
    known = filled("mem://read-as-it-was-written", runtime=None).dataset
    found = parse(written(Search("embedding", query, 7, METRICS["cos"]), checked(known, given)))
    assert found.limit == 7
    assert found.is_descending
    assert np.array(found.order.vector, "float32").tolist() == query.tolist()
    assert (found.where is None) == (not given or given == {"metadata": {}})
