"""Files in memory under a lease: whoever changes one in place waits, and nobody is killed."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from deeplake_nb.errors import UrlError
from deeplake_nb.storage import leases
from deeplake_nb.storage.leases import Lends, lent, stamped
from deeplake_nb.storage.local import LocalStorage
from deeplake_nb.storage.memory import MemoryStorage
from deeplake_nb.storage.wrappers import Cached, Counting
from deeplake_nb.urls import parse
from tests.machine import opened_below

CONTENT = np.random.default_rng(0).integers(0, 256, 300_000, np.uint8).tobytes()
linux = pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")


@pytest.fixture
def storage(tmp_path):
    made = LocalStorage(parse(tmp_path))
    made.put("a", CONTENT)
    return made


@linux
def test_a_file_as_it_lies(storage):
    with lent(storage, "a", 300_000) as found:
        assert found.data == CONTENT
        assert found.data.readonly


def test_what_is_not_there_is_not_lent(storage, tmp_path):
    storage.put("empty", b"")
    for key, most in [("b", 1), ("a", 299_999), ("empty", 5)]:
        with lent(storage, key, most) as found:
            assert found is None
    with pytest.raises(UrlError):
        storage.lend("../a", 1)


def test_other_storages_lend_nothing():
    memory = MemoryStorage(parse("mem://lends-nothing"))
    memory.put("a", b"123")
    assert not isinstance(memory, Lends)
    with lent(Cached(memory, 10), "a", 3) as found:
        assert found is None


@linux
def test_a_file_that_is_being_written_is_not_lent(storage, tmp_path):
    with (tmp_path / "a").open("r+b"), lent(storage, "a", 300_000) as found:
        assert found is None


@linux
def test_the_stamp_is_known_without_a_lease(storage, tmp_path, monkeypatch):
    assert stamped(storage, "a") is None  # it has just been written
    monkeypatch.setattr(leases, "_SETTLED_NS", 0)
    with lent(storage, "a", 300_000) as found:
        stamp = found.stamp
    assert stamp
    assert stamped(storage, "a") == stamped(Counting(storage), "a") == stamp
    with (tmp_path / "a").open("r+b") as file:
        file.write(b"x")
    assert stamped(storage, "a") not in {stamp, None}
    assert stamped(storage, "b") is None
    with pytest.raises(UrlError):
        storage.stamp("../a")
    memory = MemoryStorage(parse("mem://has-no-stamps"))
    memory.put("a", b"123")
    assert stamped(Cached(memory, 10), "a") is None


@linux
def test_it_is_counted_as_it_is_read(storage):
    counting = Counting(storage)
    with lent(counting, "a", 300_000), lent(counting, "b", 1):
        assert counting.requests == {"get": 1}
        assert counting.nbytes == {"get": 300_000}


@linux
def test_who_changes_it_in_place_waits(storage, tmp_path):
    with lent(storage, "a", 300_000) as found:
        program = "import sys; open(sys.argv[1], 'wb').write(b'short'); print('written')"
        writer = subprocess.Popen([sys.executable, "-c", program, tmp_path / "a"], stdout=subprocess.PIPE, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            writer.wait(2)
        assert found.data == CONTENT
    assert writer.communicate(timeout=30)[0] == "written\n"
    assert (tmp_path / "a").read_bytes() == b"short"


@linux
def test_pages_that_cannot_be_had_are_an_error_and_no_end(storage, tmp_path):
    """Touching them would end the process."""
    with (tmp_path / "a").open("r+b") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapping:
        leases._populate(memoryview(mapping))
        file.truncate(0)
        with pytest.raises(OSError, match="address"):
            leases._populate(memoryview(mapping))


@linux
def test_pages_are_brought_in_once_and_again_when_they_have_gone(storage, tmp_path, monkeypatch):
    brought, populate = [], leases._populate
    monkeypatch.setattr(leases, "_populate", lambda view: brought.append(len(view)) or populate(view))

    def lend():
        brought.clear()
        with lent(storage, "a", 300_000) as found:
            assert found.data == CONTENT
        return list(brought)

    assert lend() == lend() == [300_000], "a file that was just written has no name to know it by"
    monkeypatch.setattr(leases, "_SETTLED_NS", 0)
    assert lend() == [300_000]
    with (tmp_path / "a").open("rb") as file:
        knows = leases._is_in_memory(file.fileno(), 300_000)
        assert lend() == ([] if knows else [300_000]), "a system before 6.5 does not say what it has"
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        is_gone = not leases._is_in_memory(file.fileno(), 300_000)  # no file system in memory
    assert lend() == ([300_000] if is_gone else [])
    monkeypatch.setattr(leases, "_NOTED", 1)
    storage.put("a", CONTENT)
    assert lend() == [300_000], "another file"
    assert len(leases._BROUGHT_IN) == 1


@linux
def test_a_replaced_file_stays_as_it_was(storage):
    with lent(storage, "a", 300_000) as found:
        storage.put("a", b"new")
        assert found.data == CONTENT
    assert storage.get("a") == b"new"


@linux
def test_nothing_is_left_open(storage):
    def left():
        maps = Path("/proc/self/maps").read_text()
        return len(opened_below(storage.url.path)), maps.count(str(storage.url.path))

    before = left()
    for _ in range(20):
        with lent(storage, "a", 300_000) as found:
            array = np.frombuffer(found.data, np.uint8)
        del array, found  # an array that outlives the context keeps its mapping, and nothing else
    assert left() == before


@linux
def test_a_stamp_is_of_these_bytes_alone(storage, tmp_path, monkeypatch):
    def stamp():
        with lent(storage, "a", 300_000) as found:
            return found.stamp

    with monkeypatch.context() as patience:
        patience.setattr(leases, "_SETTLED_NS", 600 * 10**9)  # for a machine that does other things meanwhile
        assert stamp() is None, "a file that was just written may change once more within one tick of its clock"
        os.utime(tmp_path / "a", (1, 1))
        assert stamp() is None, "nor does it help to set its clock back"
    time.sleep(2.1)
    before = stamp()
    assert before == stamp() is not None
    with (tmp_path / "a").open("r+b") as file:  # in place, and as long as before
        file.write(b"x")
    with monkeypatch.context() as patience:
        patience.setattr(leases, "_SETTLED_NS", 600 * 10**9)
        assert stamp() is None
    time.sleep(2.1)
    assert stamp() not in {None, before}
    storage.put("a", CONTENT)
    time.sleep(2.1)
    assert stamp() not in {None, before}


WRITER = """
import sys, time
path, content = sys.argv[1], open(sys.argv[1], "rb").read()
print("ready", flush=True)
while True:  # as the original library writes
    with open(path, "wb") as file:
        file.write(content)
"""


@linux
def test_a_reader_survives_whoever_rewrites_it_again_and_again(storage, tmp_path):
    writer = subprocess.Popen([sys.executable, "-c", WRITER, tmp_path / "a"], stdout=subprocess.PIPE)
    try:
        writer.stdout.readline()
        seen, until = 0, time.monotonic() + 3
        while time.monotonic() < until:
            with lent(storage, "a", 300_000) as found:
                if found is not None:
                    assert found.data == CONTENT
                    seen += 1
    finally:
        writer.kill()
        writer.communicate()
    assert seen
