"""One open notebook: run cells, read outputs back, save, look at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.browser.page import BrowserPage, pixel, text_of

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import BrowserContext, Locator

__all__ = ["NotebookPage", "pixel"]

_OPEN_MS, _KERNEL_MS, _RUN_MS, _SAVE_MS = 60_000, 60_000, 120_000, 60_000

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


class NotebookPage(BrowserPage):
    """A notebook in a page of JupyterLab or Notebook 7, its kernel idle. Made by `Lab.open`.

    Attributes:
        path: the notebook file.
    """

    bundles = ("/static/lab/", "/static/notebook/")
    quirks = ("processLuminoMessage",)  # a message to a part of the page that has just been closed

    def __init__(self, context: BrowserContext, url: str, path: Path) -> None:
        super().__init__(context)
        self.path = path
        self.page.goto(url, timeout=_OPEN_MS)
        self.page.wait_for_function("() => window.jupyterapp?.restored", timeout=_OPEN_MS)
        self.page.evaluate("() => window.jupyterapp.restored")
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=_OPEN_MS)
        self.wait_idle(_KERNEL_MS)

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
        return text_of(self.outputs(index))

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
