"""One line of a real terminal, and Ctrl-C in it."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time

import pytest

PROGRAM = """
import time
from collections.abc import Sequence
import numpy as np
import deeplake_nb as lake

class Slow(Sequence):
    def __len__(self):
        return 6400
    def __getitem__(self, item):
        rows = range(6400)[item]
        if isinstance(item, slice):
            time.sleep(len(rows) * PAUSE)
            return list(np.zeros((len(rows), 4), "float32"))
        return np.zeros(4, "float32")

ds = lake.empty(WHERE)
ds.create_tensor("x", dtype="float32")
print("begin", flush=True)
try:
    ds.x.extend(Slow(), progressbar=BAR)
except KeyboardInterrupt:
    print(f"interrupted: {len(ds.x)} and {len(lake.load(WHERE).x)} rows", flush=True)
else:
    print(f"added: {len(lake.load(WHERE).x)} rows", flush=True)
"""
_OWN_TERMINAL = "import os; os.close(os.open(os.ttyname(0), os.O_RDWR))\n"  # for Ctrl-C to reach it
_LINE = re.compile(r"add to \S+ \[(=*) *\] (\d+)% ([\d,]+) of 6,400 samples, [\d.,]+/s, (?:\d+ min )?[\d.]+ s left")


class Terminal:
    """A program in a terminal of its own, 200 columns wide."""

    def __init__(self, code, folder, **environ):
        self.text = ""
        ours, its = pty.openpty()
        self._terminal = ours
        env = os.environ | {"COLUMNS": "200", "LINES": "24"} | environ
        command = [sys.executable, "-c", _OWN_TERMINAL + code]
        self.process = subprocess.Popen(
            command, stdin=its, stdout=its, stderr=its, env=env, cwd=folder, start_new_session=True
        )
        os.close(its)

    def type(self, text):
        os.write(self._terminal, text)

    def read_until(self, condition, seconds=60):
        """Read until the text fulfils a condition, or the program ends."""
        until = time.monotonic() + seconds
        while not condition(self.text):
            assert time.monotonic() < until, self.text
            if not select.select([self._terminal], [], [], 0.1)[0]:
                continue
            try:
                self.text += os.read(self._terminal, 65536).decode(errors="replace")
            except OSError:  # the other end is closed
                return

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self._terminal)


@pytest.fixture
def run(tmp_path):
    """`run(pause, bar, **environ)`: the program, started."""
    started = []

    def start(pause, bar=True, **environ):
        code = PROGRAM.replace("PAUSE", str(pause)).replace("BAR", str(bar)).replace("WHERE", "'./ds'")
        started.append(Terminal(code, tmp_path, **environ))
        return started[-1]

    yield start
    for one in started:
        one.close()


def test_a_line_is_rewritten_with_rate_and_remaining_time_and_the_last_one_stays(run):
    terminal = run(0.0004)
    terminal.read_until(lambda text: "begin" in text)
    began = time.monotonic()
    terminal.read_until(_LINE.search)
    assert time.monotonic() - began > 0.8
    terminal.read_until(lambda text: "added" in text)
    drawn = _LINE.findall(terminal.text)
    assert len(drawn) > 2
    done = [int(count.replace(",", "")) for _, _, count in drawn]
    assert done == sorted(done)
    for line, share, count in drawn:
        assert int(share) == round(int(count.replace(",", "")) / 64)
        assert abs(len(line) - int(share) / 5) <= 1
    last = terminal.text.split("\r\x1b[K")[-1].splitlines()
    assert re.fullmatch(r"add to \S+: 6,400 samples in \d\.\d s, [\d,]+/s", last[0])
    assert last[1] == "added: 6400 rows"
    assert all("\n" not in one for one in terminal.text.split("\r\x1b[K")[1:-1])  # the same line, all the time


def test_ctrl_c_cancels_and_adds_nothing(run):
    terminal = run(0.004)
    terminal.read_until(_LINE.search)
    terminal.type(b"\x03")
    began = time.monotonic()
    terminal.read_until(lambda text: "interrupted" in text)
    assert time.monotonic() - began < 5
    assert "interrupted: 0 and 0 rows" in terminal.text
    assert re.search(r"add to \S+: cancelled after [\d,]+ of 6,400 samples", terminal.text)


@pytest.mark.parametrize(("bar", "environ"), [(False, {}), (True, {"DEEPLAKE_NB_PROGRESS": "0"})])
def test_it_can_be_switched_off(run, bar, environ):
    terminal = run(0.0003, bar, **environ)
    terminal.read_until(lambda text: "added" in text)
    assert terminal.text.split() == ["begin", "added:", "6400", "rows"]


def test_logs_and_pipes_get_nothing(tmp_path):
    code = PROGRAM.replace("PAUSE", "0.0003").replace("BAR", "True").replace("WHERE", "'./ds'")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (done.stdout.split(), done.stderr) == (["begin", "added:", "6400", "rows"], "")
