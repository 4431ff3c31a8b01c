"""What an administrator and a user type: the hub's commands, signing in and out, and where the token is kept."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
import urllib3
from keyring.errors import KeyringError

from deeplake_nb import cli
from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import HubError, HubTokenError
from deeplake_nb.hub import sign_in
from deeplake_nb.hub.remote import HubClient
from deeplake_nb.server.serve import application
from tests.fakes.hub import HubServer, hub_server
from tests.fakes.tls import certificate

URL = "https://hub.example.org"
CANARY = "dlnb_c4naryC4NARYc4naryC4NARY"


@pytest.fixture
def here(tmp_path):
    """A server's folder with nothing in it."""
    return HubServer(tmp_path)


def said(server, *words, **environ):
    """Exit code, and what was said on either way, of one command."""
    command = [sys.executable, "-m", "deeplake_nb.cli", "hub", *words]
    done = subprocess.run(
        command, env=server.environ | environ, capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


# ------------------------------------------------------------------ the administrator's


@pytest.mark.parametrize("words", [("serve", "--port", "0"), ("init", "root"), ("upgrade",), ("keys", "rotate")])
def test_nothing_starts_without_a_master_key(here, words):
    code, out, err = said(here, *words)
    assert (code, out) == (2, "")
    assert "no master key" in err
    assert "hub keys new" in err
    assert not (here.folder / "hub.db").exists()


def test_a_hub_is_made_once(here):
    here.run("keys", "new", "--file")
    lines = here.run("init", "root").splitlines()
    assert "shown this once" in lines[0]
    assert lines[1].startswith("dlnb_")
    assert (here.folder / "hub.key").stat().st_mode & 0o777 == 0o600
    assert (here.folder / "hub.db").stat().st_mode & 0o777 == 0o600
    for words, why in (
        (("init", "root"), "administrator already"),
        (("init", "eve"), "administrator already"),
        (("keys", "new", "--file", str(here.folder / "hub.key")), "there already"),
    ):
        code, out, err = said(here, *words)
        assert (code, out) == (2, "")
        assert why in err


def test_a_key_that_others_can_read_is_refused(here):
    here.init()
    (here.folder / "hub.key").chmod(0o644)
    code, _, err = said(here, "serve", "--port", "0")
    assert (code, "chmod 600" in err) == (2, True)


def test_tables_of_another_version_are_not_touched_until_told(here):
    here.run("keys", "new", "--file", str(here.folder / "hub.key"))
    code, _, err = said(here, "serve", "--port", "0")
    assert (code, "hub upgrade" in err) == (2, True)
    assert here.run("upgrade").startswith(tuple("123456789"))
    assert here.run("upgrade").startswith("0 steps")


def test_secrets_go_under_the_newest_key_and_the_old_one_may_go(here):
    here.init()
    here.start()
    try:
        root = here.client()
        root.create_org("acme")
        fields = {"aws_access_key_id": "A", "aws_secret_access_key": CANARY, "endpoint_url": "http://127.0.0.1:9"}
        root.add_key("acme", "k", "aws-keys", fields, prefixes=["s3://b"], lends_itself=True)
    finally:
        here.kill()
    file = here.folder / "hub.key"
    old, new = file.read_text().strip(), here.run("keys", "new").strip()
    file.write_text(f"{new}\n{old}\n")
    assert int(here.run("keys", "rotate").partition(": ")[2].split()[0]) >= 3
    assert CANARY.encode() not in (here.folder / "hub.db").read_bytes()
    file.write_text(new)
    here.start()
    try:
        assert here.client().lend("acme", "k").creds["aws_secret_access_key"] == Secret(CANARY)
    finally:
        here.kill()
    file.write_text(old)
    code, _, err = said(here, "serve", "--port", "0")
    assert (code, "master key" in err) == (2, True)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--port", "70000"), "no port"),
        (("--processes", "0"), "one process"),
        (("--host", "192.0.2.1"), "no address of this machine"),
        (("--certificate", "nowhere.pem"), "cannot be used"),
    ],
)
def test_serving_what_cannot_be(here, words, why):
    here.init()
    code, out, err = said(here, "serve", "--port", "0", *words)
    assert (code, out) == (2, "")
    assert why in err


