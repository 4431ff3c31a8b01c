"""The harness itself: JupyterLab runs, outputs come back, a canvas can be read."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect

from tests.browser.lab import KERNEL
from tests.browser.notebook import pixel
from tests.browser.page import BrowserPage
from tests.eventually import eventually

_CANVAS = """
from IPython.display import HTML
HTML('''<canvas id="c" width="8" height="4"></canvas><script>
    const paint = document.getElementById("c").getContext("2d");
    paint.fillStyle = "rgb(10, 200, 30)"; paint.fillRect(0, 0, 4, 4);
</script>''')
"""
_WIDGET = """
import anywidget, traitlets
class Count(anywidget.AnyWidget):
    _esm = '''export default { render({ model, el }) {
        const button = document.createElement("button");
        button.className = "count";
        button.onclick = () => { model.set("n", model.get("n") + 1); model.save_changes(); };
        const show = () => { button.textContent = `n = ${model.get("n")}`; };
        model.on("change:n", show); show(); el.append(button);
    } };'''
    n = traitlets.Int(1).tag(sync=True)
count = Count()
count
"""
_CELLS = ["import sys, os; print(sys.executable); 6 * 7", _CANVAS, _WIDGET, "count.n", "1 / 0", "print('not reached')"]


@pytest.fixture(scope="module")
def notebook(lab):
    opened = lab.open(_CELLS)
    opened.run_all()
    return opened


def test_cells_run_in_this_python_and_outputs_are_read_back(notebook):
    assert notebook.text(0).split() == [sys.executable, "42"]
    assert len(notebook) == 6


def test_a_failing_cell_stops_run_all(notebook):
    assert [output["ename"] for output in notebook.outputs(4)] == ["ZeroDivisionError"]
    assert notebook.outputs(5) == []


def test_a_canvas_pixel_is_read(notebook):
    canvas = notebook.output(1).locator("canvas")
    eventually(lambda: pixel(canvas, 1, 1), (10, 200, 30, 255))
    assert pixel(canvas, 6, 1) == (0, 0, 0, 0)


def test_a_widget_talks_to_its_kernel(notebook):
    button = notebook.output(2).locator("button.count")
    expect(button).to_have_text("n = 1")
    button.click()
    expect(button).to_have_text("n = 2")

    def told():
        notebook.run(3)
        return notebook.text(3)

    eventually(told, "2")


def test_a_started_cell_is_seen_running(notebook, held):
    index = notebook.append(f"import time; {held.expression}; print('done')")
    with held:
        notebook.start(index)
        assert notebook.is_running(index)
        assert notebook.text(index) == ""
    eventually(lambda: notebook.text(index).strip(), "done")
    notebook.wait_idle()
    assert not notebook.is_running(index)


def test_a_cell_can_be_edited_and_run_again(notebook):
    index = notebook.append("1")
    assert notebook.run(index)[0]["data"]["text/plain"] == "1"
    notebook.edit(index, "2")
    assert notebook.run(index)[0]["data"]["text/plain"] == "2"


def test_saving_writes_the_outputs(notebook):
    notebook.save()
    saved = nbformat.read(notebook.path, as_version=4)
    assert saved.cells[0].outputs[-1].data["text/plain"] == "42"
    assert "application/vnd.jupyter.widget-state+json" in saved.metadata.widgets


def test_the_theme_is_switched_and_seen(notebook):
    ground = "() => getComputedStyle(document.body).getPropertyValue('--jp-layout-color0').trim()"
    light = notebook.page.evaluate(ground)
    notebook.set_theme("dark")
    eventually(lambda: notebook.page.evaluate(ground), lambda dark: dark != light)
    notebook.set_theme("light")
    eventually(lambda: notebook.page.evaluate(ground), light)


def test_a_screenshot_is_a_picture(notebook):
    path = notebook.screenshot("harness")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_notebook_file_opens_without_widget_state_kept(lab, tmp_path):
    file = tmp_path / "given.ipynb"
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# t"), nbformat.v4.new_code_cell(_WIDGET)])
    nb.metadata.kernelspec = KERNEL
    nbformat.write(nb, file)
    opened = lab.open(file, name="given.ipynb", save_widget_state=False, theme="dark", trust=True)
    assert opened.page.evaluate("() => document.body.dataset.jpThemeLight") == "false"
    opened.run(1)
    opened.save()
    assert "widgets" not in nbformat.read(opened.path, as_version=4).metadata
    assert opened.path.parent == lab.root
    assert Path(file).read_text() != opened.path.read_text()
    opened.close()


def test_the_cable_is_out(browser):
    """What a page needs from elsewhere it would not get here: no test can pass by a content delivery network."""
    page = BrowserPage(browser.new_context())
    address = "https://cdn.jsdelivr.net/npm/anywidget"
    answer = "(address) => fetch(address).then((got) => `${got.status}`, (error) => error.message)"
    assert page.page.evaluate(answer, address) == "Failed to fetch"
    assert page.foreign == [address]
    page.close()


def test_nothing_left_this_machine_and_the_page_had_no_errors(notebook):
    assert notebook.foreign == []
    assert notebook.errors == []
