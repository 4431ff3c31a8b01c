"""A real JupyterLab in a real headless browser. Module-scoped, since starting both takes seconds."""

from __future__ import annotations

import pytest
from playwright.sync_api import sync_playwright

from tests.browser import chromium
from tests.browser.lab import Lab


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium. It ends with the module: playwright's event loop would disturb other modules' tests."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium.executable(), args=list(chromium.FLAGS))
        yield running
        running.close()


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory):
    """`lab.open(cells)` gives a `NotebookPage`; see there."""
    running = Lab(tmp_path_factory.mktemp("lab"), browser)
    yield running
    running.close()
    foreign = [url for page in running.pages for url in page.foreign]
    assert not foreign, f"the page asked other machines: {foreign}"
