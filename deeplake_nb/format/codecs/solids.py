"""Point clouds and meshes: LAS and LAZ through laspy, PLY through plyfile, STL through numpy-stl."""

from __future__ import annotations

import io
import math
import re
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.errors import FormatError, LakeError
from deeplake_nb.format.codecs import library
from deeplake_nb.format.codecs.images import Probe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_STL_HEAD, _STL_TRIANGLE = 84, 50  # bytes
_ELEMENT = re.compile(rb"^element\s+(\w+)\s+(\d+)", re.MULTILINE)
_MOST_HEAD = 65_536


@contextmanager
def _readable(kind: str, what: str) -> Iterator[None]:
    try:
        yield
    except (LakeError, MemoryError):
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__module__ != "pyo3_runtime":  # a panic of lazrs
            raise
        raise FormatError(f"{what}: a corrupt {kind} file, or cut off ({error})") from error


def _check(shape: tuple[int, ...], found: NDArray[Any], what: str) -> NDArray[Any]:
    if math.prod(found.shape[:1]) != math.prod(shape[:1]):
        raise FormatError(f"{what}: expected {shape[0] if shape else 0} points or triangles, the file has {len(found)}")
    return found


# ------------------------------------------------------------------ las


_POINTS_AT_ONCE = 100_000
_MOST_PACKED = 10_000
"""Points take so many times the room that they take packed, at the most: ten times is usual."""


@contextmanager
def _cloud(data: memoryview, what: str) -> Iterator[Any]:
    """A reader that has looked at the head of LAS, or of LAZ, which is the same with packed points.

    Raises:
        MissingDependencyError: packed points, and no lazrs.
    """
    laspy = library("laspy", "point_cloud")
    for at, nbytes in [(100, 54), (243, 60)][: 2 if data[25] >= 4 else 1]:  # noqa: PLR2004 - the second since 1.4
        (records,) = struct.unpack_from("<I", data, at)
        if records * nbytes > len(data):  # laspy would go through them all
            raise FormatError(f"{what}: a head of {records} records in a file of {len(data)} bytes")
    with laspy.open(io.BytesIO(data), laz_backend=laspy.LazBackend.Lazrs) as reader:
        head = reader.header
        most = len(data) * (_MOST_PACKED if head.are_points_compressed else 1)
        if head.are_points_compressed:
            library("lazrs", "point_cloud")
            _check_table(data, head.offset_to_point_data, what)
        if head.point_count * head.point_format.size > most:
            raise FormatError(f"{what}: {head.point_count} points of {head.point_format.size} bytes in {len(data)}")
        yield reader


def _check_table(data: memoryview, start: int, what: str) -> None:
    """Refuse a table of more packed chunks than bytes: lazrs makes room for all it promises, or ends the process.

    Points are preceded by where the table is (-1: the last 8 bytes say so); its version and length stand there.
    """
    (table,) = struct.unpack_from("<q", data, start)
    if table == -1:
        (table,) = struct.unpack_from("<q", data, len(data) - 8)
    (count,) = struct.unpack_from("<I", data, table + 4)
    if table < 0 or count > len(data):
        raise FormatError(f"{what}: {count} packed chunks in a file of {len(data)} bytes")


def _dimensions(head: Any) -> dict[str, np.dtype[Any]]:
    """Names of the dimensions, in the order of the file, and the dtypes of their arrays."""
    none = library("laspy", "point_cloud").ScaleAwarePointRecord.zeros(0, header=head)
    return {name: np.asarray(none[name]).dtype for name in head.point_format.dimension_names}


def probe_las(data: memoryview, what: str) -> Probe:
    """Points, and all that is known of each, from the head."""
    with _readable("las", what), _cloud(data, what) as reader:
        head = reader.header
        return Probe("las", (head.point_count, len(_dimensions(head))), "float32")


def decode_las(data: memoryview, shape: tuple[int, ...], what: str) -> NDArray[np.float32]:
    """A column for each dimension as it is stored (coordinates unscaled), in the order of the file.

    Points are unpacked some at a time: a head that promises more than there are takes no room for them.
    """
    with _readable("las", what), _cloud(data, what) as reader:
        names = list(_dimensions(reader.header))
        if shape and reader.header.point_count != shape[0]:
            raise FormatError(f"{what}: expected {shape[0]} points, the file has {reader.header.point_count}")
        parts = [
            np.stack([np.asarray(points[name], np.float32) for name in names], axis=1)
            for points in reader.chunk_iterator(_POINTS_AT_ONCE)
        ]
        return _check(shape, np.concatenate([np.zeros((0, len(names)), np.float32), *parts]), what)


def describe_las(data: memoryview, what: str) -> dict[str, Any]:
    """Names and dtypes of the dimensions, and the header."""
    with _readable("las", what), _cloud(data, what) as reader:
        head = reader.header
        kinds = _dimensions(head)
        version = {"major": head.version.major, "minor": head.version.minor}
        date = head.creation_date
        return {
            "dimension_names": list(kinds),
            "las_header": {
                "DEFAULT_VERSION": version,
                "version": version,
                "file_source_id": head.file_source_id,
                "system_identifier": str(head.system_identifier),
                "generating_software": str(head.generating_software),
                "creation_date": date and {"year": date.year, "month": date.month, "day": date.day},
                "point_count": head.point_count,
                "scales": head.scales.tolist(),
                "offsets": head.offsets.tolist(),
                "number_of_points_by_return": np.asarray(head.number_of_points_by_return).tolist(),
                "maxs": head.maxs.tolist(),
                "mins": head.mins.tolist(),
                "uuid": str(head.uuid),
            },
            "dimensions_names_to_dtype": {name: kind.str for name, kind in kinds.items()},
        }


