"""Rows of a dataset as tiles and fields."""

from __future__ import annotations

import io

import pytest
from PIL import Image

import deeplake_nb as deeplake
from deeplake_nb.dataset.summary import summary
from deeplake_nb.errors import LinkError, RowError, TensorNotFoundError
from deeplake_nb.preview.preview import FailedTile
from deeplake_nb.preview.text import TIMES
from deeplake_nb.widgets.source import Source
from tests.widgets.conftest import BLUE, RED, file


def pixel(preview, x, y):
    return Image.open(io.BytesIO(preview.data)).convert("RGB").getpixel((x, y))


def test_a_tile_has_the_picture_and_everything_drawn_over_it(colours):
    red, blue = Source(colours).tiles("images", [0, 1], 256)
    assert (pixel(red.preview, 5, 5), pixel(blue.preview, 5, 5)) == (RED, BLUE)
    assert (red.width, red.height) == (96, 64)
    assert [label.text for label in red.labels] == ["red"]
    assert [(box.left, box.top, box.right, box.bottom, box.label) for box in blue.boxes] == [
        (0.25, 0.25, 0.75, 0.75, "blue")
    ]
    assert blue.boxes[0].color == blue.labels[0].color != red.labels[0].color
    mask = Image.open(io.BytesIO(red.masks[0].data)).convert("RGBA")
    assert mask.getpixel((3, 3))[3] > 0
    assert mask.getpixel((3, mask.height - 3))[3] == 0


def test_a_small_file_is_passed_through_byte_for_byte(colours):
    (tile,) = Source(colours).tiles("images", [1], 256)
    assert bytes(tile.preview.data) == colours.images[1].tobytes()


def test_pictures_come_first_and_words_can_be_shown_too(colours):
    source = Source(colours)
    assert source.names == ["images", "labels", "boxes", "masks", "captions", "numbers"]
    assert source.overlays == ["boxes", "masks", "labels"]
    (tile,) = source.tiles("captions", [1], 256)
    assert tile.preview.text == "caption <b>1</b>"
    assert not tile.boxes


def test_a_view_shows_its_own_rows(colours):
    for view, expected in ((colours[1:], [BLUE]), (colours[[1, 0]], [BLUE, RED]), (colours[0], [RED])):
        source = Source(view)
        assert len(source) == len(expected)
        tiles = source.tiles("images", range(len(source)), 256)
        assert [pixel(tile.preview, 1, 1) for tile in tiles] == expected
    with pytest.raises(RowError, match="row 1 is out of range; there are 1 rows"):
        Source(colours[1:]).tiles("images", [1], 256)


def test_an_unknown_tensor_suggests_the_nearest(colours):
    with pytest.raises(TensorNotFoundError, match="did you mean 'images'"):
        Source(colours).tiles("image", [0], 256)


def test_a_broken_link_fails_its_own_tile_and_no_other(tmp_path):
    path = tmp_path / "there.png"
    path.write_bytes(bytes(file(RED).buffer))
    ds = deeplake.empty("mem://broken-link", overwrite=True)
    ds.create_tensor("photos", htype="link[image]", sample_compression="png", verify=False)
    ds.photos.extend([deeplake.link(str(path)), deeplake.link(str(tmp_path / "gone.png")), deeplake.link(str(path))])
    good, bad, again = Source(ds).tiles("photos", [0, 1, 2], 256)
    assert pixel(good.preview, 1, 1) == pixel(again.preview, 1, 1) == RED
    assert isinstance(bad, FailedTile)
    assert isinstance(bad.error, LinkError)
    assert "gone.png" in str(bad.error)


def test_a_sequence_shows_its_first_item_and_how_many_there_are():
    ds = deeplake.empty("mem://sequence-tile", overwrite=True)
    ds.create_tensor("clips", htype="sequence[image]", sample_compression="png")
    ds.clips.extend([[file(BLUE), file(RED)], []])
    clip, empty = Source(ds).tiles("clips", [0, 1], 256)
    assert (pixel(clip.preview, 1, 1), clip.count) == (BLUE, 2)
    assert isinstance(empty, FailedTile)


