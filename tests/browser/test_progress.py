"""A long job in a real JupyterLab: its bar, the button that cancels it while the cell runs, and what stays."""

from __future__ import annotations

import io
import json
import re
import time

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.eventually import eventually
from tests.fakes.slow import SOURCE

SETUP = f"""{SOURCE}
ds = lake.empty("mem://slow")
ds.create_tensor("x", dtype="float32")
"""
LONG = "ds.x.extend(Slow(6400, 0.012))"


@pytest.fixture(scope="module")
def notebook(lab):
    page = lab.open([SETUP], name="progress.ipynb")
    page.run(0)
    yield page
    assert page.errors == []


def bar(notebook, cell):
    return notebook.output(cell).locator("progress")


def cancel(notebook, cell):
    return notebook.output(cell).get_by_role("button", name="Cancel")


def wait_for_end(notebook):
    """Of the cell: the kernel also says it is idle once it has answered the button."""
    notebook.page.wait_for_function("() => window.lakeRan")
    notebook.wait_idle()


def saved(notebook):
    notebook.save()
    return json.loads(notebook.path.read_text())


def test_what_is_over_soon_shows_nothing(notebook):
    cell = notebook.append(
        "from deeplake_nb.progress import ticker\n"
        "soon, ticker.SHOWN_AFTER_SECONDS = ticker.SHOWN_AFTER_SECONDS, 60.0  # whatever machine this is\n"
        "ds.x.extend(np.zeros((1000, 4), 'float32')); ds.x.numpy().shape; ds.x.clear()\n"
        "ticker.SHOWN_AFTER_SECONDS = soon"
    )
    assert notebook.run(cell) == []


def test_the_bar_says_how_far_how_fast_and_how_long_and_cancel_ends_it_while_the_cell_runs(notebook):
    cell = notebook.append(LONG)
    began = time.monotonic()
    notebook.start(cell)
    bar(notebook, cell).wait_for()
    assert time.monotonic() - began > 1
    cancel(notebook, cell).wait_for()
    row = notebook.output(cell).locator("div:has(> progress)").first
    eventually(lambda: bar(notebook, cell).evaluate("(one) => one.value"), lambda share: share > 0.02)
    words = " ".join(row.inner_text().split())
    assert words.startswith("add to mem://slow")
    assert " of 6,400 samples, " in words
    assert "/s, " in words
    assert words.endswith(" s left")
    expect(bar(notebook, cell)).to_have_attribute("aria-label", "add to mem://slow")
    notebook.screenshot("progress-light")
    notebook.set_theme("dark")
    notebook.page.locator("#jupyterlab-splash").wait_for(state="hidden")
    notebook.screenshot("progress-dark")
    notebook.set_theme("light")
    assert notebook.is_running(cell)
    cancel(notebook, cell).click()
    wait_for_end(notebook)
    outputs = notebook.outputs(cell)
    assert outputs[-1]["output_type"] == "error"
    assert outputs[-1]["traceback"] == ["CancelledError: add to mem://slow: cancelled; nothing was added"]
    assert notebook.text(cell).startswith("add to mem://slow: cancelled after ")
    expect(bar(notebook, cell)).to_have_count(0)
    expect(cancel(notebook, cell)).to_have_count(0)
    notebook.screenshot("progress-cancelled")
    after = notebook.append("len(ds.x)")
    notebook.run(after)
    assert notebook.text(after) == "0"


def test_the_interrupt_button_cancels_too_and_stays_what_it_is(notebook):
    cell = notebook.append(LONG)
    notebook.start(cell)
    bar(notebook, cell).wait_for()
    notebook.page.evaluate("() => window.jupyterapp.commands.execute('notebook:interrupt-kernel')")
    wait_for_end(notebook)
    error = notebook.outputs(cell)[-1]
    assert error["ename"] == "KeyboardInterrupt"
    assert error["traceback"] == ["KeyboardInterrupt: add to mem://slow: interrupted; nothing was added"]
    assert notebook.text(cell).startswith("add to mem://slow: cancelled after ")
    after = notebook.append("len(ds.x)")
    notebook.run(after)
    assert notebook.text(after) == "0"


