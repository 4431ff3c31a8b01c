"""One open notebook: run cells, read outputs back, save, look at it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests import machine

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Locator, Page

SCREENSHOTS = Path(__file__).parents[2] / ".cache" / "screenshots"  # git-ignored
_OPEN_MS, _KERNEL_MS, _RUN_MS, _SAVE_MS = 60_000, 60_000, 120_000, 20_000

# Everything goes through the application object: the DOM of JupyterLab is nobody's interface.
_PANEL = "const panel = window.jupyterapp.shell.currentWidget;"
_IDLE = f"""() => {{ {_PANEL}
    const kernel = panel?.sessionContext?.session?.kernel;
    return kernel?.connectionStatus === "connected" && kernel.status === "idle";
}}"""
_RUN_ALL = """() => {
    window.lakeRan = false;
    window.jupyterapp.commands.execute("notebook:run-all-cells").finally(() => { window.lakeRan = true; });
}"""
_RUN = f"""(index) => {{ {_PANEL}
    panel.content.deselectAll();
    panel.content.activeCellIndex = index;
    window.lakeRan = false;
    window.jupyterapp.commands.execute("notebook:run-cell").finally(() => {{ window.lakeRan = true; }});
}}"""
_RAN = "() => window.lakeRan"
_IS_RUNNING = f"(index) => {{ {_PANEL} return panel.content.widgets[index].model.executionState === 'running'; }}"
_STARTED = f"(index) => window.lakeRan || ({_IS_RUNNING})(index)"
_OUTPUTS = f"(index) => {{ {_PANEL} return panel.content.widgets[index].model.outputs.toJSON(); }}"
_CELLS = f"() => {{ {_PANEL} return panel.content.widgets.length; }}"
_SET_SOURCE = f"([index, source]) => {{ {_PANEL} panel.content.widgets[index].model.sharedModel.setSource(source); }}"
_APPEND = f"""(source) => {{ {_PANEL}
    panel.content.model.sharedModel.addCell({{ cell_type: "code", source }});
    return panel.content.widgets.length - 1;
}}"""
_CLEAN = f"() => {{ {_PANEL} return !panel.content.model.dirty; }}"
_THEMED = "(isLight) => document.body.dataset.jpThemeLight === isLight"
_PIXEL = """(canvas, [x, y]) => Array.from(canvas.getContext("2d").getImageData(x, y, 1, 1).data)"""


class NotebookPage:
    """A notebook in a JupyterLab page, its kernel idle. Made by `Lab.open`.

    Attributes:
        page: the playwright page.
        path: the notebook file.
        errors: exceptions of the page and errors on its console, as text, in order; those that JupyterLab's own
            bundles raise by themselves are left out.
        foreign: urls of other machines the page asked for.
    """

    def __init__(self, context: BrowserContext, url: str, path: Path) -> None:
        self.path = path
        self.errors: list[str] = []
        self.foreign: list[str] = []
        self._context = context
        self.page: Page = context.new_page()
        self.page.on("pageerror", self._note_error)
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        self.page.on("request", self._note_request)
        self.page.goto(url, timeout=_OPEN_MS)
        self.page.wait_for_function("() => window.jupyterapp?.restored", timeout=_OPEN_MS)
        self.page.evaluate("() => window.jupyterapp.restored")
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=_OPEN_MS)
        self.wait_idle(_KERNEL_MS)

    def _note_error(self, error) -> None:
        stack = error.stack or str(error)
        if "/static/lab/" not in stack or "blob:" in stack:  # a widget's module is a blob
            self.errors.append(stack)

    def _note_request(self, request) -> None:
        url = urlsplit(request.url)
        if url.scheme in ("http", "https", "ws", "wss") and not machine.is_local(url.hostname):
            self.foreign.append(request.url)

    def wait_idle(self, timeout_ms: float = _RUN_MS) -> None:
        """Wait until the kernel is connected and idle."""
        self.page.wait_for_function(_IDLE, timeout=timeout_ms)

    def run_all(self, timeout_ms: float = _RUN_MS) -> None:
        """Run every cell and wait for the last one; a cell that fails stops it, as in the menu."""
        self.page.evaluate(_RUN_ALL)
        self._wait_ran(timeout_ms)

    def run(self, index: int, timeout_ms: float = _RUN_MS) -> list[dict[str, Any]]:
        """Run one cell, wait for it, and give its outputs."""
        self.page.evaluate(_RUN, index)
        self._wait_ran(timeout_ms)
        return self.outputs(index)

    def start(self, index: int) -> None:
        """Run one cell without waiting for its end: the kernel is busy with it when this returns."""
        self.page.evaluate(_RUN, index)
        self.page.wait_for_function(_STARTED, arg=index, timeout=_RUN_MS)

    def _wait_ran(self, timeout_ms: float) -> None:
        self.page.wait_for_function(_RAN, timeout=timeout_ms)
        self.wait_idle(timeout_ms)

    def is_running(self, index: int) -> bool:
        """True while the kernel executes the cell."""
        return self.page.evaluate(_IS_RUNNING, index)

    def append(self, source: str) -> int:
        """Add a code cell at the end; its index."""
        return self.page.evaluate(_APPEND, source)

    def edit(self, index: int, source: str) -> None:
        """Replace a cell's source."""
        self.page.evaluate(_SET_SOURCE, [index, source])

    def outputs(self, index: int) -> list[dict[str, Any]]:
        """The cell's outputs in nbformat's form, from the notebook's model."""
        return self.page.evaluate(_OUTPUTS, index)

    def __len__(self) -> int:
        return self.page.evaluate(_CELLS)

    def text(self, index: int) -> str:
        """What the cell printed and its plain-text results."""
        return "".join(
            "".join(output["text"] if output["output_type"] == "stream" else output["data"].get("text/plain", ""))
            for output in self.outputs(index)
            if output["output_type"] != "error"
        )

    def cell(self, index: int) -> Locator:
        """The cell's element."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def output(self, index: int) -> Locator:
        """The element of the cell's outputs."""
        return self.cell(index).locator(".jp-Cell-outputArea")

    def save(self) -> None:
        """Save to `path` and wait until it is on disk."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        self.page.wait_for_function(_CLEAN, timeout=_SAVE_MS)

    def set_theme(self, theme: str) -> None:
        """Switch to "light" or "dark" and wait until the page shows it."""
        title = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}[theme]
        self.page.evaluate("(theme) => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", title)
        self.page.wait_for_function(_THEMED, arg=str(theme == "light").lower(), timeout=_SAVE_MS)

    def screenshot(self, name: str) -> Path:
        """A picture of the page, for eyes."""
        path = SCREENSHOTS / f"{name}.png"
        self.page.screenshot(path=path)
        return path

    def close(self) -> None:
        """Close the page. Its kernel lives until the lab closes."""
        self._context.close()


def pixel(canvas: Locator, x: int, y: int) -> tuple[int, int, int, int]:
    """Red, green, blue and alpha of one pixel of a canvas, in its own (not CSS) pixels."""
    return tuple(canvas.evaluate(_PIXEL, [x, y]))
