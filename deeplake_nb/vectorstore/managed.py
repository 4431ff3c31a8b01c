"""Searches that the hub runs: written as queries, answered as numbers of rows."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from deeplake_nb.errors import HubError, StorageError, VectorStoreError
from deeplake_nb.format import keys
from deeplake_nb.storage.provider import exists
from deeplake_nb.vectorstore.querying import numbered_by
from deeplake_nb.vectorstore.searching import Found
from deeplake_nb.vectorstore.tql import named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deeplake_nb.dataset.dataset import Dataset
    from deeplake_nb.vectorstore.searching import Search

MARK = f"{keys.BESIDE}tensor_db"
"""Is there where a store was made with ``runtime={"tensor_db": True}``."""

_ATTEMPTS = 3


@runtime_checkable
class RunsQueries(Protocol):
    """A hub that carries out queries; one in this process leaves that to who asks."""

    def query(self, org: str, name: str, text: str, version: str | None = None) -> Mapping[str, Any]:
        """``indices`` and ``data`` of a query on a dataset."""
        ...


def is_managed(dataset: Dataset) -> bool:
    """Whether the hub is to run the searches of this store; one request for a dataset of a hub, none for others."""
    storage = dataset._state.storage  # noqa: SLF001 - beside the dataset
    return storage.url.scheme == "hub" and exists(storage, MARK)


def mark(dataset: Dataset) -> None:
    """Let the hub run the searches of a new store."""
    dataset._state.storage.put(MARK, b"{}")  # noqa: SLF001 - beside the dataset


def place_of(dataset: Dataset) -> tuple[str, str]:
    """Organisation and name.

    Raises:
        VectorStoreError: it has none.
    """
    url = dataset._state.storage.url  # noqa: SLF001 - hub://org/name where it was opened by that
    if url.scheme != "hub":
        raise VectorStoreError(
            f"exec_option='tensor_db' is for stores of a hub, made with runtime={{'tensor_db': True}}; {url} is none: "
            "search it with 'python' or 'compute_engine'"
        )
    return url.authority, url.path.strip("/")


def run(hub: RunsQueries, dataset: Dataset, text: str) -> Found:
    """What the hub finds in this version of the store, as it is now: others may have changed it since it was opened.

    Raises:
        LakeError: the hub refuses, or cannot be reached, or the store changes all the time.
    """
    dataset.flush()
    version = dataset._state.address  # noqa: SLF001 - the newest of its branch
    for _ in range(_ATTEMPTS):
        said = hub.query(*place_of(dataset), text, version)
        wanted = said.get("numbered_by")  # None by a hub that does not know of this yet
        if wanted is None or _is_of(dataset, text, wanted):
            return _found(said, dataset)
        now = _opened_anew(dataset, version)
        if _is_of(now, text, wanted):
            return _found(said, now)._replace(dataset=now)
    raise HubError(f"{dataset.path} changes faster than it can be searched: search it again")


def _opened_anew(dataset: Dataset, version: str) -> Dataset:
    state = dataset._state  # noqa: SLF001 - which knows where it lies
    now = type(dataset).open(state.storage, state.open_links, address=version, read_only=True)
    if state.host is not None:
        now.hosted_by(state.host)
    return now


def _is_of(dataset: Dataset, text: str, wanted: Any) -> bool:
    """Whether rows are numbered as this dataset has them."""
    try:
        return bool(numbered_by(dataset, text) == wanted)
    except StorageError:  # what it knows of them is no more
        return False


def _found(said: Mapping[str, Any], dataset: Dataset) -> Found:
    try:
        rows = np.array(said["indices"], np.int64).reshape(-1)
        scores = said["data"].get("score")
        numbers = None if scores is None else [float("nan") if one is None else float(one) for one in scores]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise HubError("the hub answered a query with something else than rows: is it of this version?") from None
    if (rows >= len(dataset)).any() or (numbers is not None and len(numbers) != len(rows)):
        raise HubError(f"the hub found rows that {dataset.path} does not have: load it again, and search once more")
    return Found(rows, numbers)


def written(search: Search | None, wanted: Any) -> str:
    """A search as a query; ``wanted`` is its filter, as ``filters.checked`` gives it.

    Raises:
        VectorStoreError: a filter that queries have no words for.
    """
    conditions = _conditions(wanted)
    where = f" where {' and '.join(conditions)}" if conditions else ""
    if search is None:
        return f"select *{where}"
    vector = ", ".join(map(str, search.query))  # as many digits as single precision has
    metric = f"{search.metric.tql}({named(search.tensor)}, ARRAY[{vector}])"
    order = "desc" if search.metric.is_similarity else "asc"
    nearest = f"*, {metric} as score{where} order by score {order} limit {search.k}"
    return f"select score from (select {nearest})"  # noqa: S608 - texts in it are quoted


def _conditions(wanted: Any) -> list[str]:
    if callable(wanted):
        raise VectorStoreError(
            "a function cannot filter on the hub: give a dictionary, or exec_option='python', which runs here"
        )
    out = []
    for name, value in (wanted or {}).items():
        tensor = named(name)
        if isinstance(value, dict):
            out += [f"{tensor}[{_literal(key)}] == {_literal(one)}" for key, one in value.items()]
        else:
            out.append(f"{tensor} in ({', '.join(map(_literal, value))})" if value else f"not {tensor} == {tensor}")
    return out


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_literal(key)}: {_literal(one)}' for key, one in value.items())}}}"
    if isinstance(value, float) and math.isinf(value):
        return "1e999" if value > 0 else "-1e999"
    return json.dumps(value)
