"""Samples as values: a file to store as it is, a link to one elsewhere, and stored bytes waiting to be decoded."""

from __future__ import annotations

import io
import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.errors import FormatError, SampleError
from deeplake_nb.format.codecs import TABLE as COMPRESSIONS
from deeplake_nb.format.codecs import compression, files, images, lz4
from deeplake_nb.format.htypes import htype_row
from deeplake_nb.urls import lasting, redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray
    from typing_extensions import Buffer


_kind_named = compression  # which an argument is called, too
_MOST_POINTS = 65535
_MOST_DIMENSIONS = 255


class Sample:
    """A file's bytes, or an array, to be appended; made by ``read()``.

    A file whose kind equals the tensor's ``sample_compression`` is stored byte for byte, without being decoded.
    ``load`` is called with the path each time the bytes are needed, so that many samples do not hold their bytes.
    """

    __slots__ = ("_array", "_buffer", "_compression", "_kind", "_load", "_probe", "path")

    def __init__(
        self,
        buffer: Buffer | None = None,
        *,
        array: NDArray[Any] | None = None,
        compression: str | None = None,
        path: str | None = None,
        load: Callable[[str], Buffer] | None = None,
    ) -> None:
        self.path = path
        self._buffer = None if buffer is None else _flat(buffer)
        self._load = load
        self._array = array
        self._probe: images.Probe | None = None
        self._kind: str | None = None
        self._compression = compression
        if self._buffer is None and load is None and array is None:
            raise FormatError("a Sample needs bytes or an array")

    @property
    def buffer(self) -> memoryview:
        """The file's bytes (an array's own, C-order, where there is no file)."""
        if self._buffer is not None:
            return self._buffer
        if self._load is not None:
            return _flat(self._load(self.path or ""))
        return as_bytes(np.ascontiguousarray(self._array))

    def loaded(self) -> Sample:
        """The same sample with its bytes in memory, so that they are fetched once."""
        if self._load is None or self._buffer is not None:
            return self
        return Sample(self._load(self.path or ""), compression=self._compression, path=self.path)

    @property
    def is_file(self) -> bool:
        """False for a plain array."""
        return self._load is not None or self._buffer is not None

    @property
    def probe(self) -> images.Probe:
        """Compression, shape and dtype, from the head of the file."""
        if self._probe is None:
            if self._array is not None:
                self._probe = images.Probe(self._compression or "", self._array.shape, self._array.dtype.name)
            else:
                data = self.buffer
                self._probe = self._look(data) or files.probe(data, self.what, self._kind)
        return self._probe

    @property
    def what(self) -> str:
        """Names it in errors, without what a url may hold."""
        return redact(self.path) if self.path else "a sample"

    def _look(self, data: memoryview) -> images.Probe | None:
        """Find out what kind of file it is; a picture is probed in the same go."""
        if self._compression is None and (found := images.glanced(data)) is not None:
            return found
        row = compression(self._compression)
        self._kind = row.name if row else files.sniffed(data) or files.suffix_kind(self.path or "")
        if self._kind is None:
            return images.probe(data, self.what)
        return files.probe(data, self.what, self._kind) if COMPRESSIONS[self._kind].kind == "image" else None

    @property
    def compression(self) -> str | None:
        """Kind of the file, such as ``"jpeg"``; None for a plain array."""
        row = compression(self._compression)
        if row is None and self._array is None and self._kind is None and self._probe is None:
            self._probe = self._look(self.buffer)
        return row.name if row else self._kind or (self.probe.compression or None)

    @property
    def shape(self) -> tuple[int, ...]:
        """Array shape, ``(H, W)`` or ``(H, W, C)`` for an image."""
        return self.probe.shape

    @property
    def dtype(self) -> str:
        """Name of the array's dtype."""
        return self.probe.dtype

    @property
    def array(self) -> NDArray[Any]:
        """The decoded array."""
        if self._array is not None:
            return self._array
        kind = self.compression
        if kind is None or COMPRESSIONS[kind].kind == "image":
            return images.decode(self.buffer, self.what)
        return files.decode(self.buffer, kind, self.shape, self.what)

    @property
    def pil(self) -> Any:
        """The picture as one of Pillow's.

        Raises:
            FormatError: no picture, or a corrupt one.
        """
        from PIL import Image

        try:
            return Image.open(io.BytesIO(self.buffer)) if self.is_file else Image.fromarray(self.array)
        except (OSError, TypeError) as error:
            raise FormatError(f"{self.what}: it is no picture ({error})") from error

    def uncompressed_bytes(self) -> bytes:
        """The decoded array's own, in C order."""
        return bytes(as_bytes(np.ascontiguousarray(self.array)))

    def compressed_bytes(self, compression: str | None) -> bytes:
        """A file of that kind: the sample's own, where it is of it. None gives ``uncompressed_bytes``.

        Raises:
            HtypeError: no such kind.
            SampleError: what cannot be encoded so.
        """
        row = _kind_named(compression)
        if row is None:
            return self.uncompressed_bytes()
        if self.is_file and self.compression == row.name:
            return bytes(self.buffer)
        if row.name == "lz4":
            return lz4.compress(self.uncompressed_bytes())
        if row.kind != "image":
            raise SampleError(f"{self.what}: {row.name} files are not made here; read() one")
        return images.encode(self.array, row.name, self.what)

    def __repr__(self) -> str:
        return f"Sample({self.path!r})" if self.path else f"Sample(compression={self._compression!r})"


