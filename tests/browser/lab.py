"""A JupyterLab server of our own: isolated folders, its settings as files, a free port on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.error import URLError

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from tests.browser.notebook import NotebookPage

THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}  # without it JupyterLab asks
_START_SECONDS = 60
_FOLDERS = (
    "HOME",
    "IPYTHONDIR",
    "JUPYTERLAB_SETTINGS_DIR",
    "JUPYTERLAB_WORKSPACES_DIR",
    "JUPYTER_CONFIG_DIR",
    "JUPYTER_DATA_DIR",
    "JUPYTER_RUNTIME_DIR",
)


def _settings(theme: str, *, save_widget_state: bool) -> dict[str, dict]:
    return {
        "@jupyterlab/apputils-extension/notification": {
            "fetchNews": "false",
            "checkForUpdates": False,
            "doNotDisturbMode": True,
        },
        "@jupyterlab/apputils-extension/themes": {"theme": THEMES[theme]},
        "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
        "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},  # or cells out of view have no DOM
        "@jupyter-widgets/jupyterlab-manager/plugin": {"saveState": save_widget_state},
    }


class Lab:
    """A running JupyterLab and a browser for it.

    Args:
        folder: an empty folder; `root` inside it is what the file browser shows, and the kernels' working folder.
        browser: a playwright browser.
        env: more environment variables for the server and its kernels.
    """

    def __init__(self, folder: Path, browser, env: dict[str, str] | None = None) -> None:
        self.root = folder / "root"
        self.root.mkdir()
        self._browser = browser
        self.pages: list[NotebookPage] = []
        self._folders = {name: folder / name.lower() for name in _FOLDERS}
        for path in self._folders.values():
            path.mkdir()
        self.env = os.environ | {name: str(path) for name, path in self._folders.items()} | (env or {})
        self._token = secrets.token_hex(8)
        self._log = folder / "server.log"
        self._start()

    def _start(self) -> None:
        command = [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", "--port=0", "--allow-root"),
            *(f"--IdentityProvider.token={self._token}", f"--ServerApp.root_dir={self.root}"),
            "--LabApp.expose_app_in_browser=True",
        ]
        with self._log.open("wb") as log:
            self._server = subprocess.Popen(
                command, env=self.env, cwd=self.root, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._server.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise RuntimeError(f"JupyterLab did not start:\n{self.log()}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        for file in self._folders["JUPYTER_RUNTIME_DIR"].glob("jpserver-*.json"):  # the server writes its port there
            with contextlib.suppress(ValueError, URLError, ConnectionError, TimeoutError):
                self.url = f"http://127.0.0.1:{json.loads(file.read_text())['port']}"
                return urllib.request.urlopen(f"{self.url}/api/status?token={self._token}", timeout=5).status == 200
        return False

    def log(self) -> str:
        """The end of what the server and its kernels wrote."""
        return self._log.read_text(errors="replace")[-4000:]

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
        url = f"{self.url}/lab/tree/{path.name}?token={self._token}&reset"
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
