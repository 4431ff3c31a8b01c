"""The notebook about the gallery, run from top to bottom as a reader does."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect

from tests.eventually import eventually

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "gallery.ipynb"
CODE = [index for index, cell in enumerate(nbformat.read(NOTEBOOK, 4).cells) if cell.cell_type == "code"]
GALLERY, VIEW, SELECTION, SELECT, LAST = CODE[2:]


@pytest.fixture(scope="module")
def notebook(lab):
    opened = lab.open(NOTEBOOK, name="gallery.ipynb", viewport=(1400, 1000))
    opened.run_all()
    return opened


def test_no_cell_fails(notebook):
    errors = [output for index in CODE for output in notebook.outputs(index) if output["output_type"] == "error"]
    assert errors == []
    assert notebook.errors == []


def test_what_python_sets_is_what_the_page_shows(notebook):
    shown = notebook.output(GALLERY).locator(".deeplake-nb")
    shown.wait_for()
    shown.scroll_into_view_if_needed()
    count = int(notebook.text(VIEW))
    assert 0 < count < 40
    shown.get_by_text(f"{count} of 120 rows").wait_for()
    expect(shown.locator(".dl-cell:not([hidden])[aria-busy=true]")).to_have_count(0)
    captions = shown.locator(".dl-cell:not([hidden]) .dl-labels")
    eventually(lambda: set(captions.all_inner_texts()), {"coffee"})
    assert notebook.text(SELECTION).strip().endswith("ds[3:6]")
    assert notebook.text(SELECT).strip() == "array([0, 0, 0, 0, 0], dtype=uint32)"
    notebook.screenshot("gallery-notebook")


def test_the_picture_is_left_out_and_the_gallery_is_not(notebook):
    kinds = [kind for output in notebook.outputs(LAST) for kind in output["data"]]
    assert "image/jpeg" not in kinds
    assert "application/vnd.jupyter.widget-view+json" in kinds
