"""Lost metadata and tables of tensors, built anew from what else is there.

What a tensor is (htype, dtype, compression) stands in its metadata alone, which every version has a copy of; hidden
tensors are what the tensor that they belong to says. How many rows there are, and of which shapes, stands in tables and
chunks. In which order chunks come stands in the table of chunks alone: it can be built from the version before, and one
chunk that was added since. Where more than one answer would fit, there is none, unless somebody says what a tensor was
made with: then every sample must fit that.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset import companions
from deeplake_nb.errors import FormatError, LakeError
from deeplake_nb.format import keys, packing
from deeplake_nb.format.codecs import lz4
from deeplake_nb.format.diffs import CommitDiff
from deeplake_nb.format.encoders import ChunkIds, decode_tiles
from deeplake_nb.format.htypes import htype_row
from deeplake_nb.format.meta import DatasetMeta, TensorMeta
from deeplake_nb.format.samples import StoredSample
from deeplake_nb.format.versions import decode_chunk_set

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from deeplake_nb.dataset.fsck.shelf import Shelf
    from deeplake_nb.format.chunk import Chunk
    from deeplake_nb.format.versions import Commit, VersionTree

    Ints = NDArray[np.int64]


class Rebuilding:
    """What one version has lost.

    Args:
        shelf: the dataset's objects.
        tree: its versions.
        commit: the version.
        told: what tensors (by name) were made with, as their user remembers.
    """

    def __init__(self, shelf: Shelf, tree: VersionTree, commit: Commit, told: Mapping[str, TensorMeta]) -> None:
        self._shelf = shelf
        self._tree = tree
        self._commit = commit
        self._told = told

    def meta(self, key: str, dataset: DatasetMeta, known: Mapping[str, TensorMeta]) -> tuple[TensorMeta, str] | None:
        """A tensor's metadata, and from what they are built; None where nothing says what the tensor is.

        Args:
            key: the tensor.
            dataset: what this version says of its tensors.
            known: the other tensors.

        Raises:
            LakeError: what was said of the tensor does not fit its samples.
        """
        name = next((name for name, at in dataset.tensor_names.items() if at == key), None)
        if name is None:
            return None
        kin = self._elsewhere(key)
        base, source = (
            (kin, "another version's, and the chunks") if kin else (self._companion(key, known), "its tensor")
        )
        is_told = base is None and name in self._told
        if is_told:
            base, source = replace(self._told[name], links=self._links(name, dataset)), "what was said, and the chunks"
        if base is None:
            return None
        base = replace(base, name=name, hidden=key in dataset.hidden_tensors)
        try:
            found = self._measured(base, key)
            if is_told:
                self._check_samples(found, key)
                found = self._linked_bounds(found, known) if found.is_link else found
        except LakeError:
            if is_told:
                raise
            return None
        return found, source

    def ids(self, key: str, known: Mapping[str, TensorMeta]) -> ChunkIds | None:
        """A tensor's table of chunks, where the version before and at most one chunk of this one make up its rows.

        None where rows were changed or removed since: nothing else says which chunk came in the place of which.
        """
        meta = known[key]
        try:
            diffs = [self._diff(self._commit.id, one) for one in (known if meta.hidden else [key])]
            if any(one.updated or one.deleted or one.cleared or one.data_transformed for one in diffs if one):
                return None
            before, own = self._ids_before(key), self._own(key)
            if len(own) > 1 or self._tiles(key):
                return None
            rest = before.truncated(int(before.lasts[-2]) + 1 if len(before.ids) > 1 else 0)
            starts = [before, rest] if len(before.ids) else [before]
            found = [self._with(start, chunk, key, meta) for chunk in own for start in starts] or [before]
        except (LakeError, ValueError):
            return None
        fitting = [ids for ids in found if len(ids) == meta.length]
        return fitting[0] if len(fitting) == 1 else None

    # ------------------------------------------------------------------ what is there

    def _elsewhere(self, key: str) -> TensorMeta | None:
        """The same tensor in the nearest version that has it."""
        for commit in self._kin(key):
            path = keys.tensor_meta(commit, key)
            data = self._shelf.read(path)
            try:
                if data is not None:
                    return TensorMeta.decode(data, path, key)
            except LakeError:
                continue
        return None

    def _kin(self, key: str) -> Iterator[str]:
        """Versions before this one, the nearest first, then those after it, as long as the tensor is the same."""
        for node in self._tree.ancestry(self._commit.id):
            if node.id != self._commit.id:
                yield node.id
            if self._is_created(node.id, key):
                break
        after = [self._commit]
        while after:
            children = [self._tree.commits[child] for node in after for child in node.children]
            after = [child for child in children if not self._is_created(child.id, key)]
            yield from (child.id for child in after)

    def _is_created(self, commit: str, key: str) -> bool:
        try:
            diff = self._diff(commit, key)
        except LakeError:
            return True
        return diff is not None and diff.created

    def _diff(self, commit: str, key: str) -> CommitDiff | None:
        path = keys.commit_diff(commit, key)
        data = self._shelf.read(path)
        return None if data is None else CommitDiff.decode(bytes(data), path)

    def _companion(self, key: str, known: Mapping[str, TensorMeta]) -> TensorMeta | None:
        """What a hidden tensor is by the tensor that names it."""
        for tensor in known.values():
            if key in tensor.links:
                every = companions.wanted(tensor.name, htype_row(tensor.htype), shapes=True, ids=True, infos=True)
                for one in every:
                    if one.link["extend"] == tensor.links[key].get("extend"):
                        return TensorMeta(one.name, **one.fields)
        return None

    def _links(self, name: str, dataset: DatasetMeta) -> dict[str, Any]:
        """To the hidden tensors of a tensor that are there."""
        row = htype_row(self._told[name].htype)
        every = companions.wanted(name, row, shapes=True, ids=True, infos=True)
        return {dataset.tensor_names[one.name]: one.link for one in every if one.name in dataset.tensor_names}

    def _check_samples(self, meta: TensorMeta, key: str) -> None:
        """Whether every sample can be read as what the metadata say; of one that is cut into tiles its tiles are not.

        Raises:
            LakeError: one cannot.
        """
        payload = "text" if meta.is_link else htype_row(meta.htype).payload
        packed = None if meta.is_link else meta.sample_compression
        kind = None if packed == "lz4" else packed
        tiles = self._tiles(key)
        ids = self._table(key)
        for chunk_id, last in zip(ids.ids.tolist(), ids.lasts.tolist(), strict=True):
            if last in tiles:
                continue
            chunk = self._chunk(chunk_id, key, meta)
            if chunk.is_whole:
                raise FormatError(f"{chunk.what}: it holds no samples of that kind, side by side")
            for at in range(len(chunk)):
                start, stop = chunk.span(at)
                data, what = chunk.data[start:stop], f"{chunk.what} sample {at}"
                if packed == "lz4":
                    data = memoryview(lz4.decompress(data, what))
                shape, htype = chunk.shape(at) or (0,), "text" if meta.is_link else meta.htype or "generic"
                stored = StoredSample(data, shape, meta.dtype or "uint8", kind, htype, what)
                found = stored.array() if payload == "array" else stored.value()
                expected = {"text": (1,), "json": (1,), "list": (len(found),), "tag": (len(found),)}.get(payload, shape)
                if shape != expected:
                    raise FormatError(f"{what}: it has shape {shape}, samples of htype {htype} have {expected}")

    def _linked_bounds(self, base: TensorMeta, known: Mapping[str, TensorMeta]) -> TensorMeta:
        """Of links, with the bounds of the files' shapes, as the hidden tensor of them has them."""
        key = next((key for key, link in base.links.items() if link.get("extend") == "extend_shape"), None)
        ids = ChunkIds() if key is None else self._table(key)
        if key is None or key not in known or not len(ids):
            return base
        shapes = []
        for chunk_id, first, last in zip(ids.ids.tolist(), ids.firsts().tolist(), ids.lasts.tolist(), strict=True):
            chunk = self._chunk(chunk_id, key, known[key])
            spans = [chunk.span(at) for at in range(last - first + 1)]
            shapes += [np.frombuffer(chunk.data[start:stop], known[key].dtype) for start, stop in spans]
        if len({len(shape) for shape in shapes}) != 1:
            return base
        return replace(
            base, min_shape=tuple(np.min(shapes, axis=0).tolist()), max_shape=tuple(np.max(shapes, axis=0).tolist())
        )

    def _measured(self, base: TensorMeta, key: str) -> TensorMeta:
        """With the length and the bounds of shapes that table and chunks of this version say."""
        ids = self._table(key)
        base = replace(base, length=len(ids))
        if base.is_link or not len(ids):
            return base if base.is_link else replace(base, min_shape=(), max_shape=())
        tiles = self._tiles(key)
        shapes = [np.array([tiling], np.int64) for tiling in tiles.values()]
        for chunk_id, first, last in zip(ids.ids.tolist(), ids.firsts().tolist(), ids.lasts.tolist(), strict=True):
            if last not in tiles:
                table = self._chunk(chunk_id, key, base).shapes
                shapes.append(table[: np.searchsorted(table[:, -1], last - first) + 1, :-1])
        low = np.min([one.min(axis=0) for one in shapes if len(one)], axis=0)
        high = np.max([one.max(axis=0) for one in shapes if len(one)], axis=0)
        return replace(base, min_shape=tuple(low.tolist()), max_shape=tuple(high.tolist()))

    def _table(self, key: str) -> ChunkIds:
        path = keys.chunk_ids(self._commit.id, key)
        data = self._shelf.read(path)
        return ChunkIds() if data is None else ChunkIds.decode(data, path)

    def _tiles(self, key: str) -> dict[int, tuple[int, ...]]:
        path = keys.tiles(self._commit.id, key)
        data = self._shelf.read(path)
        return {} if not data else {item: tiling.shape for item, tiling in decode_tiles(data, path).items()}

    def _chunk(self, chunk_id: int, key: str, meta: TensorMeta) -> Chunk:
        name = keys.chunk_name(chunk_id)
        places: Iterable[str] = (keys.chunk(node.id, key, name) for node in self._tree.ancestry(self._commit.id))
        path = next((place for place in places if place in self._shelf.sizes), keys.chunk(self._commit.id, key, name))
        return packing.parse(self._shelf.storage.get(path), meta, path)

    def _own(self, key: str) -> list[int]:
        """The chunks that this version has written, without those that nothing names any more where that is known."""
        folder, path = keys.chunk(self._commit.id, key, ""), keys.chunk_set(self._commit.id, key)
        there = [place.removeprefix(folder) for place in self._shelf.sizes if place.startswith(folder)]
        data = self._shelf.read(path) if self._commit.id != keys.FIRST_COMMIT else None
        listed = there if data is None else decode_chunk_set(data)
        return [int(name, 16) for name in there if name in listed]

    def _ids_before(self, key: str) -> ChunkIds:
        """The table of chunks in the version before, if the tensor was there."""
        parent = self._commit.parent
        if parent is None or self._is_created(self._commit.id, key):
            return ChunkIds()
        path = keys.chunk_ids(parent, key)
        data = self._shelf.read(path)
        return ChunkIds() if data is None else ChunkIds.decode(data, path)

    def _with(self, start: ChunkIds, chunk_id: int, key: str, meta: TensorMeta) -> ChunkIds:
        count = len(self._chunk(chunk_id, key, meta))
        last = len(start) + count - 1
        return ChunkIds(np.append(start.ids, np.uint64(chunk_id)), np.append(start.lasts, last))
