"""The notebook about credentials runs from top to bottom where nobody can answer, and keeps no secret."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import deeplake_nb
from deeplake_nb.magics.grammar import parse

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "credentials.ipynb"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the notebook runs; the hub has its data in ``data``."""
    return tmp_path_factory.mktemp("credentials")


@pytest.fixture(scope="module")
def cells(folder):
    """Each code cell's source with its outputs, run beside a dataset and a key that the hub has already."""
    nb = nbformat.read(NOTEBOOK, 4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEEPLAKE_NB_DATA", str(folder / "data"))
        patch.setenv("DEEPLAKE_NB_PROGRESS", "0")  # a machine that is slow would show some in the cells
        with deeplake_nb.empty("hub://me/photos") as ds:
            ds.create_tensor("x").extend([1, 2])
        ds.close()
        deeplake_nb.hub().add_key("me", "files", "http-token", {"token": "t" * 20}, prefixes=["https://h/x"])
        NotebookClient(nb, timeout=120, resources={"metadata": {"path": folder}}).execute()
    return {cell.source: cell.outputs for cell in nb.cells if cell.cell_type == "code"}


def text_of(cells, start):
    (outputs,) = [outputs for source, outputs in cells.items() if source.startswith(start)]
    return "".join(output.get("text") or output.data["text/plain"] for output in outputs)


def test_its_cells_say_what_they_promise(cells):
    assert "session key" in text_of(cells, "%lake explain")
    assert text_of(cells, "%lake creds add").startswith(
        "import deeplake_nb.session\nimport deeplake_nb.widgets.keys\ndeeplake_nb.widgets.keys.add("
    )
    assert "('example', 'http-token', '…cret')" in text_of(cells, "import deeplake_nb")
    assert text_of(cells, "with deeplake") == "'hub://me/example'"
    assert "example/" in text_of(cells, "%lake ls")


@pytest.mark.usefixtures("cells")
def test_it_leaves_what_the_hub_had_and_nothing_else(folder, monkeypatch):
    """It runs in the reader's own hub."""
    monkeypatch.setenv("DEEPLAKE_NB_DATA", str(folder / "data"))
    assert deeplake_nb.list("me") == ["hub://me/photos"]
    assert [key.name for key in deeplake_nb.hub().keys("me")] == ["files"]
    with deeplake_nb.load("hub://me/photos", read_only=True) as ds:
        assert ds.x.numpy().ravel().tolist() == [1, 2]


def test_every_line_in_its_words_is_one_that_is_understood():
    words = "\n".join(cell.source for cell in nbformat.read(NOTEBOOK, 4).cells if cell.cell_type == "markdown")
    lines = [line.strip().removeprefix("%lake ") for line in words.splitlines() if line.startswith("    %lake ")]
    assert len(lines) == 4
    for line in lines:
        parse(line)


def test_the_stored_notebook_has_no_outputs():
    nb = nbformat.read(NOTEBOOK, 4)
    nbformat.validate(nb)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in nb.cells)
