"""A job is seen once it has lasted, by whom it concerns, and can be cancelled."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
import time

import pytest

from deeplake_nb.errors import CancelledError
from deeplake_nb.progress import Progress, followed_by
from deeplake_nb.progress import ticker as ticking
from tests.eventually import eventually


class Screen:
    """What a display was told."""

    def __init__(self):
        self.drawn = []
        self.ended = []
        self.ticker = ticking.Ticker()

    def draw(self, stand):
        self.drawn.append(stand)

    def end(self, stand, *, is_passing):
        self.ended.append((stand, is_passing))


@pytest.fixture
def screen(monkeypatch):
    """Displays of this thread's jobs; what takes a fifth of a second is shown."""
    monkeypatch.setattr(ticking, "_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(ticking, "SHOWN_AFTER_SECONDS", 0.2)
    monkeypatch.setattr("deeplake_nb.progress.job.SHOWN_AFTER_SECONDS", 0.2)
    seen = Screen()
    monkeypatch.setattr("deeplake_nb.progress.job.ticker", lambda: seen.ticker)
    with followed_by(lambda _: seen):
        yield seen


def test_what_is_over_soon_is_never_seen(monkeypatch, screen):
    monkeypatch.setattr(ticking, "SHOWN_AFTER_SECONDS", 2.0)
    with Progress("count", "numbers", 10) as told:
        told(10)
    eventually(lambda: screen.ticker._thread is None)
    assert (screen.drawn, screen.ended) == ([], [])


def test_what_lasts_is_drawn_again_and_again_without_any_report(screen):
    with Progress("count", "numbers", 10) as told:
        told(4)
        first = eventually(lambda: [stand for stand in screen.drawn if stand.done == 4][:1])[0]
        eventually(lambda: len(screen.drawn), lambda count: count > 2)
        told(6)
    assert (first.what, first.unit, first.done, first.total, first.ending) == ("count", "numbers", 4, 10, "")
    assert first.seconds >= 0.2
    assert first.rate == pytest.approx(4 / first.seconds, rel=0.3)
    ((last, is_passing),) = screen.ended
    assert (last.done, last.ending, is_passing) == (10, "", False)
    count = len(screen.drawn)
    time.sleep(0.1)
    assert len(screen.drawn) == count


def test_the_thread_that_draws_ends_with_the_work(screen):
    with Progress("count", "numbers"):
        thread = screen.ticker._thread
        assert thread.is_alive()
    eventually(lambda: not thread.is_alive())
    with Progress("count", "numbers"):
        eventually(lambda: screen.drawn)


@pytest.mark.parametrize(("error", "ending"), [(ValueError, "failed"), (KeyboardInterrupt, "cancelled")])
def test_how_it_ended_is_told(screen, error, ending):
    with pytest.raises(error), Progress("count", "numbers", 10):  # noqa: PT012
        eventually(lambda: screen.drawn)
        raise error
    assert [stand.ending for stand, _ in screen.ended] == [ending]


def test_an_interrupt_is_one_line_for_ipython_and_says_what_becomes_of_the_whole_job():
    outer, inner = Progress("copy to x", "B", 10, "go on later"), Progress("read x", "samples")
    with pytest.raises(KeyboardInterrupt) as caught, outer, inner:
        raise KeyboardInterrupt
    assert caught.value._render_traceback_() == ["KeyboardInterrupt: copy to x: interrupted; go on later"]
    pickle.dumps(caught.value)  # as what runs work in other processes does


def test_a_block_of_its_users_own_code_keeps_the_traceback_that_says_where_it_stood():
    with pytest.raises(KeyboardInterrupt) as caught, Progress("write to x", "samples", is_waiting=True):
        raise KeyboardInterrupt
    assert not hasattr(caught.value, "_render_traceback_")


def test_cancelled_work_ends_at_its_next_report_and_only_once(screen):
    with Progress("copy to x", "B", 10, "go on later") as told:
        told(1)
        threading.Thread(target=told.cancel).start()
        eventually(lambda: any(stand.ending == "cancelling" for stand in screen.drawn))
        with pytest.raises(CancelledError, match=r"^copy to x: cancelled; go on later$") as caught:
            told(1)
        told(1)  # what is undone is work, too
    assert caught.value.kind == "cancelled"


def test_reports_of_other_threads_count_and_stop_there(screen):
    found = []
    with Progress("count", "numbers", 1000) as told:
        threads = [threading.Thread(target=lambda: [told(1) for _ in range(100)]) for _ in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert told.done == 800
        told.cancel()

        def report():
            try:
                told(1)
            except CancelledError as error:
                found.append(error)

        thread = threading.Thread(target=report)
        thread.start()
        thread.join()
    assert len(found) == 1


def test_a_job_within_one_that_knows_its_total_is_not_seen(screen):
    with Progress("outer", "rows", 3) as outer:
        outer(1)
        with Progress("inner", "rows", 50) as inner:
            inner(20)
            eventually(lambda: len(screen.drawn) > 2)
    assert {stand.what for stand in screen.drawn} == {"outer"}
    assert screen.drawn[-1].done == 1
    assert [stand.done for stand, _ in screen.ended] == [1]


def test_a_job_within_one_that_does_not_is_seen_in_its_place_and_counts(screen):
    with Progress("outer", "rows"):
        with Progress("inner", "rows", 50) as inner:
            inner(20)
            eventually(lambda: any(stand.what == "inner" for stand in screen.drawn))
        with Progress("other", "files", 5) as other:
            other(5)
    assert {(stand.what, stand.total) for stand in screen.drawn} <= {("outer", None), ("inner", 50)}
    assert [(stand.what, stand.done) for stand, _ in screen.ended] == [("outer", 20)]


def test_what_failed_within_does_not_count(screen):
    with Progress("outer", "rows") as outer:
        with pytest.raises(ValueError, match="bad"), Progress("inner", "rows", 50) as inner:  # noqa: PT012
            inner(20)
            raise ValueError("bad")
        assert outer.done == 0


def test_cancelling_the_outer_job_ends_the_inner_one(screen):
    with Progress("outer", "rows", 3, "nothing changed") as outer:
        with Progress("inner", "rows", 50) as inner:
            outer.cancel()
            with pytest.raises(CancelledError, match="outer: cancelled; nothing changed"):
                inner(1)
        outer.cancel()
        with pytest.raises(CancelledError), Progress("next", "rows"):
            raise AssertionError("it never begins")
        with Progress("last", "rows") as last:
            assert last.outer is outer


def test_one_that_waits_is_not_seen_before_something_is_counted(screen):
    with Progress("write", "rows", is_waiting=True) as told:
        time.sleep(0.4)
        assert screen.drawn == []
        told(1)
        eventually(lambda: screen.drawn)


def test_one_that_is_not_to_be_shown_is_not_nor_what_is_in_it(screen):
    with Progress("outer", "rows", is_shown=False), Progress("inner", "rows", 5) as told:
        told(1)
        time.sleep(0.4)
    assert (screen.drawn, screen.ended) == ([], [])


def test_a_display_that_fails_does_not_end_the_work(monkeypatch, screen, caplog):
    def draw(_):
        raise OSError("the terminal is gone")

    screen.draw = draw
    with Progress("count", "numbers") as told:
        eventually(lambda: "progress cannot be shown" in caplog.text)
        told(1)
        time.sleep(0.2)
    assert caplog.text.count("progress cannot be shown") == 1
    assert screen.ended == []


def test_other_threads_than_the_main_one_draw_nowhere(monkeypatch):
    found = []
    monkeypatch.setattr(sys, "stderr", type("Terminal", (), {"isatty": lambda self: True})())
    thread = threading.Thread(target=lambda: found.append(ticking.default_display()))
    thread.start()
    thread.join()
    assert found == [None]
    assert ticking.default_display() is not None


def test_nothing_is_imported_or_started_where_nothing_is_shown():
    code = (
        "import sys, threading, deeplake_nb as lake\n"
        "ds = lake.empty('mem://x')\n"
        "with ds:\n"
        "    ds.create_tensor('x').extend([1, 2, 3])\n"
        "ds.x.numpy()\n"
        "assert not {'IPython', 'ipywidgets', 'traitlets'} & set(sys.modules)\n"
        "assert {one.name for one in threading.enumerate()} <= {'MainThread', 'deeplake-nb-garbage'}\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_one_that_is_not_to_be_shown_neither_counts_nor_is_cancelled(screen):
    with Progress("outer", "rows") as outer:
        outer.cancel()
        with Progress("inner", "rows", 5, is_shown=False) as inner:
            inner(5)
        assert outer.done == 0
        with pytest.raises(CancelledError):
            outer(1)
