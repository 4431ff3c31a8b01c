"""Secrets at rest open with the right key, at their place, unchanged; else never."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeplake_nb.errors import HubError
from deeplake_nb.hub import master_keys
from deeplake_nb.hub.master_keys import MasterKey, fresh
from deeplake_nb.hub.vault import Vault

HERE = ("managed_keys", "row1", "fields")
OLD, NEW = fresh(), fresh()


@given(st.binary(max_size=2000))
def test_what_was_sealed_opens(secret):
    vault = Vault([NEW])
    sealed = vault.seal(secret, HERE)
    assert vault.open(sealed, HERE) == secret
    assert secret not in sealed or len(secret) < 3
    assert vault.seal(secret, HERE) != sealed


@pytest.mark.parametrize("part", range(3))
def test_it_opens_at_its_place_only(part):
    vault = Vault([NEW])
    sealed = vault.seal(b"secret", HERE)
    elsewhere = tuple("other" if number == part else name for number, name in enumerate(HERE))
    with pytest.raises(HubError, match="moved"):
        vault.open(sealed, elsewhere)
    with pytest.raises(HubError, match="moved"):
        vault.rewrap(sealed, elsewhere)


def test_places_are_not_mistaken_for_each_other():
    vault = Vault([NEW])
    with pytest.raises(HubError):
        vault.open(vault.seal(b"secret", ("a", "bc", "d")), ("ab", "c", "d"))


def test_no_byte_can_be_changed():
    vault = Vault([NEW])
    sealed = vault.seal(b"secret", HERE)
    for number in range(len(sealed)):
        changed = sealed[:number] + bytes([sealed[number] ^ 1]) + sealed[number + 1 :]
        with pytest.raises(HubError):
            vault.open(changed, HERE)
    for length in range(len(sealed)):
        with pytest.raises(HubError):
            vault.open(sealed[:length], HERE)
    with pytest.raises(HubError):
        vault.open(sealed + b"\0", HERE)


def test_another_key_does_not_open_it():
    sealed = Vault([OLD]).seal(b"secret", HERE)
    with pytest.raises(HubError, match=rf"under master key '{OLD.id}', which is not here \(here: {NEW.id}\)"):
        Vault([NEW]).open(sealed, HERE)
    imposter = MasterKey(OLD.id, NEW.secret)
    with pytest.raises(HubError, match="does not open: the master key of that id is another one"):
        Vault([imposter]).open(sealed, HERE)


def test_keys_are_rotated_one_after_the_other():
    sealed = Vault([OLD]).seal(b"secret", HERE)
    both = Vault([NEW, OLD])
    assert both.open(sealed, HERE) == b"secret"
    assert not both.is_newest(sealed)
    wrapped = both.rewrap(sealed, HERE)
    assert both.is_newest(wrapped)
    assert Vault([NEW]).open(wrapped, HERE) == b"secret"
    with pytest.raises(HubError):
        Vault([OLD]).open(wrapped, HERE)


def test_a_vault_asks_for_its_keys_when_it_needs_them():
    asked = []
    vault = Vault(lambda: asked.append(1) or [NEW])
    assert asked == []
    vault.open(vault.seal(b"x", HERE), HERE)
    assert asked == [1]
    with pytest.raises(HubError, match="no master key"):
        Vault([]).seal(b"x", HERE)


def test_keys_are_not_shown():
    text = NEW.secret.reveal()
    vault = Vault([NEW])
    vault.seal(b"x", HERE)
    assert text not in f"{NEW!r} {vault!r} {vars(vault)!r}"
    assert NEW.id in repr(vault)


# ---------------------------------------------------------------------- where keys come from


def test_keys_of_the_environment_the_newest_first():
    text = f" {NEW.id}:{NEW.secret.reveal()},\n{OLD.id}:{OLD.secret.reveal()} "
    assert master_keys.from_environ({master_keys.VARIABLE: text}) == (NEW, OLD)
    assert master_keys.from_environ({master_keys.VARIABLE: " "}) == ()
    assert master_keys.from_environ({}) == ()
    assert master_keys.read(master_keys.written((NEW, OLD)), "x") == (NEW, OLD)


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "id:",
        ":c2hvcnQ=",
        "id:c2hvcnQ=",
        f"id:{'A' * 44}",
        f"a b:{NEW.secret.reveal()}",
        f"{'x' * 65}:{NEW.secret.reveal()}",
        f"{NEW.id}:{NEW.secret.reveal()} {NEW.id}:{OLD.secret.reveal()}",
    ],
    ids=range(8),
)
def test_keys_that_cannot_be_read_are_not_shown(text):
    with pytest.raises(HubError, match="cannot be read") as caught:
        master_keys.from_environ({master_keys.VARIABLE: text})
    shown = [str(caught.value)]
    frame = caught.value.__traceback__
    while frame is not None:
        if "deeplake_nb" in frame.tb_frame.f_code.co_filename:
            shown.append(repr(frame.tb_frame.f_locals))
        frame = frame.tb_next
    key = text.partition(":")[2][:20]
    assert not key or not any(key in line for line in shown if "environ" not in line)


def test_a_key_file_is_for_its_owner_alone(tmp_path):
    path = tmp_path / "deep" / "hub.key"
    assert master_keys.from_file(path) == ()
    [key] = master_keys.make_file(path)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert master_keys.make_file(path) == (key,)
    assert [entry.name for entry in path.parent.iterdir()] == ["hub.key"]
    for mode in (0o640, 0o604, 0o620):
        path.chmod(mode)
        with pytest.raises(HubError, match="chmod 600"):
            master_keys.from_file(path)
    path.chmod(0o600)
    path.write_text("nonsense")
    with pytest.raises(HubError, match=r"key 1 of .*hub\.key cannot be read"):
        master_keys.from_file(path)


def test_many_processes_make_one_key_file(tmp_path):
    path = tmp_path / "hub.key"
    code = (
        "import sys, pathlib; from deeplake_nb.hub import master_keys; sys.stdin.read(1);"
        f"print(master_keys.make_file(pathlib.Path({str(path)!r}))[0].id)"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    ids = {process.communicate("x", timeout=60)[0] for process in started}
    assert len(ids) == 1


class Ring:
    """What a keyring's backend does."""

    def __init__(self):
        self.kept = {}

    def get_password(self, service, name):
        return self.kept.get((service, name))

    def set_password(self, service, name, text):
        self.kept[service, name] = text


