"""The tensors of one version: tables, companions, chunks, samples, links."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from deeplake_nb.dataset import companions
from deeplake_nb.dataset.companions import Added
from deeplake_nb.dataset.fsck import companion_chunks
from deeplake_nb.dataset.links import linked_items
from deeplake_nb.dataset.reader import stored_items
from deeplake_nb.dataset.writer import Writer
from deeplake_nb.errors import LakeError, MissingDependencyError, UnsupportedError, counted
from deeplake_nb.format import keys
from deeplake_nb.format.versions import encode_chunk_set

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from deeplake_nb.dataset.fsck.shelf import Shelf
    from deeplake_nb.dataset.state import State
    from deeplake_nb.dataset.tables import TensorState

    Shape = tuple[int, ...]
    Bounds = dict[str, tuple[Shape, Shape] | None]

_AT_ONCE = 256
_BROKEN_LINKS_SHOWN = 5


class VersionCheck:
    """One version, opened.

    Args:
        shelf: the dataset's objects.
        state: the version.
        done: smallest and largest shape in chunks that another version has looked into, None where they differ in rank.
        creds: number of credentials keys that there are; None where that is not known.
    """

    def __init__(self, shelf: Shelf, state: State, done: Bounds, creds: int | None) -> None:
        self.shelf = shelf
        self.state = state
        self.used: set[str] = set()
        self._done = done
        self._quick = False
        self._creds = creds

    def check(self, *, quick: bool) -> bool:
        """Look at every tensor; with ``quick`` not into chunks, and at no linked file.

        Returns:
            Whether all tables can be used.
        """
        self._quick = quick
        readable = [tensor for tensor in self.state.tensors.values() if self._tables(tensor)]
        self._infos(readable)
        for tensor in readable:
            self._chunks(tensor)
        if self.state.commit.is_head and len(readable) == len(self.state.tensors):
            for tensor in readable:
                self._companions(tensor)
            self._leftovers(readable)
        if not quick:
            for tensor in readable:
                self._samples(tensor)
                if tensor.meta.is_link and self.state.commit.is_head:
                    self._links(tensor)
        return len(readable) == len(self.state.tensors)

    def _key(self, tensor: TensorState) -> str:
        return keys.chunk_ids(self.state.commit.id, tensor.key)

    # ------------------------------------------------------------------ tables

    def _tables(self, tensor: TensorState) -> bool:
        """Whether the tables can be used at all."""
        remedy = "rows are lost: restore it from a backup"
        if self.state.commit.is_head and self.state.commit.parent:
            remedy = "go back to the last commit: checkout(branch, reset=True)"
        try:
            tables = self.state.tables(tensor)
        except LakeError as error:
            self.shelf.wrong(self._key(tensor), str(error), remedy)
            return False
        if (np.diff(tables.ids.lasts) < 0).any():
            self.shelf.wrong(self._key(tensor), "the table of chunks counts rows backwards", remedy)
            return False
        lasts, counts = np.unique(tables.ids.lasts, return_counts=True)
        several = dict(zip(lasts[counts > 1].tolist(), counts[counts > 1].tolist(), strict=True))
        tiled = {item: int(np.prod(tiling.grid)) for item, tiling in tables.tiles.items() if not tensor.meta.is_link}
        for item in sorted(set(several) | set(tiled)):
            chunks, tiles = several.get(item, 1), tiled.get(item, 1)
            if tiles != chunks:
                said = f"row {item} has {counted(chunks, 'chunk')}, and {counted(tiles, 'tile')} by the other table"
                self.shelf.wrong(keys.tiles(self.state.commit.id, tensor.key), said, remedy)
                return False
        if tables.creds is not None and self._creds is not None and len(tables.creds):
            most = int(tables.creds.at(np.arange(len(tables.creds))).max())
            if most > self._creds:
                said = f"a link uses the credentials key number {most}, but there are {self._creds} names"
                self.shelf.wrong(keys.LINKED_CREDS, said, "add_creds_key() the names that are missing, in their order")
        return True

    def _infos(self, tensors: Iterable[TensorState]) -> None:
        """What users say of the dataset and of its tensors."""
        commit = self.state.commit.id
        said: list[tuple[str, Callable[[], object], str]] = [
            (keys.dataset_info(commit), self.state.dataset_info, "what it said is lost: set it anew in ds.info")
        ]
        for tensor in tensors:
            remedy = "what it said (names of classes, ...) is lost: set it anew in ds.tensor.info"
            said.append((keys.tensor_info(commit, tensor.key), partial(self.state.tensor_info, tensor), remedy))
        for key, read, remedy in said:
            try:
                read()
            except LakeError as error:
                self.shelf.wrong(key, str(error), remedy)

    def _leftovers(self, tensors: Iterable[TensorState]) -> None:
        """Ends of tables that a writer who died did not get to count."""
        cut = [tensor for tensor in tensors if self.state.tables(tensor).is_cut]
        if cut:
            said = "rows at the end of the tables were never counted: their writer died, and readers leave them out"
            how = "cut the tables"
            self.shelf.mendable(self._key(cut[0]), said, how, self._written(Writer.cut_leftovers), is_harmless=True)

    def _written(self, work: Callable[[Writer], object]) -> Callable[[], None]:
        """Work done by a writer of this version, and flushed."""

        def mend() -> None:
            writer = Writer(self.state)
            try:
                with writer.changing():
                    work(writer)
                writer.flush()
            finally:
                writer.close()

        return mend

    # ------------------------------------------------------------------ companions

    def _companions(self, tensor: TensorState) -> None:
        path = keys.tensor_meta(self.state.commit.id, tensor.key)
        missing = [key for key in tensor.meta.links if key not in self.state.tensors]
        if missing:
            said = f"it names hidden tensors that are not there: {', '.join(missing)}"

            def forget(writer: Writer) -> None:
                appender = writer.touch([tensor.key])[tensor.key]
                links = {key: link for key, link in tensor.meta.links.items() if key not in missing}
                appender.tensor.meta = replace(appender.tensor.meta, links=links)
                appender.is_dirty = True

            self.shelf.mendable(path, said, "name those that are there", self._written(forget))
        for key, link in tensor.meta.links.items():
            companion = self.state.tensors.get(key)
            if companion is None:
                continue
            wanted = tensor.meta.length if link.get("flatten_sequence") else tensor.length
            if companion.length < wanted:
                self._short(tensor, companion, str(link.get("extend")), wanted)

    def _short(self, tensor: TensorState, companion: TensorState, verb: str, wanted: int) -> None:
        said = f"it has {counted(companion.length, 'row')}, but tensor {tensor.meta.name!r} has {wanted}"
        if verb not in companions.FUNCTIONS:
            self.shelf.wrong(self._key(companion), said, "delete the tensor that it belongs to, or copy it")
            return

        def fill(writer: Writer) -> None:
            values = companions.FUNCTIONS[verb](self._added(tensor, companion.length, wanted))
            writer.touch([companion.key])[companion.key].extend(values)

        self.shelf.mendable(self._key(companion), said, "fill up its rows from the samples", self._written(fill))

    def _added(self, tensor: TensorState, start: int, stop: int) -> Added:
        """What companions are told of items that are there already."""
        items = np.arange(start, min(stop, tensor.meta.length))
        stored = (linked_items if tensor.meta.is_link else stored_items)(self.state, tensor, items)
        shapes = [None if isinstance(one, LakeError) else one.shape for one in stored]
        count = stop - start
        return Added(count, count, shapes, [{} for _ in range(count)])

    # ------------------------------------------------------------------ chunks

    def _chunks(self, tensor: TensorState) -> None:
        """Whether every chunk is there; one that only its version's list leaves out is listed again."""
        for chunk in dict.fromkeys(self.state.tables(tensor).ids.ids.tolist()):
            path = self.state.chunk_key(tensor, chunk)
            self.used.add(path)
            if path in self.shelf.sizes:
                continue
            holder = self._holder(tensor, chunk)
            if holder is None and self._companion_chunk(tensor, chunk, path, "this chunk is missing"):
                continue
            if holder is None:
                rows = f"rows of tensor {tensor.meta.name!r} in version {self.state.commit.id[:12]} are lost"
                self.shelf.wrong(path, f"this chunk is missing: {rows}", "restore it from a backup, or pop() the rows")
                continue
            self.used.add(keys.chunk(holder, tensor.key, keys.chunk_name(chunk)))
            said = (
                f"chunk {keys.chunk_name(chunk)} lies in version {holder[:12]}, where the list of chunks leaves it out"
            )
            mend = partial(self._list, tensor, chunk, holder)
            self.shelf.mendable(keys.chunk_set(holder, tensor.key), said, "list it", mend)

    def _companion_chunk(self, tensor: TensorState, chunk: int, path: str, what: str) -> bool:
        """Make a chunk of a hidden tensor anew, if that can be: whether it is one of those."""
        found = companion_chunks.owner_of(self.state, tensor)
        if found is None or self._quick:
            return False
        said = f"{what}: it is one of tensor {tensor.meta.name!r}, which goes along with tensor {found[0].meta.name!r}"

        def mend() -> None:
            self.shelf.put(path, companion_chunks.made_anew(self.state, tensor, chunk))
            self.state.chunks.drop(path)

        self.shelf.mendable(path, said, f"make it anew from tensor {found[0].meta.name!r}", mend)
        return True

    def _holder(self, tensor: TensorState, chunk: int) -> str | None:
        name = keys.chunk_name(chunk)
        ancestry = self.state.tree.ancestry(self.state.commit.id)
        return next((one.id for one in ancestry if keys.chunk(one.id, tensor.key, name) in self.shelf.sizes), None)

    def _list(self, tensor: TensorState, chunk: int, holder: str) -> None:
        """Make the lists of chunks lead to an object."""
        name = keys.chunk_name(chunk)
        for node in self.state.tree.ancestry(self.state.commit.id):
            if node.id == keys.FIRST_COMMIT:
                break
            entries = dict(self.state.chunk_set(node.id, tensor.key))
            before = dict(entries)
            entries.pop(name, None)
            if node.id == holder:
                entries[name] = ("", "")
            if entries != before:
                self.shelf.put(keys.chunk_set(node.id, tensor.key), encode_chunk_set(entries))
                self.state.remember_chunk_set(node.id, tensor.key, entries)
            if node.id == holder:
                break
        tensor.owners.pop(chunk, None)

    # ------------------------------------------------------------------ samples

    def _samples(self, tensor: TensorState) -> None:
        """Look into each chunk that no other version has looked into, sample by sample."""
        ids = self.state.tables(tensor).ids
        firsts = ids.firsts()
        bounds = [(tensor.meta.min_shape, tensor.meta.max_shape)]
        for _, entries in groupby(range(len(ids.ids)), key=lambda entry: int(ids.lasts[entry])):
            some = list(entries)
            path = self.state.chunk_key(tensor, int(ids.ids[some[0]]))
            if path not in self.shelf.sizes:
                continue
            if path not in self._done:
                first, last = int(firsts[some[0]]), int(ids.lasts[some[0]])
                self._done[path] = self._decoded(tensor, int(ids.ids[some[0]]), path, first, last + 1)
            if (found := self._done[path]) is not None:
                bounds.append(found)
        if not tensor.meta.is_link and len({len(one) for pair in bounds for one in pair}) == 1:
            lows, highs = zip(*bounds, strict=True)
            self._bounds(tensor, tuple(np.min(lows, 0).tolist()), tuple(np.max(highs, 0).tolist()))

    def _decoded(self, tensor: TensorState, chunk: int, path: str, first: int, stop: int) -> tuple[Shape, Shape] | None:
        """Bounds of the shapes of a chunk's samples; None where one cannot be decoded, or they differ in rank."""
        shapes = []
        try:
            for start in range(first, stop, _AT_ONCE):
                items = np.arange(start, min(start + _AT_ONCE, stop))
                for one in stored_items(self.state, tensor, items):
                    if isinstance(one, LakeError):
                        raise one
                    if tensor.meta.is_link:
                        str(one.data, "utf-8")
                    else:
                        one.array()
                    shapes.append(one.shape)
        except (UnsupportedError, MissingDependencyError) as error:
            self.shelf.note(path, f"tensor {tensor.meta.name!r}: samples cannot be looked into here: {error}")
            return None
        except (LakeError, UnicodeDecodeError) as error:
            said = f"tensor {tensor.meta.name!r}: a sample cannot be read: {error}"
            if self._companion_chunk(tensor, chunk, path, str(error)):
                return None
            self.shelf.wrong(path, said, "restore the chunk from a backup, or assign other values to its rows")
            return None
        if len({len(shape) for shape in shapes}) != 1:
            return None
        return tuple(np.min(shapes, 0).tolist()), tuple(np.max(shapes, 0).tolist())

    def _bounds(self, tensor: TensorState, low: Shape, high: Shape) -> None:
        meta = tensor.meta
        if (low, high) == (meta.min_shape, meta.max_shape):
            return
        path = keys.tensor_meta(self.state.commit.id, tensor.key)
        said = (
            f"samples have shapes from {low} to {high}, but it says from {meta.min_shape} to {meta.max_shape}: "
            "the original would read them wrongly"
        )
        if not self.state.commit.is_head:
            self.shelf.wrong(path, said, "this version is closed; the next commit can be right")
            return

        def widen(writer: Writer) -> None:
            appender = writer.touch([tensor.key])[tensor.key]
            appender.tensor.meta = replace(appender.tensor.meta, min_shape=low, max_shape=high)
            appender.is_dirty = True

        self.shelf.mendable(path, said, "write what the samples say", self._written(widen))

    def _links(self, tensor: TensorState) -> None:
        """Open every linked file; those that fail are told by url and reason."""
        failed: list[str] = []
        for start in range(0, tensor.meta.length, _AT_ONCE):
            items = np.arange(start, min(start + _AT_ONCE, tensor.meta.length))
            failed += [str(one) for one in linked_items(self.state, tensor, items) if isinstance(one, LakeError)]
        if failed:
            shown = "; ".join(failed[:_BROKEN_LINKS_SHOWN])
            said = f"of tensor {tensor.meta.name!r} {counted(len(failed), 'link')} cannot be opened: {shown}"
            self.shelf.wrong(self._key(tensor), said, "put the files back, or assign other links to these rows")
