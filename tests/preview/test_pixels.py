"""An image looked at closely: parts, windows, true values; spark bars and points beside it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from deeplake_nb.errors import FormatError
from deeplake_nb.format.samples import StoredSample, encode_polygons
from deeplake_nb.preview import pixels, shapes, spark


def opened(preview):
    return np.asarray(Image.open(io.BytesIO(preview.data)))


def raw(array, htype):
    return StoredSample(memoryview(array.tobytes()), array.shape, array.dtype.name, None, htype)


def test_a_part_is_sent_pixel_by_pixel_without_loss():
    array = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    part = pixels.part(array, (100, 50, 160, 90), 256, None)
    assert part.region == (100, 50, 160, 90)
    assert np.array_equal(opened(part.preview), array[50:90, 100:160])
    assert part.window == (0.0, 255.0)


def test_a_window_is_what_black_and_white_stand_for():
    array = np.array([[0, 1000, 2000, 4000, 65535]], "uint16")
    assert opened(pixels.part(array, None, 64, (1000.0, 3000.0)).preview).tolist() == [[0, 0, 128, 255, 255]]
    natural = pixels.part(array, None, 64, None)
    assert natural.window == natural.extent == (0.0, 65535.0)
    floats = pixels.part(np.array([[-1.5, np.nan, np.inf, 2.5]], "float32"), None, 64, None)
    assert floats.extent == floats.window == (-1.5, 2.5)
    assert opened(floats.preview).tolist() == [[0, 0, 255, 255]]


def test_a_part_is_cut_at_the_edges_and_one_outside_is_refused():
    array = np.zeros((10, 20), np.uint8)
    assert pixels.part(array, (-5, -5, 99, 4), 64, None).region == (0, 0, 20, 4)
    for region in [(20, 0, 30, 5), (5, 5, 5, 9), (0, 11, 4, 12)]:
        with pytest.raises(FormatError, match="lies outside"):
            pixels.part(array, region, 64, None)
    with pytest.raises(FormatError, match="is no image"):
        pixels.part(np.zeros(5), None, 64, None)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([[[1, 2, 3]]], "uint8"), "uint8 1 2 3"),
        (np.array([[41235]], "uint16"), "uint16 41235"),
        (np.array([[0.1]], "float32"), "float32 0.1"),
        (np.array([[0.1]], "float64"), "float64 0.1"),
        (np.array([[16777217]], "uint32"), "uint32 16777217"),
        (np.array([[True]]), "bool True"),
        (np.array([[np.nan]]), "float64 nan"),
        (np.zeros((1, 1, 12), "int8"), "int8 0 0 0 0 0 0 0 0 and 4 more"),
    ],
)
def test_a_value_is_told_exactly_in_its_own_dtype(array, expected):
    assert pixels.value(array, 0, 0) == expected


def test_there_is_no_value_beside_an_image():
    for x, y in [(-1, 0), (0, -1), (3, 0), (0, 2)]:
        with pytest.raises(FormatError, match="no pixel"):
            pixels.value(np.zeros((2, 3)), x, y)


def test_a_mask_s_value_names_its_class():
    array = np.array([[0, 2, 9]], "uint32")
    names = ["nothing", "sky", "road"]
    assert pixels.mask_value(array, "segment_mask", 1, 0, names) == "uint32 2 (road)"
    assert pixels.mask_value(array, "segment_mask", 2, 0, names) == "uint32 9 (9)"
    assert pixels.mask_value(array, "instance_label", 1, 0, names) == "uint32 2"


def test_an_embedding_is_bars_around_zero():
    values = np.concatenate([np.ones(64), -np.ones(64)]).astype("float32")
    picture = opened(spark.spark(raw(values, "embedding"), 256))
    height, width = picture.shape[:2]
    assert picture[5, 10, 3] == 255
    assert picture[height - 6, 10, 3] == 0
    assert picture[height - 6, width - 6, 3] == 255
    assert picture[5, width - 6, 3] == 0
    assert tuple(picture[5, 10]) != tuple(picture[height - 6, width - 6])


def test_few_values_are_words_and_odd_ones_harm_nothing():
    assert spark.spark(raw(np.arange(3.0), "embedding"), 256).text == "[0., 1., 2.]"
    odd = np.array([np.nan, np.inf, -np.inf] * 5)
    assert opened(spark.spark(raw(odd, "embedding"), 256)).shape[2] == 4
    assert spark.bars(np.zeros(100)).tolist() == [0.0] * 64


def test_polygons_are_outlines_in_fractions():
    data, shape = encode_polygons([np.array([[0, 0], [50, 0], [50, 25]], "float32"), np.array([[1, 1]], "float32")])
    sample = StoredSample(memoryview(data), shape, "float32", None, "polygon")
    first, second = shapes.shapes(sample, {}, 100, 50)
    assert (first.kind, first.points) == ("polygon", (0.0, 0.0, 0.5, 0.0, 0.5, 0.5))
    assert first.color != second.color


def test_keypoints_are_joined_where_both_ends_are_labelled():
    person = np.array([10, 10, 2, 20, 20, 1, 30, 30, 0], "int32")[:, None]
    info = {"connections": [[0, 1], [1, 2], [0, 7]]}
    line, points = shapes.shapes(raw(person, "keypoints_coco"), info, 100, 100)
    assert (line.kind, line.points) == ("line", (0.1, 0.1, 0.2, 0.2))
    assert (points.kind, points.points) == ("points", (0.1, 0.1, 0.2, 0.2))


@pytest.mark.parametrize(
    ("array", "htype", "message"),
    [
        (np.zeros((4, 1), "int32"), "keypoints_coco", "expected \\(3 \\* points, people\\)"),
        (np.zeros((4, 3), "int32"), "point", "not in the plane"),
        (np.zeros((5000, 2), "int32"), "point", "more than 4,000 points"),
    ],
)
def test_points_that_cannot_be_drawn_say_why(array, htype, message):
    with pytest.raises(FormatError, match=message):
        shapes.shapes(raw(array, htype), {}, 10, 10)


def test_no_points_are_nothing_to_draw():
    assert shapes.shapes(raw(np.zeros((0, 2), "int32"), "point"), {}, 10, 10) == ()
