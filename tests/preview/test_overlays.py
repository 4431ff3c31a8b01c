"""Boxes, masks and class names, in fractions of the picture and in one palette."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from deeplake_nb.errors import FormatError
from deeplake_nb.format.samples import StoredSample
from deeplake_nb.preview import overlays
from deeplake_nb.preview.preview import Label


def raw(array, htype):
    array = np.ascontiguousarray(array)
    return StoredSample(memoryview(array.tobytes()), array.shape, array.dtype.name, None, htype, "tensor 'boxes' row 0")


def edges(values, coords, width=100, height=50):
    found = overlays.boxes(raw(np.array(values, "float32"), "bbox"), coords, width, height)
    return [tuple(round(edge, 6) for edge in (box.left, box.top, box.right, box.bottom)) for box in found]


@pytest.mark.parametrize(
    ("values", "mode"),
    [([[10, 10, 60, 30]], "LTRB"), ([[10, 10, 50, 20]], "LTWH"), ([[35, 20, 50, 20]], "CCWH")],
)
def test_all_modes_say_the_same_box(values, mode):
    expected = [(0.1, 0.2, 0.6, 0.6)]
    assert edges(values, {"type": "pixel", "mode": mode}) == expected
    fractions = np.array(values, float) / [100, 50, 100, 50]
    assert edges(fractions, {"type": "fractional", "mode": mode}) == expected


def test_without_coords_boxes_are_pixels_from_the_left_top_as_in_the_original():
    assert edges([[10, 10, 50, 20]], {}) == [(0.1, 0.2, 0.6, 0.6)]
    assert edges([[10, 10, 50, 20]], None) == [(0.1, 0.2, 0.6, 0.6)]
    assert edges([10, 10, 50, 20], None) == [(0.1, 0.2, 0.6, 0.6)], "a single box without its axis"
    assert edges(np.zeros((0, 4)), None) == []


@given(st.lists(st.tuples(*[st.floats(-1e6, 1e6, width=32)] * 4), max_size=5))
def test_edges_are_always_in_order(values):
    for left, top, right, bottom in edges(np.array(values, "float32").reshape(-1, 4), {"mode": "LTRB"}):
        assert left <= right
        assert top <= bottom


def test_a_box_that_is_not_finite_is_left_out_and_its_neighbours_keep_their_names():
    names = [Label("a", "#111111"), Label("b", "#222222")]
    sample = raw(np.array([[np.nan, 0, 1, 1], [1, 1, 2, 2]], "float32"), "bbox")
    assert [box.label for box in overlays.boxes(sample, {}, 10, 10, names)] == ["b"]


@pytest.mark.parametrize(
    ("values", "coords", "message"),
    [
        ([[1, 2, 3]], {}, r"boxes of shape \(1, 3\) cannot be drawn"),
        ([[[1, 2, 3, 4]]], {}, r"expected \(n, 4\)"),
        ([[1, 2, 3, 4]], {"mode": "XYXY"}, "unknown mode 'XYXY'"),
        ([[1, 2, 3, 4]], {"type": "metres"}, "unknown type 'metres'"),
    ],
)
def test_boxes_that_cannot_be_drawn_say_why(values, coords, message):
    with pytest.raises(FormatError, match=message):
        edges(values, coords)


def test_a_class_has_one_colour_and_a_number_without_a_name_is_its_own_name():
    found = overlays.labels([1, 0, 1, 99], ["cat", "dog"])
    assert [label.text for label in found] == ["dog", "cat", "dog", "99"]
    assert found[0].color == found[2].color == overlays.PALETTE[1]


def colours(preview):
    return np.asarray(Image.open(io.BytesIO(preview.data)).convert("RGBA"))


def rgb(index):
    return tuple(bytes.fromhex(overlays.PALETTE[index][1:]))


def test_a_binary_mask_is_transparent_where_it_is_false():
    array = np.zeros((8, 8), bool)
    array[:4] = True
    picture = colours(overlays.mask(raw(array, "binary_mask"), 256))
    assert picture[1, 1].tolist() == [*rgb(0), 255]
    assert picture[6, 1, 3] == 0


def test_layers_of_a_mask_have_the_colours_of_their_classes():
    array = np.zeros((4, 4, 2), bool)
    array[0, :, 0] = True
    array[1, :, 1] = True
    for ids, expected in (([5, 3], (5, 3)), ([7, 7, 7], (7, 7)), ([], (0, 1)), ([1, 2, 3], (0, 1))):
        picture = colours(overlays.mask_picture([overlays.mask_colors(raw(array, "binary_mask"), 256, ids)]))
        assert (tuple(picture[0, 0, :3]), tuple(picture[1, 0, :3])) == (rgb(expected[0]), rgb(expected[1]))


def test_classes_of_a_segment_mask_are_never_averaged():
    array = np.random.default_rng(0).integers(0, 3, (900, 700)).astype("uint32")
    picture = colours(overlays.mask(raw(array, "segment_mask"), 100))
    assert {tuple(color) for color in picture[..., :3][picture[..., 3] > 0]} == {rgb(1), rgb(2)}
    assert max(picture.shape[:2]) < 200


def test_an_empty_mask_and_one_of_the_wrong_rank():
    assert overlays.mask(raw(np.zeros((0, 0), bool), "binary_mask"), 256).text == "empty mask"
    with pytest.raises(FormatError, match=r"a mask of shape \(4,\)"):
        overlays.mask(raw(np.zeros(4, bool), "binary_mask"), 256)


def test_masks_of_one_picture_are_one_file_and_each_has_its_colours():
    above, below = np.zeros((4, 4), bool), np.zeros((8, 8), bool)
    above[0, :2] = True
    below[:4] = True
    colors = [overlays.mask_colors(raw(one, "binary_mask"), 256, (), n) for n, one in enumerate((below, above))]
    picture = colours(overlays.mask_picture(colors))
    assert picture.shape[:2] == (8, 8)
    assert tuple(picture[0, 0, :3]) == tuple(picture[1, 3, :3]) == rgb(1), "magnified, and on top"
    assert tuple(picture[0, 4, :3]) == tuple(picture[3, 0, :3]) == rgb(0)
    assert picture[4, 0, 3] == 0
    assert overlays.mask_picture([np.zeros((0, 0), "uint8")]) is None
