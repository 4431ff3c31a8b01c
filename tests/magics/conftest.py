"""A real IPython shell, and a real dataset in a folder."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import deeplake_nb
from deeplake_nb import magics


class TestingShell(InteractiveShell):
    """A shell whose cells give their value, and raise what they raised once it was shown."""

    __test__ = False

    def value(self, cell):
        """Run a cell as a user does; its value."""
        outcome = self.run_cell(cell, store_history=True)
        outcome.raise_error()
        return outcome.result


@pytest.fixture
def bare_shell(monkeypatch):
    monkeypatch.delattr("sys.last_value", raising=False)  # another shell's
    config = Config()
    config.HistoryManager.enabled = False
    shell = TestingShell(config=config)
    yield shell
    shell.restore_sys_module_state()
    shell.reset(new_session=False)
    gc.collect()


@pytest.fixture
def shell(bare_shell):
    """A shell with the extension loaded."""
    magics.register(bare_shell)
    yield bare_shell
    magics.unregister(bare_shell)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The working folder: ``cars``, ``my photos``, ``raw/deep`` and ``.hidden``, the first two datasets of 4 rows."""
    monkeypatch.chdir(tmp_path)
    for name in ("cars", "my photos"):
        with deeplake_nb.empty(tmp_path / name) as ds:
            ds.create_tensor("labels", htype="class_label", class_names=["car", "bus"])
            ds.create_tensor("x", dtype="float32")
            ds.extend({"labels": [0, 1, 1, 0], "x": np.arange(4, dtype="float32")})
        ds.close()
    (tmp_path / "raw" / "deep").mkdir(parents=True)
    (tmp_path / "raw" / "deep" / "a.txt").write_text("a")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "notes.txt").write_text("n" * 1234)
    return tmp_path
