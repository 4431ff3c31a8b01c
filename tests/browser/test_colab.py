"""The specification of `tests.suites.notebook` in a page that imitates Colab: see `tests.browser.hosts`."""

from __future__ import annotations

import pytest

from tests.browser.hosts.imitated import Colab
from tests.suites.notebook import NotebookSuite, cells


@pytest.fixture(scope="module")
def notebook(browser, store, tmp_path_factory):
    running = Colab(tmp_path_factory.mktemp("colab"), browser)
    opened = running.open(cells(store))
    opened.run_all()
    yield opened
    running.close()


class TestColab(NotebookSuite):
    answers_meanwhile = False
