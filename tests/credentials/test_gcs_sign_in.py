"""Signing in through a browser: the protocol, without a browser; what is kept of it, and what never is shown."""

from __future__ import annotations

import http.client
import json
import logging
import os
import pickle
import socket
import stat
import sys
import threading
import time
import traceback
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from deeplake_nb.credentials import gcs_sign_in, loopback
from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.credentials.gcs_keys import SCOPE
from deeplake_nb.credentials.oauth import OAuthClient, SignIn
from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import (
    CredentialsError,
    ExpiredCredentialsError,
    MissingCredentialsError,
    MissingDependencyError,
    StorageError,
)
from deeplake_nb.session import Session
from deeplake_nb.urls import parse
from tests.eventually import eventually
from tests.fakes import gcs, oauth


@pytest.fixture
def storage():
    with gcs.emulator() as storage:
        storage.write("bucket", "x/k", b"stored")
        yield storage


@pytest.fixture
def google(storage, monkeypatch, tmp_path):
    """Google's servers, and an OAuth client of ours."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # there is no https here
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage.endpoint)
    with oauth.google(storage) as google:
        (tmp_path / "client.json").write_text(json.dumps(google.client_file()))
        monkeypatch.setenv("DEEPLAKE_NB_GCS_CLIENT", str(tmp_path / "client.json"))
        yield google


@pytest.fixture
def under_way(google):
    with gcs_sign_in.begin(os.environ, seconds=300) as under_way:
        yield under_way


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None


def answered(under_way, choice="allow"):
    """The address a browser is sent to after the consent page."""
    opener = urllib.request.build_opener(_Stay)
    assert b"wants to use your storage" in opener.open(under_way.url).read()
    with pytest.raises(urllib.error.HTTPError) as sent:
        opener.open(urllib.request.Request(under_way.url, data=f"choice={choice}".encode(), method="POST"))
    sent.value.close()
    return sent.value.headers["Location"]


def visit(address):
    """Status and text of a page."""
    try:
        with urllib.request.urlopen(address) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def cached():
    return Session().storage("gcs://bucket/x", "cache")


# the two ways back


def test_the_listener_takes_the_answer(under_way):
    assert not under_way.is_answered
    assert under_way.wait(0.01) is None
    status, text = visit(answered(under_way))
    assert (status, "Received: you can close this page." in text) == (200, True)
    assert under_way.is_answered
    grant = under_way.wait()
    assert grant.scope == SCOPE
    assert bytes(cached().get("k")) == b"stored"
    assert under_way.wait() is grant


@pytest.mark.parametrize("written", ["{}", " {}\n", "'{}'", '"{}"', "<{}>", "{}#", "?{query}", "{query}"], ids=repr)
def test_a_pasted_address_is_the_answer(under_way, written):
    address = answered(under_way)
    under_way.paste(written.format(address, query=urlsplit(address).query))
    assert under_way.wait().scope == SCOPE
    assert bytes(cached().get("k")) == b"stored"


def test_an_address_broken_over_lines_is_the_answer(under_way):
    address = answered(under_way)
    under_way.paste(f"{address[:40]}\n   {address[40:60]}\r\n{address[60:]}")
    assert under_way.wait()


def test_whichever_comes_first(under_way, google):
    first, second = answered(under_way), answered(under_way)
    under_way.paste(first)
    under_way.paste(second)
    assert under_way.wait()
    assert list(google.codes) == [parse_qs(urlsplit(second).query)["code"][0]]


def test_many_may_wait(under_way):
    grants = []
    threads = [threading.Thread(target=lambda: grants.append(under_way.wait())) for _ in range(8)]
    for thread in threads:
        thread.start()
    visit(answered(under_way))
    for thread in threads:
        thread.join()
    assert len(grants) == 8
    assert len(set(map(id, grants))) == 1


# what the link asks for


def test_the_link(under_way):
    query = {name: value for name, [value] in parse_qs(urlsplit(under_way.url).query).items()}
    assert query["code_challenge_method"] == "S256"
    assert (query["access_type"], query["prompt"], query["scope"]) == ("offline", "consent", SCOPE)
    assert query["redirect_uri"].startswith("http://127.0.0.1:")
    assert len(query["state"]) >= 32
    with gcs_sign_in.begin(os.environ) as other:
        others = {name: value for name, [value] in parse_qs(urlsplit(other.url).query).items()}
    assert query["state"] != others["state"]
    assert query["code_challenge"] != others["code_challenge"]


# what is not the answer


def test_stray_requests_change_nothing(under_way):
    place = "http://127.0.0.1:" + str(port_of(under_way))
    assert visit(f"{place}/favicon.ico")[0] == 404
    assert visit(f"{place}/?state=x&code=y")[0] == 400
    assert visit(f"{place}/")[0] == 400
    assert visit(f"{place}/?error=access_denied&state=wrong")[0] == 400
    assert visit(f"{place}/?<script>alert(1)</script>")[1].count("<script>") == 0
    for method in ("HEAD", "POST", "OPTIONS"):
        connection = http.client.HTTPConnection("127.0.0.1", port_of(under_way))
        connection.request(method, "/", body=b"")
        assert connection.getresponse().status == 501
        connection.close()
    with socket.create_connection(("127.0.0.1", port_of(under_way))) as idle:  # as browsers open some in advance
        idle.send(b"GET")
        assert not under_way.is_answered
        assert visit(answered(under_way))[0] == 200
    assert under_way.wait()


def test_only_this_machine_is_listened_to(under_way):
    with loopback.Listener(lambda _: None) as listener:
        assert listener.socket.getsockname()[0] == "127.0.0.1"
        assert listener.address == f"http://127.0.0.1:{listener.server_port}/"


def test_the_page_tells_nobody(under_way):
    with urllib.request.urlopen(answered(under_way)) as answer:
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "expected the whole address of that page"),
        ("4/0AX4XfWh", "expected the whole address of that page"),
        ("http://127.0.0.1:1/", "expected the whole address of that page"),
        ("http://[", "expected the whole address"),
        ("http://127.0.0.1:1/?state=abc&code=c4nary", "this belongs to another sign-in: open the newest link"),
        ("http://127.0.0.1:1/?code=c4nary", "this belongs to another sign-in"),
        ("https://x/?error=access_denied", "this belongs to another sign-in"),
    ],
)
def test_other_texts_are_said_to_be_so(under_way, text, problem):
    with pytest.raises(CredentialsError) as caught:
        under_way.paste(text)
    assert problem in str(caught.value)
    assert "c4nary" not in everything_said(caught.value)
    assert not under_way.is_answered
    under_way.paste(answered(under_way))
    assert under_way.wait()


def test_the_link_itself_is_no_answer(under_way):
    with pytest.raises(CredentialsError, match="this is the link to open: paste the address of the page on which"):
        under_way.paste(under_way.url)


# how it ends otherwise


def test_a_refused_consent(under_way, google):
    assert visit(answered(under_way, "deny"))[0] == 200
    for _ in range(2):
        with pytest.raises(CredentialsError) as caught:
            under_way.wait()
        assert str(caught.value) == (
            "the sign-in was refused (access_denied): the consent was refused: sign in again and allow it"
        )
    with pytest.raises(MissingCredentialsError, match="tried cache"):
        cached().get("k")


def test_a_consent_to_less(under_way, google):
    visit(answered(under_way, "less"))
    with pytest.raises(CredentialsError, match="storage was not allowed: sign in again, and leave its box ticked"):
        under_way.wait()


def test_a_consent_to_more(under_way, google):
    address = answered(under_way)
    [asked] = google.codes.values()
    asked["granted"] = f"openid {SCOPE}"
    visit(address)
    assert under_way.wait().scope == SCOPE


def test_an_error_that_nobody_knows_is_not_shown(under_way, google):
    state = parse_qs(urlsplit(under_way.url).query)["state"][0]
    under_way.paste("?" + urlencode({"state": state, "error": "<c4nary>"}))
    with pytest.raises(CredentialsError, match=r"the sign-in was refused \(no reason given\): sign in again"):
        under_way.wait()


def test_nobody_comes(google):
    with gcs_sign_in.begin(os.environ, seconds=2) as under_way:
        port = port_of(under_way)
        assert 0 < under_way.seconds_left <= 2
        with pytest.raises(CredentialsError, match="nobody signed in within 2 s: sign in again"):
            under_way.wait()
        assert under_way.is_answered
    assert_closed(port)


def test_it_is_cancelled_from_another_thread(under_way):
    port = port_of(under_way)
    threading.Timer(0.1, under_way.cancel).start()
    with pytest.raises(CredentialsError, match="the sign-in was cancelled"):
        under_way.wait()
    with pytest.raises(CredentialsError, match="the sign-in was cancelled"):
        under_way.wait()
    assert_closed(port)


def test_cancelling_what_is_done_does_nothing(under_way):
    visit(answered(under_way))
    grant = under_way.wait()
    under_way.cancel()
    assert under_way.wait() is grant


def test_a_code_that_was_used_elsewhere(under_way, google):
    address = answered(under_way)
    google.codes.clear()
    visit(address)
    with pytest.raises(
        CredentialsError, match=r"refused \(invalid_grant\): the code was used already or came too late"
    ):
        under_way.wait()


def test_a_code_of_another_sign_in_is_worth_nothing(under_way, google):
    """PKCE: even with the right state, the code belongs to who asked for it."""
    with gcs_sign_in.begin(os.environ) as other:
        stolen = parse_qs(urlsplit(answered(other)).query)["code"][0]
        state = parse_qs(urlsplit(under_way.url).query)["state"][0]
        under_way.paste("?" + urlencode({"state": state, "code": stolen}))
        with pytest.raises(CredentialsError, match="invalid_grant"):
            under_way.wait()


def test_a_client_that_is_gone(under_way, google):
    google.clients.clear()
    under_way.paste("?" + urlencode({"state": parse_qs(urlsplit(under_way.url).query)["state"][0], "code": "4/x"}))
    with pytest.raises(CredentialsError, match=r"refused \(invalid_client\): the OAuth client was deleted"):
        under_way.wait()


@pytest.mark.parametrize("place", ["http://127.0.0.1:9/token", "nothing"])
def test_no_token_server(google, place):
    address = place if place.startswith("http") else f"{google.endpoint}/{place}"
    client = OAuthClient("client-id", Secret("client-s3cret"), f"{google.endpoint}/auth", address, "here")
    with SignIn(client, SCOPE) as under_way:
        visit(answered(under_way))
        with pytest.raises((StorageError, CredentialsError)) as caught:
            under_way.wait()
    if place.startswith("http"):
        assert str(caught.value) == (
            "the server that gives tokens cannot be reached (ConnectionError): check the network"
        )


def test_no_refresh_token(under_way, google, monkeypatch):
    issued = google._coded
    monkeypatch.setattr(google, "_coded", lambda form: {**issued(form), "refresh_token": None})
    visit(answered(under_way))
    with pytest.raises(CredentialsError, match="no refresh token came back"):
        under_way.wait()


# the OAuth client


def client_of(**environ):
    return gcs_sign_in.oauth_client({"HOME": os.environ["HOME"]} | environ)


def test_the_project_credentials_of_gcloud(google, tmp_path, monkeypatch):
    monkeypatch.delenv("DEEPLAKE_NB_GCS_CLIENT")
    login = google.authorized_user(auth_uri=f"{google.endpoint}/auth")
    (tmp_path / "application_default_credentials.json").write_text(json.dumps(login))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    assert client_of(CLOUDSDK_CONFIG=str(tmp_path)).client_id == "client-id"
    with gcs_sign_in.begin(os.environ) as under_way:
        visit(answered(under_way))
        under_way.wait()
    assert bytes(cached().get("k")) == b"stored"


def test_googles_own_addresses_unless_a_file_has_others(tmp_path):
    login = {"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"}
    (tmp_path / "application_default_credentials.json").write_text(json.dumps(login))
    client = client_of(CLOUDSDK_CONFIG=str(tmp_path))
    assert client.auth_uri == "https://accounts.google.com/o/oauth2/v2/auth"
    assert client.token_uri == "https://oauth2.googleapis.com/token"


def test_no_client_anywhere():
    with pytest.raises(MissingCredentialsError) as caught:
        client_of()
    path = Path(os.environ["HOME"], ".config/gcloud/application_default_credentials.json")
    assert str(caught.value) == (
        f"creds='browser' needs an OAuth client, and {path} is absent: set DEEPLAKE_NB_GCS_CLIENT to the JSON of your"
        " own OAuth client of kind Desktop, or run `gcloud auth application-default login`"
    )


@pytest.mark.parametrize(
    ("variable", "content", "message"),
    [
        ("CLOUDSDK_CONFIG", {"type": "service_account"}, "is of type 'service_account' and has no OAuth client: set"),
        ("CLOUDSDK_CONFIG", {"type": "authorized_user"}, "has no client_id or no client_secret: set"),
        ("CLOUDSDK_CONFIG", [], "is no JSON object"),
        (
            "DEEPLAKE_NB_GCS_CLIENT",
            {"web": {}},
            "is a client of kind Web: give the JSON of an OAuth client of kind Des",
        ),
        ("DEEPLAKE_NB_GCS_CLIENT", {"type": "service_account"}, "is of type 'service_account': give the JSON of an OA"),
        ("DEEPLAKE_NB_GCS_CLIENT", {"installed": {"client_id": "a"}}, "has no client_id or no client_secret"),
        (
            "DEEPLAKE_NB_GCS_CLIENT",
            None,
            "the file in DEEPLAKE_NB_GCS_CLIENT cannot be read (No such file or directory)",
        ),
    ],
)
def test_a_client_file_of_the_wrong_kind(tmp_path, variable, content, message):
    path = tmp_path / "application_default_credentials.json"
    if content is not None:
        path.write_text(json.dumps(content))
    with pytest.raises(CredentialsError) as caught:
        client_of(**{variable: str(path if variable.startswith("DEEP") else tmp_path)})
    assert message in str(caught.value)


def test_a_client_without_https(tmp_path):
    client = OAuthClient("a", Secret("b"), "http://accounts.example/auth", "https://x/token", "client.json")
    with pytest.raises(CredentialsError, match=r"auth_uri of the OAuth client in client.json is not https"):
        SignIn(client, SCOPE)


def test_no_oauth_library_is_said(google, monkeypatch):
    monkeypatch.setitem(sys.modules, "google_auth_oauthlib.flow", None)
    with pytest.raises(MissingDependencyError, match="`pip install google-auth-oauthlib`"):
        gcs_sign_in.begin(os.environ)


# what is kept


def signed_in(google):
    with gcs_sign_in.begin(os.environ, seconds=300) as under_way:
        visit(answered(under_way))
        under_way.wait()


def kept():
    return sorted(Path(os.environ["HOME"], ".config", "deeplake-nb", "gcs").iterdir())


def test_a_sign_in_is_kept_for_this_user_only(google):
    old = os.umask(0)
    try:
        signed_in(google)
    finally:
        os.umask(old)
    [file] = kept()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    content = json.loads(file.read_text())
    assert content.keys() == {"type", "client_id", "client_secret", "token_uri", "refresh_token", "scope"}
    assert content["refresh_token"] in google.users


def test_the_folder_of_the_environment(google, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    signed_in(google)
    assert len(list((tmp_path / "config" / "deeplake-nb" / "gcs").iterdir())) == 1
    assert bytes(cached().get("k")) == b"stored"


def test_signing_in_again_replaces_and_another_client_does_not(google, monkeypatch, tmp_path):
    signed_in(google)
    signed_in(google)
    assert len(kept()) == 1
    google.clients["other"] = "other-s3cret"
    (tmp_path / "other.json").write_text(
        json.dumps(google.client_file(client_id="other", client_secret="other-s3cret"))
    )
    first = os.environ["DEEPLAKE_NB_GCS_CLIENT"]
    monkeypatch.setenv("DEEPLAKE_NB_GCS_CLIENT", str(tmp_path / "other.json"))
    with pytest.raises(MissingCredentialsError):
        cached().get("k")
    signed_in(google)
    assert len(kept()) == 2
    cached().get("k")
    del google.clients["other"]
    with pytest.raises(CredentialsError, match="invalid_client"):
        cached().get("k")
    monkeypatch.delenv("DEEPLAKE_NB_GCS_CLIENT")
    with pytest.raises(CredentialsError, match="invalid_client"):  # the newest, where no client is set
        cached().get("k")
    monkeypatch.setenv("DEEPLAKE_NB_GCS_CLIENT", first)
    cached().get("k")


def test_a_sign_in_that_cannot_be_kept(google, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    with gcs_sign_in.begin(os.environ) as under_way:
        visit(answered(under_way))
        with pytest.raises(CredentialsError, match=r"the sign-in cannot be kept in .*: make it writable, or set XDG"):
            under_way.wait()


def test_a_write_that_fails_keeps_the_old(google, monkeypatch):
    signed_in(google)
    [file] = kept()
    before = file.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with gcs_sign_in.begin(os.environ) as under_way:
        visit(answered(under_way))
        with pytest.raises(CredentialsError, match="No space left on device"):
            under_way.wait()
    assert [(file, file.read_bytes()) for file in kept()] == [(file, before)]


def test_a_sign_in_that_was_taken_back(google):
    signed_in(google)
    google.revoke()
    with pytest.raises(ExpiredCredentialsError) as caught:
        cached().get("k")
    assert str(caught.value) == (
        "cache was refused a token (invalid_grant): the sign-in is over or was revoked:"
        " sign in again with creds='browser'"
    )


def test_signing_out(google, monkeypatch):
    session = Session()
    assert session.sign_out() == 0
    signed_in(google)
    assert session.sign_out() == 1
    assert kept() == []
    with pytest.raises(MissingCredentialsError, match="nobody has signed in on this machine with creds='browser'"):
        cached().get("k")
    signed_in(google)
    monkeypatch.delenv("DEEPLAKE_NB_GCS_CLIENT")
    assert session.sign_out() == 1


def test_a_damaged_file(google):
    signed_in(google)
    [file] = kept()
    file.write_text("{")
    with pytest.raises(CredentialsError, match="is no JSON object"):
        cached().get("k")


# from a session


def by_itself(under_way):
    visit(answered(under_way))


def test_browser_signs_in_once_per_session(google):
    led = []
    session = Session(lead=lambda under_way: led.append(1) or by_itself(under_way))
    for _ in range(3):
        assert bytes(session.storage("gcs://bucket/x", "browser").get("k")) == b"stored"
    assert len(led) == 1
    assert bytes(Session().storage("gs://bucket/x", "cache").get("k")) == b"stored"
    google.revoke()
    session.sign_out()
    session.storage("gcs://bucket/x", "browser").get("k")
    assert len(led) == 2
    Session(lead=lambda under_way: led.append(1) or by_itself(under_way)).storage("gcs://bucket/x", "browser")
    assert len(led) == 3


def test_browser_signs_in_again_when_that_was_taken_back(google, storage):
    led = []
    session = Session(lead=lambda under_way: led.append(1) or by_itself(under_way))
    google.seconds = 1
    session.storage("gcs://bucket/x", "browser").get("k")
    google.revoke()
    time.sleep(1.1)
    session.storage("gcs://bucket/x", "browser").get("k")
    assert len(led) == 2


def test_who_leads_may_give_up(google):
    session = Session(lead=lambda under_way: under_way.cancel())
    with pytest.raises(CredentialsError, match="the sign-in was cancelled"):
        session.storage("gcs://bucket/x", "browser")


def test_browser_is_for_google_only(google):
    with pytest.raises(CredentialsError):
        Session(lead=by_itself).storage("s3://bucket", "browser")


def test_without_a_session_browser_is_what_was_kept(google):
    provider = credentials_from(parse("gcs://bucket"), "browser", environ=os.environ)
    with pytest.raises(MissingCredentialsError):
        provider()
    signed_in(google)
    assert provider().source == "cache"


# nothing leaks


def port_of(under_way):
    return urlsplit(parse_qs(urlsplit(under_way.url).query)["redirect_uri"][0]).port


def assert_closed(port):
    def refused():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port))

    eventually(refused)


def everything_said(error):
    said, pending, seen = [], [error], set()
    while pending:
        current = pending.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        said += [str(current), repr(current), repr(vars(current))]
        for frame, _ in traceback.walk_tb(current.__traceback__):
            if frame.f_code.co_filename != __file__:
                said += [f"{name} = {value!r}" for name, value in frame.f_locals.items()]
        pending += [current.__cause__, current.__context__]
    return "\n".join(said)


@pytest.mark.parametrize("outcome", ["allow", "less", "used", "unreachable", "garbled"])
def test_no_code_and_no_token_is_shown(google, outcome, caplog):
    for logger in ("", "urllib3", "requests_oauthlib", "oauthlib", "google", "deeplake_nb"):
        caplog.set_level(logging.DEBUG, logger)
    token_uri = {"unreachable": "http://127.0.0.1:9/token", "garbled": f"{google.endpoint}/nothing"}.get(
        outcome, f"{google.endpoint}/token"
    )
    client = OAuthClient("client-id", Secret("client-s3cret"), f"{google.endpoint}/auth", token_uri, "here")
    under_way = SignIn(client, SCOPE, keep=lambda grant: gcs_sign_in.keep(grant, os.environ))
    address = answered(under_way, "less" if outcome == "less" else "allow")
    code = parse_qs(urlsplit(address).query)["code"][0]
    if outcome == "used":
        google.codes.clear()
    visit(address)
    said = ""
    try:
        grant = under_way.wait()
        said += repr(grant)
        cached().get("k")
        assert outcome == "allow"
    except (CredentialsError, StorageError) as error:
        assert outcome != "allow"
        said += everything_said(error) + "".join(traceback.format_exception(error))
    said += repr(under_way) + repr(vars(under_way))
    said += caplog.text + "".join(repr(vars(record)) for record in caplog.records)
    secrets = [code, "client-s3cret", *google.users, *google.storage.tokens]
    assert len(secrets) >= 2
    assert [secret for secret in secrets if secret in said] == []
    with pytest.raises((CredentialsError, TypeError)):
        pickle.dumps(under_way)
