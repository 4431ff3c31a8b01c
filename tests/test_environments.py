"""What the tests keep from run to run is either whole or made anew."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests import environments, machine


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of this test's own."""
    monkeypatch.setenv(machine._KEPT, json.dumps({"XDG_CACHE_HOME": str(tmp_path)}))
    return tmp_path / "deeplake-nb-tests"


def fill(key, text="whole"):
    with environments.cached("thing", [key]) as (folder, is_new):
        if is_new:
            (folder / f"begun with {text}").touch()
            (folder / "file").write_text(text)
    return folder, is_new


def test_a_folder_is_filled_once_for_each_key(cache):
    folder, is_new = fill("a")
    assert is_new
    assert folder.parent == cache
    assert fill("a") == (folder, False)
    assert fill("b")[1]


def test_a_folder_that_was_left_half_filled_is_emptied(cache):
    with pytest.raises(TypeError):
        fill("a", text=None)
    folder, is_new = fill("a")
    assert is_new
    assert {path.name for path in folder.iterdir()} == {"begun with whole", "file"}


@pytest.mark.usefixtures("cache")
def test_one_at_a_time_fills_it():
    with ThreadPoolExecutor(8) as pool:
        filled = list(pool.map(fill, "aaaaaaaa"))
    assert sorted(is_new for _, is_new in filled) == [False] * 7 + [True]


def test_uv_trusts_what_this_machine_trusts(tmp_path, monkeypatch):
    (tmp_path / "authorities.pem").touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authorities.pem"))
    assert environments.certificates() == {"UV_SYSTEM_CERTS": "true", "UV_NATIVE_TLS": "true"}
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    assert environments.certificates() == {}


def test_a_failed_installation_says_what_was_tried(cache):
    with pytest.raises(environments.InstallError, match="is a package registry reachable") as failed:
        environments.environment(("deeplake==0.0.0.dev0",))
    assert "deeplake==0.0.0.dev0" in str(failed.value)
    assert not list(cache.glob("*.done"))
