"""What the original has written is right; what it leaves behind when it dies is told, and mended."""

from __future__ import annotations

import pytest

import deeplake_nb
from tests.interop.programs import EVERY


@pytest.mark.parametrize("program", sorted(EVERY))
def test_nothing_is_wrong_with_what_the_original_writes(program, written, monkeypatch):
    monkeypatch.chdir(written / program)  # links are relative to it
    found = deeplake_nb.fsck("ds")
    assert [str(one) for one in found if one.state != "note"] == []
