"""A graph that follows a tensor: made once, grown by what is added, told by the vectors themselves what is gone.

Beside the dataset lie the edges of the graph and a 64-bit digest of each node's vector, below ``.deeplake_nb/``, where
the original does not look. Vectors are not stored twice: loading reads those of the dataset, and so sees each row that
was changed, removed or moved since, by whomever. Such nodes stay as ways to others and are found no more; when a third
of them are such, the graph is made anew. A stored graph that cannot be used is none: it is derived data.
"""

from __future__ import annotations

import logging
import secrets
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset.blocks import Blocks
from deeplake_nb.errors import FormatError, KeyNotFoundError, LakeError
from deeplake_nb.format import keys
from deeplake_nb.format.meta import decode_json, encode_json
from deeplake_nb.vectorstore.graph import Graph
from deeplake_nb.vectorstore.products import FARTHEST, parts
from deeplake_nb.vectorstore.ranking import GONE, Nodes

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from deeplake_nb.dataset.state import State
    from deeplake_nb.dataset.tensor import Tensor
    from deeplake_nb.format.encoders import ChunkIds
    from deeplake_nb.storage.provider import StorageProvider
    from deeplake_nb.vectorstore.searching import Found, Search

    Place = Callable[[], StorageProvider | None]
    Ints = NDArray[np.int64]
    Digests = NDArray[np.uint64]
    Singles = NDArray[np.float32]

_log = logging.getLogger(__name__)
_PART_NBYTES = 64 << 20
_BATCH_ROWS = 16_384
_STALE = 1 / 3
_LOST = 0.1
_SAVED_GROWTH = 0.1
_VERSION = 1