# ------------------------------------------------------------------ ply


def _mesh(data: memoryview, what: str) -> Any:
    plyfile = library("plyfile", "mesh")
    head = bytes(data[:_MOST_HEAD])
    for name, count in _ELEMENT.findall(head[: head.find(b"end_header")]):
        if int(count) > len(data):
            raise FormatError(f"{what}: {int(count)} of {name.decode()!r} in a file of {len(data)} bytes")
    return plyfile.PlyData.read(io.BytesIO(data))


def probe_ply(data: memoryview, what: str) -> Probe:
    """Vertices, and the numbers that the original counts for each."""
    with _readable("ply", what):
        mesh = _mesh(data, what)
        vertices = mesh["vertex"]
        dtype = "object" if "face" in mesh else np.dtype(vertices["x"].dtype).name
        return Probe("ply", (vertices.count, len(_columns(mesh)[0])), dtype)


def decode_ply(data: memoryview, shape: tuple[int, ...], what: str) -> NDArray[Any]:
    """The vertices, a column for each of their properties."""
    with _readable("ply", what):
        vertices = _mesh(data, what)["vertex"]
        columns = [np.asarray(vertices[one.name]) for one in vertices.properties]
        kind = np.result_type(*columns)
        return _check(shape, np.stack(columns, axis=1).astype(kind.newbyteorder("="), copy=False), what)


def _columns(mesh: Any) -> tuple[list[str], dict[str, dict[str, str]]]:
    """Names as the original counts them: a list has one for its length, some for its numbers, and its type's."""
    plyfile = library("plyfile", "mesh")
    names: list[str] = []
    by_element: dict[str, dict[str, str]] = {}
    for element in mesh.elements:
        own = by_element.setdefault(element.name, {})
        for prop in element.properties:
            order = mesh.byte_order if not mesh.text else ""
            order = "" if order == "=" else order
            if isinstance(prop, plyfile.PlyListProperty):
                is_face = prop.name in {"vertex_indices", "vertex_index"}
                parts = ["n_points", "v1", "v2", "v3"] if is_face else ["n_coords", *_TEXTURE]
                kinds = [prop.len_dtype, *[prop.val_dtype] * (len(parts) - 1)]
                own |= {part: order + kind for part, kind in zip(parts, kinds, strict=True)}
                names += [*parts, prop.name]
            else:
                own[prop.name] = order + prop.val_dtype
                names.append(prop.name)
    return names, by_element


_TEXTURE = [f"v{corner}_{axis}" for corner in (1, 2, 3) for axis in "uv"]


def describe_ply(data: memoryview, what: str) -> dict[str, Any]:
    """Elements, their properties and dtypes, and comments, as the original words them."""
    with _readable("ply", what):
        mesh = _mesh(data, what)
        names, by_element = _columns(mesh)
        kind = "ascii" if mesh.text else {"<": "binary_little_endian", ">": "binary_big_endian"}[_order(mesh)]
        has_normals = {"nx", "ny", "nz"} & set(names)
        return {
            "dimensions_names": names,
            "element_name_to_property_dtypes": by_element,
            "dimensions_names_to_dtype": {name: dtype for own in by_element.values() for name, dtype in own.items()},
            "comments": list(mesh.comments),
            "fmt": f"{kind}_with_normals" if has_normals and mesh.text else kind,
            "extension": "ply",
            **{element.name: element.count for element in mesh.elements},
        }


def _order(mesh: Any) -> str:
    return ("<" if np.little_endian else ">") if mesh.byte_order == "=" else str(mesh.byte_order)


def ply_columns(data: memoryview, what: str) -> dict[str, Any]:
    """Every property of vertices and other elements by name; lists of one length as an array of it."""
    with _readable("ply", what):
        out: dict[str, Any] = {}
        for element in _mesh(data, what).elements:
            for prop in element.properties:
                values = element[prop.name]
                if values.dtype == object and len({len(one) for one in values}) == 1:
                    values = np.stack(values)
                out[prop.name] = values
        return out


# ------------------------------------------------------------------ stl


def _triangles(data: memoryview, what: str) -> Any:
    mesh = library("stl", "mesh").mesh
    if bytes(data[:5]).lower() != b"solid":
        count = int.from_bytes(data[_STL_HEAD - 4 : _STL_HEAD], "little")
        if len(data) < _STL_HEAD + count * _STL_TRIANGLE:
            raise FormatError(f"{what}: {count} triangles in a file of {len(data)} bytes")
    return mesh.Mesh.from_file("", fh=io.BytesIO(data), calculate_normals=False)


def probe_stl(data: memoryview, what: str) -> Probe:
    """Triangles."""
    with _readable("stl", what):
        vectors = _triangles(data, what).vectors
        return Probe("stl", tuple(vectors.shape), vectors.dtype.name)


def decode_stl(data: memoryview, shape: tuple[int, ...], what: str) -> NDArray[np.float32]:
    """The corners of triangles, ``(triangles, 3, 3)``."""
    with _readable("stl", what):
        return _check(shape, np.asarray(_triangles(data, what).vectors), what)


def describe_stl(data: memoryview, what: str) -> dict[str, Any]:
    """Name, bounds, centres and normals."""
    with _readable("stl", what):
        mesh = _triangles(data, what)
        name = mesh.name.decode("ascii", "replace") if isinstance(mesh.name, bytes) else str(mesh.name)
        bounds = {"min_": mesh.min_, "max_": mesh.max_} if len(mesh.vectors) else {}
        return {"name": name, **bounds, "centroids": mesh.centroids, "normals": mesh.normals, "extension": "stl"}
