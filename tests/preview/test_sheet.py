"""The static picture: the same bytes every time, small, with everything burnt in."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from deeplake_nb.errors import LinkError
from deeplake_nb.preview.preview import Box, FailedTile, Label, Preview, Tile
from deeplake_nb.preview.sheet import MAX_NBYTES, MAX_TILES, contact_sheet, grid

RED = (220, 20, 30)
CYAN = (76, 201, 240)


def picture(color=RED, size=(96, 96)):
    out = io.BytesIO()
    Image.new("RGB", size, color).save(out, "png")
    return Preview("image/png", out.getvalue(), *size)


def tile(row=0, **fields):
    return Tile(row, picture(), 96, 96, **fields)


def pixels(sheet):
    return Image.open(io.BytesIO(sheet.data)).convert("RGB")


def near(color, expected, tolerance=40):
    return all(abs(a - b) <= tolerance for a, b in zip(color, expected, strict=True))


def test_the_same_tiles_give_the_same_bytes():
    tiles = [tile(row, labels=(Label("cat", "#4cc9f0"),)) for row in range(5)]
    assert contact_sheet(tiles).data == contact_sheet(tiles).data


def test_boxes_are_burnt_in():
    sheet = contact_sheet([tile(boxes=(Box(0.25, 0.25, 0.75, 0.75, "", "#4cc9f0"),))])
    image = pixels(sheet)
    side = grid(1).tile * 1.5
    assert near(image.getpixel((round(side * 0.1), round(side * 0.1))), RED)
    row = [image.getpixel((x, round(side / 2))) for x in range(round(side * 0.2), round(side * 0.3))]
    assert any(near(color, CYAN) for color in row)
    assert near(image.getpixel((round(side / 2), round(side / 2))), RED), "a box is not filled"


def test_masks_are_burnt_in():
    out = io.BytesIO()
    Image.new("RGBA", (4, 4), (0, 0, 255, 255)).save(out, "png")
    sheet = contact_sheet([tile(masks=(Preview("image/png", out.getvalue(), 4, 4),))])
    red, green, blue = pixels(sheet).getpixel((100, 100))
    assert 90 < red < 140, "half transparent over red"
    assert 100 < blue < 160
    assert green < 40


def test_many_rows_of_noise_stay_small():
    import numpy as np

    noisy = []
    for row in range(40):
        out = io.BytesIO()
        array = np.random.default_rng(row).integers(0, 256, (300, 300, 3), dtype=np.uint8)
        Image.fromarray(array).save(out, "png")
        noisy.append(Tile(row, Preview("image/png", out.getvalue(), 300, 300), 300, 300))
    sheet = contact_sheet(noisy)
    assert len(sheet.data) <= MAX_NBYTES * 1.3, "the lowest quality is taken for the worst case"
    assert grid(MAX_TILES).columns * grid(MAX_TILES).rows >= MAX_TILES


def test_a_failed_row_and_an_undecodable_picture_are_tiles_with_words():
    broken = Tile(1, Preview("image/jpeg", b"\xff\xd8 broken", 10, 10), 10, 10)
    sheet = contact_sheet([FailedTile(0, LinkError("s3://bucket/cat.jpg: no such object")), broken, tile(2)])
    image = pixels(sheet)
    side = round(grid(3).tile * 1.5)
    for left in (0, side + 12):
        tile_pixels = [image.getpixel((left + x, y)) for x in range(10, side - 10, 2) for y in range(10, 60, 2)]
        assert any(near(color, (180, 35, 24), 60) for color in tile_pixels), "red words"


def test_a_sheet_needs_a_tile():
    with pytest.raises(ValueError, match="at least one tile"):
        contact_sheet([])


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 13, 24])
def test_the_grid_holds_the_tiles_and_stays_within_the_sheet(count):
    at = grid(count)
    assert at.columns * at.rows >= count
    assert at.width <= 960
    assert at.height <= 440 or count == 1