class VectorIndex:
    """The index of vectors of one width in a tensor, by one metric. Thread-safe."""

    def __init__(self, tensor: Tensor, search: Search, params: dict[str, Any]) -> None:
        self._metric = search.metric
        self._params = params
        self._graph: Graph | None = None
        self._rows = np.empty(0, np.int64)  # of each node; GONE where its vector is no more
        self._digests = np.empty(0, np.uint64)
        self._lost = self._far = np.empty(0, np.int64)  # rows whose vectors have no node
        self._seen: ChunkIds | None = None  # the chunk table that all this is of; nobody changes one, but makes another
        self._has_gone = False
        self._saved = 0
        self._lock = threading.Lock()
        self._searches = 0  # under way; none begins without the lock
        self._counting = threading.Lock()
        self._idle = threading.Condition(self._counting)
        self._width = len(search.query)
        self._folder = f"{keys.BESIDE}hnsw/{tensor.key}/{search.metric.name}/"

    def is_ready(self, tensor: Tensor, patience: int) -> bool:
        """Whether a search would take in so many rows at most before it begins."""
        if self._lock.locked():
            return False
        blocks = Blocks.of(tensor, self._width)
        return blocks.rows - (self._common(blocks.state.tables(blocks.tensor).ids) or 0) <= patience

    def follow_soon(self, tensor: Tensor, place: Place | None) -> None:
        """Take in what is new, on a thread of its own, unless that is under way."""
        if not self._lock.locked():
            threading.Thread(target=self._follow_alone, args=(tensor, place), name="index", daemon=True).start()

    def _follow_alone(self, tensor: Tensor, place: Place | None) -> None:
        try:
            with self._lock:
                self._follow(tensor, place)
        except LakeError as error:  # nobody waits for it; the next search tries again
            _log.warning("an index could not be made: %s", error)

    def search(self, tensor: Tensor, search: Search, place: Place | None = None) -> Found:
        """The rows nearest to a vector, among all or among ``search.rows``.

        ``place`` gives where to keep the index; by default beside the dataset, if that may be written.

        Raises:
            LakeError: the embeddings cannot be read.
        """
        with self._lock:
            self._follow(tensor, place)
            with self._counting:
                self._searches += 1
            assert self._graph is not None
            lists = self._rows, self._digests, self._lost, self._far
            nodes = Nodes(self._graph, *lists, self._has_gone)
        try:
            return nodes.nearest(search, tensor)
        finally:
            with self._counting:
                self._searches -= 1
                if not self._searches:
                    self._idle.notify()

    # ------------------------------------------------------------------ following the tensor

    def _follow(self, tensor: Tensor, place: Place | None) -> None:
        selection = tensor._selection()  # noqa: SLF001 - in fewer steps than as blocks, as each search asks
        now = selection.state.tables(selection.tensor).ids
        if now is not self._seen:
            with self._idle:
                self._idle.wait_for(lambda: not self._searches)  # nobody searches a graph that grows
            if self._seen is None or not _are_same(self._seen, now):
                self._take_in(Blocks.of(tensor, self._width), now)
            self._seen = now
        if len(self._rows) > self._saved * (1 + _SAVED_GROWTH):
            self._save(selection.state, place)

    def _take_in(self, blocks: Blocks, now: ChunkIds) -> None:
        known = self._common(now)
        self._seen = None  # if this breaks off, the next one finds out by the vectors what there is
        if self._graph is None or not 0 < len(self._graph) == len(self._rows):
            new = self._load(blocks, blocks.state.storage)
        else:
            new = self._match(blocks) if known is None else np.arange(known, blocks.rows)
        self._add_all(blocks, new)
        self._seen = now
        gone = int((self._rows == GONE).sum())
        if gone > _STALE * len(self._rows):
            self._clear(blocks)
            self._add_all(blocks, np.arange(blocks.rows))
            gone = 0
        self._has_gone = gone > 0

    def _common(self, now: ChunkIds) -> int | None:
        """How many first rows are as they were; None where more has changed than what is added at the end."""
        if self._seen is None:
            return None if len(self._rows) else 0
        (ids, lasts), (new_ids, new_lasts) = (self._seen.ids, self._seen.lasts), (now.ids, now.lasts)
        count = len(ids)
        is_longer = count <= len(new_ids) and np.array_equal(ids, new_ids[:count])
        if not is_longer or not np.array_equal(lasts[:-1], new_lasts[: count - 1]):
            return None
        return int(lasts[-1]) + 1 if count and new_lasts[count - 1] >= lasts[-1] else None

    def _add_all(self, blocks: Blocks, new: Ints) -> None:
        """Add rows (rising)."""
        if len(new) == blocks.rows - (new[0] if len(new) else 0):  # to the end
            for first, vectors in _batches(blocks, int(new[0]) if len(new) else blocks.rows):
                self._add(np.arange(first, first + len(vectors)), vectors)
            return
        for start in range(0, len(new), _BATCH_ROWS):
            rows = new[start : start + _BATCH_ROWS]
            self._add(rows, blocks.chosen(rows))

    def _add(self, rows: Ints, given: NDArray[Any]) -> None:
        assert self._graph is not None
        vectors = _singles(given)
        with np.errstate(all="ignore"):
            good = np.isfinite(vectors).all(axis=1)
            squares = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
            good &= squares > 0 if self._metric.is_by_angle else squares <= FARTHEST
            is_lost = self._is_lost(given[~good])
        if good.any():
            self._graph.add(vectors[good])
        self._rows = np.concatenate([self._rows, rows[good]])
        self._digests = np.concatenate([self._digests, _digests(vectors[good])])
        self._lost = np.concatenate([self._lost, rows[~good][is_lost]])
        self._far = np.concatenate([self._far, rows[~good][~is_lost]])

    def _is_lost(self, vectors: NDArray[Any]) -> NDArray[np.bool_]:
        """Of vectors without a node, which have no score by any query: by angle those without a direction, too."""
        numbers = vectors.astype(np.float64)
        is_lost = np.asarray(np.isnan(numbers).any(axis=1))
        if self._metric.is_by_angle:
            is_lost |= ~(np.isfinite(numbers).all(axis=1) & (numbers != 0).any(axis=1))
        return is_lost

    def _clear(self, blocks: Blocks) -> None:
        self._graph = Graph(self._metric, blocks.width, self._params)
        self._rows = self._lost = self._far = np.empty(0, np.int64)
        self._digests = np.empty(0, np.uint64)
        self._saved = 0

    def _match(self, blocks: Blocks, room: Singles | None = None) -> Ints:
        """Find each row's node by its vector, which goes into the ``room``; gives the rows (rising) that have none."""
        order = np.argsort(self._digests, kind="stable")
        free = np.ones(len(order), bool)
        self._rows = np.full(len(order), GONE, np.int64)
        self._lost = self._far = np.empty(0, np.int64)
        new = [self._far]
        for first, given in _batches(blocks, 0):
            vectors = _singles(given)
            nodes = _taken(self._digests, order, free, _digests(vectors))
            found = nodes != GONE
            rows = np.arange(first, first + len(vectors))
            self._rows[nodes[found]] = rows[found]
            if room is not None:
                room[nodes[found]] = vectors[found]
            new.append(rows[~found])
        return np.concatenate(new)

    # ------------------------------------------------------------------ stored

    def _load(self, blocks: Blocks, storage: StorageProvider) -> Ints:
        """Take over the stored graph, with the vectors that the dataset has of its nodes; gives the rows it lacks."""
        stored = self._stored(blocks, storage)
        self._clear(blocks)
        assert self._graph is not None
        if stored is None:
            return np.arange(blocks.rows)
        edges, digests, gone = stored
        vectors, self._digests = self._graph.room(len(digests)), digests
        new = self._match(blocks, vectors)
        places = np.flatnonzero(digests == 0)  # of those that were gone already
        missing = self._rows == GONE
        missing[places] = False
        if len(places) * blocks.width == len(gone) and missing.sum() <= _LOST * len(digests):
            vectors[places] = gone.reshape(len(places), blocks.width)
            vectors[missing] = vectors[np.flatnonzero(~missing)[:1]]  # a way that leads elsewhere than it did
            try:
                self._graph.restore(edges)
            except FormatError as error:
                _log.warning("the index of %s is made anew: %s", storage.url, error)
            else:
                self._digests = np.where(missing, np.uint64(0), digests)
                self._saved = len(digests)
                return new
        self._clear(blocks)
        return np.arange(blocks.rows)

    def _stored(self, blocks: Blocks, storage: StorageProvider) -> tuple[bytes, Digests, Singles] | None:
        """The edges, the digests, and the vectors of nodes that were gone; None where there is no such graph."""
        try:
            head = decode_json(storage.get(f"{self._folder}head.json"), "head.json")
            if [head.get(name) for name in ("version", "width")] != [_VERSION, blocks.width]:
                return None
            edges = b"".join(bytes(storage.get(self._folder + name)) for name in head["parts"])
            digests = np.frombuffer(bytes(storage.get(self._folder + head["digests"])), np.uint64)
            return edges, digests, np.frombuffer(bytes(storage.get(self._folder + head["gone"])), np.float32)
        except KeyNotFoundError:
            return None  # none yet, or one that is just being replaced
        except (FormatError, AttributeError, KeyError, TypeError, ValueError) as error:
            _log.warning("the index of %s is damaged and made anew: %s", storage.url, error)
            return None

    def _save(self, state: State, place: Place | None) -> None:
        """Store the graph, if there is somewhere to store it."""
        assert self._graph is not None
        try:
            storage = (None if state.is_read_only else state.storage) if place is None else place()
            if storage is None:
                return
            self._put(storage, self._graph)
        except LakeError as error:  # whoever may not write may search all the same
            _log.warning("the index of %s was not stored: %s", state.storage.url, error)
        self._saved = len(self._rows)

    def _put(self, storage: StorageProvider, graph: Graph) -> None:
        """Store it under new names, then the head that names them; then the old ones go."""
        token = secrets.token_hex(8)
        edges = memoryview(graph.dump())
        is_gone = self._rows == GONE
        digests = np.where(is_gone, np.uint64(0), self._digests)
        gone = graph.vectors(np.flatnonzero(is_gone))
        parts = {
            f"{token}.{at}": edges[start : start + _PART_NBYTES]
            for at, start in enumerate(range(0, len(edges), _PART_NBYTES))
        }
        others: dict[str, Any] = {f"{token}.digests": digests.tobytes(), f"{token}.gone": gone.tobytes()}
        head = {
            "version": _VERSION,
            "width": gone.shape[1],
            "parts": list(parts),
            "digests": f"{token}.digests",
            "gone": f"{token}.gone",
        }
        for name, data in (parts | others).items():
            storage.put(self._folder + name, data)
        storage.put(f"{self._folder}head.json", encode_json(head))
        for entry in list(storage.list(self._folder)):
            name = entry.key.removeprefix(self._folder)
            if name != "head.json" and not name.startswith(token):
                storage.delete(entry.key)


