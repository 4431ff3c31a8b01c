"""What the original client is told, to the letter: it reads statuses and fields its own way, and cannot be changed."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime, timedelta

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import UnsupportedError, UrlError
from deeplake_nb.hub.protocol import Lent, Resolved
from deeplake_nb.server import translation
from tests.fakes.hub import hub_server
from tests.suites.hub import KEYS

SOON = datetime.now(UTC) + timedelta(hours=1)
ANONYMOUS = "PUBLIC_TOKEN_" + "_" * 150


@pytest.fixture(scope="module")
def town():
    """A hub with ann, an admin, and bob, who is nobody."""
    with hub_server(DEEPLAKE_NB_HUB_REACH="127.0.0.0/8,files.example.org") as server:
        root = server.client()
        for name in ("ann", "bob", "cat"):
            server.user(name)
        root.create_org("acme")
        root.set_member("acme", "ann", "admin")
        root.set_member("acme", "cat", "reader")
        root.set_default_storage("acme", "s3://bucket/acme")
        root.add_key("acme", "k", "aws-keys", KEYS, prefixes=["s3://bucket"], lends_itself=True)
        root.add_key("acme", "mean", "aws-keys", KEYS, prefixes=["s3://bucket"])
        root.add_key("acme", "web", "http-token", {"token": "t0ken"}, prefixes=["https://files.example.org/a"])
        yield server


@pytest.fixture
def ask(town):
    pool = urllib3.PoolManager()
    tokens = {"root": town.token.reveal(), "anonymous": ANONYMOUS}

    def ask(verb, path, who="root", **given):
        if who not in tokens:
            name = f"{who}-{time.time_ns()}"
            root = town.client()
            tokens[who] = root.create_user(name)[0]
            if who != "bob":
                root.set_member("acme", name, {"ann": "admin", "cat": "reader"}[who])
        headers = {"Authorization": f"Bearer {tokens[who]}", "X-Activeloop-Provider-Type": "activeloop"}
        body = {"json": given} if verb in ("POST", "PUT") else {"fields": given}
        answer = pool.request(verb, town.url + path, headers=headers, retries=False, **body)
        return answer.status, answer.json()

    return ask


CREDS = "/api/org/acme/ds/{}/creds"


def test_a_place_where_nothing_is_yet_is_no_404(ask):
    for mode in ("r", "a", "w"):
        status, said = ask("GET", CREDS.format("fresh"), mode=mode, no_cache="False", db_engine='{"enabled": false}')
        assert (status, said["path"], said["mode"]) == (200, "s3://bucket/acme/fresh", mode)
        assert set(said) == {"path", "creds", "mode", "repository"}


def test_the_place_that_was_promised_is_the_one_that_is_entered(ask, town):
    _, said = ask("GET", CREDS.format("promised"), mode="w")
    town.client().set_default_storage("acme", "s3://bucket/other")
    try:
        for _ in range(2):
            assert (
                ask("POST", "/api/dataset/create", tag="acme/promised", public=False, meta={}, rewrite=True)[0] == 200
            )
    finally:
        town.client().set_default_storage("acme", "s3://bucket/acme")
    assert town.client().dataset("acme", "promised").url == said["path"]


def test_what_may_not_be_seen_is_403_with_words(ask):
    for who in ("bob", "cat"):
        status, said = ask("GET", CREDS.format("nothing"), who=who, mode="r")
        assert (status, bool(said["description"])) == (403, True)


def test_no_mode_gives_what_one_may_have(ask, town):
    town.client().create("acme", "modes")
    assert ask("GET", CREDS.format("modes"))[1]["mode"] == "w"
    assert ask("GET", CREDS.format("modes"), who="cat")[1]["mode"] == "r"
    assert ask("GET", CREDS.format("modes"), mode="x")[0] == 400


def test_an_expiry_is_a_number_a_little_early(ask, town):
    town.client().connect("s3://bucket/keyed", "acme", "keyed", "k")
    _, said = ask("GET", CREDS.format("keyed"), mode="r", no_cache="True")
    assert type(said["creds"]["expiration"]) is int
    assert time.time() + 1800 < said["creds"]["expiration"] <= time.time() + 3600
    assert said["creds"]["aws_access_key_id"] == KEYS["aws_access_key_id"]
    assert "expires_at" not in said["creds"]


def test_a_storage_that_lends_nothing_is_said_in_words(ask, town):
    town.client().connect("s3://bucket/mean", "acme", "mean", "mean")
    status, said = ask("GET", CREDS.format("mean"), mode="r")
    assert (status, "lend" in said["description"]) == (422, True)


def test_a_managed_key_that_may_not_be_had_is_always_404(ask):
    for who, org, key in (
        ("root", "acme", "nokey"),
        ("root", "acme", "../x"),
        ("root", "acme", ""),
        ("root", "acme", "mean"),
        ("root", "nowhere", "k"),
        ("bob", "acme", "k"),
    ):
        status, said = ask("GET", f"/api/org/{org}/storage/name", who=who, query=key)
        assert (status, bool(said["description"])) == (404, True), (who, org, key)
    status, said = ask("GET", "/api/org/acme/storage/name", query="k")
    assert status == 200
    assert type(said["creds"]["expiration"]) is int


def test_the_token_of_a_web_server_is_one_for_its_header(ask):
    status, said = ask("GET", "/api/org/acme/storage/name", query="web")
    assert (status, said["creds"]["access_token"]) == (200, "t0ken")
    assert said["creds"]["expires_in"] > 0
    assert "token" not in said["creds"]


def test_a_conflict_is_400(ask, town):
    root = town.client()
    root.create("acme", "one")
    root.create("acme", "two")
    assert ask("PUT", "/api/org/acme/dataset/one", basename="two")[0] == 400
    assert ask("POST", "/api/dataset/connect", src_path="s3://b/x", org_id="acme", ds_name="two")[0] == 400


def test_connecting(ask, town):
    ask_to = {"src_path": "s3://bucket/a/named", "org_id": "acme"}
    assert ask("POST", "/api/dataset/connect", **ask_to, creds_key="k") == (200, {"generated_id": "acme/named"})
    assert ask("POST", "/api/dataset/connect", **ask_to, ds_name="other", creds_key=None)[1] == {
        "generated_id": "acme/other"
    }
    assert ask("POST", "/api/dataset/connect", **ask_to, ds_name="x", creds_key="nokey")[0] == 404
    assert ask("POST", "/api/dataset/connect", who="bob", **ask_to)[0] == 400
    assert ask("POST", "/api/dataset/connect", who="cat", **ask_to)[0] == 400
    assert ask("POST", "/api/dataset/connect", src_path="https://127.0.0.1/x", org_id="nowhere")[0] == 400


def test_a_local_path_is_the_callers_own(ask, town):
    for path in ("/home/ann/ds", "C:\\ds", "./räum/ds"):
        _, said = ask("POST", "/api/dataset/connect", src_path=path, org_id="acme", ds_name="x__local-managed-entry__")
        org, _, name = said["generated_id"].partition("/")
        assert (org, name.replace("_", "").replace("-", "").isalnum()) == ("acme", True)
        assert ask("GET", CREDS.format(name), mode="r")[1] == {
            "path": path,
            "creds": None,
            "mode": "r",
            "repository": None,
        }
        assert ask("POST", "/api/dataset/create", tag=f"acme/{name}", public=False)[0] == 200
        assert ask("DELETE", f"/api/dataset/acme/{name}")[0] == 200
        assert ask("GET", CREDS.format(name), who="bob", mode="r")[0] == 403
    assert ask("GET", CREDS.format("!!!__local-managed-entry__"), mode="r")[0] == 400
    assert not [entry for entry in town.client().datasets("acme").entries if "local" in entry.name]


def test_an_anonymous_user_has_a_profile_and_nothing_else(ask):
    assert ask("GET", "/api/user/profile", who="anonymous") == (
        200,
        {"_id": "public", "name": "public", "organizations": ["public"]},
    )
    assert ask("GET", CREDS.format("x"), who="anonymous", mode="r")[0] == 401


def test_gates_reports_and_what_this_hub_does_not_do(ask):
    assert ask("GET", "/api/organizations/acme/features/dataset_query", dataset_id="acme/x")[1] == {"available": True}
    assert ask("GET", "/api/organizations/acme/features/deepmemory")[1] == {"available": False}
    assert ask("POST", "/api/event", id="acme/x.commit", event_group="dataset_commit", ts=1.5, deeplake_meta={}) == (
        200,
        {},
    )
    assert ask("POST", "/api/organization/acme/dataset/x/agree")[0] == 200
    status, said = ask("POST", "/api/deepmemory/v1/train")
    assert (status, bool(said["description"])) == (404, True)


@pytest.mark.parametrize(
    ("verb", "path", "given"),
    [
        ("POST", "/api/dataset/create", {"tag": "acme"}),
        ("POST", "/api/dataset/create", {"tag": 1}),
        ("POST", "/api/dataset/create", {}),
        ("POST", "/api/dataset/create", {"tag": "acme/queries"}),
        ("POST", "/api/dataset/connect", {"org_id": "acme", "src_path": "s3://b/x\0"}),
        ("POST", "/api/dataset/connect", {"org_id": "acme", "src_path": "ftp://b/x"}),
        ("POST", "/api/dataset/connect", {"org_id": ["acme"], "src_path": "s3://b/x"}),
        ("GET", "/api/org/acme/ds/keyed/chunks/url/presigned", {}),
        ("GET", "/api/org/acme/ds/keyed/chunks/url/presigned", {"chunk_path": "../x"}),
        ("GET", "/api/org/acme/ds/keyed/chunks/url/presigned", {"chunk_path": "x", "expiration": "-1"}),
        ("GET", "/api/org/acme/ds/keyed/chunks/url/presigned", {"chunk_path": "x", "expiration": "9" * 30}),
    ],
)
def test_what_cannot_be_is_400(ask, town, verb, path, given):
    town.client().connect("s3://bucket/keyed", "acme", "keyed", "k")
    status, said = ask(verb, path, **given)
    assert (status, bool(said["description"])) == (400, True)


def test_a_presigned_url(ask, town):
    town.client().connect("s3://bucket/keyed", "acme", "keyed", "k")
    status, said = ask("GET", "/api/org/acme/ds/keyed/chunks/url/presigned", chunk_path="x/chunks/1", expiration="60")
    assert status == 200
    assert said["data"].startswith("http://127.0.0.1:9/bucket/keyed/x/chunks/1?")
    assert "X-Amz-Expires=60" in said["data"]


def test_a_presigned_url_of_a_linked_file(ask):
    path = "/api/org/acme/managed-credentials/blob/url/presigned"
    status, said = ask("GET", path, creds_key="mean", blob_path="s3://bucket/raw/a.mp4", expiration="60")
    assert (status, said["data"].startswith("http://127.0.0.1:9/bucket/raw/a.mp4?")) == (200, True)
    assert ask("GET", path, creds_key="mean", blob_path="s3://bucket2/raw/a.mp4")[0] == 422
    assert ask("GET", path, creds_key="nokey", blob_path="s3://bucket/raw/a.mp4")[0] == 404
    assert ask("GET", path, creds_key="mean")[0] == 400


def test_a_token_of_the_originals_form(town):
    text, token = town.user("jwt").create_token("original", as_jwt=True)
    head, claims, _ = (
        json.loads(base64.urlsafe_b64decode(part + "==")) if n < 2 else part for n, part in enumerate(text.split("."))
    )
    assert head["alg"] in {"HS256", "HS512"}
    assert claims["id"] == "jwt"
    assert {"iat", "exp", "jti", "dlnb"} <= set(claims)
    assert claims["exp"] > time.time()
    assert town.client(text).whoami().name == "jwt"
    town.client(text).revoke_token(token.id)
    status = urllib3.request("GET", f"{town.url}/api/user/profile", headers={"Authorization": f"Bearer {text}"}).status
    assert status == 401


# ------------------------------------------------------------------ fields and places


def test_places_are_written_as_the_original_reads_them():
    for url, path in (
        ("azure://account/box/ds", "az://account/box/ds"),
        ("gcs://bucket/ds", "gcs://bucket/ds"),
        ("s3://bucket/ds", "s3://bucket/ds"),
        ("/data/ds", "/data/ds"),
    ):
        said = translation.resolved(Resolved("o", "n", url, {}, "r"))
        assert (said["path"], said["creds"]) == (path, None)


def test_fields_have_the_originals_names():
    creds = {"token": Secret("ya29"), "user_project": "p", "endpoint_url": None}
    said = translation.resolved(Resolved("o", "n", "gcs://bucket/ds", creds, "r", expires_at=SOON))["creds"]
    assert said == {
        "gcs_oauth_token": "ya29",
        "user_project": "p",
        "project_id": "p",
        "expiration": int(SOON.timestamp()),
    }
    assert translation.lent(Lent({"token": Secret("ya29")}, SOON, ("gcs://bucket/x",)))["gcs_oauth_token"] == "ya29"
    assert translation.lent(Lent({"token": Secret("t")}, SOON, ("https://h/x",)))["access_token"] == "t"
    sas = translation.resolved(Resolved("o", "n", "azure://a/c/d", {"sas_token": Secret("sv=1")}, "r"))["creds"]
    assert sas["sas_token"] == "sv=1"
    assert sas["expiration"] > time.time() + 3600  # a key that has no end is asked for again all the same


def test_presigned_places_are_none_for_it():
    with pytest.raises(UnsupportedError, match="lend itself"):
        translation.resolved(Resolved("o", "n", "s3://b/x", {}, "r", presigned=True))


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_local_path_comes_back_out_of_its_name(path):
    name = translation.local_entry(path)
    assert translation.is_local_entry(name)
    assert translation.local_path(name) == path


@pytest.mark.parametrize("name", ["?", "gA", "a b", "é"])
def test_a_name_that_holds_no_path(name):
    with pytest.raises(UrlError, match="local entry"):
        translation.local_path(f"{name}__local-managed-entry__")