def test_one_line_stays_for_all_jobs_of_a_name_and_the_saved_notebook_has_just_that(notebook):
    cell = notebook.append("for _ in range(2): ds.x.extend(Slow(640, 0.003))\nlen(ds.x)")
    notebook.run(cell)
    kept = [one for one in saved(notebook)["cells"][cell]["outputs"] if one["data"]]
    assert len(kept) == 2
    text = "".join(kept[0]["data"]["text/plain"])
    assert text.startswith("add to mem://slow: 640 samples in ")
    assert set(kept[0]["data"]) == {"text/plain", "text/html"}
    assert "progress" not in "".join(kept[0]["data"]["text/html"])
    whole = notebook.path.read_text()
    assert "widget-view" not in whole
    assert "ButtonModel" not in whole
    expect(notebook.output(cell)).to_have_text(re.compile(r"^\s*add to mem://slow: 640 samples in "))
    notebook.screenshot("progress-done")


def test_appends_one_by_one_within_a_block_are_one_job(notebook):
    cell = notebook.append(
        "before = len(ds.x)\n"
        "with ds:\n    for _ in range(10_000):\n        ds.x.append(np.zeros(4, 'float32')); time.sleep(0.006)"
    )
    notebook.start(cell)
    notebook.output(cell).get_by_text(" samples, ").wait_for()
    cancel(notebook, cell).click()
    wait_for_end(notebook)
    assert notebook.outputs(cell)[-1]["traceback"] == [
        "CancelledError: write to mem://slow: cancelled; the rows before are added"
    ]
    after = notebook.append("before < len(ds.x) < before + 10_000")
    notebook.run(after)
    assert notebook.text(after) == "True"


def test_a_read_leaves_nothing_behind(notebook, held):
    cell = notebook.append(
        "reading = lake.empty('mem://reading')\n"
        "reading.create_tensor('y', dtype='uint8').extend(np.zeros((300, 10), 'uint8'))\n"
        f"view = reading.filter(lambda row: not {held.expression})"
    )
    with held:
        notebook.start(cell)
        bar(notebook, cell).wait_for()
    wait_for_end(notebook)
    assert notebook.text(cell) == ""
    expect(notebook.output(cell)).to_have_text("")
    after = notebook.append("len(view)")
    notebook.run(after)
    assert notebook.text(after) == "300"


def test_it_can_be_switched_off(notebook):
    cell = notebook.append(
        "%load_ext deeplake_nb\n%config Lake.progress = False\n"
        "ds.x.extend(Slow(640, 0.003))\n%config Lake.progress = True\n"
    )
    assert notebook.run(cell) == []
    cell = notebook.append("ds.x.extend(Slow(640, 0.003), progressbar=False)")
    assert notebook.run(cell) == []


LINKING = """
from deeplake_nb.progress import Progress
counts = Progress.__call__
def counts_and_waits(self, count=1):
    counts(self, count)
    if self.unit == "samples":
        WAITS
Progress.__call__ = counts_and_waits
linked = lake.empty('mem://linked')
%load_ext deeplake_nb
%lake link linked ./raw
"""


def test_a_form_shows_it_too_and_its_button_cancels(notebook, lab, held):
    folder = lab.root / "raw"
    folder.mkdir()
    picture = io.BytesIO()
    Image.new("RGB", (8, 8)).save(picture, "png")
    for number in range(2000):
        (folder / f"{number}.png").write_bytes(picture.getvalue())
    cell = notebook.append(LINKING.replace("WAITS", held.expression))
    notebook.run(cell)
    form = notebook.output(cell).locator(".deeplake-nb-form")
    with held:
        form.get_by_role("button", name="Write the links").click()
        stop = form.get_by_role("button", name="Cancel what is under way")
        form.locator(".dl-way").get_by_text(" of 2,000 samples, ").wait_for()
        eventually(lambda: form.locator("progress").evaluate("(one) => one.value"), lambda share: 0 < share < 1)
        stop.click()
        form.locator(".dl-way").get_by_text("cancelling").wait_for()
    form.get_by_text("add to mem://linked: cancelled; nothing was added").wait_for()
    stop.wait_for(state="hidden")
    after = notebook.append("Progress.__call__ = counts\nlist(linked.tensors)")
    notebook.run(after)
    assert notebook.text(after) == "[]"
