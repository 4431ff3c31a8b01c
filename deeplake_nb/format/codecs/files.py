"""Files of every kind: which kind one is, and who reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deeplake_nb.errors import FormatError
from deeplake_nb.format.codecs import TABLE, images

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from typing_extensions import Buffer

    from deeplake_nb.format.codecs.images import Probe

_MAGIC: list[tuple[int, bytes, str]] = [
    (4, b"ftyp", "mp4"),
    (0, b"\x1aE\xdf\xa3", "mkv"),
    (8, b"AVI ", "avi"),
    (8, b"WAVE", "wav"),
    (0, b"fLaC", "flac"),
    (0, b"ID3", "mp3"),
    (128, b"DICM", "dcm"),
    (0, b"LASF", "las"),
    (0, b"ply\n", "ply"),
    (0, b"ply\r", "ply"),
    (0, b"\x1f\x8b", "nii.gz"),
    (344, b"n+1\0", "nii"),
    (4, b"n+2\0", "nii"),
    (0, b"solid ", "stl"),
]
"""Where which bytes tell a kind of file that is no picture."""

_HEAD_NBYTES = max(at + len(magic) for at, magic, _ in _MAGIC)
_PICTURES = (b"\xff\xd8", b"\x89PNG")  # most files are JPEG or PNG

_AUDIO, _VIDEO = ("mp3", "flac", "wav"), ("mp4", "mkv", "avi")


def sniffed(data: memoryview) -> str | None:
    """The kind of a file that is no picture, by its first bytes; None for others."""
    head = bytes(data[:_HEAD_NBYTES])
    if head.startswith(_PICTURES):
        return None
    for at, magic, name in _MAGIC:
        if head[at : at + len(magic)] == magic:
            return name
    if len(data) > 1 and data[0] == 0xFF and data[1] & 0xE6 == 0xE2:  # noqa: PLR2004 - frame sync, layer III
        return "mp3"
    return None


def suffix_kind(path: str) -> str | None:
    """The kind that a file's name says, where its bytes need not tell: STL in binary has no mark."""
    return "stl" if path.lower().rpartition("?")[0].endswith(".stl") or path.lower().endswith(".stl") else None


def probe(data: Buffer, what: str, kind: str | None = None) -> Probe:
    """Compression, shape and dtype of a file; of pictures from the head alone.

    Args:
        data: the file.
        what: names it in errors.
        kind: what it is known to be; None finds out.

    Raises:
        FormatError: damaged, or no file of a known kind.
        MissingDependencyError: its kind needs a library that is not installed.
    """
    view = memoryview(data).cast("B")
    if kind is None or TABLE[kind].kind == "image":
        kind = sniffed(view)
    return images.probe(view, what) if kind is None else _call("probe", kind)(view, what)


def decode(data: Buffer, kind: str, shape: tuple[int, ...], what: str) -> NDArray[Any]:
    """The array in a file that is no picture; it takes no more memory than ``shape``, which the file must have.

    Raises:
        FormatError: damaged, or of another shape.
        MissingDependencyError: its kind needs a library that is not installed.
    """
    found: NDArray[Any] = _call("decode", kind)(memoryview(data).cast("B"), shape, what)
    return found


def describe(data: Buffer, kind: str, what: str) -> dict[str, Any]:
    """What is kept of a file that is no picture, beside its shape."""
    found: dict[str, Any] = _call("describe", kind)(memoryview(data).cast("B"), what)
    return found


def _call(verb: str, kind: str) -> Callable[..., Any]:
    """The function that does something with a kind of file."""
    if kind in _AUDIO or kind in _VIDEO:
        from deeplake_nb.format.codecs import media

        found = getattr(media, f"{verb}_{'audio' if kind in _AUDIO else 'video'}")
        return (lambda data, what: found(data, kind, what)) if verb == "probe" else found
    if kind == "dcm" or kind.startswith("nii"):
        from deeplake_nb.format.codecs import medical

        if kind == "dcm":
            return getattr(medical, f"{verb}_dicom")  # type: ignore[no-any-return]
        found = getattr(medical, f"{verb}_nifti")
        return lambda data, *rest: found(data, kind, *rest)
    if kind in {"las", "ply", "stl"}:
        from deeplake_nb.format.codecs import solids

        return getattr(solids, f"{verb}_{kind}")  # type: ignore[no-any-return]
    raise FormatError(f"no decoder for {kind} files")
