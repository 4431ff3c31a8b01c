"""The gallery on a page: its tiles, and the colours that are painted."""

from __future__ import annotations

import pytest

from tests.eventually import eventually

RED, BLUE = (220, 20, 30), (10, 60, 200)
BOX = (0x4C, 0xC9, 0xF0)  # the first colour of the palette


def pictures(rows):
    """Source of a dataset ``colours``: pictures, red and blue in turn, each with a class, a box and a caption."""
    return f"""
import io, time
import numpy as np
from PIL import Image
import deeplake_nb as deeplake

def file(color):
    out = io.BytesIO()
    Image.new("RGB", (96, 96), color).save(out, "png")
    return deeplake.Sample(out.getvalue())

colours = deeplake.empty("mem://colours", overwrite=True)
with colours:
    colours.create_tensor("images", htype="image", sample_compression="png")
    colours.create_tensor("labels", htype="class_label", class_names=["red", "blue"])
    colours.create_tensor("boxes", htype="bbox", coords={{"type": "fractional", "mode": "LTRB"}})
    colours.create_tensor("captions", htype="text")
    colours.images.extend([file({RED}), file({BLUE})] * {rows // 2})
    colours.labels.extend([0, 1] * {rows // 2})
    colours.boxes.extend([np.array([[0.25, 0.25, 0.75, 0.75]], "float32")] * {rows})
    colours.captions.extend([f"caption of row {{row}}" for row in range({rows})])
"""


def gallery(notebook, index):
    found = notebook.output(index).locator(".deeplake-nb")
    found.wait_for()
    found.evaluate("(root) => root.scrollIntoView({ block: 'nearest' })")  # also out of a frame that is out of sight
    return found


def tile(shown, row):
    found = shown.locator(f'.dl-cell[data-row="{row}"]')
    shown.locator(f'.dl-painted[data-row="{row}"]').wait_for()
    return found


# A line of tiles is one canvas. Two frames later what was changed is painted.
_COLOUR = """async (cell, [x, y]) => {
    for (let frame = 0; frame < 2; frame += 1) await new Promise(requestAnimationFrame);
    const canvas = cell.parentElement.querySelector("canvas");
    const dense = canvas.width / canvas.clientWidth;
    const [across, down] = [cell.offsetLeft + x * cell.offsetWidth, y * canvas.clientHeight];
    const { data } = canvas.getContext("2d").getImageData(Math.round(across * dense), Math.round(down * dense), 1, 1);
    return Array.from(data.slice(0, 3));
}"""


_COLOURS = """async (cell) => {
    for (let frame = 0; frame < 2; frame += 1) await new Promise(requestAnimationFrame);
    const canvas = cell.parentElement.querySelector("canvas");
    const dense = canvas.width / canvas.clientWidth;
    const [left, width] = [Math.round(cell.offsetLeft * dense), Math.round(cell.offsetWidth * dense)];
    const { data } = canvas.getContext("2d").getImageData(left, 0, width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size;
}"""


_MIDDLE = """(canvas) => {
    const { data } = canvas.getContext("2d").getImageData(canvas.width >> 1, canvas.height >> 1, 1, 1);
    return Array.from(data.slice(0, 3));
}"""


def at(cell, x, y):
    """The colour that is painted at fractions of a tile's width and height."""
    return tuple(cell.evaluate(_COLOUR, [x, y]))


def painted(cell, x, y, color, tolerance=6):
    """Wait until this colour is painted at fractions of a tile's width and height."""
    eventually(lambda: at(cell, x, y), pytest.approx(color, abs=tolerance))


def large(viewer, color):
    """Wait until the viewer's picture has this colour in its middle."""
    canvas = viewer.locator(".dl-large:not([hidden])").first
    eventually(lambda: tuple(canvas.evaluate(_MIDDLE)), pytest.approx(color, abs=6))


def photograph(cell):
    """Wait until a tile is painted with many colours."""
    eventually(lambda: cell.evaluate(_COLOURS), lambda colours: colours > 200)


def near(color, expected, tolerance=6):
    return all(abs(a - b) <= tolerance for a, b in zip(color, expected, strict=True))


def go_to(shown, row):
    field = shown.locator(".dl-goto")
    field.fill(str(row))
    field.press("Enter")
