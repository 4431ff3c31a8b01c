"""A program in a terminal of its own, and somebody who reads it and types."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time

SECONDS = 120
_OWN = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"  # so that Ctrl+C is an interrupt


class Terminal:
    """Runs Python code with its options, 200 columns wide."""

    def __init__(self, code, *options, folder, **environ):
        ours, its = pty.openpty()
        env = os.environ | {"COLUMNS": "200", "LINES": "50"} | environ
        command = [sys.executable, "-c", _OWN + code, *options]
        self.program = subprocess.Popen(
            command, stdin=its, stdout=its, stderr=its, env=env, cwd=folder, start_new_session=True
        )
        os.close(its)
        self._ours = ours
        self._read = b""
        self._seen = 0

    @property
    def shown(self):
        """Everything so far, as it came."""
        return self._read.decode(errors="replace").replace("\r\n", "\n")

    def read_until(self, condition):
        """Read on until what is shown fulfils a condition."""
        deadline = time.monotonic() + SECONDS
        while not condition(self.shown):
            assert time.monotonic() < deadline, f"it never came:\n{self.shown[self._seen :]}"
            if select.select([self._ours], [], [], 0.1)[0]:
                try:
                    self._read += os.read(self._ours, 65536)
                except OSError:  # the program has ended
                    assert condition(self.shown), f"it ended:\n{self.shown[self._seen :]}"

    def wait_for(self, text):
        """Wait until it shows this text, after all that was waited for before; what came until then."""
        start = self._seen
        self.read_until(lambda shown: text in shown[start:])
        at = self.shown.index(text, start)
        self._seen = at + len(text)
        return self.shown[start:at]

    def type(self, text):
        os.write(self._ours, text.encode())

    def enter(self, line):
        self.type(f"{line}\n")

    def answer(self, question, line):
        """Wait for a question, and answer it."""
        self.wait_for(question)
        self.enter(line)

    def close(self):
        self.program.kill()
        self.program.wait(20)
        os.close(self._ours)
