"""Python values to stored bytes: what a tensor's metadata makes of what the user appends.

A batch becomes either one ``Uniform`` (samples alike, bytes in one piece: no work per row) or one ``Varied``. Samples
over the tiling threshold are cut into tiles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.errors import SampleError
from deeplake_nb.format.batch import Joined, Uniform, Varied
from deeplake_nb.format.codecs import TABLE as COMPRESSIONS
from deeplake_nb.format.codecs import images, lz4
from deeplake_nb.format.encoders import Tiling
from deeplake_nb.format.grids import Grid
from deeplake_nb.format.htypes import NEVER_TILED, TEXT_LIKE, Htype, htype_row
from deeplake_nb.format.meta import Records, encode_json, encode_records
from deeplake_nb.format.packing import is_canvas, packing
from deeplake_nb.format.samples import Link, PartialSample, Sample, are_files, as_bytes, encode_polygons
from deeplake_nb.format.tiles import RATIO, Tiles, tile_shape

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Buffer

    from deeplake_nb.format.batch import Apart, Batch
    from deeplake_nb.format.meta import TensorMeta

Shape = tuple[int, ...]
TILING_THRESHOLD = 16_000_000
"""Bytes, where a tensor's metadata has no other."""


class Encoder:
    """Turns values into payloads for one tensor."""

    def __init__(self, meta: TensorMeta) -> None:
        self.meta = meta
        self.row: Htype = htype_row(meta.htype)
        self.what = f"tensor {meta.name!r}"
        found = COMPRESSIONS[meta.sample_compression] if meta.sample_compression and not meta.is_link else None
        self.compression = found
        self.is_image_file = found is not None and found.kind == "image"
        self.is_canvas = is_canvas(meta)
        is_picture = meta.htype == "image" or self.is_image_file
        self.needs_channel = len(meta.max_shape) == 3 if self.is_canvas else is_picture  # noqa: PLR2004 - (H, W, C)
        self.tile_limit = meta.tiling_threshold or TILING_THRESHOLD
        """Bytes from which a sample is cut into tiles; negative where none is."""

    def batch(self, values: Any) -> Batch | Joined:
        """Payloads of several samples (the first axis of an array, or a sequence of values).

        Raises:
            SampleError: a value whose type, dtype or rank does not fit; names its position.
        """
        alike = self._uniform(values) or self.texts(values) or self._records(values) or self._files(values)
        if alike is not None:
            return alike
        payloads: list[Buffer | Apart] = []
        shapes: list[Shape | None] = []
        rank = len(self.meta.max_shape) or None
        for position, value in enumerate(values):
            payload, shape = self.one(value)
            if shape is not None:
                if rank is not None and len(shape) != rank and not self.meta.is_link:
                    raise SampleError(
                        f"{self.what}: sample {position} has shape {shape}; expected {rank} dimensions like the others"
                    )
                rank = rank or len(shape)
            payloads.append(payload)
            shapes.append(shape)
        return Varied(payloads, [shape if shape is not None or rank is None else (0,) * rank for shape in shapes])

    def _uniform(self, values: Any) -> Uniform | None:
        if self.row.payload != "array" or self.compression or self.meta.is_link or self.row.mode:
            return None
        array = _numbers(values)
        if array is None:
            return None
        if array.ndim == 1:
            array = array[:, None]
        array = array.reshape(len(array), *self._channelled(array.shape[1:]))
        rank = len(self.meta.max_shape)
        if rank and array.ndim - 1 != rank:
            raise SampleError(f"{self.what}: samples have shape {array.shape[1:]}; expected {rank} dimensions")
        nbytes = np.dtype(self.meta.dtype).itemsize * int(np.prod(array.shape[1:], dtype=np.int64))
        if self._is_cut(nbytes):
            return None
        array = np.ascontiguousarray(self.cast(array, exact=isinstance(values, np.ndarray)))
        if self.is_canvas and len(array):
            images.check_holds(array[0], str(packing(self.meta)), self.what)
        return Uniform(as_bytes(array), len(array), array.shape[1:], nbytes)

    def texts(self, values: Any) -> Joined | None:
        """Nothing but strings, with no work per row: how long they are is seen where they are joined."""
        if self.row.payload != "text" or self.compression or self.meta.is_link or not len(values):
            return None
        try:
            data, payload = "\0".join(values).encode(), "".join(values).encode()
        except (TypeError, UnicodeEncodeError):
            return None  # the general way says which
        ends = np.append(np.flatnonzero(np.frombuffer(data, np.uint8) == 0), len(data))
        if len(ends) == len(values):
            return Joined(payload, np.diff(ends, prepend=-1) - 1, (1,))
        sizes = [len(one.encode()) for one in values]  # as one of them has such a character
        return Joined(payload, np.array(sizes, np.int64), (1,))

    def _records(self, values: Any) -> Joined | None:
        """Nothing but JSON objects."""
        is_other = self.row.payload != "json" or self.compression
        if is_other or not (isinstance(values, Records) or set(map(type, values)) == {dict}):
            return None
        try:
            records = values if isinstance(values, Records) else encode_records(list(values))
        except (TypeError, ValueError, RecursionError):
            return None  # the general way says which
        if records is None:
            return None
        return Joined("".join(records).encode(), np.fromiter(map(len, records), np.int64, len(records)), (1,))

    def _files(self, values: Any) -> Varied | None:
        """Nothing but picture files of the tensor's kind, dtype and rank, which are stored as they are."""
        if not self.is_image_file or self.row.mode is not None or not are_files(values):
            return None
        heads = [value.probe for value in values]
        shapes: list[Shape | None] = [self._channelled(head.shape) for head in heads]
        rank = len(self.meta.max_shape) or len(shapes[0] or ())
        is_like = {(head.compression, head.dtype) for head in heads} == {
            (self.meta.sample_compression, self.meta.dtype)
        }
        if not is_like or {len(shape or ()) for shape in shapes} != {rank}:
            return None  # the general way says which does not fit
        buffers = [value.buffer for value in values]
        return None if max(map(len, buffers)) > self.tile_limit >= 0 else Varied([*buffers], shapes)

    def one(self, value: Any) -> tuple[Buffer | Apart, Shape | None]:
        """Payload and shape of one sample."""
        if self.meta.is_link:
            return self._link(value)
        if self.row.payload != "array":
            payload, shape = self._text_like(value)
            return (lz4.compress(payload) if self.compression else payload), shape
        if value is None:
            return b"", (0,) * (len(self.meta.max_shape) or 3) if self.is_canvas else None
        return self._array_like(value)

    def _array_like(self, value: Any) -> tuple[Buffer | Apart, Shape]:
        if isinstance(value, PartialSample):
            return self._partial(value)
        if self.compression is not None and self.compression.kind == "media":
            return self._file(value, self.compression.name)
        if self._fits_as_it_is(value):
            return value.buffer, self._channelled(value.shape)
        return self._numeric(value)

    def _file(self, value: Any, kind: str) -> tuple[Buffer, Shape]:
        """Nothing is encoded as audio, video, or a file of an instrument: it is stored as it is."""
        if not isinstance(value, Sample) or not value.is_file:
            raise SampleError(f"{self.what}: {kind} files are stored as they are; append read(path), not arrays")
        if value.compression != kind:
            raise SampleError(f"{self.what}: expected a {kind} file, {value.what} is {value.compression}")
        return value.buffer, value.shape

    def _is_cut(self, nbytes: int) -> bool:
        """Whether a sample of so many raw bytes is cut into tiles."""
        is_cut = nbytes * (RATIO if self.is_compressed else 1) > self.tile_limit >= 0
        return is_cut and self.row.payload == "array" and self.row.name not in NEVER_TILED

    @property
    def is_compressed(self) -> bool:
        """Whether a sample is taken to shrink: the original's rule leaves lz4 chunks out."""
        return self.compression is not None or self.is_canvas

    def tile_of(self, shape: Shape) -> Shape:
        """The shape of the tiles of a sample."""
        packed = self.meta.sample_compression or packing(self.meta)
        nbytes = float(np.prod(shape, dtype=np.float64) * np.dtype(self.meta.dtype).itemsize * (RATIO if packed else 1))
        keep_last = self.row.name != "generic" or packed not in {None, "lz4"}
        return tile_shape(shape, nbytes, max(self.tile_limit, 1), keep_last=keep_last)

    def encoded(self, array: NDArray[Any]) -> Buffer:
        """The bytes of one array of the tensor's dtype."""
        if self.is_image_file:
            return images.encode(array, self.compression.name if self.compression else "", self.what)
        if self.is_canvas:
            images.check_holds(array, str(packing(self.meta)), self.what)
        data = as_bytes(np.ascontiguousarray(array))
        return lz4.compress(data) if self.compression else data

    def _partial(self, value: PartialSample) -> tuple[Tiles, Shape]:
        shape = self._channelled(value.shape)
        tile = value.tile_shape and self._channelled(value.tile_shape)
        if 0 in shape or (tile is not None and (len(tile) != len(shape) or 0 in tile)):
            raise SampleError(f"{self.what}: tiles of shape {tile} do not cover a sample of shape {shape}")
        tiling = Tiling((shape, tuple(map(min, tile, shape)) if tile else self.tile_of(shape)))
        return Tiles(tiling, None, self.encoded), shape

    def _fits_as_it_is(self, value: Any) -> bool:
        """Whether a file can be stored byte for byte: its kind, its mode and its dtype are the tensor's."""
        is_file = isinstance(value, Sample) and value.is_file and self.is_image_file
        if not is_file or value.compression != self.meta.sample_compression:
            return False
        if self.row.mode is not None and not _has_mode(value, self.row.mode):
            return False
        if len(value.buffer) > self.tile_limit >= 0:
            return False
        wanted = self.meta.dtype or value.dtype
        return value.dtype == wanted or np.can_cast(value.dtype, wanted, "safe")

    def _numeric(self, value: Any) -> tuple[Buffer | Tiles, Shape]:
        array = self.cast(self._array(value), exact=hasattr(value, "dtype"))
        shape = self._channelled(array.shape or (1,))
        if not array.size:
            return b"", shape
        if self._is_cut(array.nbytes):
            return self._cut(Tiles(Tiling((shape, self.tile_of(shape))), array.reshape(shape), self.encoded)), shape
        return self.encoded(array), shape

    def _cut(self, tiles: Tiles) -> Tiles:
        """The same, if its tiles can be encoded: they are once more when they are stored, and must not fail then."""
        packed = self.meta.sample_compression or packing(self.meta)
        kind = COMPRESSIONS[packed] if packed else None
        if kind is not None and kind.kind == "image":
            depends = self.is_image_file and images.depends_on_values(np.dtype(self.meta.dtype), kind.name)
            for number in range(len(tiles) if depends else 1):
                tiles.encoded_tile(number)
        return tiles

    def _channelled(self, shape: Shape) -> Shape:
        """As v3 has pictures: grey ones, (H, W), get the axes that the others have, at least three."""
        return (*shape, *(1,) * ((len(self.meta.max_shape) or 3) - len(shape))) if self.needs_channel else shape

    def _array(self, value: Any) -> NDArray[Any]:
        if isinstance(value, (str, bytes, Link, Mapping)):
            hint = " (append read(path) for a file)" if isinstance(value, str) else ""
            raise SampleError(
                f"{self.what}: expected an array for htype {self.row.name}, got a {type(value).__name__}{hint}"
            )
        if isinstance(value, Sample):
            is_converted = value.is_file and self.row.mode is not None
            return images.decode(value.buffer, self.what, self.row.mode) if is_converted else value.array
        try:
            array = np.asarray(value)
        except ValueError as error:
            raise SampleError(f"{self.what}: the sample is no regular array ({error})") from error
        return images.converted(self.cast(array, exact=True), self.row.mode, self.what) if self.row.mode else array

    def cast(self, array: NDArray[Any], *, exact: bool) -> NDArray[Any]:
        """To the tensor's dtype, where no value changes; a fraction alone, or of Python (not ``exact``), is rounded."""
        target = np.dtype(self.meta.dtype)
        if array.dtype == target or np.can_cast(array.dtype, target, "safe") or not array.size:
            return array.astype(target, copy=False)
        fits = False
        with np.errstate(all="ignore"):
            if array.dtype.kind in "iu" and target.kind in "iu":
                bounds = np.iinfo(target)
                fits = bounds.min <= int(array.min()) and int(array.max()) <= bounds.max
            elif target.kind in "fc" and array.dtype.kind in "iu":
                rounded = array.astype(target).real
                is_same = (rounded < np.iinfo(array.dtype).max + 1.0) & (rounded.astype(array.dtype) == array)
                fits = bool((np.isfinite(rounded) & is_same).all())
            elif target.kind in "fc" and array.dtype.kind in "fc" and not (exact and array.size > 1):
                is_narrower = target.kind == "c" or array.dtype.kind == "f"
                fits = is_narrower and bool((np.isfinite(array.astype(target)) == np.isfinite(array)).all())
        if not fits:
            raise SampleError(
                f"{self.what}: {array.dtype} values do not fit dtype {target} without loss; convert them with "
                f"astype({target.name!r}) if that is meant"
            )
        return array.astype(target)

    def _text_like(self, value: Any) -> tuple[bytes, Shape]:
        match self.row.payload:
            case "text":
                text = value.reshape(())[()] if isinstance(value, np.ndarray) and value.size == 1 else value
                if text is not None and not isinstance(text, str):
                    if not _is_number(text):
                        raise SampleError(
                            f"{self.what}: expected a string or a number, got a {type(value).__name__}; bytes need a "
                            ".decode(), and lists and dictionaries a tensor of htype json"
                        )
                    text = str(text)  # as v3 writes numbers
                return self._utf8(text or ""), (1,)
            case "json":
                is_plain = isinstance(value, np.ndarray) and value.dtype.kind in "biufU"
                return self._json(value.tolist() if is_plain else {} if value is None else value), (1,)
            case "list":
                items = [] if value is None else _listed(value, self.what)
                return self._json(items), (len(items),)
            case "tag":
                is_one = value is None or isinstance(value, str) or _is_number(value)
                tags = [value] if is_one else _listed(value, self.what)
                tags = tags or [None]
                return self._json(tags), (len(tags),)
            case _:
                return self._polygons([] if value is None else value)

    def _polygons(self, value: Any) -> tuple[bytes, Shape]:
        try:
            arrays = [np.asarray(polygon) for polygon in value]
            return encode_polygons([self.cast(polygon, exact=False) for polygon in arrays])
        except (TypeError, ValueError) as error:
            if isinstance(error, SampleError):
                raise
            raise SampleError(f"{self.what}: expected polygons, each a list of points ({error})") from error

    def _json(self, value: Any) -> bytes:
        try:
            return encode_json(value)
        except (TypeError, ValueError, RecursionError) as error:
            raise SampleError(f"{self.what}: {error}") from error

    def _utf8(self, text: str) -> bytes:
        try:
            return text.encode()
        except UnicodeEncodeError as error:
            raise SampleError(f"{self.what}: text that is no Unicode ({error.reason})") from error

    def _link(self, value: Any) -> tuple[Buffer | Apart, Shape]:
        if isinstance(value, Grid):
            return value, value.shape
        if value is not None and not isinstance(value, Link):
            raise SampleError(f"{self.what}: expected link(path), got a {type(value).__name__}")
        return self._utf8(value.path if value else ""), (1,)


def _has_mode(file: Sample, mode: str) -> bool:
    """Whether Pillow would give the file in this mode, as far as its head alone tells."""
    if mode == "RGB":
        return file.compression in {"jpeg", "png"} and file.shape[2:] == (3,)
    return file.compression == "jpeg" and len(file.shape) == 2  # noqa: PLR2004 - a grey PNG may have a palette


def _numbers(values: Any) -> NDArray[Any] | None:
    """Values as one array of numbers; None for others."""
    array = values
    if not isinstance(values, np.ndarray):
        if not isinstance(values, Sequence) or not len(values) or not _is_number(values[0]):
            return None
        try:
            array = np.asarray(values)
        except (ValueError, OverflowError):
            return None
    return array if array.dtype.kind in "biufc" and array.ndim else None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, complex, np.number, np.bool_))


def _listed(value: Any, what: str) -> list[Any]:
    if isinstance(value, np.ndarray):
        return list(value.tolist())
    if isinstance(value, (list, tuple)):
        return list(value)
    raise SampleError(f"{what}: expected a list, got a {type(value).__name__}")


def is_text_like(meta: TensorMeta) -> bool:
    """Whether samples are text, JSON or lists rather than arrays."""
    return htype_row(meta.htype).payload in TEXT_LIKE
