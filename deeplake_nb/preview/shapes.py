"""Annotations made of points: polygons, keypoints and single points, in fractions of the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.errors import FormatError
from deeplake_nb.preview.overlays import color
from deeplake_nb.preview.preview import Label, Shape

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from deeplake_nb.format.samples import StoredSample

_MOST_POINTS = 4_000
_PER_KEYPOINT = 3  # x, y, and whether it is there: 0 not labelled, 1 hidden, 2 seen
_PLANE = 2


def shapes(
    sample: StoredSample,
    info: Mapping[str, Any],
    width: int,
    height: int,
    names: Sequence[Label] = (),
    *,
    number: int = 0,
) -> tuple[Shape, ...]:
    """What a polygon, keypoints_coco or point sample draws over a picture of ``width`` x ``height`` pixels.

    Args:
        sample: polygons ``(points, 2)`` each; keypoints ``(3 * points, people)``; points ``(n, 2)``.
        info: ``connections`` of keypoints, pairs of numbers of points.
        width: of the image the points belong to.
        height: of the image the points belong to.
        names: one label per shape; any other number of labels names none of them.
        number: of the first colour that shapes without names have.

    Raises:
        FormatError: another shape, points that are not in a plane, or more than 4,000 points.
    """
    if 0 in sample.shape:
        return ()
    made = _KINDS[sample.htype](sample, info)
    if sum(len(points) for _, points, _ in made) > _MOST_POINTS:
        raise FormatError(f"{sample.what}: more than {_MOST_POINTS:,} points; they are not drawn")
    count = 1 + max((index for *_, index in made), default=-1)
    labels = names if len(names) == count else [Label("", color(number + index)) for index in range(count)]
    size = np.array([max(width, 1), max(height, 1)], np.float64)
    return tuple(
        Shape(kind, tuple(np.round(points / size, 5).ravel().tolist()), labels[index].text, labels[index].color)
        for kind, points, index in made
        if len(points) and np.isfinite(points).all()
    )


def _polygons(sample: StoredSample, _: Mapping[str, Any]) -> list[Any]:
    return [("polygon", _plane(sample, one), index) for index, one in enumerate(sample.value())]


def _points(sample: StoredSample, _: Mapping[str, Any]) -> list[Any]:
    return [("points", _plane(sample, np.atleast_2d(sample.array())), 0)]


def _keypoints(sample: StoredSample, info: Mapping[str, Any]) -> list[Any]:
    values = np.asarray(sample.array(), np.float64)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != _PLANE or len(values) % _PER_KEYPOINT:
        raise FormatError(f"{sample.what}: keypoints of shape {sample.shape}, expected (3 * points, people)")
    made = []
    for person in range(values.shape[1]):
        points = values[:, person].reshape(-1, _PER_KEYPOINT)
        there = points[:, 2] > 0
        for start, end in info.get("connections") or ():
            if max(start, end) < len(points) and there[start] and there[end]:
                made.append(("line", points[[start, end], :2], person))
        made.append(("points", points[there, :2], person))
    return made


def _plane(sample: StoredSample, points: np.ndarray) -> np.ndarray:
    if points.ndim != _PLANE or points.shape[1] != _PLANE:
        raise FormatError(f"{sample.what}: points of shape {points.shape} are not in the plane of a picture")
    return points.astype(np.float64)


_KINDS: Mapping[str, Callable[[StoredSample, Mapping[str, Any]], list[Any]]] = {
    "polygon": _polygons,
    "point": _points,
    "keypoints_coco": _keypoints,
}

SHAPE_HTYPES = frozenset(_KINDS)
