"""The notebook about credentials runs from top to bottom where nobody can answer, and keeps no secret."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from deeplake_nb.magics.grammar import parse

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "credentials.ipynb"


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """Each code cell's source with its outputs."""
    folder = tmp_path_factory.mktemp("credentials")
    nb = nbformat.read(NOTEBOOK, 4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEEPLAKE_NB_DATA", str(folder / "data"))
        patch.setenv("DEEPLAKE_NB_PROGRESS", "0")  # a machine that is slow would show some in the cells
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
    assert text_of(cells, "import deeplake_nb") == "[('files', 'http-token', '…cret')]"
    assert text_of(cells, "with deeplake") == "'hub://me/photos'"
    assert "photos/" in text_of(cells, "%lake ls")


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
