"""What films, point clouds and meshes give beside their arrays, under v3's names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset.decoding import attempt
from deeplake_nb.format.codecs import media, solids

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from deeplake_nb.dataset.selection import Selection
    from deeplake_nb.format.samples import StoredSample


def film(selection: Selection, *, aslist: bool) -> dict[str, Any]:
    """Frames, when each is shown (seconds), and what is known of the files."""
    frames = selection.numpy(aslist=aslist, keeps_broken=True)
    shown = stamps(selection)
    if not aslist and not selection.index.is_single and len({len(one) for one in shown}) == 1:
        shown = np.array(shown)
    return {"frames": frames, "timestamps": shown, "sample_info": selection.sample_infos()}


def stamps(selection: Selection) -> Any:
    """When each frame is shown, in seconds: an array for a single row, else a list of them. Nothing is decoded."""

    def of_one(stored: StoredSample) -> Any:
        if stored.compression is None:
            return np.zeros(0, np.float32)  # frames that were appended as arrays
        found = media.timestamps(stored.data, stored.shape[0], stored.what)
        inner = selection.index.sub[0][0] if selection.index.sub else slice(None)
        return found[inner]

    return _each(selection, of_one)


def is_film(stored: Any) -> bool:
    """Whether parts of a sample are frames that need not all be decoded."""
    return getattr(stored, "htype", "") == "video" and stored.compression is not None


def frames(stored: StoredSample, items: tuple[Any, ...]) -> tuple[NDArray[Any], tuple[Any, ...]] | None:
    """The frames of a film that ``items`` begin with, and what is left to select of them.

    None where that is something else than one frame or a slice.
    """
    count, first = stored.shape[0], items[0] if items else None
    if isinstance(first, slice):
        chosen = range(count)[first]
        wanted, rest = (chosen, slice(None)) if chosen.step > 0 else (chosen[::-1], slice(None, None, -1))
    elif type(first) is int and -count <= first < count:
        wanted, rest = range(first % count, first % count + 1), 0  # type: ignore[assignment]
    else:
        return None
    return media.decode_video(stored.data, stored.shape, stored.what, wanted), (rest, *items[1:])


def cloud(selection: Selection) -> Any:
    """Columns of point clouds by name, each in the dtype it has in the file."""
    infos = selection.sample_infos()
    known = iter([infos] if selection.index.is_single else infos or [])

    def of_one(stored: StoredSample) -> dict[str, Any]:
        kinds = (next(known, None) or {}).get("dimensions_names_to_dtype", {})
        points = stored.array() if kinds else None
        return {name: points[..., at].astype(kind) for at, (name, kind) in enumerate(kinds.items())}  # type: ignore[index]

    return _each(selection, of_one)


def mesh(selection: Selection) -> Any:
    """Of STL its triangles, with their centres and normals; of PLY its columns by name; of arrays their values."""

    def of_one(stored: StoredSample) -> dict[str, Any]:
        if stored.compression == "ply":
            return solids.ply_columns(stored.data, stored.what)
        if stored.compression == "stl":
            info = solids.describe_stl(stored.data, stored.what)
            beside = {name: info.pop(name) for name in ("centroids", "normals")}
            return {"vertices": stored.array(), **beside, "sample_info": info}
        return {"value": stored.array(), "sample_info": {}}

    return _each(selection, of_one)


def _each(selection: Selection, work: Callable[[StoredSample], Any]) -> Any:
    if selection.tensor.meta.is_link and not selection.index.is_single:
        return [attempt(work, one) for one in selection.each_link()]
    return selection.each([work(one) for one in selection.whole()])


BY_HTYPE: dict[str, Callable[..., Any]] = {
    "video": film,
    "point_cloud": lambda selection, **_: cloud(selection),
    "mesh": lambda selection, **_: mesh(selection),
}
"""What ``Tensor.data()`` gives of htypes that have more than a value."""
