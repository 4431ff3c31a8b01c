"""Lending on Azure: signatures for containers and blobs on a server that judges them, and for folders by their text.

The server knows no signatures for folders, so that these are compared with what the documentation says is signed.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import os
import time
import traceback
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest

import deeplake_nb
from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import (
    CredentialsError,
    ExpiredCredentialsError,
    MissingCredentialsError,
    PermissionDeniedError,
    UnsupportedError,
)
from deeplake_nb.hub import vending
from deeplake_nb.storage.open import open_storage
from deeplake_nb.urls import parse
from tests.fakes import azurite, entra, tls
from tests.fakes.lake import lake

CANARY = "c4naryC4NARYc4naryC4NARYc4naryC4NARYc4na"
BOX = f"azure://{azurite.ACCOUNT}/box"


@pytest.fixture(scope="module")
def account(tmp_path_factory):
    """One account at two endpoints: ``flat``, and ``deep`` with a hierarchical namespace; https, for logins."""
    certificate = tls.certificate(tmp_path_factory.mktemp("tls"))
    with azurite.azurite(certificate) as flat, lake(flat, certificate) as deep:
        for name in ("box", "box2"):
            with azurite.behind(flat, name, connection_verify=str(certificate)) as container:
                for path in ("k", "cars/k", "cars2/k"):
                    container.upload_blob(path, b"stored")
        yield SimpleNamespace(flat=flat, deep=deep, certificate=certificate)


@pytest.fixture(autouse=True)
def trust(account, monkeypatch, tmp_path):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(account.certificate))
    monkeypatch.setenv("SSL_CERT_FILE", str(account.certificate))
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def login(account, monkeypatch):
    """An application of the tenant that may do everything; gives its fields."""
    with entra.identities(account.certificate) as identities:
        monkeypatch.setenv("AZURE_AUTHORITY_HOST", identities.endpoint)
        yield SimpleNamespace(
            identities=identities,
            fields={"tenant_id": entra.TENANT, "client_id": entra.CLIENT, "client_secret": identities.secret},
        )


@pytest.fixture(params=["key", "login"])
def managed(request, account):
    """A managed key of each kind that signs, as kind and fields."""
    if request.param == "key":
        return "azure-key", {"account_key": azurite.KEY, "endpoint_url": account.flat}
    fields = request.getfixturevalue("login").fields
    return "azure-principal", {**fields, "endpoint_url": account.flat}


def opened(creds, place=BOX):
    url = parse(place)
    return open_storage(url, credentials_from(url, creds, environ={}))


VERBS = {
    "get": lambda storage: storage.get("k"),
    "size": lambda storage: storage.size("k"),
    "list": lambda storage: list(storage.list()),
    "put": lambda storage: storage.put(f"new-{os.urandom(4).hex()}", b"x"),
    "replace": lambda storage: storage.put("k", b"stored"),
    "delete": lambda storage: storage.delete("gone"),
}
ALLOWED = {"r": {"get", "size", "list"}, "a": {"get", "size", "list", "put"}, "w": set(VERBS)}


@pytest.mark.parametrize("mode", ["r", "a", "w"])
def test_what_is_lent_for_a_container_does_what_its_mode_says_and_nothing_elsewhere(managed, mode):
    found = vending.vend(*managed, BOX, mode)
    for verb, do in VERBS.items():
        with pytest.raises(PermissionDeniedError):
            do(opened(found.creds, f"{BOX}2"))
        if verb in ALLOWED[mode]:
            do(opened(found.creds))
        else:
            with pytest.raises(PermissionDeniedError):
                do(opened(found.creds))


def test_what_is_lent_ends_early_and_opens_with_nothing_else(managed, account):
    before = datetime.now(UTC)
    found = vending.vend(*managed, BOX, "r", ttl_seconds=600)
    after = datetime.now(UTC)
    assert set(found.creds) == {"sas_token", "endpoint_url", "expires_at"}
    assert before + timedelta(seconds=500) < found.expires_at < after + timedelta(seconds=545)
    ends = datetime.fromisoformat(parse_qs(found.creds["sas_token"].reveal())["se"][0])
    assert before + timedelta(seconds=590) < ends < after + timedelta(seconds=610)
    assert azurite.KEY not in repr(found)
    assert found.creds["sas_token"].reveal() not in repr(found)


@pytest.mark.parametrize(("folder", "depth"), [("cars", 1), ("team/cars", 2), ("a b/ü/c'd", 3)])
@pytest.mark.parametrize("mode", ["r", "a", "w"])
def test_a_folder_is_signed_for_where_the_account_has_folders(managed, account, folder, depth, mode):
    kind, fields = managed
    found = vending.vend(kind, {**fields, "endpoint_url": account.deep}, f"{BOX}/{folder}", mode)
    sas = {name: values[0] for name, values in parse_qs(found.creds["sas_token"].reveal()).items()}
    assert (sas["sr"], sas["sdd"]) == ("d", str(depth))
    assert sas["sp"] == {"r": "rl", "a": "racl", "w": "racwdlm"}[mode]
    if kind == "azure-key":
        # https://learn.microsoft.com/rest/api/storageservices/create-service-sas, version 2020-12-06 and later
        resource = f"/blob/{azurite.ACCOUNT}/box/{folder}"
        lines = [sas["sp"], "", sas["se"], resource, "", "", "", sas["sv"], "d", "", "", *[""] * 5]
        digest = hmac.digest(base64.b64decode(azurite.KEY), "\n".join(lines).encode(), "sha256")
        assert sas["sig"] == base64.b64encode(digest).decode()
    else:
        assert sas["sktid"] == entra.TENANT


@pytest.mark.parametrize("mode", ["r", "a", "w"])
def test_what_is_lent_for_a_folder_does_what_its_mode_says_and_nothing_elsewhere(account, mode):
    fields = {"account_key": azurite.KEY, "endpoint_url": account.deep}
    found = vending.vend("azure-key", fields, f"{BOX}/cars", mode)
    for verb, do in VERBS.items():
        for elsewhere in (BOX, f"{BOX}/cars2", f"{BOX}2/cars", f"{BOX}2"):
            with pytest.raises(PermissionDeniedError):
                do(opened(found.creds, elsewhere))
        if verb in ALLOWED[mode]:
            do(opened(found.creds, f"{BOX}/cars"))
        else:
            with pytest.raises(PermissionDeniedError):
                do(opened(found.creds, f"{BOX}/cars"))


def test_a_dataset_is_written_and_read_with_what_is_lent_for_its_folder(account):
    fields = {"account_key": azurite.KEY, "endpoint_url": account.deep}
    place = f"{BOX}/team/ds"
    with deeplake_nb.empty(place, creds=vending.vend("azure-key", fields, place, "w").creds) as ds:
        ds.create_tensor("x")
        ds.x.extend(list(range(100)))
    ds.close()
    ds = deeplake_nb.load(place, creds=vending.vend("azure-key", fields, place, "r").creds, read_only=True)
    assert ds.x.numpy().sum() == 4950


def test_keys_of_a_flat_account_lend_whole_containers_or_themselves(account):
    managed = "azure-key", {"account_key": azurite.KEY, "endpoint_url": account.flat}
    with pytest.raises(CredentialsError, match=r"no hierarchical namespace.*a container of its own.*let the managed"):
        vending.vend(*managed, f"{BOX}/cars", "r")
    creds = vending.vend(*managed, f"{BOX}/cars", "r", lends_itself=True).creds
    assert bytes(opened(creds, f"{BOX}2/cars").get("k")) == b"stored"


def test_a_login_signs_for_folders_of_flat_accounts_too(account, login):
    """Azure takes such signatures since April 2026; this server does not."""
    creds = vending.vend("azure-principal", {**login.fields, "endpoint_url": account.flat}, f"{BOX}/cars", "r").creds
    sas = {name: values[0] for name, values in parse_qs(creds["sas_token"].reveal()).items()}
    assert (sas["sr"], sas["sdd"], sas["sp"], sas["skoid"]) == ("d", "1", "rl", entra.CLIENT)


def test_an_application_lends_a_token_and_not_its_password(account, login):
    places = [parse(BOX), parse(f"{BOX}2")]
    fields = {**login.fields, "endpoint_url": account.flat}
    found = vending.vend("azure-principal", fields, places, "r", lends_itself=True)
    assert set(found.creds) == {"access_token", "endpoint_url", "expires_at"}
    assert bytes(opened(found.creds, f"{BOX}2").get("k")) == b"stored"


def test_what_has_ended_opens_nothing(managed):
    """Neither here nor there: the same token is refused by the service, too."""
    answers = None
    for seconds in (3, 15, 60):  # what is not used in time is no proof
        began = time.monotonic()
        found = vending.vend(*managed, BOX, "r", ttl_seconds=seconds)
        address = vending.presign(*managed, BOX, "GET", "k", ttl_seconds=seconds)
        with contextlib.suppress(ExpiredCredentialsError):
            answers = bytes(opened(found.creds).get("k")), ask(address)
        if time.monotonic() - began < seconds / 2:
            break
    assert answers == (b"stored", (200, b"stored"))
    time.sleep(seconds + 1)
    with pytest.raises(ExpiredCredentialsError):
        opened(found.creds).get("k")
    assert ask(address)[0] == 403
    token = found.creds["sas_token"].reveal()
    assert ask(f"{found.creds['endpoint_url']}/box/k?{token}")[0] == 403


def test_one_place_at_a_time(managed):
    with pytest.raises(CredentialsError, match="one place at a time"):
        vending.vend(*managed, [parse(BOX), parse(f"{BOX}2")], "r")
    with pytest.raises(CredentialsError, match="names no container"):
        vending.vend(*managed, f"azure://{azurite.ACCOUNT}", "r")


def test_a_sas_token_is_lent_as_it_is_or_not_at_all(account):
    from azure.storage.blob import generate_container_sas

    ends = datetime.now(UTC) + timedelta(hours=1)
    token = generate_container_sas(azurite.ACCOUNT, "box", account_key=azurite.KEY, permission="rl", expiry=ends)
    fields = {"sas_token": token, "endpoint_url": account.flat}
    with pytest.raises(CredentialsError, match=r"cannot be narrowed further.*let the managed key lend itself"):
        vending.vend("azure-sas", fields, BOX, "r")
    found = vending.vend("azure-sas", fields, BOX, "r", lends_itself=True)
    assert found.creds["sas_token"] == Secret(token)
    assert timedelta(minutes=57) < found.expires_at - datetime.now(UTC) < timedelta(minutes=59)
    with pytest.raises(CredentialsError, match="cannot sign a GET"):
        vending.presign("azure-sas", fields, BOX, "GET", "k")


def test_a_connection_string_lends_for_its_own_account_and_endpoint(account):
    text = f"AccountName={azurite.ACCOUNT};AccountKey={azurite.KEY};BlobEndpoint={account.flat};"
    creds = vending.vend("azure-key", {"connection_string": text}, BOX, "r").creds
    assert bytes(opened(creds).get("cars/k")) == b"stored"
    with pytest.raises(CredentialsError, match="does not open azure://other/box"):
        vending.vend("azure-key", {"connection_string": text}, "azure://other/box", "r")


def ask(address, method="GET", data=None, **headers):
    request = urllib.request.Request(address, method=method, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, b""


def test_a_signed_address_is_for_one_blob_and_one_kind_of_request(managed):
    kind, fields = managed

    def signed(method, key):
        return vending.presign(kind, fields, f"{BOX}/cars", method, key)

    blob = {"x-ms-blob-type": "BlockBlob"}
    assert ask(signed("PUT", "a b"), "PUT", b"new", **blob) == (201, b"")
    assert ask(signed("GET", "a b")) == (200, b"new")
    assert ask(signed("HEAD", "a b"), "HEAD")[0] == 200
    assert ask(signed("GET", "a b"), "DELETE")[0] == 403
    assert ask(signed("GET", "a b"), "PUT", b"no", **blob)[0] == 403
    assert ask(signed("GET", "a b").replace("a%20b", "k"))[0] == 403
    assert ask(signed("DELETE", "a b"), "DELETE")[0] == 202
    with pytest.raises(UnsupportedError, match="cannot sign a listing"):
        signed("LIST", "")
    assert urlsplit(signed("GET", "k")).path.endswith("/box/cars/k")


def test_an_application_without_a_secret_lets_the_hubs_own_identity_in(account, login, tmp_path):
    """That of a pod: its token is the proof."""
    (tmp_path / "token").write_text(f"{login.identities.assertion}\n")
    fields = {"tenant_id": entra.TENANT, "client_id": entra.CLIENT, "endpoint_url": account.flat}
    environ = {**os.environ, "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "token")}
    creds = vending.vend("azure-principal", fields, BOX, "r", environ=environ).creds
    assert bytes(opened(creds).get("cars/k")) == b"stored"
    (tmp_path / "token").write_text(CANARY)
    with pytest.raises(PermissionDeniedError, match="check tenant_id, client_id and its federated") as caught:
        vending.vend("azure-principal", fields, BOX, "r", environ=environ)
    assert CANARY not in shown(caught.value)
    with pytest.raises(CredentialsError, match=r"AZURE_FEDERATED_TOKEN_FILE cannot be read \(No such file"):
        vending.vend(
            "azure-principal", fields, BOX, "r", environ={**environ, "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "no")}
        )


def test_a_hub_that_is_nobody_on_azure_says_so(account, login, monkeypatch):
    monkeypatch.setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:9/msi")
    monkeypatch.setenv("IDENTITY_HEADER", "header")
    fields = {"tenant_id": entra.TENANT, "client_id": entra.CLIENT, "endpoint_url": account.flat}
    with pytest.raises(MissingCredentialsError, match="give the managed key a client_secret"):
        vending.vend("azure-principal", fields, BOX, "r", environ={})


def test_an_application_that_is_not_registered_yet_says_what_to_do(account):
    with pytest.raises(CredentialsError, match=r"no client_id yet: run what its provisioning prints"):
        vending.vend("azure-principal", {"tenant_id": "t", "endpoint_url": account.flat}, BOX, "r")


def shown(error):
    """All of an error that anybody might print."""
    texts = []
    for one in (error, error.__cause__, error.__context__):
        if one is not None:
            whole = traceback.TracebackException.from_exception(one, capture_locals=True)
            texts += [str(f.locals) for f in whole.stack if "/deeplake_nb/" in f.filename]
            texts += [repr(one), str(one)]
    return "\n".join(texts)


def test_a_wrong_key_is_refused_and_shown_nowhere(account, login, caplog):
    caplog.set_level("DEBUG")
    key = base64.b64encode(CANARY.encode()).decode()
    fields = {"account_key": key, "endpoint_url": account.deep}
    with pytest.raises(PermissionDeniedError) as caught:
        vending.vend("azure-key", fields, f"{BOX}/cars", "r")
    assert key not in shown(caught.value) + caplog.text
    fields = {**login.fields, "client_secret": CANARY, "endpoint_url": account.flat}
    with pytest.raises(PermissionDeniedError) as caught:
        vending.vend("azure-principal", fields, BOX, "r")
    assert CANARY not in shown(caught.value) + caplog.text
