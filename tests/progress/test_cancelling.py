"""What is left when a long job is cancelled: nothing of it, or something that goes on, as each of them promises."""

from __future__ import annotations

import subprocess
import sys
import uuid

import numpy as np
import pytest

import deeplake_nb
from deeplake_nb.errors import CancelledError, DatasetNotFoundError
from deeplake_nb.progress import job
from deeplake_nb.session import Session, places
from deeplake_nb.storage.memory import MemoryStorage
from deeplake_nb.storage.open import open_storage
from deeplake_nb.storage.wrappers import Wrapper
from deeplake_nb.urls import parse
from deeplake_nb.widgets.rows import select
from tests.dataset.stores import counting, create, load, objects


def cancel():
    """As a button does, from within the work."""
    assert job._HERE.job is not None
    job._HERE.job.cancel()


def cancelling(values, at):
    for number, value in enumerate(values):
        if number == at:
            cancel()
        yield value


class Cancelling(Wrapper):
    """A storage during whose n-th request, of those about keys with ``part`` in them, somebody presses the button."""

    countdown = 0
    part = ""

    def _count(self, key):
        self.countdown -= self.part in key
        if self.countdown == 0 and self.part in key:
            cancel()

    def get(self, key, byte_range=None):
        self._count(key)
        return super().get(key, byte_range)

    def put(self, key, data, *, if_absent=False):
        self._count(key)
        super().put(key, data, if_absent=if_absent)


@pytest.fixture
def storage():
    return Cancelling(MemoryStorage(parse(f"mem://{uuid.uuid4()}")))


@pytest.fixture
def ds(storage):
    with create(storage) as made:
        made.create_tensor("x", dtype="float32", max_chunk_size=4096)
        made.create_tensor("label", htype="class_label", class_names=["cat", "dog"])
        made.extend({"x": np.arange(3000, dtype="float32").reshape(1000, 3), "label": [0, 1] * 500})
    return made


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda ds: ds.x.extend(cancelling(np.ones((500, 3), "float32"), 300)), "nothing was added"),
        (lambda ds: ds.label.extend(cancelling(["cat"] * 100_000, 50_000)), "nothing was added"),
        (
            lambda ds: ds.extend({"x": cancelling(np.ones((500, 3)), 499), "label": np.zeros(500, "uint32")}),
            "nothing was added",
        ),
    ],
)
def test_a_cancelled_extend_adds_nothing(ds, storage, call, said):
    before, rows = objects(storage), ds.x.numpy()
    with pytest.raises(CancelledError, match=f"^add to .*: cancelled; {said}$"):
        call(ds)
    assert counting(storage) == before
    assert (len(ds.x), len(ds.label)) == (1000, 1000)
    ds.append({"x": [1, 2, 3], "label": "dog"})
    assert len(load(storage)) == 1001
    assert (ds.x[:1000].numpy() == rows).all()


def test_of_a_cancelled_array_no_chunk_is_left(ds, storage):
    before = objects(storage)
    storage.countdown = 30  # some chunks are written by then
    with pytest.raises(CancelledError):
        ds.x.extend(np.ones((100_000, 3), "float32"))
    assert objects(storage) == before
    assert len(load(storage).x) == 1000


def test_rows_appended_before_stay(ds, storage):
    with pytest.raises(CancelledError, match=r"^write to .*: cancelled; the rows before are added$"), ds:  # noqa: PT012
        for number in range(100):
            if number == 60:
                cancel()
            ds.append({"x": [number] * 3, "label": 0})
    assert len(load(storage)) == len(ds) == 1060
    assert int(load(storage).x[1059, 0].numpy()) == 59


def test_rows_that_wait_count_and_stay(ds, storage):
    block = None
    with pytest.raises(CancelledError, match="the rows before are added"), ds:  # noqa: PT012
        for number in range(100):
            ds.append({"x": np.full(3, number, "float32"), "label": 1})
            block = job._HERE.job
            assert block.done == 2 * (number + 1)
            if number == 60:
                block.cancel()
    assert block.done == 2 * 62
    assert len(load(storage)) == len(ds) == 1062
    with ds:
        ds.append({"x": np.full(3, 7, "float32"), "label": 1})
        ds.append({"x": np.full(3, 8, "float32"), "label": 1})
        job._HERE.job.cancel()  # nothing is reported after it
    assert len(load(storage)) == 1064


def test_with_ignored_errors_the_rows_before_stay(ds, storage):
    values = [*[[1, 2, 3]] * 20, "no numbers", *[[1, 2, 3]] * 20]

    class Values(list):
        def __iter__(self):
            return cancelling(list.__iter__(self), 30)

    with pytest.raises(CancelledError, match="rows before the last are added"):
        ds.x.extend(Values(values), ignore_errors=True)
    assert len(load(storage).x) == len(ds.x) == 1029  # the thirtieth was about to be


