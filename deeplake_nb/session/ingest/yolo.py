"""Images with text files of the same names beside them: a line for each box or polygon, in fractions of the image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.errors import SampleError
from deeplake_nb.session.ingest.ingestion import Ingestion, in_batches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from deeplake_nb.session.ingest.folder import Folder

_COORDS = {"type": "fractional", "mode": "CCWH"}


def yolo(
    folder: Folder,
    annotations: Folder,
    class_names: list[str] | None,
    params: tuple[dict[str, Any] | None, dict[str, Any] | None, dict[str, Any] | None],
    *,
    allow_no_annotation: bool,
    inspect_limit: int,
    shuffle: bool,
) -> Ingestion:
    """Tensors of images, labels, and boxes or polygons: these where a line has other than four coordinates.

    Args:
        folder: where the images are.
        annotations: where the text files are.
        class_names: names of the classes, in the order of their numbers.
        params: arguments of the tensors of images, labels and coordinates.
        allow_no_annotation: take images without a text file.
        inspect_limit: so many files say whether there are boxes or polygons.
        shuffle: take the images in random order.

    Raises:
        SampleError: no images, an image without annotations, a line that is none, or a class beyond those named.
    """
    picture, of_pictures = folder.images(params[0])
    of_labels = {"htype": "class_label", **(params[1] or {})}
    of_coordinates = dict(params[2] or {})
    label = str(of_labels.pop("name", "labels"))
    found = folder.shuffled(shuffle=shuffle)
    texts = set(annotations.names)
    files = {name: f"{name.rpartition('.')[0]}.txt" for name in found}
    if missing := [name for name in found if files[name] not in texts]:
        if not allow_no_annotation:
            raise SampleError(
                f"the image {missing[0]} has no file {files[missing[0]]} in {annotations}; add it, or pass "
                "allow_no_annotation=True"
            )
        files |= dict.fromkeys(missing, "")
    if class_names:
        of_labels["class_names"] = class_names
    count = len(of_labels.get("class_names") or ()) or None
    some = [_lines(annotations, files[name], count) for name in found[:inspect_limit]]
    if "htype" not in of_coordinates:
        is_boxes = all(one.size == 4 for _, shapes in some for one in shapes if one.size)  # noqa: PLR2004
        of_coordinates["htype"] = "bbox" if is_boxes else "polygon"
    is_boxes = of_coordinates["htype"] == "bbox"
    coordinates = str(of_coordinates.pop("name", "boxes" if is_boxes else "polygons"))
    if is_boxes:
        of_coordinates.setdefault("coords", _COORDS)
    is_link = str(of_pictures["htype"]).startswith("link")

    def rows() -> Iterator[dict[str, Any]]:
        for name in found:
            labels, shapes = _lines(annotations, files[name], count)
            yield {
                picture: folder.picture(name, is_link=is_link),
                label: labels,
                coordinates: _boxes(shapes, files[name]) if is_boxes else [one.reshape(-1, 2) for one in shapes],
            }

    tensors = {picture: of_pictures, label: of_labels, coordinates: of_coordinates}
    return Ingestion(tensors, in_batches(rows()), len(found))


def _lines(folder: Folder, name: str, classes: int | None) -> tuple[NDArray[np.uint32], list[NDArray[np.float32]]]:
    """Labels, and the coordinates of each; none for no file."""
    lines = [line.split() for line in folder.text(name).splitlines() if line.strip()] if name else []
    try:
        labels = np.array([int(line[0]) for line in lines], np.uint32)
        shapes = [np.array(line[1:], np.float32) for line in lines]
    except (ValueError, OverflowError) as error:
        raise SampleError(f"{folder}/{name}: a line is a class number and coordinates ({error})") from error
    if classes is not None and labels.size and (most := int(labels.max())) >= classes:
        said = f"class number {most}, but only numbers below {classes} have names"
        raise SampleError(f"{folder}/{name}: a line has {said}; name the others, too")
    if any(one.size % 2 for one in shapes):
        raise SampleError(f"{folder}/{name}: a line has an odd number of coordinates")
    return labels, shapes


def _boxes(shapes: list[NDArray[np.float32]], name: str) -> NDArray[np.float32]:
    if any(one.size != 4 for one in shapes):  # noqa: PLR2004 - a box
        raise SampleError(f"{name} has polygons among boxes; pass coordinates_params={{'htype': 'polygon'}}")
    return np.array(shapes, np.float32).reshape(-1, 4)
