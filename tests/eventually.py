"""The assertion that waits: what another thread, process or page brings about is there some time later."""

from __future__ import annotations

import gc
import threading
import time

from deeplake_nb import garbage

SECONDS = 60.0


def eventually(look, fits=bool, seconds=SECONDS):
    """Look again and again until what is found fits; gives it.

    Args:
        look: gives what is there now.
        fits: the value that is expected (a `pytest.approx`, say), or a condition; by default anything that is true.
        seconds: this long.

    Raises:
        AssertionError: it did not fit in time; says what was found last.
    """
    until = time.monotonic() + seconds
    does_fit, instead = (fits, "") if callable(fits) else (lambda found: found == fits, f", not {fits!r}")
    while not does_fit(found := look()):
        assert time.monotonic() < until, f"not in {seconds:g} s: at last {found!r}{instead}"
        time.sleep(0.01)
    return found


def collected():
    """Collect garbage, and wait until what it left to be done is done."""
    gc.collect()
    assert garbage.settled()


def of_this_thread(caplog):
    """The records that this thread logged; threads that an earlier test left behind log, too."""
    return [record for record in caplog.records if record.thread == threading.get_ident()]
