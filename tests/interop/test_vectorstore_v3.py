"""Vector stores written by the original and by us, each opened, searched and changed by the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from deeplake_nb import VectorStore
from tests.fakes.hub import hub_server
from tests.interop.original import Original, OriginalError
from tests.interop.vectorstore_operations import OPERATIONS, embed

METRICS = ("L2", "L1", "COS", "MAX")
FILTERS = [
    {"metadata": {"page": 3}},
    {"metadata": {"page": 1, "odd": True}},
    {"text": "text 7 caf\u00e9"},
    {"id": ["id3", "id50", "nobody"]},
    {"metadata": {"nothing": 1}},
    {},
]


@pytest.fixture(scope="module")
def peer(tmp_path_factory):
    with hub_server() as hub:
        program = Path(__file__).with_name("vectorstore_peer.py")
        running = Original(tmp_path_factory.mktemp("peer"), program, HUB=hub.url)
        yield running
        running.close()


@pytest.fixture(params=["ours", "theirs"])
def sides(request, peer, tmp_path):
    """`(one, other)`: callables of an operation on the same store."""

    def ours(operation, **arguments):
        return OPERATIONS[operation](VectorStore, str(tmp_path / "store"), **arguments)

    def theirs(operation, **arguments):
        return peer.do("run", tmp_path, operation=operation, path=str(tmp_path / "store"), **arguments)

    return (ours, theirs) if request.param == "ours" else (theirs, ours)


def test_what_one_writes_the_other_reads(sides):
    one, other = sides
    assert one("write") == 60
    assert one("read") == other("read")


def test_both_find_the_same(sides):
    one, other = sides
    one("write", commit=True)
    for metric in METRICS:
        for k in (1, 4, 60):
            asked = {"word": "text 17", "distance_metric": metric, "k": k}
            mine, found = one("search", **asked), other("search", **asked)
            assert mine.pop("score") == pytest.approx(found.pop("score"), rel=2e-6, abs=1e-6), asked
            assert mine == found, asked
    assert one("search", word="text 5")["id"] == other("search", word="text 5")["id"]


@pytest.mark.parametrize("wanted", FILTERS)
def test_both_filter_the_same(sides, wanted):
    one, other = sides
    one("write")
    assert one("filtered", wanted=wanted) == other("filtered", wanted=wanted)
    asked = {"word": "text 9", "filter": wanted, "return_tensors": ["id"], "k": 3}
    assert one("search", **asked)["id"] == other("search", **asked)["id"]


def test_the_other_goes_on(sides):
    one, other = sides
    one("write")  # not committed: the original damages a store whose rows it removes from several chunks
    assert other("add", count=5, first=60) == [f"id{number}" for number in range(60, 65)]
    assert one("delete", ids=["id2", "id61"]) == 63
    assert other("delete", filter={"metadata": {"page": 2}}) == 63 - 11
    assert one("add", count=3, first=100) == ["id100", "id101", "id102"]
    changed = other("update", ids=["id0", "id101"])
    assert one("read") == other("read")
    assert one("read")["embedding"] == changed
    assert changed.count([0.5] * 24) == 2
    assert one("search", word="text 62", k=5)["id"] == other("search", word="text 62", k=5)["id"]


def test_a_model_of_another_width(sides):
    one, other = sides
    one("write", count=5)
    one("narrow")  # by which the bounds of the tensor are of both widths
    for side in (one, other):
        assert side("nearest", embedding=[0, 0, 1, 0, 0, 0, 0]) == ["id2"]


def test_both_say_that_nothing_is_there(sides):
    one, other = sides
    one("write", count=0)
    for side in (one, other):
        with pytest.raises((ValueError, OriginalError), match="specified dataset is empty"):
            side("filtered", wanted={})


def test_an_index_is_nothing_to_the_original(peer, tmp_path):
    """It reads, adds and changes rows beside it; the index learns of that from the rows."""
    path = str(tmp_path / "store")
    OPERATIONS["write"](VectorStore, path)
    options = {"verbose": False, "index_params": {"threshold": 1, "distance_metric": "L2"}}
    store = VectorStore(path, **options)
    wanted = {number: embed([f"text {number}"])[0] for number in (7, 62)}
    assert store.search(embedding=wanted[7], k=1)["id"] == ["id7"]
    assert (tmp_path / "store" / ".deeplake_nb").is_dir()
    store.dataset.close()

    def theirs(operation, **arguments):
        return peer.do("run", tmp_path, operation=operation, path=path, **arguments)

    assert theirs("read") == OPERATIONS["read"](VectorStore, path)
    theirs("add", count=5, first=60)
    theirs("update", ids=["id7"])  # in its place, by which no table shows it
    again = VectorStore(path, **options)
    assert again.search(embedding=wanted[62], k=1)["id"] == ["id62"]
    assert again.search(embedding=wanted[7], k=1)["id"] != ["id7"]
    assert again.search(embedding=[0.5] * 24, k=1)["id"] == ["id7"]
