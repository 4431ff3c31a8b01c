"""One writer at a time: within a process, across processes, and after a writer has died."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import deeplake_nb as deeplake
from deeplake_nb.dataset.lock import IDLE_SECONDS, VALID_SECONDS, Holder, WriteLock
from deeplake_nb.errors import LockedError, RowError
from deeplake_nb.storage.local import LocalStorage
from deeplake_nb.urls import parse
from tests.eventually import collected

KEY = "dataset_lock.lock"
STRANGER = Holder(b"\x01\x02\x03\x04\x05\x06", 4711, 0.0)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def place(tmp_path):
    ds = deeplake.empty(tmp_path / "ds")
    ds.create_tensor("x", dtype="int64")
    ds.x.extend([0, 1])
    ds.close()
    return str(tmp_path / "ds")


def values(place):
    return deeplake.load(place, read_only=True).x.numpy().ravel().tolist()


def in_child(place, code):
    program = f"import deeplake_nb as deeplake, os, sys, time\nds = deeplake.load({place!r})\n{code}"
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_lock_has_the_18_bytes_of_the_original():
    # machine, expiry and process as a real lock of the original shows them
    data = bytes.fromhex("01000000fc0221fb7cb083c0da41427d0000")
    holder = Holder.decode(memoryview(data))
    assert holder == Holder(bytes.fromhex("01000000fc02"), 0x7D42, 1795296961.9528277)
    assert holder.encode() == data


def test_several_datasets_of_one_process_see_each_others_rows(place):
    first, second = deeplake.load(place), deeplake.load(place)
    second.x.append(2)
    first.x.append(3)
    second.x.append(4)
    assert values(place) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("part", [lambda ds: ds, lambda ds: ds.x])
def test_rows_to_remove_are_counted_as_they_are(place, part):
    """Not as they were when the dataset was loaded, before another one removed some."""
    one, other = deeplake.load(place), deeplake.load(place)
    assert one.x.numpy().ravel().tolist() == [0, 1]
    other.pop(0)
    other.close()
    with pytest.raises(RowError, match="cannot remove row 1 of 1"):
        part(one).pop(1)
    one.x.extend([5, 6])
    one.close()
    other.x.append(7)
    other.close()
    part(one).pop()
    assert deeplake.load(place).x.numpy().ravel().tolist() == [1, 5, 6]


def test_unwritten_rows_of_another_dataset_hold_the_lock(place):
    first, second = deeplake.load(place), deeplake.load(place)
    with first:
        first.x.append(2)
        with pytest.raises(LockedError, match="another Dataset object of this process has unwritten rows"):
            second.x.append(3)
    second.x.append(3)
    assert values(place) == [0, 1, 2, 3]


def test_another_process_is_held_off_and_nothing_changes(place):
    child = in_child(place, "ds.x.append(7); print('held', flush=True); time.sleep(600)")
    try:
        assert child.stdout.readline() == "held\n"
        ds = deeplake.load(place)
        with pytest.raises(LockedError, match=f"is being written to by process {child.pid} on machine"):
            ds.x.append(8)
        assert values(place) == [0, 1, 7]
    finally:
        child.kill()
        child.communicate()


def test_the_lock_of_a_killed_process_is_taken_over_at_once(place):
    child = in_child(place, "ds.x.append(7); os.kill(os.getpid(), 9)")
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    assert Path(place, KEY).exists()
    deeplake.load(place).x.append(8)
    assert values(place) == [0, 1, 7, 8]


def test_a_process_that_ends_gives_the_lock_up(place):
    child = in_child(place, "ds.x.append(7)")
    _, errors = child.communicate()
    assert (child.returncode, errors) == (0, "")
    assert not Path(place, KEY).exists()


def test_a_dataset_that_is_forgotten_or_closed_gives_the_lock_up(place):
    ds = deeplake.load(place)
    ds.x.append(2)
    assert Path(place, KEY).exists()
    ds.close()
    assert not Path(place, KEY).exists()
    ds.x.append(3)
    assert Path(place, KEY).exists()
    del ds
    collected()
    assert not Path(place, KEY).exists()


def test_racing_processes_lose_no_row(place):
    code = """
from deeplake_nb.errors import LockedError, RowError
for row in range(5):
    while True:
        try:
            ds.x.append({start} + row)
            ds.close()
            break
        except LockedError:
            time.sleep(0.01)
