"""Rows of a dataset as tiles and fields."""

from __future__ import annotations

import io
import threading

import numpy as np
import pytest
from PIL import Image

import deeplake_nb as deeplake
from deeplake_nb.dataset.summary import summary
from deeplake_nb.dataset.tensor import Tensor
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
    with pytest.raises(RowError, match="row 1 is out of range; there is 1 row"):
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


@pytest.fixture
def street():
    """Two pictures of one row in groups, with boxes, masks and points for each, and their own class names."""
    ds = deeplake.empty("mem://street", overwrite=True)
    with ds:
        for side, color in (("left", RED), ("right", BLUE)):
            ds.create_tensor(f"{side}/image", htype="image", sample_compression="png").append(file(color, 8, 8))
            for number, thing in enumerate(("car", "person")):
                start = 4 * number
                names = [f"{side} {thing} {index}" for index in range(3)]
                box = np.array([[start, 0, 2, 2], [start, 4, 2, 2]], "float32")[: number + 1]
                mask = np.zeros((8, 8, number + 1), bool)
                mask[:, start : start + 4] = True
                ds.create_tensor(f"{side}/{thing}_labels", htype="class_label", class_names=names)
                ds[f"{side}/{thing}_labels"].append(list(range(1, number + 2)))
                ds.create_tensor(f"{side}/{thing}_boxes", htype="bbox").append(box)
                ds.create_tensor(f"{side}/{thing}_masks", htype="binary_mask", sample_compression="lz4").append(mask)
                ds.create_tensor(f"{side}/{thing}_points", htype="point").append(np.array([[start, start]], "int32"))
        ds.create_tensor("weather", htype="class_label", class_names=["rain"]).append(0)
    return ds


def test_all_that_belongs_to_a_picture_is_drawn_with_the_class_names_of_each(street):
    source = Source(street)
    assert source.overlays == ["boxes", "masks", "shapes", "labels"]
    for side in ("left", "right"):
        (tile,) = source.tiles(f"{side}/image", [0], 256)
        assert [box.label for box in tile.boxes] == [f"{side} car 1", f"{side} person 1", f"{side} person 2"]
        assert [box.left for box in tile.boxes] == [0, 0.5, 0.5]
        assert [shape.points for shape in tile.shapes] == [(0, 0), (0.5, 0.5)]
        assert [label.text for label in tile.labels] == [f"{side} car 1", f"{side} person 1", f"{side} person 2"]
        (mask,) = tile.masks  # both, in one file
        picture = Image.open(io.BytesIO(mask.data)).convert("RGB")
        colours = {picture.getpixel((x, 1)) for x in (1, 5)}
        assert len(colours) == 2
        assert (0, 0, 0) not in colours
        assert tile.notes == ()


def test_a_picture_does_not_have_the_class_names_of_another_one(street):
    street.create_tensor("back/image", htype="image", sample_compression="png").append(file(RED, 8, 8))
    (tile,) = Source(street).tiles("back/image", [0], 256)
    assert [label.text for label in tile.labels] == ["rain"]
    assert (tile.boxes, tile.masks, tile.shapes) == ((), (), ())


def test_the_boxes_of_a_row_are_listed_with_their_own_class_names(street):
    fields = {field.name: field for field in Source(street).fields(0)}
    assert [row[0] for row in fields["right/person_boxes"].table] == ["right person 1", "right person 2"]
    assert [row[0] for row in fields["left/car_boxes"].table] == ["left car 1"]


def test_one_broken_layer_is_a_note_and_the_others_are_drawn(street):
    street["left/car_boxes"].info["coords"] = {"mode": "XYZ"}
    (tile,) = Source(street).tiles("left/image", [0], 256)
    assert [box.label for box in tile.boxes] == ["left person 1", "left person 2"]
    (note,) = tile.notes
    assert note.startswith("no boxes: ")


