"""The quickstart as a newcomer runs it: from top to bottom in JupyterLab, and its galleries are painted."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from tests.browser.gallery import colours

QUICKSTART = Path(__file__).parents[2] / "notebooks" / "quickstart.ipynb"
SHOWN = (("%lake load ./quickstart", range(8)), ("%lake show photos", range(5)), ("linked = ", range(5)))
_COLOURS = """(canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size;
}"""


@pytest.fixture(scope="module")
def quickstart(lab):
    page = lab.open(QUICKSTART, name="quickstart.ipynb")
    page.run_all()
    return page


def gallery(notebook, start):
    """The gallery below the cell whose source starts so, in view."""
    cell = notebook.page.locator(".jp-CodeCell").filter(
        has=notebook.page.locator(".jp-InputArea .cm-content", has_text=re.compile("^" + re.escape(start)))
    )
    grid = cell.get_by_role("grid")
    grid.scroll_into_view_if_needed()
    return cell


def tile(gallery, row):
    """A row's tile, once its picture has come."""
    found = gallery.get_by_role("gridcell", name=re.compile(rf"^Row {row}\b"))
    found.and_(gallery.locator(".dl-painted")).wait_for(timeout=20_000)
    return found


def test_no_cell_fails(quickstart):
    code = [index for index, cell in enumerate(nbformat.read(QUICKSTART, 4).cells) if cell.cell_type == "code"]
    kinds = [output["output_type"] for index in code for output in quickstart.outputs(index)]
    assert len(kinds) > len(SHOWN)
    assert "error" not in kinds


@pytest.mark.parametrize(("start", "rows"), SHOWN)
def test_its_galleries_are_painted(quickstart, start, rows):
    shown = gallery(quickstart, start)
    for row in rows:
        assert colours(tile(shown, row)) > 200, f"{start}: row {row} is blank"
    quickstart.screenshot(f"quickstart-{start.split()[1].strip('=') or 'linked'}")


def test_tiles_say_what_is_on_them(quickstart):
    label = tile(gallery(quickstart, "%lake load ./quickstart"), 2).get_attribute("aria-label")
    assert "cat, nose, eye" in label
    assert "4 boxes" in label


def test_the_last_row_can_be_scrolled_to_and_opened(quickstart):
    shown = gallery(quickstart, "%lake load ./quickstart")
    shown.locator(".dl-scroll").evaluate("(element) => { element.scrollTop = element.scrollHeight; }")
    last = tile(shown, 63)
    assert colours(last) > 200
    last.click()
    dialog = shown.get_by_role("dialog")
    dialog.get_by_text("coins, 60%").wait_for(timeout=20_000)
    assert dialog.get_by_role("img").first.evaluate(_COLOURS) > 200
    quickstart.screenshot("quickstart-sample")
    quickstart.page.keyboard.press("Escape")
    dialog.wait_for(state="hidden", timeout=5_000)


def test_the_dark_theme(quickstart):
    quickstart.set_theme("dark")
    shown = gallery(quickstart, "%lake load ./quickstart")
    assert colours(shown.locator(".dl-painted").first) > 200
    quickstart.page.locator("#jupyterlab-splash").wait_for(state="detached", timeout=10_000)
    quickstart.screenshot("quickstart-dark")


def test_the_page_had_no_errors(quickstart):
    # JupyterLab's own: a message to a part of the page that has just been closed.
    assert [error for error in quickstart.errors if "processLuminoMessage" not in error] == []
