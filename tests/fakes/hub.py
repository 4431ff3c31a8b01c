"""A real hub server on this machine, started by its own commands; it can be killed and started again."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from deeplake_nb.credentials.provider import Secret
from deeplake_nb.hub.master_keys import make_file
from deeplake_nb.hub.remote import HubClient
from deeplake_nb.server.serve import core_from

SECONDS = 120
NOWHERE = {"DEEPLAKE_NB_HUB_REACH": "127.0.0.0/8,::1/128"}  # the clouds of the tests are on this machine
GENEROUS = {"DEEPLAKE_NB_HUB_PER_TOKEN": "100000", "DEEPLAKE_NB_HUB_PER_ADDRESS": "100000"}


class HubServer:
    """A hub in a folder (or over a database elsewhere), with ``root`` as its first administrator.

    Attributes:
        url: where it listens, once started.
        token: of the administrator.
        log: the file with all it says.
    """

    def __init__(self, folder: Path, database: str = "", options: tuple[str, ...] = (), **environ: str) -> None:
        self.folder = folder
        self.options = options
        self.environ = os.environ | {"PYTHONUNBUFFERED": "1", "HOME": str(folder)} | NOWHERE | GENEROUS
        self.environ |= {"DEEPLAKE_NB_HUB_FOLDER": str(folder), "DEEPLAKE_NB_HUB_DATASETS": str(folder / "datasets")}
        self.environ |= {"DEEPLAKE_NB_HUB_DATABASE": database} if database else {}
        self.environ |= environ
        self.log = folder / "server.log"
        self.url, self.port = "", 0
        self._process = None

    def run(self, *words: str) -> str:
        """What a command of the hub says; it must succeed."""
        command = [sys.executable, "-m", "deeplake_nb.cli", "hub", *words]
        done = subprocess.run(command, env=self.environ, capture_output=True, text=True, check=False, timeout=SECONDS)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def init(self) -> None:
        """Make its key, its tables and its administrator, as `hub init` does."""
        make_file(self.folder / "hub.key")
        core = core_from({name: self.environ[name] for name in self.environ if name.startswith("DEEPLAKE_NB_")})
        core.store.upgrade()
        self.token = Secret(core.add_user("root", is_administrator=True)[0])
        core.store.close()

    def start(self) -> None:
        """Listen; again at the same port after the first time."""
        command = [sys.executable, "-m", "deeplake_nb.cli", "hub", "serve", "--port", str(self.port), *self.options]
        with self.log.open("ab") as log:
            began = log.tell()
            self._process = subprocess.Popen(command, env=self.environ, stdout=log, stderr=log)
        deadline = time.monotonic() + SECONDS
        while not (found := re.search(rb"(https?)://127\.0\.0\.1:(\d+)", self.log.read_bytes()[began:])):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"the hub does not start: {self.log.read_text()[-3000:]}")
            time.sleep(0.02)
        self.port = int(found[2])
        self.url = f"{found[1].decode()}://localhost:{self.port}"

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Ask it to end, and wait; gives the exit code."""
        self._process.terminate()
        return self._process.wait(SECONDS)

    def client(self, token: Secret | str | None = None) -> HubClient:
        """A client of the administrator, or of who has this token."""
        token = Secret(token) if isinstance(token, str) else token
        return HubClient(self.url, token or self.token, environ={})

    def user(self, name: str, **options) -> HubClient:
        """Make a user; a client of theirs."""
        with contextlib.closing(self.client()) as root:
            return self.client(root.create_user(name, **options)[0])


@contextlib.contextmanager
def hub_server(database: str = "", options: tuple[str, ...] = (), **environ: str):
    """A server that listens, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="hub-") as folder:
        server = HubServer(Path(folder), database, options, **environ)
        server.init()
        server.start()
        try:
            yield server
        finally:
            server.kill()
