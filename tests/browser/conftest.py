"""A real JupyterLab in a real headless browser: one for all files, since starting both takes seconds."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect, sync_playwright

import deeplake_nb
from tests.browser import chromium
from tests.browser.held import Held
from tests.browser.lab import FRONT_END
from tests.browser.page import WAIT_MS
from tests.fakes.web import web_server
from tests.test_js import node_modules  # noqa: F401 - a fixture: axe comes with the front end's own tools

expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="package")
def browser():
    """A headless Chromium. It ends with the folder: playwright's event loop would disturb other folders' tests."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium.executable(), args=list(chromium.FLAGS))
        yield running
        running.close()


@pytest.fixture(scope="package")
def jupyterlab(browser, tmp_path_factory):
    """A server that is never without its browser."""
    running = FRONT_END(tmp_path_factory.mktemp("lab"), browser)
    yield running
    running.close()


@pytest.fixture(scope="module")
def lab(jupyterlab):
    """`lab.open(cells)` gives a `NotebookPage`; see there. Each file finds it without kernels, pages and files."""
    yield jupyterlab
    foreign = [url for page in jupyterlab.pages for url in page.foreign]
    jupyterlab.clear()
    assert not foreign, f"the page asked other machines: {foreign}"


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """For a cell that runs as long as its test wants."""
    return Held(tmp_path_factory.mktemp("held"))


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
