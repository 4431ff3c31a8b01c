"""Chunks of hidden tensors, made anew: what they held follows from the samples that they go along with.

Shapes and lengths are what the samples say. Ids are random, and what versions are merged by: they are given anew only
where every version that knows the rows finds their ids in the chunk that was lost, so that none knows others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset import companions
from deeplake_nb.dataset.companions import Added
from deeplake_nb.dataset.links import linked_items
from deeplake_nb.dataset.reader import stored_items
from deeplake_nb.errors import LakeError, UnsupportedError
from deeplake_nb.format import packing
from deeplake_nb.format.batch import Uniform, Varied
from deeplake_nb.format.payloads import Encoder

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from deeplake_nb.dataset.state import State
    from deeplake_nb.dataset.tables import TensorState
    from deeplake_nb.format.meta import TensorMeta

_IDS = "extend_id"
_FOLLOWING = frozenset({"extend_shape", "extend_len", _IDS})
"""Kinds of companions whose values are known; what is said of files (their names) stands nowhere else."""


@dataclass(frozen=True, slots=True)
class Place:
    """Rows of a companion that lie in one chunk, as a version counts them, and the tensor that they go along with."""

    state: State
    owner: TensorState
    companion: TensorState
    verb: str
    first: int
    stop: int


def owner_of(state: State, companion: TensorState) -> tuple[TensorState, str] | None:
    """The tensor that a hidden one goes along with, and how, if what it holds can be made anew."""
    for tensor in state.tensors.values():
        verb = tensor.meta.links.get(companion.key, {}).get("extend")
        if verb in _FOLLOWING:
            return tensor, str(verb)
    return None


def made_anew(state: State, companion: TensorState, chunk: int) -> bytes:
    """The object of a companion's chunk.

    Raises:
        UnsupportedError: nothing else says what it held.
        LakeError: samples that it follows from cannot be read, or a version does not open.
    """
    places = [_place(version, companion.key, chunk) for version in _versions(state, companion.key)]
    known = [place for place in places if place is not None]
    widest = max(known, key=lambda place: place.stop - place.first)  # later versions may have less of it
    if widest.verb == _IDS and len(known) < len(places):
        raise UnsupportedError("other versions know these rows by the ids that were lost, and would by no others")
    values = companions.FUNCTIONS[widest.verb](_added(widest))
    return _chunk(widest.companion.meta, values)


def _versions(state: State, key: str) -> list[State]:
    """All versions that have a tensor."""
    others = [state.at(commit) for commit in state.tree.commits if commit != state.commit.id]
    return [version for version in (state, *others) if key in version.tensors]


def _place(state: State, key: str, chunk: int) -> Place | None:
    """Where a version has the chunk; None if it has none of it."""
    companion = state.tensors[key]
    found, ids = owner_of(state, companion), state.tables(companion).ids
    entries = np.flatnonzero(ids.ids == np.uint64(chunk))
    if found is None or len(entries) != 1:
        return None
    entry = int(entries[0])
    return Place(state, found[0], companion, found[1], int(ids.firsts()[entry]), int(ids.lasts[entry]) + 1)


def _added(place: Place) -> Added:
    """What a companion is told of rows that are there; of ids, no more than how many."""
    count = place.stop - place.first
    if place.verb == _IDS:
        return Added(count, count, None, None)
    read: Any = linked_items if place.owner.meta.is_link else stored_items
    shapes = []
    for one in read(place.state, place.owner, np.arange(place.first, place.stop)):
        if isinstance(one, LakeError):
            raise one
        shapes.append(one.shape)
    return Added(count, count, shapes, None)


def _chunk(meta: TensorMeta, values: Any) -> bytes:
    batch = Encoder(meta).batch(values)
    builder = packing.new_builder(meta, packing.rank_of(meta))
    if isinstance(batch, Uniform):
        builder.add_uniform(batch.payload, batch.count, batch.shape, batch.nbytes)
    elif isinstance(batch, Varied):
        payloads: list[Any] = list(batch.payloads)
        sizes = np.array([memoryview(one).nbytes for one in payloads], np.int64)
        builder.add_varied(payloads, np.array(batch.shapes, np.int64), sizes)
    pieces: list[Buffer] = packing.build(builder, meta)
    return b"".join(pieces)
