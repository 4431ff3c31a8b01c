"""A Jupyter server of our own: isolated folders, its settings as files, a free port on loopback."""

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
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import Request

if TYPE_CHECKING:
    from pathlib import Path

_START_SECONDS = 120
_END_SECONDS = 30
_FOLDERS = (
    "HOME",
    "IPYTHONDIR",
    "JUPYTERLAB_SETTINGS_DIR",
    "JUPYTERLAB_WORKSPACES_DIR",
    "JUPYTER_CONFIG_DIR",
    "JUPYTER_DATA_DIR",
    "JUPYTER_RUNTIME_DIR",
)


class JupyterServer:
    """A running server with its kernels. By itself it has no pages; see `Lab`.

    Args:
        folder: an empty folder; `root` inside it is what a file browser shows, and the kernels' working folder.
        env: more environment variables for the server and its kernels.
    """

    module = "jupyter_server"
    flags: tuple[str, ...] = ()

    def __init__(self, folder: Path, env: dict[str, str] | None = None) -> None:
        self.root = folder / "root"
        self.root.mkdir()
        self._folders = {name: folder / name.lower() for name in _FOLDERS}
        for path in self._folders.values():
            path.mkdir()
        self.env = os.environ | {name: str(path) for name, path in self._folders.items()} | (env or {})
        self.token = secrets.token_hex(8)
        self._log = folder / "server.log"
        self._start()

    def _start(self) -> None:
        command = [
            *(sys.executable, "-m", self.module, "--no-browser", "--ip=127.0.0.1", "--port=0", "--allow-root"),
            *(f"--IdentityProvider.token={self.token}", f"--ServerApp.root_dir={self.root}", *self.flags),
        ]
        with self._log.open("wb") as log:
            self._server = subprocess.Popen(
                command, env=self.env, cwd=self.root, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._server.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise RuntimeError(f"{self.module} did not start:\n{self.log()}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        for file in self._folders["JUPYTER_RUNTIME_DIR"].glob("jpserver-*.json"):  # the server writes its port there
            with contextlib.suppress(ValueError, URLError, ConnectionError, TimeoutError):
                self.url = f"http://127.0.0.1:{json.loads(file.read_text())['port']}"
                return urllib.request.urlopen(f"{self.url}/api/status?token={self.token}", timeout=5).status == 200
        return False

    def clear(self) -> None:
        """End every kernel and empty the folders they wrote into: the next ones find what the first ones found."""
        for session in json.loads(self._ask("GET", "sessions")):
            self._ask("DELETE", f"sessions/{session['id']}")
        for path in (*self.root.iterdir(), *self._folders["HOME"].iterdir()):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    def _ask(self, method: str, path: str) -> bytes:
        headers = {"Authorization": f"token {self.token}"}
        with urllib.request.urlopen(
            Request(f"{self.url}/api/{path}", headers=headers, method=method), timeout=30
        ) as said:
            return said.read()

    def log(self) -> str:
        """The end of what the server and its kernels wrote."""
        return self._log.read_text(errors="replace")[-4000:]

    def close(self) -> None:
        """End the server with its kernels."""
        self._server.terminate()
        try:
            self._server.wait(20)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
