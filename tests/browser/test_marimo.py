"""The specification of `tests.suites.notebook` in marimo's editor, and what an app of marimo's does."""

from __future__ import annotations

import pytest

from tests.browser.gallery import at, gallery, near, tile
from tests.browser.hosts.marimo import Marimo
from tests.suites.notebook import KEYS, PREPARE, RED, NotebookSuite, cells, questions


@pytest.fixture(scope="module")
def notebook(browser, store, tmp_path_factory):
    running = Marimo(tmp_path_factory.mktemp("marimo"), browser, cells(store), questions(store))
    yield running.open()
    running.close()


class TestMarimo(NotebookSuite):
    answers_meanwhile = False
    says_busy = False  # not each time
    keeps_picture = False


def test_a_dataset_at_the_end_of_a_cell_is_shown(browser, tmp_path):
    running = Marimo(tmp_path, browser, [PREPARE, "colours[:3]"], [])
    notebook = running.open()
    shown = gallery(notebook, 1)
    assert near(at(tile(shown, 2), 0.1, 0.1), RED)
    words = notebook.output(1).locator(".deeplake-nb-summary").inner_text()
    assert "3 rows" in words
    assert "class_label" in words
    running.close()


def test_an_app_asks_none_of_its_visitors_for_keys(browser, tmp_path):
    """All of them are served by one process: what one typed would be used for every other."""
    running = Marimo(tmp_path, browser, ["import deeplake_nb", KEYS.format(url="s3://bucket/cars")], [], mode="run")
    page = running.open()
    page.page.get_by_text("An internal error occurred", exact=True).wait_for(timeout=30_000)
    assert page.page.locator(".deeplake-nb-form").count() == 0
    running.close()
    assert "nobody can answer here: set AWS_ACCESS_KEY_ID" in running.log()