def are_files(values: Iterable[Any]) -> bool:
    """Whether these are nothing but samples that are files."""
    return set(map(type, values)) == {Sample} and all(value.is_file for value in values)


def _flat(buffer: Buffer) -> memoryview:
    if type(buffer) is bytes:
        return memoryview(buffer)
    view = buffer if type(buffer) is memoryview else memoryview(buffer)
    return view if view.format == "B" and view.ndim == 1 else view.cast("B")


@dataclass(frozen=True, slots=True)
class PartialSample:
    """A sample of zeros that is cut into tiles and not stored, until parts of it are assigned; made by ``tiled()``."""

    shape: tuple[int, ...]
    tile_shape: tuple[int, ...] | None = None
    dtype: str = "uint8"


def tiled(sample_shape: Sequence[int], tile_shape: Sequence[int] | None = None, dtype: Any = "uint8") -> PartialSample:
    """A sample of zeros to append: nothing is stored of it until parts of it are assigned.

    Args:
        sample_shape: of the whole sample.
        tile_shape: of its tiles; None for some that hold about as much as ``tiling_threshold``.
        dtype: of its numbers, where the tensor has none yet.

    Example:
        >>> import deeplake_nb as deeplake
        >>> ds = deeplake.empty("mem://tiled-example")
        >>> x = ds.create_tensor("x", dtype="uint8")
        >>> x.append(deeplake.tiled((30_000, 40_000, 3), (1000, 1000, 3)))
        >>> x[0][5:7, 100:200] = 255
        >>> x[0, 6, 150].numpy().tolist()
        [255, 255, 255]
    """
    tile = None if tile_shape is None else tuple(int(size) for size in tile_shape)
    return PartialSample(tuple(int(size) for size in sample_shape), tile, np.dtype(dtype).name)


@dataclass(frozen=True, slots=True)
class Link:
    """A file elsewhere, kept by its path; ``creds_key`` names the credentials that open it, and never holds them."""

    path: str
    creds_key: str | None = None

    def __repr__(self) -> str:
        key = f", creds_key={self.creds_key!r}" if self.creds_key is not None else ""
        return f"Link({redact(self.path)!r}{key})"


@dataclass(frozen=True, slots=True, eq=False)
class LinkTiled:
    """A large sample that is a grid of files elsewhere, all of one shape; made by ``link_tiled()``."""

    paths: NDArray[np.object_]
    creds_key: str | None = None

    @property
    def links(self) -> list[Link]:
        """A link to each file, in C order of the grid."""
        return [Link(path, self.creds_key) for path in self.paths.reshape(-1).tolist()]

    def __repr__(self) -> str:
        return f"LinkTiled({self.paths.shape} files from {self.links[0]!r} on)"


def link_tiled(path_array: Any, creds_key: str | None = None) -> LinkTiled:
    """A grid of image files of one shape as one large sample, to append to a ``link[...]`` tensor.

    The first axis of ``path_array`` goes down the picture, the second to the right. Reading a part of the sample opens
    the files that it touches. Relative paths are kept as whole ones.

    Raises:
        SampleError: no paths, or something else among them.
    """
    paths = np.asarray(path_array, object)
    if not paths.size or not paths.ndim or not all(isinstance(path, str) and path for path in paths.reshape(-1)):
        raise SampleError("link_tiled takes a grid of paths: an array, or lists of lists, of texts")
    whole = [lasting(path) for path in paths.reshape(-1).tolist()]
    return LinkTiled(np.array(whole, object).reshape(paths.shape), creds_key)


