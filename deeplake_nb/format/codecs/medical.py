"""Medical files: DICOM through pydicom, NIfTI through nibabel."""

from __future__ import annotations

import io
import math
import struct
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.errors import FormatError, LakeError, MissingDependencyError, UnsupportedError
from deeplake_nb.format.codecs import library
from deeplake_nb.format.codecs.images import Probe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_NIFTI_2 = 540
"""Bytes of the header of the second version; the first one's are 348."""


@contextmanager
def _readable(kind: str, what: str) -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they warn of much that is odd in a file, and read it
            yield
    except (LakeError, MemoryError):
        raise
    except Exception as error:
        raise FormatError(f"{what}: a corrupt {kind} file, or cut off ({error})") from error


# ------------------------------------------------------------------ dicom


def _dataset(data: memoryview, *, pixels: bool) -> Any:
    return library("pydicom", "medical").dcmread(io.BytesIO(data), stop_before_pixels=not pixels)


def probe_dicom(data: memoryview, what: str) -> Probe:
    """``(H, W, C)``, or ``(frames, H, W, C)``, from the head."""
    with _readable("dicom", what):
        found = _dataset(data, pixels=False)
        plane = (int(found.Rows), int(found.Columns), int(found.SamplesPerPixel))
        frames = found.get("NumberOfFrames")
        bits, is_signed = int(found.BitsAllocated), bool(found.get("PixelRepresentation", 0))
        dtype = "bool" if bits == 1 else f"{'int' if is_signed else 'uint'}{bits}"
        return Probe("dcm", plane if frames is None else (int(frames), *plane), np.dtype(dtype).name)


def decode_dicom(data: memoryview, shape: tuple[int, ...], what: str) -> NDArray[Any]:
    """The pixels.

    Raises:
        FormatError: corrupt, or of another shape.
        MissingDependencyError: compressed in a way that needs a library which is not here; names the extra.
        UnsupportedError: compressed in a way that no library reads.
    """
    stated = probe_dicom(data, what)
    if math.prod(stated.shape) != math.prod(shape):
        raise FormatError(f"{what}: expected pixels of {shape}, the file has {stated.shape}")
    with _readable("dicom", what):
        found = _dataset(data, pixels=True)
        if found.file_meta.TransferSyntaxUID.is_encapsulated:
            return _unpacked(found, what).reshape(shape)
        pixels: NDArray[Any] = found.pixel_array
        return pixels.reshape(shape)


_SLOW_OR_UNSAFE = {"gdcm", "pyjpegls"}
"""What damaged bytes crash, or keep busy for half a minute (3.2.6 and 1.5.1, by random damage to small files)."""


_COMPLETE = {"pylibjpeg", "pydicom"}
"""What reads all there is of a kind: a picture that these do not read is damaged."""


def _unpacked(found: Any, what: str) -> NDArray[Any]:
    """Compressed pixels, by the first of pydicom's helpers that can."""
    syntax = found.file_meta.TransferSyntaxUID
    try:
        decoder = library("pydicom.pixels", "medical").get_decoder(syntax)
    except NotImplementedError as error:
        raise UnsupportedError(f"{what}: pixels are packed as {syntax.name}; tobytes() gives the file") from error
    helpers = [name for name in decoder.available_plugins if name not in _SLOW_OR_UNSAFE]
    extra = "medical" if "2000" in syntax.name else "dicom_jpeg"
    remedy = f"run `pip install 'deeplake_nb[{extra}]'`; tobytes() gives the file"
    if not helpers:
        raise MissingDependencyError(f"{what}: pixels are packed as {syntax.name}, which needs pylibjpeg: {remedy}")
    _check_frames(found, what)
    errors = []
    for helper in helpers:
        found.pixel_array_options(decoding_plugin=helper)
        try:
            pixels: NDArray[Any] = found.pixel_array
        except (RuntimeError, NotImplementedError) as error:
            errors.append(error)
        else:
            return pixels
    if _COMPLETE.intersection(helpers):
        raise FormatError(f"{what}: a corrupt dicom file, or cut off ({errors[-1]})")
    raise UnsupportedError(f"{what}: damaged, or more than {helpers[-1]} reads ({errors[-1]}): {remedy}")


