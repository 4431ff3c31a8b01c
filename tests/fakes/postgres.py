"""A real PostgreSQL server on this machine: Debian's packages, installed here when they are missing."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from tests import debian

SECONDS = 120
PACKAGES = ("postgresql",)
_PROGRAMS = ("initdb", "postgres")
_PLACES = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "opt/homebrew/opt/postgresql*/bin")
_NOBODY = "nobody"  # the server refuses to run as root


def _found():
    """The folder of the server's programs, or None."""
    beside = [Path(path).resolve().parent] if (path := shutil.which("postgres")) else []
    for folder in [*beside, *sorted((found for place in _PLACES for found in Path("/").glob(place)), reverse=True)]:
        if all((folder / program).exists() for program in _PROGRAMS):
            return folder
    return None


class Postgres:
    """A server with one superuser, ``hub``; a database is made for each who asks."""

    def __init__(self, bin_folder, folder, port):
        self._bin, self._folder, self.port = bin_folder, folder, port
        self._process = None
        self._made = 0

    def start(self):
        """Start, or start anew, and wait until it answers."""
        options = ["-h", "127.0.0.1", "-p", str(self.port), "-k", str(self._folder), "-c", "max_connections=200"]
        with (self._folder / "log").open("ab") as log:
            command = [*_as_nobody(), str(self._bin / "postgres"), "-D", str(self._folder / "data"), *options]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/")
        deadline = time.monotonic() + SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{(self._folder / 'log').read_text()[-4000:]}")
            time.sleep(0.05)

    def _answers(self):
        import psycopg

        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(self._address("postgres"), connect_timeout=5).close()
            return True
        return False

    def kill(self):
        """Take it away without a word, with all its workers."""
        workers = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self._process.pid)], capture_output=True, text=True, check=False
        )
        for pid in [self._process.pid, *map(int, workers.stdout.split())]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def stop(self):
        """End it at once, without tidying up."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=SECONDS)

    def database(self):
        """The url of a new, empty database."""
        import psycopg

        self._made += 1
        name = f"hub{self._made}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self._address(name)

    def _address(self, name):
        return f"postgresql://hub@127.0.0.1:{self.port}/{name}"


def _as_nobody():
    return ["setpriv", f"--reuid={_NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []


@contextlib.contextmanager
def postgres():
    """Install it if need be, and start it: some three seconds."""
    bin_folder = debian.have(_found, *PACKAGES)
    folder = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))  # a socket's path must be short
    server = None
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, _NOBODY)
        (folder / "log").touch()
        # An order of its own for text ("a" before "B") on purpose: the order of names must not depend on it.
        locale = ["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en"]
        command = ["initdb", "-U", "hub", "-A", "trust", "-E", "UTF8", *locale, "-D", str(folder / "data")]
        command[0] = str(bin_folder / "initdb")
        done = subprocess.run([*_as_nobody(), *command], cwd="/", capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = Postgres(bin_folder, folder, port)
        server.start()
        yield server
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