"""
    children = [in_child(place, code.format(start=start)) for start in (100, 200, 300)]
    for child in children:
        _, errors = child.communicate(timeout=120)
        assert (child.returncode, errors) == (0, "")
    assert sorted(values(place)[2:]) == [start + row for start in (100, 200, 300) for row in range(5)]


def lock_at(path, clock, is_busy=lambda: False):
    return WriteLock(LocalStorage(parse(path)), KEY, is_busy, clock)


def test_a_lock_that_ran_out_is_taken_over(tmp_path):
    clock = Clock()
    storage = LocalStorage(parse(tmp_path))
    storage.put(KEY, Holder(STRANGER.machine, STRANGER.process, clock.now + 10).encode())
    lock = lock_at(tmp_path, clock)
    with pytest.raises(LockedError, match=r"process 4711 on machine 06:05:04:03:02:01; its lock runs out in 10 s"):
        lock.acquire()
    clock.now += 11
    assert lock.acquire()
    assert Holder.decode(storage.get(KEY)).until == clock.now + VALID_SECONDS
    assert not lock.acquire(), "it is held already"
    lock.release()


def test_a_lock_in_use_is_renewed_and_an_idle_one_given_up(tmp_path):
    clock = Clock()
    busy = [True]
    lock = lock_at(tmp_path, clock, lambda: busy[0])
    lock.acquire()
    clock.now += IDLE_SECONDS + 1
    assert lock._renew_once(), "unwritten rows keep it"
    assert Holder.decode(LocalStorage(parse(tmp_path)).get(KEY)).until == clock.now + VALID_SECONDS
    busy[0] = False
    assert not lock._renew_once()
    assert not lock.is_held
    assert not Path(tmp_path, KEY).exists()


def test_a_lock_that_another_took_is_noticed(tmp_path):
    clock = Clock()
    lock = lock_at(tmp_path, clock)
    lock.acquire()
    LocalStorage(parse(tmp_path)).put(KEY, Holder(STRANGER.machine, 1, clock.now + 1000).encode())
    assert not lock._renew_once()
    assert not lock.is_held
    with pytest.raises(LockedError):
        lock.acquire()


def test_rows_unwritten_while_the_lock_was_lost_are_not_written_over_others(place):
    ds = deeplake.load(place)
    ds.__enter__()
    ds.x.append(2)
    ds._writer._lock._let_go()  # as a renewal does that finds another holder
    deeplake.load(place).x.append(9)
    with pytest.raises(LockedError, match="ran out while rows were unwritten"):
        ds.__exit__(None, None, None)
    assert values(place) == [0, 1, 9]


def test_locking_a_memory_dataset_writes_no_lock(tmp_path):
    ds = deeplake.empty("mem://lock-test")
    ds.create_tensor("x", dtype="int64").append(1)
    storage = ds._state.storage
    assert KEY not in [entry.key for entry in storage.list()]


def test_the_renewing_thread_ends_with_the_lock(tmp_path):
    import threading

    others = set(threading.enumerate())
    lock = lock_at(tmp_path, Clock())
    lock.acquire()
    [renewing] = [one for one in set(threading.enumerate()) - others if one.name == "deeplake-nb-lock"]
    lock.release()
    renewing.join(60)
    assert not renewing.is_alive()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_process_does_not_write_with_the_lock_of_its_parent(place):
    """As one of a pool would, where the dataset is a global: both would write over each other."""
    ds = deeplake.load(place)
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()

    def work():
        for write in (lambda: ds.x.append(10), lambda: ds.commit("c"), lambda: deeplake.load(place).x.pop(0)):
            try:
                write()
                answers.put("written")
            except LockedError as error:
                answers.put(str(error))

    def forked():
        worker = context.Process(target=work)
        worker.start()
        worker.join(60)
        assert worker.exitcode == 0
        return [answers.get() for _ in range(3)]

    ds.x.append(2)
    told = forked()
    assert all(f"is being written to by process {os.getpid()}" in one for one in told)
    assert values(place) == [0, 1, 2]
    ds.close()
    assert forked() == ["written"] * 3
    assert values(place) == [1, 2, 10]
    assert [one["message"] for one in deeplake.load(place).commits] == ["c"]
