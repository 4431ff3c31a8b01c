"""Which tensors belong to each other."""

from __future__ import annotations

import pytest

from deeplake_nb.widgets.belonging import nearest


@pytest.mark.parametrize(
    ("name", "others", "expected"),
    [
        ("boxes", ["images", "depth"], ["images", "depth"]),
        ("image_boxes", ["images", "depth"], ["images"]),
        ("cam1/boxes", ["cam0/image", "cam1/image"], ["cam1/image"]),
        ("labels/cam1_boxes", ["cam0/image", "cam1/image"], ["cam1/image"]),
        ("a/b/boxes", ["a/car_boxes_labels", "a/b/labels", "labels"], ["a/b/labels"]),
        ("carBoxes", ["personLabels", "carLabels"], ["carLabels"]),
        ("CarBoxes", ["car-labels", "boxer"], ["car-labels"]),
        ("boxes", ["left/image", "right/image"], ["left/image", "right/image"]),
        ("boxes", [], []),
    ],
)
def test_groups_count_first_and_then_words(name, others, expected):
    assert nearest(name, others) == expected
