"""How much of the page a gallery takes, and the line below its rows that covers none of them."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.gallery import gallery, pictures, tile
from tests.eventually import eventually

PREPARE = f"""
%load_ext deeplake_nb
{pictures(40)}
from deeplake_nb.widgets.gallery import Gallery
"""
FEW, ALL = "few = Gallery(colours[:3]); few", "shown = Gallery(colours); shown"

# From the lowest caption to the end of the grid, and how far that can be scrolled.
_BELOW = """(root) => {
    const scroll = root.querySelector(".dl-scroll");
    const cells = [...root.querySelectorAll(".dl-cell:not([hidden])")];
    const lowest = Math.max(...cells.map((cell) => cell.getBoundingClientRect().bottom));
    return [scroll.getBoundingClientRect().bottom - lowest, scroll.scrollHeight - scroll.clientHeight];
}"""


@pytest.fixture(scope="module")
def notebook(lab):
    opened = lab.open([PREPARE, FEW, "colours[:2]", ALL, ""], viewport=(1280, 1000))
    opened.run_all()
    yield opened
    assert opened.errors == []


def python(notebook, code):
    notebook.edit(4, code)
    notebook.run(4)


def is_fit(shown):
    """Wait until the rows have just the room they take."""
    eventually(lambda: shown.evaluate(_BELOW), lambda room: 0 <= room[0] <= 20 and room[1] == 0)


@pytest.mark.parametrize("cell", [1, 2])
def test_few_rows_leave_no_empty_strip(notebook, cell):
    shown = gallery(notebook, cell)
    tile(shown, 1)
    is_fit(shown)
    shown.get_by_label("Tile size").fill("300")
    is_fit(shown)
    notebook.screenshot(f"gallery-few-{cell}")
    shown.get_by_label("Tile size").fill("148")
    is_fit(shown)


def test_what_is_opened_beside_few_rows_has_room(notebook):
    shown = gallery(notebook, 1)
    before = shown.bounding_box()["height"]
    tile(shown, 0).click()
    dialog = shown.get_by_role("dialog")
    dialog.wait_for()
    assert dialog.bounding_box()["height"] > before - 41 + 50
    dialog.press("Escape")
    expect(dialog).to_be_hidden()
    assert shown.bounding_box()["height"] == before


def test_rows_that_are_filtered_out_leave_their_room(notebook):
    shown = gallery(notebook, 3)
    tile(shown, 0)
    python(notebook, "shown.view = {'where': 'row < 2'}")
    expect(shown.locator(".dl-toolbar .dl-title")).to_have_text("2 of 40 rows")
    few = shown.locator(".dl-main").bounding_box()["height"]
    python(notebook, "shown.view = {}")
    expect(shown.locator(".dl-toolbar .dl-title")).to_have_text("40 rows")
    assert shown.locator(".dl-main").bounding_box()["height"] == few


# Top and bottom within the gallery, wherever the page is scrolled to.
_SPAN = """(one) => {
    const { top } = one.closest(".deeplake-nb").getBoundingClientRect();
    const at = one.getBoundingClientRect();
    return [at.top - top, at.bottom - top];
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_line_of_filter_and_selection_covers_nothing_moves_no_row_and_leads_back(notebook, theme):
    notebook.set_theme(theme)
    shown = gallery(notebook, 3)
    rows = shown.locator(".dl-scroll")
    first, whole = tile(shown, 0).evaluate(_SPAN), rows.evaluate(_SPAN)
    python(notebook, """shown.view = {"where": 'labels == "blue"', "sort": "row", "descending": True}""")
    chip = shown.get_by_role("button", name='labels == "blue" · sorted by row, descending')
    expect(chip).to_be_visible()
    expect(shown.get_by_role("form", name="Rows shown")).to_be_hidden()
    tile(shown, 1).click(modifiers=["Control"])
    selected = shown.get_by_role("button", name="Select nothing")
    expect(selected).to_have_text("1 selected ✕")
    notebook.screenshot(f"gallery-line-{theme}")
    assert rows.evaluate(_SPAN) == whole
    for one in (chip, selected):
        top, bottom = one.evaluate(_SPAN)
        assert whole[1] <= top < bottom <= shown.bounding_box()["height"]
    selected.click()
    expect(selected).to_be_hidden()
    expect(rows).to_be_focused()
    chip.click()
    expect(chip).to_be_hidden()
    expect(shown.locator(".dl-toolbar .dl-title")).to_have_text("40 rows")
    assert tile(shown, 0).evaluate(_SPAN) == first
    notebook.set_theme("light")
