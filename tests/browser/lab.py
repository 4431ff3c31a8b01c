"""JupyterLab and Notebook 7, each with its server, in a browser."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from tests.browser.notebook import NotebookPage
from tests.browser.server import JupyterServer

THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}  # without it JupyterLab asks


def _settings(theme: str, *, save_widget_state: bool) -> dict[str, dict]:
    return {
        "@jupyterlab/apputils-extension/notification": {
            "fetchNews": "false",
            "checkForUpdates": False,
            "doNotDisturbMode": True,
        },
        "@jupyterlab/apputils-extension/themes": {"theme": THEMES[theme]},
        "@jupyterlab/completer-extension/manager": {"providerTimeout": 60_000},  # or a slow kernel offers nothing
        "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
        "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},  # or cells out of view have no DOM
        "@jupyter-widgets/jupyterlab-manager/plugin": {"saveState": save_widget_state},
    }


class Lab(JupyterServer):
    """A running JupyterLab and a browser for it.

    Args:
        folder: an empty folder; `root` inside it is what the file browser shows, and the kernels' working folder.
        browser: a playwright browser.
        env: more environment variables for the server and its kernels.
    """

    module = "jupyterlab"
    flags = ("--LabApp.expose_app_in_browser=True",)
    path = "lab/tree"

    def __init__(self, folder: Path, browser, env: dict[str, str] | None = None) -> None:
        self._browser = browser
        self.pages: list[NotebookPage] = []
        super().__init__(folder, env)

    def open(
        self,
        cells: list[str] | Path,
        *,
        name: str | None = None,
        theme: str = "light",
        save_widget_state: bool = True,
        trust: bool = False,
        viewport: tuple[int, int] = (1280, 900),
    ) -> NotebookPage:
        """Open a notebook in a page of its own, with its kernel started and idle.

        Args:
            cells: sources of code cells, or a notebook file, which is copied into `root`.
            name: file name in `root`.
            theme: "light" or "dark".
            save_widget_state: whether saving keeps the widgets' state in the notebook.
            trust: sign the file first, as `jupyter trust` does.
            viewport: width and height of the page in CSS pixels.
        """
        path = self._write(cells, name or f"notebook{len(self.pages)}.ipynb")
        if trust:
            subprocess.run([sys.executable, "-m", "jupyter", "trust", str(path)], env=self.env, check=True)
        settings = self._folders["JUPYTERLAB_SETTINGS_DIR"]
        for plugin, values in _settings(theme, save_widget_state=save_widget_state).items():
            file = settings / f"{plugin}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(values))
        width, height = viewport
        context = self._browser.new_context(viewport={"width": width, "height": height})
        url = f"{self.url}/{self.path}/{path.name}?token={self.token}&reset"
        self.pages.append(NotebookPage(context, url, path))
        return self.pages[-1]

    def _write(self, cells: list[str] | Path, name: str) -> Path:
        path = self.root / name
        if isinstance(cells, Path):
            shutil.copyfile(cells, path)
        else:
            notebook = new_notebook(cells=[new_code_cell(source) for source in cells])
            notebook.metadata.kernelspec = KERNEL
            nbformat.write(notebook, path)
        return path

    def clear(self) -> None:
        """Close every page, too."""
        self._close_pages()
        super().clear()

    def close(self) -> None:
        """Close every page, then the server with its kernels."""
        self._close_pages()
        super().close()

    def _close_pages(self) -> None:
        while self.pages:
            self.pages.pop().close()


class Notebook7(Lab):
    """The same with Notebook 7, whose pages show one notebook each."""

    module = "notebook"
    flags = ("--JupyterNotebookApp.expose_app_in_browser=True",)
    path = "notebooks"


# What the flows run in. With BROWSER_FRONT_END=notebook it is Notebook 7, where else the suite of all hosts runs.
FRONT_END = {"lab": Lab, "notebook": Notebook7}[os.environ.get("BROWSER_FRONT_END", "lab")]
