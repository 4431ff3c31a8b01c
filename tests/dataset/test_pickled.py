"""Datasets and tensors in pickles and deep copies: the same rows, in this process and in another; no secret."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from pathlib import Path

import numpy as np
import pytest

import deeplake_nb
from deeplake_nb.errors import CredentialsError, DatasetNotFoundError, UnsupportedError
from deeplake_nb.session import Session
from deeplake_nb.storage.wrappers import Wrapper
from deeplake_nb.urls import parse
from tests.fakes.web import web_server

from .stores import create, memory

SECRET = "c4naryC4NARYc4naryC4NARYc4naryC4NARYc4na"


@pytest.fixture
def ds(tmp_path):
    made = deeplake_nb.empty(tmp_path / "ds @ x")
    with made:
        made.create_tensor("x", dtype="int64").extend(np.arange(12).reshape(6, 2))
        made.create_tensor("words/text", htype="text").extend([f"row {at}" for at in range(6)])
        made.create_tensor("short", dtype="int64").extend([7, 8])
    return made


def again(value):
    return pickle.loads(pickle.dumps(value))


CHOICES = {
    "all": lambda ds: ds,
    "rows": lambda ds: ds[["x", "words/text"]][[3, 1]],
    "rows of rows": lambda ds: ds[["x", "words/text"]][1:][::-2],
    "one row": lambda ds: ds[-1],
    "no row": lambda ds: ds[[]],
    "padded": lambda ds: ds.max_view,
    "a group": lambda ds: ds.words,
    "some tensors": lambda ds: ds[["short"]],
    "a filter": lambda ds: ds[["x"]].filter("x > 5", progressbar=False),
}


@pytest.mark.parametrize("over", [again, copy.deepcopy, copy.copy])
@pytest.mark.parametrize("choice", CHOICES)
def test_what_is_chosen_goes_along(ds, choice, over):
    chosen = CHOICES[choice](ds)
    found = over(chosen)
    assert repr(found) == repr(chosen)
    assert found._query == chosen._query
    for name, tensor in chosen.tensors.items():
        expected = [one.tolist() for one in tensor.numpy(aslist=True)] if len(tensor) else []
        assert [one.tolist() for one in found[name].numpy(aslist=True)] == expected


@pytest.mark.parametrize("over", [again, copy.deepcopy])
def test_parts_of_tensors(ds, over):
    assert over(ds.x[1:5, 1]).numpy().tolist() == [3, 5, 7, 9]
    assert over(ds["words/text"][4]).text() == "row 4"
    whole = over({"ds": ds, "x": ds.x})
    whole["x"].append([9, 9])  # one writer of both
    assert len(whole["ds"].x) == 7


@pytest.mark.parametrize("over", [again, copy.deepcopy])
def test_versions_and_modes(ds, over):
    first = ds.commit("one")
    ds.checkout("side", create=True)
    ds.x.append([5, 5])
    assert (over(ds).branch, len(over(ds).x)) == ("side", 7)
    ds.commit("two")
    ds.checkout(first)
    assert (over(ds).commit_id, len(over(ds).x), over(ds).is_head_node) == (first, 6, False)
    ds.checkout("main")
    ds.read_only = True
    assert over(ds).read_only
    assert not over(deeplake_nb.load(ds.path)).read_only
    ds.read_only = False


def test_rows_that_are_not_written_yet_are_written_first_and_later_ones_are_not_seen(ds):
    with ds:
        ds.x.append([1, 1])
        found = again(ds)
        copied = copy.deepcopy(ds.x)
        ds.x.append([2, 2])
    assert (len(found.x), len(copied), len(ds.x)) == (7, 7, 8)


def total(rows):
    return int(rows.x.numpy().sum())


def test_another_process_reads_what_it_is_handed(ds):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(total, [ds, ds[2:4], ds[[5]]]) == [66, 22, 21]


def test_what_cannot_be_found_again_says_so(tmp_path):
    made = create(memory())
    with pytest.raises(UnsupportedError, match="was not opened by its path and cannot be pickled"):
        pickle.dumps(made)
    kept = deeplake_nb.empty("mem://test-pickled", overwrite=True)
    data = pickle.dumps(kept)
    deeplake_nb.delete("mem://test-pickled", verbose=False)
    with pytest.raises(DatasetNotFoundError):
        pickle.loads(data)


class Secretly(Wrapper):
    """A storage whose address has a secret."""

    url = parse(f"https://host/ds?sig={SECRET}")


def test_no_secret_is_in_a_pickle(ds):
    ds.close()
    root = Path(ds.path)
    with web_server() as web:
        web.files = {f"ds/{one.relative_to(root)}": one.read_bytes() for one in root.rglob("*") if one.is_file()}
        opened = Session().load(f"{web.endpoint}/ds", creds={"token": SECRET}, read_only=True)
        data = pickle.dumps([opened, opened[2:], opened.x])
        assert SECRET.encode() not in data
        web.requests.clear()
        assert copy.deepcopy(opened).x.numpy().sum() == 66
        assert {one[2].get("Authorization") for one in web.requests} == {f"Bearer {SECRET}"}, (
            "here it is what was given"
        )
        web.requests.clear()
        assert pickle.loads(data)[0].x.numpy().sum() == 66
        assert {one[2].get("Authorization") for one in web.requests} == {None}, (
            "whoever takes it out has no more than it"
        )
    ds._held.storage = Secretly(ds._held.storage)
    with pytest.raises(CredentialsError, match="holds a secret, which no pickle takes") as refused:
        pickle.dumps(ds)
    assert SECRET not in str(refused.value)