def _are_same(one: ChunkIds, other: ChunkIds) -> bool:
    """Whether two chunk tables tell of one version of a tensor."""
    return np.array_equal(one.ids, other.ids) and np.array_equal(one.lasts, other.lasts)


def _batches(blocks: Blocks, start: int) -> Any:
    """``(first row, vectors)`` from row ``start`` on, some thousands at a time, of the tensor's own numbers."""
    waiting: list[NDArray[Any]] = []
    first = count = 0
    for span in blocks.spans():
        if span.stop <= start:
            continue
        span = span._replace(first=max(span.first, start))  # noqa: PLW2901 - what is left of it
        for block in blocks.read(span):
            first = block.first if not count else first
            waiting.append(np.array(block.vectors))
            count += len(block.vectors)
            if count >= _BATCH_ROWS:
                yield first, np.concatenate(waiting)
                waiting, count = [], 0
    if count:
        yield first, np.concatenate(waiting)


def _singles(vectors: NDArray[Any]) -> Singles:
    """In single precision; infinite, what that does not hold."""
    with np.errstate(over="ignore"):
        return np.asarray(vectors, np.float32)


def _digests(vectors: Singles) -> Digests:
    """64 bits that tell a vector from others; never 0."""
    words = np.ascontiguousarray(vectors, np.float32).view(np.uint32)
    weights = np.random.default_rng(768).integers(1, 2**63, words.shape[1], np.uint64) | np.uint64(1)
    sums = np.empty(len(words), np.uint64)
    for part in parts(*words.shape):
        np.einsum("ij,j->i", words[part] + np.uint64(1), weights, out=sums[part])
    sums ^= sums >> np.uint64(29)
    return np.maximum(sums, np.uint64(1))


def _taken(known: Digests, order: Ints, free: NDArray[np.bool_], wanted: Digests) -> Ints:
    """For each digest a node that has it and is free, which is free no more then; `GONE` where there is none.

    ``order`` sorts ``known``, ``free`` is in that order. Equal vectors take one node each.
    """
    sort = np.argsort(wanted, kind="stable")
    low = np.searchsorted(known, wanted[sort], sorter=order)
    high = np.searchsorted(known, wanted[sort], sorter=order, side="right")
    nodes = np.full(len(wanted), GONE, np.int64)
    unique = (
        (high - low == 1) & np.append(np.diff(wanted[sort]) != 0, True) & np.append(True, np.diff(wanted[sort]) != 0)
    )
    places = low[unique]
    fine = free[places]
    nodes[sort[unique][fine]] = order[places[fine]]
    free[places[fine]] = False
    for at in np.flatnonzero((high > low) & ~unique).tolist():  # equal vectors are few
        for place in range(int(low[at]), int(high[at])):
            if free[place]:
                free[place] = False
                nodes[sort[at]] = order[place]
                break
    return nodes
