"""Debian's packages are installed by one process at a time, or it is said how to get them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests import debian
from tests.environments import InstallError

_APT = """#!/bin/sh
mkdir "$0.running" || exit 1
echo "$*" >> "$0.log"
[ "$1" = update ] || touch "$0.installed"
rmdir "$0.running"
"""


@pytest.fixture
def apt(tmp_path, monkeypatch):
    """An apt-get that fails when another one runs, as the real one does."""
    program = tmp_path / "apt-get"
    program.write_text(_APT)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(debian, "_LOCK", tmp_path / "lock")
    monkeypatch.setattr(debian.os, "geteuid", lambda: 0)
    return tmp_path


def test_what_is_there_is_not_installed(apt):
    assert debian.have(lambda: "there", "package") == "there"
    assert list(apt.glob("apt-get.*")) == []


def test_many_who_need_it_install_it_once(apt):
    installed = apt / "apt-get.installed"
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: debian.have(lambda: installed.exists() or None, "a", "b"), range(8)))
    assert found == [True] * 8
    calls = (apt / "apt-get.log").read_text().splitlines()
    assert calls == ["update", "install -y --no-install-recommends a b"]


def test_what_apt_said_is_told(apt):
    (apt / "apt-get.running").mkdir()
    with pytest.raises(InstallError, match=r"(?s)need Debian's a.*apt-get update.*File exists"):
        debian.have(lambda: None, "a")


def test_who_may_not_install_is_told_the_command(apt, monkeypatch):
    monkeypatch.setattr(debian.os, "geteuid", lambda: 1000)
    with pytest.raises(InstallError, match="run `sudo apt-get install -y --no-install-recommends a b`"):
        debian.have(lambda: None, "a", "b")
