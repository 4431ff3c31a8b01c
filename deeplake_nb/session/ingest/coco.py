"""Images with annotation files as the COCO project has them: a group of tensors for each annotation file."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.errors import SampleError
from deeplake_nb.session.ingest.ingestion import Ingestion, in_batches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from deeplake_nb.session.ingest.folder import Folder

_TENSORS: dict[str, dict[str, Any]] = {
    "segmentation": {"htype": "polygon"},
    "category_id": {"htype": "class_label"},
    "bbox": {"htype": "bbox", "coords": {"type": "pixel", "mode": "LTWH"}},
    "keypoints": {"htype": "keypoints_coco"},
}


@dataclass(frozen=True, slots=True)
class Annotations:
    """One annotation file: what is said of each image, and the names of categories.

    Attributes:
        group: what its tensors' names start with, with a slash, or nothing.
        keys: of annotations.
        of_image: annotations by the name of an image's file.
        categories: names by id, in the order of the file.
    """

    group: str
    keys: tuple[str, ...]
    of_image: Mapping[str, Sequence[Mapping[str, Any]]]
    categories: Mapping[Any, str]

    @classmethod
    def read(cls, text: str, what: str, group: str, ignored: set[str], limit: int) -> Annotations:
        """Read a file; ``limit`` annotations say which keys there are.

        Raises:
            SampleError: not such a file.
        """
        try:
            data = json.loads(text)
            images, found, categories = data["images"], data["annotations"], data["categories"]
            files = {one["id"]: one["file_name"] for one in images}
            of_image: dict[str, list[Mapping[str, Any]]] = {name: [] for name in files.values()}
            for one in found:
                of_image[files[one["image_id"]]].append(one)
            names = {one["id"]: one["name"] for one in categories}
        except json.JSONDecodeError as error:
            raise SampleError(f"{what} is no JSON file ({error})") from error
        except (KeyError, TypeError) as error:
            raise SampleError(
                f"{what} is no COCO annotation file: it needs images (id, file_name), annotations (image_id) and "
                f"categories (id, name) that refer to each other; {error!r} is missing"
            ) from error
        keys = dict.fromkeys(key for one in found[: max(limit, 1)] for key in one)
        return cls(group, tuple(key for key in keys if key not in ignored), of_image, names)


def coco(
    folder: Folder,
    files: Sequence[Annotations],
    names: Mapping[str, str],
    images: dict[str, Any] | None,
    *,
    shuffle: bool,
) -> Ingestion:
    """A tensor of images, and for each annotation file one per key: a row holds all annotations of an image.

    Args:
        folder: where the images are.
        files: the annotations.
        names: of tensors, by key.
        images: arguments of the tensor of images.
        shuffle: take the images in random order.

    Raises:
        SampleError: no images, or an image that a file does not name.
    """
    picture, of_pictures = folder.images(images)
    found = folder.shuffled(shuffle=shuffle)
    tensors: dict[str, dict[str, Any]] = {}
    for one in files:
        if unknown := [name for name in found if name not in one.of_image]:
            raise SampleError(f"the image {unknown[0]} of {folder} is not in the annotation file {one.group}")
        for key in one.keys:
            arguments = dict(_TENSORS.get(key, {}))
            if key == "category_id":
                arguments["class_names"] = list(one.categories.values())
            tensors[f"{one.group}{names.get(key, key)}"] = arguments
    if len(tensors) < sum(len(one.keys) for one in files):
        raise SampleError(f"several keys or files would become one tensor: {', '.join(tensors)}; map them to others")
    is_link = str(of_pictures["htype"]).startswith("link")

    def rows() -> Iterator[dict[str, Any]]:
        for name in found:
            row: dict[str, Any] = {picture: folder.picture(name, is_link=is_link)}
            for one in files:
                for key in one.keys:
                    values = [_value(key, item.get(key), one, name) for item in one.of_image[name]]
                    row[f"{one.group}{names.get(key, key)}"] = _joined(key, values)
            yield row

    return Ingestion({picture: of_pictures, **tensors}, in_batches(rows()), len(found))


def _value(key: str, value: Any, annotations: Annotations, image: str) -> Any:
    if key == "category_id":
        if value not in annotations.categories:
            raise SampleError(f"an annotation of {image} has the category {value!r}, which the file does not name")
        return annotations.categories[value]
    if key == "bbox":
        if not isinstance(value, list) or len(value) != 4:  # noqa: PLR2004 - left, top, width, height
            raise SampleError(f"an annotation of {image} has the box {value!r:.60}; a box is four numbers")
        return value
    if key == "keypoints" and (not isinstance(value, list) or not value):
        raise SampleError(f"an annotation of {image} has no keypoints, {value!r:.60}: pass ignore_keys")
    if key != "segmentation":
        return value
    if not isinstance(value, list):
        raise SampleError(f"an annotation of {image} has a segmentation that is no list of polygons: pass ignore_keys")
    if len(value) > 1:
        warnings.warn(
            f"an annotation of {image} has {len(value)} polygons; a polygon tensor has one for each box, the first",
            stacklevel=2,
        )
    return np.array(value[0] if value else [], np.float32).reshape(-1, 2)


def _joined(key: str, values: list[Any]) -> Any:
    """The annotations of one image as one sample."""
    if key == "bbox":
        return np.array(values, np.float32).reshape(-1, 4)
    if key == "keypoints":
        return np.array(values, np.int32).T if values else []
    return values
