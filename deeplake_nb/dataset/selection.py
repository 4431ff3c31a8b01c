"""The reading end of a tensor: the rows, and parts of samples, that an index selects, in the forms users ask for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset import decoding, reader
from deeplake_nb.dataset.links import link_paths, linked_items, stored_links
from deeplake_nb.dataset.media import frames, is_film
from deeplake_nb.dataset.texts import read_texts
from deeplake_nb.dataset.tiled import TiledSample
from deeplake_nb.errors import DynamicShapeError, LakeError, LinkError, RowError, there_are
from deeplake_nb.format.htypes import TEXT_LIKE, htype_row
from deeplake_nb.format.index import Index
from deeplake_nb.format.samples import StoredSample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from deeplake_nb.dataset.host import OpenLinks
    from deeplake_nb.dataset.state import State
    from deeplake_nb.dataset.tables import TensorState

    Stored = StoredSample | LakeError
    Shape = tuple[int | None, ...]


@dataclass(slots=True, eq=False)  # as `Index`
class Selection:
    """Some rows of one tensor of one version."""

    state: State
    tensor: TensorState
    index: Index

    @property
    def rows(self) -> NDArray[np.int64]:
        """Numbers of the selected rows within the whole tensor."""
        return self.index.resolve(self.tensor.length)

    @property
    def what(self) -> str:
        """For messages."""
        return f"tensor {self.tensor.meta.name!r}"

    def stored(
        self, rows: Sequence[int] | NDArray[np.int64], open_links: OpenLinks | None = None
    ) -> list[Stored | list[Stored]]:
        """Undecoded samples of any rows of the tensor; see ``Tensor.stored``."""
        length, most = self.tensor.length, max(self.tensor.length, self.index.padded)
        wanted = np.asarray(rows, np.int64).reshape(-1)
        outside = (wanted < 0) | (wanted >= most)
        if outside.any():
            raise RowError(f"{self.what}: row {int(wanted[outside][0])} is out of range; {there_are(most, 'row')}")
        if (wanted >= length).any():
            found = iter(self.stored(wanted[wanted < length], open_links))
            return [next(found) if row < length else self._missing() for row in wanted.tolist()]
        if not self.tensor.meta.is_sequence:
            return list(self._items(wanted, open_links))
        spans = [self._span(row) for row in wanted.tolist()]
        every = np.concatenate([np.arange(0), *(np.arange(*span) for span in spans)])
        items = iter(self._items(every, open_links))
        return [[next(items) for _ in range(*span)] for span in spans]

    def _missing(self) -> Stored | list[Stored]:
        """What stands for a row beyond the end."""
        meta = self.tensor.meta
        if meta.is_sequence:
            return []
        is_text = htype_row(meta.htype).payload in TEXT_LIKE and not meta.is_link
        shape = (1,) if is_text else (0,) * (len(meta.max_shape) or 1)
        dtype = "uint8" if is_text or meta.dtype is None else meta.dtype
        return StoredSample(memoryview(b""), shape, dtype, None, meta.htype or "generic", self.what)

    def arrays(self, *, keeps_broken: bool = False) -> list[Any]:
        """The selected samples as arrays (lists of arrays for rows of a sequence, and for polygons).

        With ``keeps_broken`` a linked file that cannot be had stands as its error.
        """
        is_each = keeps_broken and self.tensor.meta.is_link
        found = self.each_link() if is_each else self.whole()
        if self.index.sub and any(isinstance(one, TiledSample) or is_film(one) for one in found):
            narrow = partial(_narrowed, sub=self.index.sub)
            return [decoding.attempt(narrow, one) if is_each else narrow(one) for one in found]
        decode: Callable[[list[Any]], list[Any]] = decoding.decode_each if is_each else decoding.decode_all
        if htype_row(self.tensor.meta.htype).payload == "polygon":
            decode = _values
        arrays: list[Any] = [decode(row) for row in found] if self.tensor.meta.is_sequence else decode(found)
        for items in self.index.sub:
            arrays = [_part(array, items) for array in arrays]
        return arrays

    def values(self) -> Any:
        """The selected samples as Python values: one for a single row, else a list."""
        if (texts := self._texts()) is not None:
            return texts
        values = [_values(row) if isinstance(row, list) else row.value() for row in self.whole()]
        for items in self.index.sub if self.tensor.meta.is_sequence else ():
            values = [_part(value, items) for value in values]
        return self.each(values)

    def _texts(self) -> list[str] | None:
        """Several rows of a text tensor as strings; None where the general way is needed."""
        if self.index.is_single or self.index.sub or self.index.padded:
            return None
        return read_texts(self.state, self.tensor, self.index.run(self.tensor.length))

    def each(self, values: list[Any]) -> Any:
        """``values`` of the selected rows; of a single row just its one."""
        return values[0] if self.index.is_single else values

    def numpy(self, *, aslist: bool, keeps_broken: bool = False) -> Any:
        """See ``Tensor.numpy``. Three ways, fastest first: one row in memory; rows of one shape; anything.

        Without ``keeps_broken`` a linked file that cannot be had is an error in a list, too.
        """
        meta = self.tensor.meta
        if meta.htype == "point_cloud" and not meta.is_sequence:
            return self._coordinates(aslist=aslist, keeps_broken=keeps_broken)
        found = None if meta.is_sequence else self._at_once(aslist=aslist)
        if found is not None:
            return decoding.own(found)
        payload = htype_row(meta.htype).payload
        aslist = aslist or payload == "polygon"  # no two are alike
        is_stacked = payload == "array" and meta.htype != "mesh"  # of a mesh only its file knows how many vertices
        if is_stacked and not (aslist or meta.is_sequence or self.index.is_single or self.index.sub):
            samples = self.whole()
            return decoding.decode_stacked(samples, self.what) if samples else self._nothing()
        arrays = self.arrays(keeps_broken=keeps_broken and aslist and not self.index.is_single)
        if self.index.is_single:
            return (
                self._items_stacked(arrays[0])
                if isinstance(arrays[0], list) and not aslist
                else decoding.own(arrays[0])
            )
        if aslist:
            return decoding.own(arrays)
        arrays = [self._items_stacked(row) if isinstance(row, list) else row for row in arrays]
        return decoding.stack(arrays, self.what) if arrays else self._nothing()

    def _items_stacked(self, row: list[Any]) -> NDArray[Any]:
        """The items of a row of a sequence as one array; of none, too, one of their dtype and rank."""
        if row or self.index.sub:
            return decoding.stack(row, self.what)
        meta = self.tensor.meta
        return np.empty((0,) * (1 + len(meta.max_shape)), _numpy_dtype(meta.dtype))

    def _coordinates(self, *, aslist: bool, keeps_broken: bool) -> Any:
        """The first three columns of point clouds: a file has more, which ``data()`` gives by name."""
        found = self.arrays(keeps_broken=keeps_broken and aslist and not self.index.is_single)
        arrays: list[Any] = [one if isinstance(one, LakeError) else decoding.own(one[..., :3]) for one in found]
        if self.index.is_single:
            return arrays[0]
        return arrays if aslist else decoding.stack(arrays, self.what) if arrays else self._nothing()

    def _at_once(self, *, aslist: bool) -> NDArray[Any] | None:
        """One row whose chunk is in memory, or rows of one shape; None where there is work to be done per row."""
        if self.index.is_single:
            row = int(self.index.rows[0])  # type: ignore[index]
            return (
                None if self.index.sub or row >= self.tensor.length else reader.read_one(self.state, self.tensor, row)
            )
        rows = self.index.run(self.tensor.length)
        if aslist or not len(rows) or not _is_plain(self.index.sub) or self.index.padded:
            return None
        if texts := self._texts():
            return np.array(texts)[:, None]
        whole = reader.read_uniform(self.state, self.tensor, rows)
        for items in self.index.sub if whole is not None else ():
            whole = _part(whole, (slice(None), *items))
        return whole

    def _nothing(self) -> NDArray[Any]:
        meta = self.tensor.meta
        one = np.broadcast_to(np.empty((), _numpy_dtype(meta.dtype)), meta.max_shape)
        for items in self.index.sub:
            one = _part(one, items)
        return np.empty((0, *one.shape), one.dtype)

    def shape(self) -> Shape:
        """``(rows, *sample shape)`` with None where it varies; of a single row its shape."""
        meta = self.tensor.meta
        if self.index.is_whole and not meta.is_sequence:
            pairs = zip(meta.min_shape, meta.max_shape, strict=True)
            return (meta.length, *(low if low == high else None for low, high in pairs))
        if not self.index.sub and not self.index.count(self.tensor.length):
            return (0, *(low if low == high else None for low, high in zip(*self._limits(), strict=True)))
        if self._knows_shapes:
            shape = _common(self._known(), self.index.count(self.tensor.length))
        elif self.index.sub or meta.is_sequence:
            shape = _common(self.arrays(), self.index.count(self.tensor.length))
        else:
            shape = _common(self.whole(), self.index.count(self.tensor.length))
        return shape[1:] if self.index.is_single else shape

    def sample_infos(self) -> Any:
        """What the companion tensor knows of the files behind the rows; None where there is no such tensor."""
        for key, link in self.tensor.meta.links.items():
            companion = self.state.tensors.get(key)
            if link.get("extend") == "extend_info" and companion is not None:
                spans, items = self._spans()
                return self._grouped(Selection(self.state, companion, Index(items)).values(), spans)
        return None

    def shapes(self) -> NDArray[np.int64] | list[NDArray[np.int64]]:
        """See ``Tensor.shapes``. Where all samples have one shape, nothing is read."""
        meta = self.tensor.meta
        if meta.is_fixed_shape and not meta.is_sequence and not self.index.sub:
            return np.tile(np.array(meta.max_shape, np.int64), (self.index.count(self.tensor.length), 1))
        found = self._known() if self._knows_shapes else self.arrays() if self.index.sub else self.whole()
        if not found or not any(isinstance(one, list) for one in found):
            return self._table(found)
        rows = [self._table(one) for one in found]
        return np.stack(rows) if len({len(row) for row in rows}) == 1 else rows

    def _table(self, samples: list[Any]) -> NDArray[np.int64]:
        """Their shapes, ``(samples, axes)``."""
        shapes = [one.shape for one in samples]
        if len(set(map(len, shapes))) > 1:
            raise DynamicShapeError(f"{self.what}: samples have several numbers of axes; ask each for its shape")
        return np.array(shapes, np.int64).reshape(len(shapes), -1 if shapes else len(self.tensor.meta.max_shape))

    def bounds(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The least and the most of ``(rows, *sample shape)``; of a sequence ``(rows, items, *sample shape)``."""
        count = self.index.count(self.tensor.length)
        if not count or self.index.is_whole:
            low, high = self._limits()
            return (count, *low), (count, *high)
        shapes = self.shapes()
        if isinstance(shapes, list) or shapes.ndim > 2:  # noqa: PLR2004 - items of sequences
            items, sides = [len(row) for row in shapes], np.concatenate(list(shapes))
            rows = np.array([[min(items)], [max(items)]])
        else:
            rows, sides = np.zeros((2, 0), np.int64), shapes
        least = (sides.min(0), sides.max(0)) if len(sides) else (sides.sum(0),) * 2
        low, high = (tuple(map(int, (*own, *one))) for own, one in zip(rows, least, strict=True))
        return (count, *low), (count, *high)

    def _limits(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The bounds of samples that the whole tensor has; of a sequence those of the number of items come first."""
        meta = self.tensor.meta
        sequences = self.state.tables(self.tensor).sequences if meta.is_sequence else None
        if sequences is None or not len(sequences):
            return meta.min_shape, meta.max_shape
        counts = sequences.counts
        return (int(counts.min()), *meta.min_shape), (int(counts.max()), *meta.max_shape)

    @property
    def _knows_shapes(self) -> bool:
        """Whether shapes of linked files are known without opening one."""
        links = self.tensor.meta.links.values() if self.tensor.meta.is_link and not self.index.sub else ()
        return not self.index.padded and any(link.get("extend") == "extend_shape" for link in links)

    def _known(self) -> list[Any]:
        """What has the shapes that linked files had when they were linked to; lists for rows of a sequence."""
        from deeplake_nb.dataset.revalidation import known_shapes

        spans, items = self._spans()
        shapes = known_shapes(self.state, self.tensor, items)
        if shapes is None:
            return self.whole()
        found = iter([np.broadcast_to(np.uint8(0), shape) for shape in shapes])
        return [[next(found) for _ in range(*span)] for span in spans] if self.tensor.meta.is_sequence else list(found)

    def paths(self) -> Any:
        """Paths of links, an array of one for each; lists of them for rows of a sequence."""
        spans, items = self._spans()
        return self._grouped([np.array([path]) for path in link_paths(self.state, self.tensor, items)], spans)

    def creds_keys(self) -> Any:
        """The name of each link's credentials, None without; lists of them for rows of a sequence."""
        spans, items = self._spans()
        links = stored_links(self.state, self.tensor, items)
        if failed := next((link for link in links if isinstance(link, LakeError)), None):
            raise failed
        return self._grouped([getattr(link, "creds_key", None) for link in links], spans)

    def _grouped(self, values: list[Any], spans: list[tuple[int, int]]) -> Any:
        """What is known of each item, in lists for rows of a sequence; only of those items that are selected."""
        if not self.tensor.meta.is_sequence:
            return self.each(values)
        found = iter(values)
        rows: list[Any] = [[next(found) for _ in range(*span)] for span in spans]
        return self.each([_part(row, self.index.sub[0][:1]) for row in rows] if self.index.sub else rows)

    def _spans(self) -> tuple[list[tuple[int, int]], NDArray[np.int64]]:
        """The items of each selected row, and of all."""
        spans = [self._span(row) for row in self.rows.tolist()]
        return spans, np.concatenate([np.arange(0), *(np.arange(*span) for span in spans)])

    def one(self) -> Stored | None:
        """The single sample that is selected, undecoded; None where there are several."""
        is_item = [len(items) for items in self.index.sub] == [1]
        if not self.index.is_single or (self.tensor.meta.is_sequence and not is_item):
            return None
        (found,) = self.stored(self.rows)
        one = _part(found, self.index.sub[0]) if isinstance(found, list) else found
        return None if isinstance(one, list) else one

    def _span(self, row: int) -> tuple[int, int]:
        """The items of a row."""
        sequences = self.state.tables(self.tensor).sequences if self.tensor.meta.is_sequence else None
        if sequences is None:
            return row, row + 1
        return sequences.span(row)

    def _items(self, items: NDArray[np.int64], open_links: OpenLinks | None) -> Sequence[Stored]:
        if self.tensor.meta.is_link:
            return linked_items(self.state, self.tensor, items, open_links)
        return reader.stored_items(self.state, self.tensor, items)

    def whole(self) -> list[Any]:
        """Stored samples of the selected rows; the first that cannot be read raises."""
        found = self.stored(self.rows)
        failed = [one for one in _flat(found) if isinstance(one, LakeError)]
        if not failed:
            return found
        if self.index.is_single or not isinstance(failed[0], LinkError):
            raise failed[0]
        count = sum(1 for _ in _flat(found))
        raise LinkError(
            f"{failed[0]} ({len(failed)} of {count} linked files cannot be read; numpy(aslist=True) gives the others)"
        ) from failed[0]

    def each_link(self) -> list[Any]:
        """Stored samples of the selected rows of a link tensor; a linked file that cannot be had stands as its error.

        Raises:
            FormatError: the link itself cannot be read.
        """
        found = self.stored(self.rows)
        for one in _flat(found):
            if isinstance(one, LakeError) and not isinstance(one, LinkError):
                raise one
        return found


def _values(samples: list[StoredSample]) -> list[Any]:
    return [one.value() for one in samples]


def _flat(rows: list[Stored | list[Stored]]) -> Iterator[Stored]:
    """Samples, those of sequences too."""
    return chain.from_iterable(row if isinstance(row, list) else (row,) for row in rows)


def _is_plain(sub: tuple[Any, ...]) -> bool:
    return all(isinstance(item, (int, slice)) for items in sub for item in items)


def _narrowed(stored: StoredSample, sub: tuple[Any, ...]) -> Any:
    """A part of a sample, of which no more is read than that where it is in tiles, or decoded of a film."""
    first, rest = sub[0], sub[1:]
    if isinstance(stored, TiledSample):
        array = stored.part(first)
    else:
        found = frames(stored, first) if is_film(stored) else None
        array = _part(*found) if found is not None else _part(stored.array(), first)
    for items in rest:
        array = _part(array, items)
    return array


def _numpy_dtype(dtype: str | None) -> np.dtype[Any]:
    try:
        return np.dtype(dtype)
    except TypeError:
        return np.dtype(object)  # a JSON schema


def _part(array: Any, items: tuple[Any, ...]) -> Any:
    if isinstance(array, LakeError):
        return array
    try:
        if not isinstance(array, list):
            part = array[items]
            return np.asarray(part) if isinstance(part, (np.ndarray, np.generic)) else np.array(part, object)[()]
        chosen = Index().narrowed(items[0], len(array))  # items of a sequence
        picked = [_part(array[at], items[1:]) if items[1:] else array[at] for at in chosen.resolve(len(array)).tolist()]
        return picked[0] if chosen.is_single else picked
    except IndexError as error:
        raise RowError(str(error)) from error


def _common(samples: list[Any], count: int) -> Shape:
    shapes = [_common(sample, len(sample)) if isinstance(sample, list) else sample.shape for sample in samples]
    if not shapes:
        return (count,)
    rank = max(map(len, shapes))
    axes = zip(*[shape for shape in shapes if len(shape) == rank], strict=True)
    return (count, *(axis[0] if len(set(axis)) == 1 else None for axis in axes))