def test_a_port_that_is_taken(here):
    here.init()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, _, err = said(here, "serve", "--port", str(taken.getsockname()[1]))
    assert (code, "--port" in err) == (2, True)


def test_a_setting_that_cannot_be_read(here):
    here.init()
    code, _, err = said(here, "serve", "--port", "0", DEEPLAKE_NB_HUB_ORIGINS="*")
    assert (code, "DEEPLAKE_NB_HUB_ORIGINS" in err) == (2, True)


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_without_the_extra_it_says_what_to_install(here, missing):
    here.init()
    code = f"import sys; sys.modules[{missing!r}] = None; from deeplake_nb import cli; sys.exit(cli.main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "hub", "serve", "--port", "0"]
    done = subprocess.run(command, env=here.environ, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "pip install 'deeplake-nb[server]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_it_listens_on_both_addresses_and_ends_well():
    with hub_server() as server:
        for host in ("127.0.0.1", "[::1]"):
            assert urllib3.request("GET", f"http://{host}:{server.port}/health").json() == {"status": "up"}
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.2", server.port), timeout=5).close()
        assert server.stop() in (0, -15)


def test_it_serves_by_https(tmp_path, monkeypatch):
    path = certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
    options = ("--certificate", str(path), "--private", str(tmp_path / "key.pem"))
    with hub_server("", options) as server:
        assert server.url.startswith("https://")
        client = server.client()
        assert client.whoami().name == "root"
        answer = client._pool().request("GET", f"{server.url}/health")
        assert "Strict-Transport-Security" in answer.headers


def test_an_open_network_is_warned_of():
    with hub_server("", ("--host", "127.0.0.1", "--host", "127.0.0.2")) as server:
        assert "unencrypted" in server.log.read_text()
    with hub_server() as server:
        assert "unencrypted" not in server.log.read_text()


def test_who_asks_is_taken_from_a_proxy_only_where_told():
    for options, seen in (((), "127.0.0.1"), (("--proxies", "127.0.0.1"), "203.0.113.9")):
        with hub_server("", options) as server:
            urllib3.request(
                "GET", f"http://127.0.0.1:{server.port}/nothing", headers={"X-Forwarded-For": "203.0.113.9"}
            )
            server.stop()  # and so the line is written
            (line,) = [line for line in server.log.read_text().splitlines() if "/nothing" in line]
            assert f" {seen} GET " in line


def test_any_server_of_applications_may_run_it(here):
    here.init()
    app = application({name: value for name, value in here.environ.items() if name.startswith("DEEPLAKE_NB_")})
    assert any(route.path == "/health" for route in app.routes)


# ------------------------------------------------------------------ signing in


@pytest.fixture
def environ(tmp_path):
    return {"DEEPLAKE_NB_DATA": str(tmp_path / "data")}


def no_keyring():
    return None


class Keyring(dict):
    """A system's keyring, which may be locked."""

    is_locked = False

    def _open(self):
        if self.is_locked:
            raise KeyringError("locked")

    def get_password(self, service, name):
        self._open()
        return self.get((service, name))

    def set_password(self, service, name, password):
        self._open()
        self[service, name] = password

    def delete_password(self, service, name):
        self._open()
        del self[service, name]


def test_a_token_is_kept_in_a_file_of_its_owner(environ, tmp_path):
    place = sign_in.keep_token(URL, Secret(CANARY), environ, no_keyring)
    assert place == str(tmp_path / "data" / "tokens.json")
    assert Path(place).stat().st_mode & 0o777 == 0o600
    assert sign_in.kept_token(URL, environ, no_keyring) == Secret(CANARY)
    assert sign_in.kept_token("https://other.example.org", environ, no_keyring) is None
    assert sign_in.forget_token(URL, environ, no_keyring)
    assert not sign_in.forget_token(URL, environ, no_keyring)
    assert not Path(place).exists()


def test_a_token_is_kept_in_the_systems_keyring_where_there_is_one(environ, tmp_path):
    ring = Keyring()
    sign_in.keep_token(URL, Secret("old"), environ, no_keyring)
    assert "keyring" in sign_in.keep_token(URL, Secret(CANARY), environ, lambda: ring)
    assert not list((tmp_path / "data").iterdir())  # the one in the file is gone
    assert sign_in.kept_token(URL, environ, lambda: ring) == Secret(CANARY)
    ring.is_locked = True
    assert sign_in.kept_token(URL, environ, lambda: ring) is None
    assert sign_in.keep_token(URL, Secret("other"), environ, lambda: ring).endswith("tokens.json")
    with pytest.raises(HubTokenError, match="unlock"):
        sign_in.forget_token(URL, environ, lambda: ring)
    ring.is_locked = False
    assert sign_in.forget_token(URL, environ, lambda: ring)
    assert ring == {}


def test_a_file_that_others_can_read_or_that_holds_no_tokens_is_refused(environ, tmp_path):
    sign_in.keep_token(URL, Secret(CANARY), environ, no_keyring)
    file = tmp_path / "data" / "tokens.json"
    file.chmod(0o644)
    with pytest.raises(HubTokenError, match="chmod 600"):
        sign_in.kept_token(URL, environ, no_keyring)
    for text in ("[]", "{", '"x"', "\udcff"):
        file.write_text(text, errors="surrogateescape")
        file.chmod(0o600)
        with pytest.raises(HubTokenError, match="holds no tokens"):
            sign_in.kept_token(URL, environ, no_keyring)


def test_the_environment_comes_first(environ):
    sign_in.keep_token(URL, Secret("kept"), environ, no_keyring)
    assert sign_in.token_for(URL, environ) == Secret("kept")
    assert sign_in.token_for(URL, environ | {"ACTIVELOOP_TOKEN": "theirs"}) == Secret("theirs")
    both = environ | {"ACTIVELOOP_TOKEN": "theirs", "DEEPLAKE_NB_TOKEN": " ours "}
    assert sign_in.token_for(URL, both) == Secret("ours")
    with pytest.raises(HubTokenError, match=r"DEEPLAKE_NB_TOKEN and ACTIVELOOP_TOKEN are unset.*deeplake-nb login"):
        HubClient("https://other.example.org", environ=environ)


def test_logging_in_and_out(server, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("DEEPLAKE_NB_DATA", str(tmp_path))
    token = server.token.reveal()
    (tmp_path / "pasted").write_text(f"{token}\n")
    with (tmp_path / "pasted").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert cli.main(["login", server.url]) == 0
    out = capsys.readouterr().out
    assert "You are root" in out
    assert token not in out
    assert HubClient(server.url).whoami().name == "root"
    assert cli.main(["logout", server.url]) == 0
    assert cli.main(["logout", server.url]) == 1
    with pytest.raises(HubTokenError):
        HubClient(server.url)


@pytest.mark.parametrize("pasted", ["", CANARY])
def test_a_token_that_is_refused_is_not_kept(server, capsys, monkeypatch, tmp_path, pasted):
    monkeypatch.setenv("DEEPLAKE_NB_DATA", str(tmp_path / "data"))
    (tmp_path / "pasted").write_text(f"{pasted}\n")
    with (tmp_path / "pasted").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert cli.main(["login", server.url]) == 2
    err = capsys.readouterr().err
    assert "token" in err
    assert CANARY not in err
    assert not (tmp_path / "data").exists()


def test_a_token_is_no_argument(server, capsys):
    for words in (["login", server.url, CANARY], ["login", server.url, "--token", CANARY]):
        try:
            code = cli.main(words)
        except SystemExit as stopped:
            code = stopped.code
        assert code == 2
        capsys.readouterr()


def test_a_hub_that_is_away_is_one_line(capsys, monkeypatch, tmp_path):
    (tmp_path / "pasted").write_text(f"{CANARY}\n")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with (tmp_path / "pasted").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert cli.main(["login", url]) == 2
    err = capsys.readouterr().err
    assert "no hub answers" in err
    assert len(err.splitlines()) == 1


def test_addresses_of_a_hub_are_checked_where_they_are_used():
    with pytest.raises(HubError):
        application({"DEEPLAKE_NB_DATA": "/nonexistent", "DEEPLAKE_NB_HUB_DATABASE": "mysql://x/y"})
