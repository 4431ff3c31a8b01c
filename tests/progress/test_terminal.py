"""One line of a real terminal, and Ctrl-C in it."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import time

import pytest

from deeplake_nb.progress import Progress, followed_by
from deeplake_nb.progress import ticker as ticking
from deeplake_nb.progress.stand import Stand
from deeplake_nb.progress.terminal import TerminalLine
from tests.eventually import eventually
from tests.fakes.slow import SOURCE
from tests.fakes.terminal import Terminal

PROGRAM = (
    SOURCE
    + """
ds = lake.empty("./ds")
ds.create_tensor("x", dtype="float32")
print("begin", flush=True)
try:
    ds.x.extend(Slow(6400, PAUSE), progressbar=BAR)
except KeyboardInterrupt:
    print(f"interrupted: {len(ds.x)} and {len(lake.load('./ds').x)} rows", flush=True)
else:
    print(f"added: {len(lake.load('./ds').x)} rows", flush=True)
"""
)
_LINE = re.compile(r"add to \S+ \[(=*) *\] (\d+)% ([\d,]+) of 6,400 samples, [\d.,]+/s, (?:\d+ min )?[\d.]+ s left")


@pytest.fixture
def run(tmp_path):
    """`run(pause, bar, **environ)`: the program, started."""
    started = []

    def start(pause, bar=True, **environ):
        code = PROGRAM.replace("PAUSE", str(pause)).replace("BAR", str(bar))
        started.append(Terminal(code, folder=tmp_path, **environ))
        return started[-1]

    yield start
    for one in started:
        one.close()


def test_a_line_is_rewritten_with_rate_and_remaining_time_and_the_last_one_stays(run):
    began = time.monotonic()
    terminal = run(0.0004)
    terminal.read_until(_LINE.search)
    assert time.monotonic() - began > 1
    terminal.read_until(lambda text: " rows" in text)
    drawn = _LINE.findall(terminal.shown)
    assert len(drawn) > 2
    done = [int(count.replace(",", "")) for _, _, count in drawn]
    assert done == sorted(done)
    for line, share, count in drawn:
        assert int(share) == round(int(count.replace(",", "")) / 64)
        assert abs(len(line) - int(share) / 5) <= 1
    last = terminal.shown.split("\r\x1b[K")[-1].splitlines()
    assert re.fullmatch(r"add to \S+: 6,400 samples in [\d.]+ s, [\d,.]+/s", last[0])
    assert last[1] == "added: 6400 rows"
    assert all("\n" not in one for one in terminal.shown.split("\r\x1b[K")[1:-1])  # the same line, all the time


def test_ctrl_c_cancels_and_adds_nothing(run):
    terminal = run(0.012)
    terminal.read_until(_LINE.search)
    terminal.type("\x03")
    terminal.read_until(lambda text: " rows" in text)
    assert "interrupted: 0 and 0 rows" in terminal.shown
    assert re.search(r"add to \S+: cancelled after [\d,]+ of 6,400 samples", terminal.shown)


@pytest.mark.parametrize(("bar", "environ"), [(False, {}), (True, {"DEEPLAKE_NB_PROGRESS": "0"})])
def test_it_can_be_switched_off(run, bar, environ):
    terminal = run(0.0003, bar, **environ)
    terminal.read_until(lambda text: " rows" in text)
    assert terminal.shown.split() == ["begin", "added:", "6400", "rows"]


def test_logs_and_pipes_get_nothing(tmp_path):
    code = PROGRAM.replace("PAUSE", "0.0003").replace("BAR", "True")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (done.stdout.split(), done.stderr) == (["begin", "added:", "6400", "rows"], "")


class Stream(io.StringIO):
    """A terminal, closed once it was looked at so often."""

    def __init__(self, looks):
        super().__init__()
        self.looks = looks

    def isatty(self):
        self.looks -= 1
        if self.looks == 0:
            self.close()
        return self.looks >= 0 or super().isatty()  # a closed one raises


def test_a_stream_that_is_closed_is_nothing_to_draw_on(monkeypatch, caplog):
    monkeypatch.setattr(ticking, "_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(ticking, "SHOWN_AFTER_SECONDS", 0.1)
    stream = Stream(looks=3)  # closed between the third look and what would be written then
    with followed_by(lambda _: TerminalLine(stream)), Progress("count", "numbers", 10):
        eventually(lambda: stream.looks, lambda looks: looks < -3)
    assert stream.closed
    assert [record for record in caplog.records if record.name.startswith("deeplake_nb")] == []


def test_what_else_is_wrong_with_a_stream_is_no_secret():
    class Detached(Stream):
        def write(self, _):
            raise ValueError("the buffer is detached")

    with pytest.raises(ValueError, match="detached"):
        TerminalLine(Detached(looks=3)).draw(Stand("count", "numbers", 1, 10, 1.0, 1.0))


ENDS = """
import sys, threading, time
from deeplake_nb.progress import Progress, terminal, ticker
ticker._PAUSE_SECONDS, ticker.SHOWN_AFTER_SECONDS = 0.01, 0.05
drawn, draw = threading.Event(), terminal.TerminalLine.draw
terminal.TerminalLine.draw = lambda *given: (draw(*given), drawn.set())
Progress("count", "numbers", 10).__enter__()
drawn.wait(60)
time.sleep(0.1)
"""


def test_an_interpreter_that_ends_while_a_line_is_drawn_says_nothing_of_it(tmp_path):
    terminal = Terminal(ENDS, folder=tmp_path)
    assert terminal.program.wait(60) == 0
    terminal.read_until(lambda text: "count" in text)
    terminal.close()
    lines = terminal.shown.split("\r\x1b[K")
    assert {line.partition(" [")[0] for line in lines} == {"", "count"}
    assert "\n" not in terminal.shown