@dataclass(frozen=True, slots=True)
class StoredSample:
    """One sample as it lies in storage: a file's bytes under ``compression``, or raw bytes (byte codecs undone)."""

    data: memoryview
    shape: tuple[int, ...]
    dtype: str
    compression: str | None
    htype: str
    what: str = "a sample"

    def array(self) -> NDArray[Any]:
        """The sample as an array of ``shape``; text and JSON as arrays of objects.

        Raises:
            FormatError: corrupt bytes, or bytes that do not fit the shape.
            MissingDependencyError: a file whose decoder is not installed.
        """
        payload = htype_row(self.htype).payload
        if payload == "array":
            return self._numeric()
        value = self.value()
        if payload in {"list", "tag"}:
            return object_array(value)
        if payload == "text":
            return np.array([value])
        return object_array([value] if payload == "json" else value)

    def value(self) -> Any:
        """The sample as Python sees it: str, JSON value, list, list of polygon arrays, or the array."""
        payload = htype_row(self.htype).payload
        if payload == "array":
            return self._numeric()
        if payload == "polygon":
            return decode_polygons(self.data, self.shape, self.dtype, self.what)
        try:
            text = str(self.data, "utf-8")
        except UnicodeDecodeError as error:
            raise FormatError(f"{self.what}: not UTF-8 text ({error})") from error
        if payload == "text":
            return text
        from deeplake_nb.format.meta import decode_json

        if payload == "json":
            return decode_json(self.data, self.what) if text else {}
        values = decode_json(self.data, self.what) if text else []
        if not isinstance(values, list):
            raise FormatError(f"{self.what}: expected a JSON array, got a {type(values).__name__}")
        return values

    def _numeric(self) -> NDArray[Any]:
        if self.compression is None or 0 in self.shape:
            return raw_array(self.data, self.shape, self.dtype, self.what)
        if COMPRESSIONS[self.compression].kind == "media":
            found = files.decode(self.data, self.compression, self.shape, self.what)
            is_own = self.htype == "dicom" or self.dtype == "object"
            return found if is_own else found.astype(self.dtype, copy=False)
        pixels = images.decode(self.data, self.what, size=math.prod(self.shape))
        return pixels.reshape(self.shape).astype(self.dtype, copy=False)


def raw_array(data: memoryview, shape: tuple[int, ...], dtype: str, what: str) -> NDArray[Any]:
    """A read-only array over raw C-order bytes; nothing is copied.

    Raises:
        FormatError: the bytes do not fill the shape.
    """
    try:
        return np.frombuffer(data, dtype).reshape(shape) if 0 not in shape else np.zeros(shape, dtype)
    except (ValueError, TypeError) as error:
        raise FormatError(f"{what}: {len(data)} bytes are no {dtype} array of shape {shape}") from error


def as_bytes(array: NDArray[Any]) -> memoryview:
    """The bytes of a contiguous array (also of an empty one), without copying."""
    return array.reshape(-1).view(np.uint8).data if array.size else memoryview(b"")


def object_array(values: list[Any]) -> NDArray[Any]:
    """A 1-d object array of ``values``, whatever they are (numpy would take lists apart)."""
    out = np.empty(len(values), object)
    out[:] = values
    return out


def encode_polygons(polygons: list[NDArray[Any]]) -> tuple[bytes, tuple[int, ...]]:
    """Polygons ``(points, ndim)`` of one dtype as counts (u2) and coordinates; shape is ``(n, most points, ndim)``.

    Raises:
        ValueError: no such arrays, several numbers of dimensions, or more than the format can count.
    """
    if not polygons:
        return b"", (0, 0, 0)
    ranks = {polygon.ndim for polygon in polygons}
    dims = {polygon.shape[-1] for polygon in polygons if polygon.ndim}
    counts = [len(polygon) for polygon in polygons if polygon.ndim]
    if ranks != {2} or len(dims) > 1 or max(dims) > _MOST_DIMENSIONS:
        raise ValueError(f"shapes {sorted({polygon.shape for polygon in polygons})[:3]}")
    if max(len(counts), *counts) > _MOST_POINTS:
        raise ValueError(f"the format counts to {_MOST_POINTS}, got {max(len(counts), *counts)}")
    header = struct.pack(f"<{1 + len(counts)}H", len(counts), *counts)
    return header + b"".join(polygon.tobytes() for polygon in polygons), (len(counts), max(counts), dims.pop())


def decode_polygons(data: memoryview, shape: tuple[int, ...], dtype: str, what: str) -> list[NDArray[Any]]:
    """The arrays ``(points, ndim)`` of one polygon sample.

    Raises:
        FormatError: counts and coordinates do not fit.
    """
    if not len(data):
        return []
    try:
        (count,) = struct.unpack_from("<H", data)
        counts = struct.unpack_from(f"<{count}H", data, 2)
        points = np.frombuffer(data, dtype, offset=2 + 2 * count).reshape(sum(counts), shape[-1])
    except (struct.error, ValueError, IndexError) as error:
        raise FormatError(f"{what}: not a polygon sample ({error})") from error
    return np.split(points, np.cumsum(counts)[:-1]) if counts else []