def test_only_a_real_keyring_is_trusted(monkeypatch):
    import keyring
    from keyring.backends import chainer, fail, null

    class Plain(Ring):
        __module__ = "keyrings.alt.file"

    class Real(Ring):
        __module__ = "keyring.backends.SecretService"

    real = Real()

    class Chain(chainer.ChainerBackend):
        backends = (Plain(), real)

    for backend in (fail.Keyring(), null.Keyring(), Plain()):
        assert not master_keys.is_real(backend)
        monkeypatch.setattr(keyring, "get_keyring", lambda backend=backend: backend)
        assert master_keys.system_keyring() is None
    for backend in (real, Chain()):
        monkeypatch.setattr(keyring, "get_keyring", lambda backend=backend: backend)
        assert master_keys.system_keyring() is real


def test_a_key_is_made_in_the_keyring_before_a_file(monkeypatch, tmp_path):
    ring = Ring()
    monkeypatch.setattr(master_keys, "system_keyring", lambda: ring)
    path = tmp_path / "hub.key"
    with pytest.raises(HubError, match="no master key"):
        master_keys.master_keys({}, path)
    assert ring.kept == {}
    found = master_keys.master_keys({}, path, makes=True)
    assert len(ring.kept) == 1
    assert not path.exists()
    assert master_keys.master_keys({}, path) == found


def test_all_sources_open_and_the_first_seals(monkeypatch, tmp_path):
    monkeypatch.setattr(master_keys, "system_keyring", lambda: None)
    path = tmp_path / "hub.key"
    [kept] = master_keys.master_keys({}, path, makes=True)
    environ = {master_keys.VARIABLE: f"{NEW.id}:{NEW.secret.reveal()}"}
    assert master_keys.master_keys(environ, path) == (NEW, kept)
    sealed = Vault([kept]).seal(b"x", HERE)
    assert Vault(master_keys.master_keys(environ, path)).open(sealed, HERE) == b"x"


def test_a_locked_keyring_is_told(tmp_path):
    from keyring.errors import KeyringLocked

    class Locked(Ring):
        def get_password(self, service, name):
            raise KeyringLocked("locked")

    with pytest.raises(HubError, match="KeyringLocked"):
        master_keys.from_keyring(Locked())


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_a_folder_that_is_none(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(HubError, match="cannot be read"):
        master_keys.from_file(tmp_path / "file" / "hub.key")
