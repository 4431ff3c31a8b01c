"""The specification of `tests.suites.notebook` in a page that imitates VS Code: see `tests.browser.hosts`."""

from __future__ import annotations

import pytest

from tests.browser.hosts.imitated import VSCode
from tests.suites.notebook import NotebookSuite, cells


@pytest.fixture(scope="module")
def notebook(browser, store, tmp_path_factory):
    running = VSCode(tmp_path_factory.mktemp("vscode"), browser)
    opened = running.open(cells(store))
    opened.run_all()
    yield opened
    running.close()


class TestVSCode(NotebookSuite):
    answers_meanwhile = False
