"""The specification of `tests.suites.notebook` in marimo's editor, and what an app of marimo's does."""

from __future__ import annotations

import re
import time
from contextlib import closing

import numpy as np
import pytest
from playwright.sync_api import expect

import deeplake_nb as deeplake
from tests.browser.gallery import gallery, painted, tile
from tests.browser.hosts.marimo import Marimo
from tests.eventually import eventually
from tests.fakes.slow import SOURCE
from tests.fakes.web import web_server
from tests.suites.notebook import KEYS, PREPARE, RED, NotebookSuite, cells, questions
from tests.widgets.conftest import BLUE, file


@pytest.fixture(scope="module")
def notebook(browser, store, held, tmp_path_factory):
    running = Marimo(tmp_path_factory.mktemp("marimo"), browser, cells(store), questions(store, held))
    yield running.open()
    running.close()


class TestMarimo(NotebookSuite):
    answers_meanwhile = False
    keeps_picture = False


def test_a_dataset_at_the_end_of_a_cell_is_shown(browser, tmp_path):
    with closing(Marimo(tmp_path, browser, [PREPARE, "colours[:3]"], [])) as running:
        notebook = running.open()
        painted(tile(gallery(notebook, 1), 2), 0.1, 0.1, RED)
        expect(notebook.output(1).locator(".deeplake-nb-summary")).to_contain_text(
            re.compile("3 rows.*class_label", re.DOTALL)
        )


def test_an_app_asks_none_of_its_visitors_for_keys(browser, tmp_path):
    """All of them are served by one process: what one typed would be used for every other."""
    asking = ["import deeplake_nb", KEYS.format(url="s3://bucket/cars")]
    with closing(Marimo(tmp_path, browser, asking, [], mode="run")) as running:
        page = running.open()
        page.page.get_by_text("An internal error occurred", exact=True).wait_for()
        expect(page.page.locator(".deeplake-nb-form")).to_have_count(0)
    assert "nobody can answer here: set AWS_ACCESS_KEY_ID" in running.log()


SLOW = f"""{SOURCE}
ds = lake.empty("mem://slow")
ds.create_tensor("x", dtype="float32")
linked = lake.empty("mem://linked")
linked.create_tensor("photos", htype="link[image]", sample_compression="png")
"""
INGEST = "ds.x.extend(Slow(6400, 0.012))"
TWICE = "[ds.x.extend(Slow(640, 0.003)), {held}, ds.x.extend(Slow(640, 0.01))]"
ROWS = "len(ds.x)"
COPY, READ, LINK = (
    "len(lake.copy('many', 'copied', overwrite=True))",
    "lake.load('{url}/far', read_only=True).images.numpy().shape",
    "linked.photos.extend([lake.link(f'{url}/{{number}}.png') for number in range(200)])",
)


@pytest.fixture(scope="module")
def far(tmp_path_factory):
    """A web server with a dataset of many objects, and with files to link to, each of which takes its time."""
    folder = tmp_path_factory.mktemp("far") / "ds"
    with deeplake.empty(folder) as ds:
        ds.create_tensor("images", htype="image", sample_compression="png", max_chunk_size=4096)
        ds.images.extend([file(RED, 24 + row % 7, 24) for row in range(1500)])
    ds.close()
    with web_server() as web:
        files = [path for path in folder.rglob("*") if path.is_file()]
        web.files = {f"far/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in files}
        web.files |= {f"{number}.png": bytes(file(BLUE).buffer) for number in range(200)}
        answer = web.answer

        def late(handler):
            if "/images/chunks/" in handler.path or handler.path.endswith(".png"):
                time.sleep(0.4)
            answer(handler)

        web.answer = late
        yield web


@pytest.fixture(scope="module")
def progress(browser, far, held, tmp_path_factory):
    questions = [one.format(url=far.endpoint, held=held.expression) for one in (INGEST, TWICE, ROWS, COPY, READ, LINK)]
    folder = tmp_path_factory.mktemp("progress")
    with deeplake.empty(folder / "many") as ds:
        ds.create_tensor("x", dtype="uint8", max_chunk_size=1024).extend(np.zeros((12_000, 1000), "uint8"))
    ds.close()
    running = Marimo(folder, browser, [SLOW], questions)
    notebook = running.open()
    assert notebook.ask(ROWS) == "0"
    yield notebook
    assert notebook.errors == []
    running.close()


_WORDS = "() => document.querySelector('progress')?.parentElement.innerText ?? ''"


def bar(notebook):
    """The one that is there, with its words."""
    found = notebook.page.locator("div:has(> progress)")
    found.wait_for()
    return found


def words(notebook, of):
    """What the bar says, once that is in it; it is gone with its job."""
    said = eventually(lambda: notebook.page.evaluate(_WORDS), lambda said: of in said and "/s" in said)
    return " ".join(said.split())


def test_a_long_job_has_a_bar_and_the_button_that_stops_the_cell_cancels_it(progress):
    number = progress.begin(INGEST)
    row = bar(progress)
    progress.page.wait_for_function("() => document.querySelector('progress')?.value > 0.02")
    said = words(progress, " of 6,400 samples, ")
    assert said.startswith("add to mem://slow")
    assert "/s, " in said
    assert said.endswith(" s left stop the cell to cancel")
    for theme in ("dark", "light"):
        progress.set_theme(theme)
        progress.screenshot(f"marimo-progress-{theme}")
    assert progress.is_running(number)
    progress.page.locator("[data-testid=interrupt-button]").click()
    row.wait_for(state="detached")
    assert progress.ask(ROWS) == "0", "nothing was added"


def test_one_place_is_kept_for_all_jobs_of_a_name(progress, held):
    line = progress.page.get_by_text("add to mem://slow: 640 samples in ")
    with held:
        progress.begin(TWICE.format(held=held.expression))
        bar(progress)
        line.wait_for()
    line.wait_for(state="detached")  # the next one is shown there
    progress.page.locator("progress").wait_for(state="detached")
    assert int(progress.ask(ROWS)) == 1280


@pytest.mark.parametrize(
    ("job", "begins", "counts"),
    [
        (COPY, "copy to ", " of 12."),
        (READ, "read ", " of 1,500 samples"),
        (LINK, "add to mem://linked", " of 200 "),
    ],
    ids=["copy", "download", "links"],
)
def test_copies_downloads_and_the_verification_of_links_have_one_too(progress, far, job, begins, counts):
    progress.begin(job.format(url=far.endpoint))
    assert words(progress, counts).startswith(begins)
    progress.page.locator("progress").wait_for(state="detached")
