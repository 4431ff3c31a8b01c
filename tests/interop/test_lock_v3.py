"""One writer at a time: the original's lock holds us off, and ours holds the original off."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import deeplake_nb
from deeplake_nb.errors import LockedError
from tests.interop.original import Original, OriginalError


@pytest.fixture
def folder(written, tmp_path, monkeypatch):
    """A dataset that the original wrote, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(written / "vectors" / "ds", tmp_path / "ds")
    return tmp_path


def append():
    ds = deeplake_nb.load("ds")
    ds.text.append("ours")
    ds.close()


def test_we_wait_for_the_original(original, folder):
    original.do("hold", folder, path="ds")
    assert (folder / "ds" / "dataset_lock.lock").is_file()
    with pytest.raises(LockedError, match="is being written to by process"):
        append()
    assert deeplake_nb.load("ds", read_only=True).text[0].text() == "a text"
    original.do("free", folder, path="ds")
    append()
    assert len(deeplake_nb.load("ds").text) == 4


def test_the_original_waits_for_us(original, folder):
    ds = deeplake_nb.load("ds")
    with ds:
        ds.text.append("ours")
        with pytest.raises(OriginalError) as refused:
            original.do("hold", folder, path="ds")
        assert refused.value.kind == "LockedException"
    with pytest.raises(OriginalError):  # still: a flush is not the end
        original.do("hold", folder, path="ds")
    ds.close()
    original.do("again", folder, path="ds")
    assert deeplake_nb.load("ds").text.numpy().ravel().tolist() == [
        "a text",
        "b text",
        "c text",
        "ours",
        "a text",
        "b text",
    ]


def test_an_original_that_was_killed_holds_nobody_off(folder, tmp_path_factory):
    doomed = Original(tmp_path_factory.mktemp("doomed"))
    doomed.do("hold", folder, path="ds")
    doomed.kill()
    assert (folder / "ds" / "dataset_lock.lock").is_file()
    append()
    assert np.shape(deeplake_nb.load("ds").text.numpy()) == (4, 1)