def test_boxes_that_cannot_be_drawn_are_a_note_and_not_a_failure(colours):
    colours.boxes.info["coords"] = {"mode": "XYZ"}
    (tile,) = Source(colours).tiles("images", [0], 256)
    assert tile.boxes == ()
    assert "unknown mode 'XYZ'" in tile.notes[0]


def test_polygons_and_keypoints_of_one_row_are_both_drawn(colours):
    import numpy as np

    colours.create_tensor("outlines", htype="polygon")
    colours.create_tensor("people", htype="keypoints_coco")
    colours.outlines.extend([[np.array([[0, 0], [48, 0], [48, 32]], "float32")]] * 2)
    colours.people.extend([np.array([[24], [16], [2]], "int32")] * 2)
    assert "shapes" in Source(colours).overlays
    (tile,) = Source(colours).tiles("images", [0], 256)
    assert [(shape.kind, shape.points) for shape in tile.shapes] == [
        ("polygon", (0.0, 0.0, 0.5, 0.0, 0.5, 0.5)),
        ("points", (0.25, 0.25)),
    ]


def test_annotations_keep_their_place_on_an_image_of_another_size_and_leave_other_shapes_alone(colours):
    import numpy as np

    colours.boxes.info["coords"] = {"type": "pixel", "mode": "LTRB"}
    colours.boxes[0] = np.array([[24, 16, 48, 32]], "float32")
    colours.create_tensor("small", htype="image", sample_compression="png")
    colours.create_tensor("square", htype="image", sample_compression="png")
    colours.small.extend([file(RED, 24, 16)] * 2)
    colours.square.extend([file(RED, 24, 24)] * 2)
    for name in ("images", "small"):
        (tile,) = Source(colours).tiles(name, [0], 256)
        (box,) = tile.boxes
        assert (box.left, box.top, box.right, box.bottom) == (0.25, 0.25, 0.5, 0.5)
    (tile,) = Source(colours).tiles("square", [0], 256)
    assert (tile.boxes, tile.masks) == ((), ())
    assert tile.notes == ("annotations are of an image of 96 x 64 pixels and do not fit this one",)
    assert [label.text for label in tile.labels] == ["red"]


def test_tiles_stop_when_they_are_not_wanted_any_more(colours):
    answers = iter([True, False])
    assert len(Source(colours).tiles("images", [0, 1], 256, lambda: next(answers))) == 1


def test_fields_describe_all_tensors_of_a_row(colours):
    fields = {field.name: field for field in Source(colours).fields(1)}
    assert list(fields) == ["images", "labels", "boxes", "masks", "captions", "numbers"]
    assert pixel(fields["images"].picture, 1, 1) == BLUE
    assert [label.text for label in fields["labels"].labels] == ["blue"]
    assert fields["boxes"].table == (("blue", "0.25", "0.25", "0.75", "0.75"),)
    assert fields["captions"].text == "caption <b>1</b>"
    assert fields["numbers"].text == "[1, 2, 3]"


def test_a_field_that_cannot_be_read_says_why_beside_the_others(colours):
    storage = colours._state.storage
    for entry in list(storage.list("captions/chunks/")):
        storage.delete(entry.key)
    colours._state.chunks.clear()
    fields = {field.name: field for field in Source(colours).fields(0)}
    assert "is missing" in str(fields["captions"].error)
    assert fields["labels"].error is None


def test_the_summary_has_a_row_per_tensor(colours):
    heading, described = summary(colours)
    rows = {row.name: row for row in described}
    assert rows["images"].cells()[1:6] == ("image", "uint8", f"64{TIMES}96{TIMES}3", "2", "png")
    assert rows["masks"].compression == "lz4"
    assert heading.rows == 2


def test_a_dataset_without_rows_has_no_tiles():
    ds = deeplake.empty("mem://no-rows", overwrite=True)
    assert Source(ds).names == []
    ds.create_tensor("x", dtype="int64")
    assert len(Source(ds)) == 0
    assert summary(ds)[1][0].upper == ()
