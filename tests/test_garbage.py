"""What objects that are gone leave to be done: never under the locks of whoever happened to collect them."""

from __future__ import annotations

import gc
import logging
import os
import subprocess
import sys
import textwrap
import threading

import pytest

import deeplake_nb as deeplake
from deeplake_nb.dataset import lock
from deeplake_nb.garbage import Sweeper
from deeplake_nb.storage import memory
from tests.eventually import collected


class Owner:
    """In a cycle, so that only a collection finds it."""

    def __init__(self):
        self.itself = self


def test_at_once_where_the_last_name_goes():
    sweeper, done = Sweeper(), []
    owner = Owner()
    owner.itself = None
    sweeper.when_gone(owner, done.append, threading.get_ident())
    del owner
    assert done == [threading.get_ident()]


def test_after_a_collection_on_a_thread_that_holds_nothing():
    sweeper, done, held = Sweeper(), [], threading.Lock()

    def task():
        with held:
            done.append(threading.current_thread().name)

    sweeper.when_gone(Owner(), task)
    with held:
        gc.collect()
        assert done == []
    assert sweeper.settled()
    assert done == ["deeplake-nb-garbage"]


def test_what_fails_is_logged_and_the_rest_is_done(caplog):
    sweeper, done = Sweeper(), []
    sweeper.when_gone(Owner(), lambda: 1 / 0)
    sweeper.when_gone(Owner(), done.append, 1)
    with caplog.at_level(logging.WARNING):
        gc.collect()
        assert sweeper.settled()
    assert done == [1]
    assert "what an object left to be done failed: division by zero" in caplog.text


def test_a_dataset_that_is_collected_while_its_storage_is_locked():
    ds = deeplake.empty("mem://collected")
    ds.create_tensor("x", dtype="int64", max_chunk_size=100).extend(range(20))
    ds.x[3] = 7
    writer = ds._writer
    writer.itself = writer
    del ds, writer
    with memory._lock, lock._in_process_lock:
        gc.collect()
    collected()
    ds = deeplake.load("mem://collected")
    ds.x.append(20)
    assert ds.x.numpy().ravel().tolist() == [0, 1, 2, 7, *range(4, 21)]


@pytest.mark.parametrize("how", ["cycle = ds, []; cycle[1].append(cycle)", "pass"])
def test_a_process_that_ends_leaves_no_lock(tmp_path, how):
    code = f"""
        import gc, sys
        gc.disable()
        import deeplake_nb as deeplake
        ds = deeplake.empty(sys.argv[1])
        ds.create_tensor("x").append(1)
        {how}
        del ds
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "ds")], check=True)
    assert (tmp_path / "ds/x/tensor_meta.json").exists()
    assert not (tmp_path / "ds/dataset_lock.lock").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_has_a_thread_of_its_own():
    code = """
        import gc, os
        from deeplake_nb import garbage
        class Owner:
            def __init__(self):
                self.itself = self
        garbage.when_gone(Owner(), print, "parent")
        child = os.fork()
        if not child:
            garbage.when_gone(Owner(), print, "child")
            gc.collect()
            assert garbage.settled()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        gc.collect()
        assert garbage.settled()
    """
    done = subprocess.run(
        [sys.executable, "-u", "-c", textwrap.dedent(code)], check=True, capture_output=True, text=True
    )
    assert sorted(done.stdout.split()) == ["child", "parent"]
