"""`%lake search` in a real JupyterLab: a table of scores, and below it the rows that were found, nearest first."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect

from tests.browser.gallery import gallery, photograph, tile
from tests.eventually import eventually

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "vectors.ipynb"
CODE = {at: cell for at, cell in enumerate(nbformat.read(NOTEBOOK, 4).cells) if cell.cell_type == "code"}


@pytest.fixture(scope="module")
def searched(lab):
    """The notebook about vector stores, run; and the number of the cell that searches in words."""
    page = lab.open(NOTEBOOK, name="vectors.ipynb")
    page.run_all()
    yield page, next(at for at, cell in CODE.items() if cell.source.startswith("%lake search"))
    assert page.errors == []


def table(page, cell):
    """The table of what was found: its first column is the rank."""
    return page.output(cell).locator("table").filter(has_text="rank")


def column(shown, number):
    return shown.locator(f"tbody tr td:nth-child({number})")


def test_no_cell_fails(searched):
    page, _ = searched
    kinds = [output["output_type"] for at in CODE for output in page.outputs(at)]
    assert "error" not in kinds


def test_a_table_of_what_is_nearest(searched):
    page, cell = searched
    shown = table(page, cell)
    expect(shown.locator("th")).to_have_text(["rank", "score", "row", "text"])
    expect(column(shown, 1)).to_have_text(["1", "2", "3", "4"])
    expect(column(shown, 4).first).to_have_text("a rocket on its way into space")
    scores = [float(one) for one in column(shown, 2).all_inner_texts()]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > scores[1] > 0


def test_the_gallery_has_these_rows_in_this_order(searched):
    page, cell = searched
    expect(column(table(page, cell), 3).first).to_have_text("6")  # the rocket
    shown = gallery(page, cell)
    for row in range(4):
        photograph(tile(shown, row))
    page.output(cell).evaluate("(area) => area.scrollIntoView()")
    page.screenshot("search-light")
    tile(shown, 0).click()
    dialog = shown.get_by_role("dialog")
    dialog.get_by_text("a rocket on its way into space").first.wait_for()
    page.page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")


def test_another_search_in_a_cell_of_its_own(searched):
    page, _ = searched
    cell = page.append("%lake search store 'a cup of tea' --k 2")
    page.run(cell)
    expect(column(table(page, cell), 4).first).to_have_text("a cup of coffee on a saucer")
    photograph(tile(gallery(page, cell), 1))
    refused = page.run(page.append("%lake search store 'a cup of tea' --k 50"))
    assert "k=50 is more than the 8 rows" in str(refused)


def test_the_dark_theme(searched):
    page, cell = searched
    page.set_theme("dark")

    def contrast():
        background, ink = table(page, cell).locator("td").first.evaluate(_SEEN)
        return _light(ink) - _light(background)

    eventually(contrast, lambda found: found > 100)
    page.output(cell).evaluate("(area) => area.scrollIntoView()")
    page.screenshot("search-dark")
    page.set_theme("light")


_SEEN = """(cell) => {
    const style = (one) => getComputedStyle(one);
    let behind = cell;
    while (/, 0\\)$|transparent/.test(style(behind).backgroundColor)) behind = behind.parentElement;
    return [style(behind).backgroundColor, style(cell).color];
}"""


def _light(colour):
    return sum(map(float, re.findall(r"[\d.]+", colour)[:3])) / 3