def _check_frames(found: Any, what: str) -> None:
    """Refuse pictures that say they are larger than the file says: their decoders make room for what they say.

    Raises:
        FormatError: such a picture.
    """
    encaps = library("pydicom.encaps", "medical")
    count, sides = int(found.get("NumberOfFrames") or 1), (int(found.Rows), int(found.Columns))
    for frame in encaps.generate_frames(found.PixelData, number_of_frames=count):
        stated = sides if found.file_meta.TransferSyntaxUID == _RUN_LENGTHS else _sides(frame)
        if stated != sides:
            raise FormatError(f"{what}: a picture of {stated} pixels in a file of {sides}")


def _sides(frame: bytes) -> tuple[int, int] | None:
    """Height and width in the head of a JPEG, JPEG-LS or JPEG 2000 picture; None of what is none."""
    start = frame.find(b"\xff\x4f\xff\x51", 0, _MOST_HEAD)
    if start >= 0:
        right, bottom, left, top = struct.unpack_from(">4I", frame, start + 8)
        return bottom - top, right - left
    at = (frame[:2] == b"\xff\xd8") * 2
    while at > 1 and frame[at] == 0xFF:  # noqa: PLR2004 - a marker
        if frame[at + 1] in _STARTS_OF_FRAME:
            height, width = struct.unpack_from(">2H", frame, at + 5)
            return height, width
        at += 1 if frame[at + 1] == 0xFF else 2 + int.from_bytes(frame[at + 2 : at + 4], "big")  # noqa: PLR2004
    return None


_RUN_LENGTHS = "1.2.840.10008.1.2.5"
_STARTS_OF_FRAME = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
_MOST_HEAD = 4096


def describe_dicom(data: memoryview, what: str) -> dict[str, Any]:
    """Every field but the pixels and other bytes, by keyword."""
    with _readable("dicom", what):
        out = {}
        for field in _dataset(data, pixels=False):
            if isinstance(field.value, bytes):
                continue
            is_plain = isinstance(field.value, (str, int, float))
            plain = field.value if is_plain else field.to_json_dict(None, 0).get("Value", "")
            out[field.keyword] = {"name": field.name, "tag": str(field.tag), "value": plain, "vr": field.VR}
        return out


# ------------------------------------------------------------------ nifti


def _image(data: memoryview, name: str) -> Any:
    nibabel = library("nibabel", "medical")
    file: Any = io.BytesIO(data)
    if name == "nii.gz":
        import gzip

        file = gzip.GzipFile(fileobj=file)
    size = file.read(4)
    file.seek(0)
    is_second = _NIFTI_2 in {int.from_bytes(size, "little"), int.from_bytes(size, "big")}
    holder = nibabel.FileHolder(fileobj=file)
    kind = nibabel.Nifti2Image if is_second else nibabel.Nifti1Image
    return kind.from_file_map({"header": holder, "image": holder})


def probe_nifti(data: memoryview, name: str, what: str) -> Probe:
    """Shape and dtype from the header."""
    with _readable("nifti", what):
        image = _image(data, name)
        return Probe(name, tuple(int(size) for size in image.shape), image.header.get_data_dtype().name)


def decode_nifti(data: memoryview, name: str, shape: tuple[int, ...], what: str) -> NDArray[np.float64]:
    """The scaled values.

    Raises:
        FormatError: corrupt, or of another shape.
    """
    with _readable("nifti", what):
        image = _image(data, name)
        if tuple(image.shape) != shape:
            raise FormatError(f"{what}: expected a volume of {shape}, the file has {tuple(image.shape)}")
        if name == "nii":
            needed = math.prod(shape) * image.header.get_data_dtype().itemsize
            if needed > len(data):
                raise FormatError(f"{what}: a volume of {needed} bytes in a file of {len(data)}")
        values: NDArray[np.float64] = image.get_fdata(caching="unchanged")
        return values


def describe_nifti(data: memoryview, name: str, what: str) -> dict[str, Any]:
    """The header's fields, the affine matrix and the size of voxels."""
    with _readable("nifti", what):
        image = _image(data, name)
        fields = {key: np.asarray(value) for key, value in dict(image.header).items()}
        return {**fields, "affine": image.affine, "zooms": tuple(map(float, image.header.get_zooms()))}
