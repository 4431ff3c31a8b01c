"""`%lake` as it is typed: completion by Tab, and mistakes that are one line on the page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

import deeplake_nb
from deeplake_nb.magics.commands import VERBS
from tests.eventually import eventually

CELLS = ["%load_ext deeplake_nb", "", "%lake load ./nope as ds", "%lake", "%lake ls", "%lake load s3://b/c --token abc"]


@pytest.fixture(scope="module")
def notebook(lab):
    for name in ("cars", "my photos"):
        deeplake_nb.empty(lab.root / name).close()
    (lab.root / "raw").mkdir()
    (lab.root / "raw" / "a.txt").write_text("a")
    page = lab.open(CELLS)
    page.run(0)
    return page


def complete(notebook, text, choice):
    """Type into the second cell, press Tab and take a choice; the cell's editor, and what was offered with its kind."""
    editor = notebook.cell(1).locator(".cm-content")
    notebook.edit(1, "")
    expect(editor).to_have_text("")
    editor.click()
    notebook.page.keyboard.type(text)
    expect(editor).to_have_text(text)
    notebook.page.keyboard.press("Tab")
    items = notebook.page.locator(".jp-Completer-item")
    chosen = items.filter(has=notebook.page.get_by_text(choice, exact=True)).first
    chosen.wait_for()
    offered = [tuple(item.split("\n")[1:]) for item in items.all_inner_texts()]
    chosen.click()
    items.first.wait_for(state="hidden")
    return editor, offered


def test_tab_offers_the_verbs(notebook):
    editor, offered = complete(notebook, "%lake ", "show")
    expect(editor).to_have_text("%lake show")
    assert offered[: len(VERBS)] == [(verb, "verb") for verb in VERBS]


def test_tab_offers_folders_and_says_which_are_datasets(notebook):
    editor, offered = complete(notebook, "x = %lake load ./", "'./my photos'")
    expect(editor).to_have_text("x = %lake load './my photos'")
    assert offered == [("./cars", "dataset"), ("'./my photos'", "dataset"), ("./raw/", "folder")]


@pytest.mark.parametrize(
    ("text", "choice", "taken"),
    [
        ("%lake load ./ca", "./cars", "%lake load ./cars"),
        ("%lake load 'my", "'my photos'", "%lake load 'my photos'"),
        ("%lake load ./cars --re", "--read-only", "%lake load ./cars --read-only"),
        ("%lake load ./cars as ", "cars", "%lake load ./cars as cars"),
    ],
)
def test_what_is_taken_replaces_what_was_typed(notebook, text, choice, taken):
    expect(complete(notebook, text, choice)[0]).to_have_text(taken)


@pytest.mark.parametrize(("cell", "line"), [(2, "dataset-not-found: no dataset at "), (5, "command: this line holds")])
def test_a_mistake_is_one_line_on_the_page(notebook, cell, line):
    (output,) = notebook.run(cell)
    assert output["output_type"] == "error"
    shown = eventually(lambda: notebook.output(cell).inner_text().strip())
    assert shown.startswith(line)
    assert "\n" not in shown
    assert "Traceback" not in shown


def test_help_and_listings_are_text(notebook):
    notebook.run(3)
    assert "%lake load URL [as NAME]" in notebook.text(3)
    notebook.run(4)
    assert re.search(r"dataset\s+cars/", notebook.text(4))
    assert re.search(r"folder\s+raw/", notebook.text(4))
    notebook.screenshot("magics")


def test_what_a_gallery_needs_is_imported_once_the_cell_has_run(notebook):
    waited = notebook.append(
        "import sys, time\n"
        "until = time.monotonic() + 60\n"
        "while 'deeplake_nb.widgets.gallery' not in sys.modules and time.monotonic() < until: time.sleep(0.05)\n"
        "sorted({'deeplake_nb.widgets.gallery', 'PIL.ImageDraw', 'azure', 'boto3', 'google.cloud'} & set(sys.modules))"
    )
    notebook.run(waited)
    assert notebook.text(waited) == "['PIL.ImageDraw', 'deeplake_nb.widgets.gallery']"
