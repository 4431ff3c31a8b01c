"""The quickstart as a newcomer runs it: from top to bottom in JupyterLab, and its galleries are painted."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect

from tests.browser.gallery import photograph
from tests.eventually import eventually

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
    found.and_(gallery.locator(".dl-painted")).wait_for()
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
        photograph(tile(shown, row))
    quickstart.screenshot(f"quickstart-{start.split()[1].strip('=') or 'linked'}")


def test_tiles_say_what_is_on_them(quickstart):
    first = tile(gallery(quickstart, "%lake load ./quickstart"), 2)
    expect(first).to_have_attribute("aria-label", re.compile("cat, nose, eye.*4 boxes"))


def test_the_last_row_can_be_scrolled_to_and_opened(quickstart):
    shown = gallery(quickstart, "%lake load ./quickstart")
    shown.locator(".dl-scroll").evaluate("(element) => { element.scrollTop = element.scrollHeight; }")
    last = tile(shown, 63)
    photograph(last)
    last.click()
    dialog = shown.get_by_role("dialog")
    dialog.get_by_text("coins, 60%").wait_for()
    eventually(lambda: dialog.get_by_role("img").first.evaluate(_COLOURS), lambda colours: colours > 200)
    quickstart.screenshot("quickstart-sample")
    quickstart.page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")


def test_the_dark_theme(quickstart):
    quickstart.set_theme("dark")
    shown = gallery(quickstart, "%lake load ./quickstart")
    photograph(shown.locator(".dl-painted").first)
    quickstart.page.locator("#jupyterlab-splash").wait_for(state="detached")
    quickstart.screenshot("quickstart-dark")


def test_the_page_had_no_errors(quickstart):
    assert quickstart.errors == []
