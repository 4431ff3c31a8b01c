"""Pages that imitate VS Code's and Colab's notebooks, on a real kernel of a real server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.browser.hosts import pages
from tests.browser.page import BrowserPage, text_of
from tests.browser.server import JupyterServer

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Locator

_START_MS, _RUN_MS = 120_000, 120_000
_COLAB = """
import sys
from types import ModuleType, SimpleNamespace

def enable_custom_widget_manager():
    output._widgets._installed_url = "https://ssl.gstatic.com/colaboratory-static/widgets/manager.min.js"

output = ModuleType("google.colab.output")
output.enable_custom_widget_manager = enable_custom_widget_manager
output._widgets = SimpleNamespace(_installed_url=None)
sys.modules["google.colab"] = ModuleType("google.colab")
sys.modules["google.colab.output"] = output
"""


class ImitatedPage(BrowserPage):
    """A notebook in such a page; its verbs are those of `NotebookPage`."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        super().__init__(context)
        self.page.goto(url)
        self.page.wait_for_function("() => window.cells && window.setTheme", timeout=_START_MS)

    def append(self, source: str) -> int:
        """Add a code cell at the end; its index."""
        return self.page.evaluate("(source) => window.cells.append(source)", source)

    def start(self, index: int) -> None:
        """Run one cell without waiting for its end."""
        self.page.evaluate("(index) => { void window.cells.run(index); }", index)

    def run(self, index: int) -> list[dict[str, Any]]:
        """Run one cell, wait for it, and give its outputs."""
        self.start(index)
        self.page.wait_for_function("(index) => !window.cells.isRunning(index)", arg=index, timeout=_RUN_MS)
        return self.outputs(index)

    def run_all(self) -> None:
        """Run every cell, one after another."""
        for index in range(self.page.evaluate("() => window.cells.length")):
            self.run(index)

    def is_running(self, index: int) -> bool:
        """True while the kernel executes the cell."""
        return self.page.evaluate("(index) => window.cells.isRunning(index)", index)

    def outputs(self, index: int) -> list[dict[str, Any]]:
        """The cell's outputs in nbformat's form."""
        return self.page.evaluate("(index) => window.cells.outputs(index)", index)

    def text(self, index: int) -> str:
        """What the cell printed and its plain-text results."""
        return text_of(self.outputs(index))

    def output(self, index: int) -> Locator:
        """The element of the cell's outputs."""
        raise NotImplementedError

    def set_theme(self, theme: str) -> None:
        """Switch to "light" or "dark"."""
        self.page.evaluate("(theme) => window.setTheme(theme)", theme)


class VSCodePage(ImitatedPage):
    """In the webview the cells stand one below the other."""

    def output(self, index: int) -> Locator:
        """The element of the cell's outputs."""
        return self.page.frame_locator("#webview").frame_locator("#active-frame").locator(f"#cell-{index}")


class ColabPage(ImitatedPage):
    """Each cell's outputs are a page of their own."""

    def output(self, index: int) -> Locator:
        """The element of the cell's outputs."""
        return self.page.frame_locator(f"#cell-{index}").locator("#output-body")


class Imitated(JupyterServer):
    """Kernels for a page of ours, and a browser for it."""

    page = ""
    kind: type[ImitatedPage]

    def __init__(self, folder: Path, browser, env: dict[str, str] | None = None) -> None:
        self._browser = browser
        self._served = pages.served()
        self.endpoint = self._served.__enter__()
        self.flags = (f"--ServerApp.allow_origin={self.endpoint}",)
        self.pages: list[ImitatedPage] = []
        super().__init__(folder, env)

    def open(self, cells: list[str], *, viewport: tuple[int, int] = (1100, 900)) -> ImitatedPage:
        """Open these cells, none of them run, in a page with a kernel of its own."""
        width, height = viewport
        context = self._browser.new_context(viewport={"width": width, "height": height})
        url = f"{self.endpoint}/{self.page}.html#server={self.url}/&token={self.token}"
        self.pages.append(self.kind(context, url))
        for source in cells:
            self.pages[-1].append(source)
        return self.pages[-1]

    def close(self) -> None:
        """Close every page, then the server."""
        for page in self.pages:
            page.close()
        self._served.__exit__(None, None, None)
        super().close()


class VSCode(Imitated):
    """One webview for all outputs: a frame within a frame of another origin, around VS Code's own widget manager."""

    page = "vscode"
    kind = VSCodePage


class Colab(Imitated):
    """A frame of another origin for each cell. The kernel has what anywidget looks for in Colab's own module."""

    page = "colab"
    kind = ColabPage

    def _start(self) -> None:
        startup = Path(self.env["IPYTHONDIR"], "profile_default", "startup", "00-colab.py")
        startup.parent.mkdir(parents=True)
        startup.write_text(_COLAB)
        super()._start()
