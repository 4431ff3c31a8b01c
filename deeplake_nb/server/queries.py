"""Queries that run here, in a dataset's own data: only what they find travels.

A dataset is opened with what the hub would lend the one who asks, and with nothing of this machine's own: a place that
the hub has no key for is not opened. Indexes are kept between queries, those of the datasets asked last, and beside the
dataset once somebody asks who may write there. While one is being made, every vector is looked at instead: a request
has a minute, and a large index takes longer.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.dataset.dataset import Dataset
from deeplake_nb.errors import DatasetNotFoundError, UnsupportedError
from deeplake_nb.server.outgoing import addresses
from deeplake_nb.storage.open import open_storage
from deeplake_nb.storage.presigned import PresignedStorage
from deeplake_nb.urls import parse
from deeplake_nb.vectorstore.engines import Engines
from deeplake_nb.vectorstore.querying import numbered_by, queried
from deeplake_nb.vectorstore.searching import answer, check_not_empty, index_params

if TYPE_CHECKING:
    from deeplake_nb.hub.protocol import Hub, Resolved
    from deeplake_nb.server.outgoing import Outgoing
    from deeplake_nb.storage.provider import StorageProvider

_KEPT = 8
"""Datasets whose indexes are held in memory."""
_PATIENCE = 2_000
"""Rows that a query waits for to be taken into an index: about a second."""


class Queries:
    """Runs queries of users. Thread-safe."""

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        self._engines: OrderedDict[str, Engines] = OrderedDict()
        self._lock = threading.Lock()

    def run(self, hub: Hub, org: str, name: str, query: str, version: str | None) -> dict[str, Any]:
        """``indices``, the rows found, and ``data``, the values of what the query selects.

        ``numbered_by`` is ours: it tells in which version the rows have these numbers.

        Raises:
            DatasetNotFoundError: none that the user may see.
            VectorStoreError: the query cannot be read, or carried out.
            UnsupportedError: the hub has no key to where the dataset lies.
        """
        place = hub.resolve(org, name, "r")
        if place.is_new:
            raise DatasetNotFoundError(f"there is no hub://{org}/{name}")
        dataset = Dataset.open(self._storage(hub, place), _no_links, address=version, read_only=True)
        check_not_empty(dataset)
        engines = self._kept(place.url)

        def own() -> StorageProvider | None:
            most = hub.resolve(org, name)
            return None if most.mode == "r" else self._storage(hub, most)

        found, names = queried(dataset, query, lambda search: engines.run("compute_engine", dataset, search, own))
        said = {"indices": found.rows.tolist(), "data": _plain(answer(found.view(dataset), found, names))}
        return said | {"numbered_by": numbered_by(dataset, query)}

    def _storage(self, hub: Hub, found: Resolved) -> StorageProvider:
        place, given = parse(found.url), dict(found.creds)
        for address in addresses([found.url, given]):
            self._outgoing.check(address)
        if found.presigned:
            return PresignedStorage(place, partial(hub.presign, found.org, found.name))
        if not given and place.scheme != "file":
            raise UnsupportedError(
                f"the hub has no key to where hub://{found.org}/{found.name} lies, and so cannot search it: connect it "
                "with a managed key, or search where you are with exec_option='compute_engine'"
            )
        return open_storage(place, credentials_from(place, given, environ={}) if given else None)

    def _kept(self, url: str) -> Engines:
        with self._lock:
            engines = self._engines.pop(url, None) or Engines(index_params(None), patience=_PATIENCE)
            self._engines[url] = engines
            if len(self._engines) > _KEPT:
                self._engines.popitem(last=False)
            return engines


def _no_links(links: Any, managed: Any) -> NoReturn:
    del links, managed
    raise UnsupportedError("a query on the hub opens no linked files: leave tensors of links out of it")


def _plain(value: Any) -> Any:
    """Values as JSON has them; what is no number there is none."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and (value != value or value in {float("inf"), -float("inf")}):  # noqa: PLR0124 - NaN
        return None
    return value
