"""marimo as it is: its editor, on loopback."""

from __future__ import annotations

import html
import os
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from typing import TYPE_CHECKING
from urllib.error import URLError

from tests.browser.page import BrowserPage

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import BrowserContext, Locator

_START_SECONDS, _RUN_MS = 120, 120_000
_SETTINGS = """
[tool.marimo.display]
theme = "system"
[tool.marimo.runtime]
auto_instantiate = true
[tool.marimo.save]
autosave = "off"
"""
_HEAD = """
import marimo

app = marimo.App()
"""
_CELL = """
@app.cell
def _():
{}
    return
"""
# marimo runs what depends on a button when it is pressed: the answer says when it was given.
_BUTTON = 'ask_{0} = mo.ui.run_button(label="question {0}")\nask_{0}'
_ANSWER = """
mo.stop(not ask_{0}.value)
_answer = repr({1})
mo.Html(f'<pre id="answer-{0}" data-time="{{monotonic()}}">{{html.escape(_answer)}}</pre>')
"""


class Marimo:
    """marimo's editor with one notebook, and a browser for it.

    Args:
        folder: an empty folder, the working folder of the notebook.
        browser: a playwright browser.
        cells: their sources; marimo runs them when the page is opened.
        questions: expressions that `MarimoPage.ask` can be asked for.
        mode: "edit", or "run" for an app.
        env: more environment variables for the server and its kernels.
    """

    def __init__(  # noqa: PLR0917
        self,
        folder: Path,
        browser,
        cells: list[str],
        questions: list[str],
        mode: str = "edit",
        env: dict[str, str] | None = None,
    ) -> None:
        self._browser = browser
        self._questions = questions
        self._log = folder / "marimo.log"
        self.pages: list[MarimoPage] = []
        asked = ["import html\nfrom time import monotonic\n\nimport marimo as mo"]
        for number, question in enumerate(questions):
            asked += [_BUTTON.format(number), _ANSWER.format(number, question)]
        bodies = [textwrap.indent(source.strip(), "    ") for source in (*cells, *asked)]
        (folder / "pyproject.toml").write_text(_SETTINGS)
        (folder / "notebook.py").write_text(_HEAD + "".join(map(_CELL.format, bodies)))
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        command = [
            *(sys.executable, "-m", "marimo", "-q", "-y", mode, "notebook.py"),
            *("--headless", "--no-token", "--host", "127.0.0.1", "--port", str(port)),
        ]
        env = os.environ | {"HOME": str(folder), "MARIMO_SKIP_UPDATE_CHECK": "1"} | (env or {})
        with self._log.open("wb") as log:
            self._server = subprocess.Popen(
                command, env=env, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._server.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise RuntimeError(f"marimo did not start:\n{self.log()}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            return urllib.request.urlopen(f"{self.url}/health", timeout=5).status == 200
        except (URLError, ConnectionError, TimeoutError):
            return False

    def log(self) -> str:
        """The end of what the server and its kernels wrote."""
        return self._log.read_text(errors="replace")[-4000:]

    def open(self, *, viewport: tuple[int, int] = (1200, 1000)) -> MarimoPage:
        """Open the notebook in a page with a kernel of its own; its cells run."""
        width, height = viewport
        context = self._browser.new_context(viewport={"width": width, "height": height}, color_scheme="light")
        self.pages.append(MarimoPage(context, self.url, self._questions))
        return self.pages[-1]

    def close(self) -> None:
        """Close every page, then the server with its kernels."""
        for page in self.pages:
            page.close()
        self._server.terminate()
        try:
            self._server.wait(20)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()


class MarimoPage(BrowserPage):
    """A notebook in marimo. It has its cells from the beginning; what may be asked of Python was said there."""

    bundles = ("/assets/",)

    def __init__(self, context: BrowserContext, url: str, questions: list[str]) -> None:
        super().__init__(context)
        self._questions = questions
        self.page.goto(url)

    def output(self, index: int) -> Locator:
        """The element of the cell's outputs."""
        return self.page.locator("[data-cell-id]").nth(index)

    def begin(self, expression: str) -> int:
        """Have the kernel work on one of the expressions; its number."""
        number = self._questions.index(expression)
        self.page.get_by_role("button", name=f"question {number}", exact=True).click()
        return number

    def is_running(self, number: int) -> bool:
        """True while the kernel works on it, or on any other cell."""
        return self.page.locator("[data-testid=cell-status][data-status=running]").count() > 0

    def ask(self, expression: str) -> str:
        """The value of one of the expressions that were given at the start, as Python writes it."""
        number = self._questions.index(expression)
        answer = self.page.locator(f"#answer-{number}")
        former = answer.get_attribute("data-time") if answer.count() else ""
        self.begin(expression)
        self.page.wait_for_function(
            "([number, former]) => (document.getElementById(`answer-${number}`)?.dataset.time ?? former) !== former",
            arg=[number, former],
            timeout=_RUN_MS,
        )
        return html.unescape(answer.inner_text())

    def set_theme(self, theme: str) -> None:
        """Switch to "light" or "dark", as the system does."""
        self.page.emulate_media(color_scheme=theme)
        self.page.locator(f"body.{theme}").wait_for()
