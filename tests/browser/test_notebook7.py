"""The specification of `tests.suites.notebook` in Notebook 7."""

from __future__ import annotations

import pytest

from tests.browser.lab import Notebook7
from tests.suites.notebook import NotebookSuite, cells


@pytest.fixture(scope="module")
def notebook(browser, store, tmp_path_factory):
    running = Notebook7(tmp_path_factory.mktemp("notebook7"), browser)
    opened = running.open(cells(store))
    opened.run_all()
    yield opened
    running.close()


class TestNotebook7(NotebookSuite):
    pass