def test_class_names_are_taken_of_the_labels_of_which_there_are_as_many():
    ds = deeplake.empty("mem://as-many", overwrite=True)
    with ds:
        ds.create_tensor("images", htype="image", sample_compression="png").extend([file(RED)] * 2)
        ds.create_tensor("scene", htype="class_label", class_names=["street"]).extend([0, 0])
        ds.create_tensor("things", htype="class_label", class_names=["car", "cat"]).extend([[0, 1], [1]])
        ds.create_tensor("boxes", htype="bbox").extend([np.ones((2, 4), "float32"), np.ones((1, 4), "float32")])
    two, one = Source(ds).tiles("images", [0, 1], 256)
    assert [box.label for box in two.boxes] == ["car", "cat"]
    assert [box.label for box in one.boxes] == ["cat"]
    assert [label.text for label in two.labels] == ["street", "car", "cat"]


def test_classes_that_are_looked_at_themselves_are_named():
    ds = deeplake.empty("mem://classes", overwrite=True)
    with ds:
        ds.create_tensor("things", htype="class_label", class_names=["car", "cat"]).extend([[1, 0], [], [1, 7]])
        ds.create_tensor("frames", htype="sequence[class_label]", class_names=["day", "night"])
        ds.frames.extend([[0, 1], [1], [0]])
    said = [tile.preview.text for tile in Source(ds).tiles("things", [0, 1, 2], 256)]
    assert said == ["cat, car", "no class", "cat, 7"]
    said = [tile.preview.text for tile in Source(ds).tiles("frames", [0, 1], 256, item=1)]
    assert said == ["night", "night"]


def test_items_of_sequences_have_their_own_boxes():
    ds = deeplake.empty("mem://clips-and-boxes", overwrite=True)
    with ds:
        ds.create_tensor("clips", htype="sequence[image]", sample_compression="png").append([file(RED), file(BLUE)])
        ds.create_tensor("tracks", htype="sequence[bbox]", coords={"type": "fractional", "mode": "LTRB"})
        ds.tracks.append([np.array([[0, 0, 0.5, 0.5]], "float32"), np.array([[0.5, 0.5, 1, 1]], "float32")])
    for item in (0, 1):
        (tile,) = Source(ds).tiles("clips", [0], 256, item=item)
        assert [box.left for box in tile.boxes] == [item / 2]


def test_all_tensors_of_a_picture_are_read_at_once_where_the_storage_waits(street, monkeypatch):
    storage = street._state.storage
    monkeypatch.setattr(type(storage), "concurrency", 32)
    names = {tensor.name for tensor in Source(street).annotations.read_for("left/image")} | {"left/image"}
    together = threading.Barrier(len(names), timeout=60)
    read = Tensor.stored

    def stored(tensor, rows, open_links=None):
        together.wait()  # broken unless all of them come
        return read(tensor, rows, open_links)

    monkeypatch.setattr(Tensor, "stored", stored)
    (tile,) = Source(street).tiles("left/image", [0], 256)
    assert len(tile.boxes) == 3


def test_annotations_keep_their_place_on_an_image_of_another_size_and_leave_other_shapes_alone(colours):
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


def test_there_is_a_switch_for_what_is_drawn_and_no_other():
    ds = deeplake.empty("mem://switches", overwrite=True)
    ds.create_tensor("images", htype="image", sample_compression="png")
    ds.create_tensor("boxes", htype="bbox")
    ds.create_tensor("masks", htype="binary_mask", sample_compression="lz4")
    ds.create_tensor("labels", htype="class_label", class_names=["a"])
    assert Source(ds).overlays == ["boxes", "masks", "labels"], "rows may come"
    ds.images.append(np.zeros((4, 4, 3), "uint8"))
    assert Source(ds).overlays == []
    ds.boxes.append(np.ones((1, 4), "float32"))
    ds.labels.append([0])
    assert Source(ds).overlays == ["boxes", "labels"]
    assert Source(ds[["boxes", "labels"]]).overlays == ["labels"], "there is no picture to draw boxes on"
    assert Source(ds[["images", "boxes"]]).overlays == ["boxes"]