@pytest.mark.parametrize("at", [5, 12])
def test_a_cancelled_copy_opens_not_and_goes_on(monkeypatch, ds, at):
    target, opened = f"mem://{uuid.uuid4()}", []

    def cancelling_storage(url, provider):
        storage = Cancelling(open_storage(url, provider))
        storage.countdown = at if str(url) == target and not opened else 0
        opened.append(url) if str(url) == target else None
        return storage

    monkeypatch.setattr(places, "open_storage", cancelling_storage)
    session = Session()
    with pytest.raises(CancelledError, match="copying again goes on from there"):
        session.deepcopy(ds.path, target)
    with pytest.raises(DatasetNotFoundError):
        deeplake_nb.load(target)
    made = session.deepcopy(ds.path, target)
    assert (made.x.numpy() == ds.x.numpy()).all()


def test_a_cancelled_deletion_goes_on_when_it_is_asked_for_again(monkeypatch, ds):
    session, path = Session(), ds.path
    deleted, real = [], MemoryStorage.delete

    def delete(storage, key):
        real(storage, key)
        deleted.append(key)
        if len(deleted) == 3:
            cancel()

    monkeypatch.setattr(MemoryStorage, "delete", delete)
    with pytest.raises(CancelledError, match=r"^delete mem://.*: cancelled; a part of it is gone"):
        session.delete(path)
    assert len(list(session.storage(path).list())) > 0
    session.delete(path, verbose=False)
    assert not session.exists(path)
    assert list(session.storage(path).list()) == []


def test_a_cancelled_read_changes_nothing(ds, storage):
    reading = load(storage, read_only=True)
    before = objects(storage)
    len(reading.x), reading.x[0].numpy()
    storage.countdown = 3
    with pytest.raises(CancelledError, match="read tensor 'x': cancelled"):
        reading.x.numpy()
    assert objects(storage) == before
    assert reading.x.numpy().shape == (1000, 3)


def test_cancelled_changes_are_not_written_before_the_next_flush(ds, storage):
    before, seen = counting(storage), load(storage)
    ds.x.numpy()  # so that only chunks are written now
    storage.countdown, storage.part = 2, "x/chunks/"
    with pytest.raises(CancelledError, match=r"write changes to .*: cancelled; the changes wait in memory"):
        ds.x[:] = np.full((1000, 3), 7, "float32")
    assert counting(storage) == before
    assert (seen.x.numpy() == np.arange(3000, dtype="float32").reshape(1000, 3)).all()
    ds.flush()
    assert (load(storage).x.numpy() == 7).all()


def test_a_cancelled_filter_gives_none(ds):
    def wanted(row):
        if int(row.x[0].numpy()) == 300:
            cancel()
        return True

    with pytest.raises(CancelledError, match=r"^filter mem://"):
        ds.filter(wanted)
    assert len(ds.filter(lambda row: row.x[0].numpy() < 300)) == 100
    assert len(select(ds, "label == 'cat'")) == 500


def test_a_cancelled_merge_is_not_committed_and_can_be_forgotten(ds, storage):
    ds.commit("first")
    ds.checkout("other", create=True)
    ds.x.extend(np.ones((600, 3), "float32"))
    ds.label.extend([0] * 600)
    ds.commit("more")
    ds.checkout("main")
    commits = len(ds.commits)
    storage.countdown = 40
    with pytest.raises(CancelledError, match=r"what was taken over so far is not committed: .*, and reset"):
        ds.merge("other")
    storage.countdown = 0
    assert len(ds.commits) == commits
    ds.reset()
    assert (len(ds.x), len(ds.label)) == (1000, 1000)
    ds.merge("other")
    assert (len(ds.x), len(ds.label)) == (1600, 1600)


INTERRUPTED = """
import signal, sys, time, threading, os, random
import numpy as np
import deeplake_nb as lake
where = sys.argv[1]
ds = lake.empty(where)
with ds:
    ds.create_tensor("x", dtype="float32", max_chunk_size=20_000)
    ds.create_tensor("t", htype="text")
random.seed(5)
rows, interrupted = 0, 0
for turn in range(60):
    timer = threading.Timer(random.random() * 0.02, os.kill, (os.getpid(), signal.SIGINT))
    try:
        timer.start()
        ds.extend({"x": np.full((2000, 5), turn, "float32"), "t": ["a text"] * 2000})
        rows += 2000
    except KeyboardInterrupt:
        interrupted += 1
    while True:  # the signal may come late
        try:
            timer.join()
            break
        except KeyboardInterrupt:
            pass
    lengths = len(ds.x), len(ds.t)
    assert lengths in ((rows, rows), (rows + 2000, rows + 2000)), (turn, lengths, rows)
    rows = lengths[0]
ds.flush()
found = lake.load(where, read_only=True)
assert (len(found.x), len(found.t)) == (rows, rows), (len(found.x), len(found.t), rows)
values = found.x.numpy()
assert (values == values[:, :1]).all() and all(len(set(part)) == 1 for part in values[:, 0].reshape(-1, 2000))
assert found.t[-1].text() == "a text" if rows else True
print(interrupted, rows)
"""


def test_an_interrupt_at_any_moment_leaves_whole_rows(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path / "ds")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    interrupted, rows = map(int, done.stdout.split())
    assert interrupted > 10
    assert rows > 0
