"""A real JupyterLab in a real headless browser. Module-scoped, since starting both takes seconds."""

from __future__ import annotations

import pytest
from playwright.sync_api import sync_playwright

import deeplake_nb
from tests.browser import chromium
from tests.browser.lab import Lab
from tests.fakes.web import web_server


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


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A web server with a dataset, and what it was asked."""
    folder = tmp_path_factory.mktemp("store") / "cars"
    with deeplake_nb.empty(folder) as ds:
        ds.create_tensor("x").extend([1, 2, 3])
    ds.close()
    with web_server() as web:
        files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        web.files |= {f"cars/{path.relative_to(folder).as_posix()}": content for path, content in files.items()}
        yield web
