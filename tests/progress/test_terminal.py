"""One line of a real terminal, and Ctrl-C in it."""

from __future__ import annotations

import re
import subprocess
import sys
import time

import pytest

from tests.fakes.terminal import Terminal

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
        time.sleep(PAUSE)
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
_LINE = re.compile(r"add to \S+ \[(=*) *\] (\d+)% ([\d,]+) of 6,400 samples, [\d.,]+/s, (?:\d+ min )?[\d.]+ s left")


@pytest.fixture
def run(tmp_path):
    """`run(pause, bar, **environ)`: the program, started."""
    started = []

    def start(pause, bar=True, **environ):
        code = PROGRAM.replace("PAUSE", str(pause)).replace("BAR", str(bar)).replace("WHERE", "'./ds'")
        started.append(Terminal(code, folder=tmp_path, **environ))
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
    drawn = _LINE.findall(terminal.shown)
    assert len(drawn) > 2
    done = [int(count.replace(",", "")) for _, _, count in drawn]
    assert done == sorted(done)
    for line, share, count in drawn:
        assert int(share) == round(int(count.replace(",", "")) / 64)
        assert abs(len(line) - int(share) / 5) <= 1
    last = terminal.shown.split("\r\x1b[K")[-1].splitlines()
    assert re.fullmatch(r"add to \S+: 6,400 samples in \d\.\d s, [\d,]+/s", last[0])
    assert last[1] == "added: 6400 rows"
    assert all("\n" not in one for one in terminal.shown.split("\r\x1b[K")[1:-1])  # the same line, all the time


def test_ctrl_c_cancels_and_adds_nothing(run):
    terminal = run(0.004)
    terminal.read_until(_LINE.search)
    terminal.type("\x03")
    began = time.monotonic()
    terminal.read_until(lambda text: "interrupted" in text)
    assert time.monotonic() - began < 5
    assert "interrupted: 0 and 0 rows" in terminal.shown
    assert re.search(r"add to \S+: cancelled after [\d,]+ of 6,400 samples", terminal.shown)


@pytest.mark.parametrize(("bar", "environ"), [(False, {}), (True, {"DEEPLAKE_NB_PROGRESS": "0"})])
def test_it_can_be_switched_off(run, bar, environ):
    terminal = run(0.0003, bar, **environ)
    terminal.read_until(lambda text: "added" in text)
    assert terminal.shown.split() == ["begin", "added:", "6400", "rows"]


def test_logs_and_pipes_get_nothing(tmp_path):
    code = PROGRAM.replace("PAUSE", "0.0003").replace("BAR", "True").replace("WHERE", "'./ds'")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (done.stdout.split(), done.stderr) == (["begin", "added:", "6400", "rows"], "")
