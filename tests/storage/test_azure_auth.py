"""Azure on a real server that checks signatures and tokens: good credentials work, bad ones are refused, nothing leaks.

The server takes bearer tokens over https only, so all of this runs over https.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import pickle
import re
import traceback
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

import deeplake_nb
from deeplake_nb.credentials.azure import AzureCredentials
from deeplake_nb.credentials.chain import credentials_from, utc_now
from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import (
    CredentialsError,
    ExpiredCredentialsError,
    MissingCredentialsError,
    PermissionDeniedError,
    StorageError,
)
from deeplake_nb.storage.azure_account import Account
from deeplake_nb.storage.open import open_storage
from deeplake_nb.storage.provider import delete_all
from deeplake_nb.urls import parse
from tests.fakes import azurite, entra, tls
from tests.fakes.lake import lake
from tests.rounds import Clock, in_rounds

CANARY = "c4naryC4NARYc4naryC4NARYc4naryC4NARYc4na"  # base64 text, as a key is


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """The endpoint, and the certificate to trust; ``box`` has an object, and so has ``public``, which is."""
    certificate = tls.certificate(tmp_path_factory.mktemp("tls"))
    with azurite.azurite(certificate) as flat, lake(flat, certificate) as endpoint:
        for name in ("box", "public"):
            with azurite.behind(flat, name, connection_verify=str(certificate)) as container:
                container.upload_blob("x/k", b"stored")
                if name == "public":
                    container.set_container_access_policy({}, public_access="container")
        yield SimpleNamespace(endpoint=endpoint, certificate=certificate)


@pytest.fixture(autouse=True)
def trust(guarded, monkeypatch, tmp_path):
    """This process trusts the certificate, and has nothing on its PATH."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(guarded.certificate))
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def opened(guarded):
    """Opens a place with what is given, and the environment as it is."""

    def opened(creds=None, place="box/x", clock=utc_now, **more):
        url = parse(f"azure://{azurite.ACCOUNT}/{place}")
        more.setdefault("endpoint_url", guarded.endpoint)
        creds = {**(creds or {}), **more}
        return open_storage(url, credentials_from(url, creds, environ=os.environ, clock=clock))

    return opened


def sas(permission="racwdl", *, key=azurite.KEY, hours=1, **options):
    """A SAS token for the container ``box``."""
    from azure.storage.blob import generate_container_sas

    ends = datetime.now(UTC) + timedelta(hours=hours)
    options.setdefault("account_key", key)
    return generate_container_sas(azurite.ACCOUNT, "box", permission=permission, expiry=ends, **options)


def tampered(token):
    """The same token with more rights than were signed for."""
    assert "sp=rl&" in token
    return token.replace("sp=rl&", "sp=racwdl&")


def user_delegation(guarded, permission):
    """A SAS token that a login has signed, not a key."""
    from azure.core.credentials import AccessToken
    from azure.storage.blob import BlobServiceClient

    class Login:
        def get_token(self, *scopes, **options):
            return AccessToken(entra.token(oid="someone"), int(datetime.now(UTC).timestamp()) + 3600)

    now = datetime.now(UTC)
    options = {"connection_verify": str(guarded.certificate), "api_version": azurite.VERSION}
    with BlobServiceClient(guarded.endpoint, credential=Login(), **options) as service:
        key = service.get_user_delegation_key(now - timedelta(hours=1), now + timedelta(hours=1))
    return sas(permission, user_delegation_key=key, account_key=None)


def connection_string(guarded, key=azurite.KEY):
    return f"AccountName={azurite.ACCOUNT};AccountKey={key};BlobEndpoint={guarded.endpoint};"


def everything(storage):
    """What all rights and no fewer can do."""
    assert bytes(storage.get("k")) == b"stored"
    storage.put("new/a", b"x")
    with pytest.raises(deeplake_nb.LakeError, match="exists already"):
        storage.put("new/a", b"y", if_absent=True)
    assert [entry.key for entry in storage.list()] == ["k", "new/a"]
    assert storage.size("new/a") == 1
    delete_all(storage, "new/")
    assert [entry.key for entry in storage.list()] == ["k"]


def reading(storage):
    """What those may who may read, and no more."""
    assert bytes(storage.get("k")) == b"stored"
    assert [entry.key for entry in storage.list()] == ["k"]
    for write in (lambda: storage.put("new", b"x"), lambda: storage.delete("k")):
        with pytest.raises(PermissionDeniedError) as caught:
            write()
        assert f"credentials: {source(storage)}" in str(caught.value)


def source(storage):
    return storage.account.credentials().source


# good credentials


def test_a_key_by_dictionary(opened):
    everything(opened({"account_key": azurite.KEY}))


def test_a_key_by_environment(opened, monkeypatch):
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", azurite.ACCOUNT)
    monkeypatch.setenv("AZURE_STORAGE_KEY", azurite.KEY)
    everything(opened())


def test_a_key_wins_over_a_token(opened):
    everything(opened({"account_key": azurite.KEY, "sas_token": sas("rl")}))


@pytest.mark.parametrize("how", ["dictionary", "environment", "connection string", "url"])
def test_a_sas_token(opened, guarded, how, monkeypatch):
    token = sas()
    if how == "dictionary":
        storage = opened({"sas_token": token})
    elif how == "url":
        storage = opened({"sas_token": f"{guarded.endpoint}/box?{token}"})
    elif how == "environment":
        monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", f"?{token}")
        storage = opened()
    else:
        storage = opened({"connection_string": f"BlobEndpoint={guarded.endpoint};SharedAccessSignature={token}"})
    everything(storage)


def test_a_sas_token_for_reading(opened):
    storage = opened({"sas_token": sas("rl")})
    reading(storage)
    with pytest.raises(
        PermissionDeniedError, match=r"\(AuthorizationPermissionMismatch .*does not permit this: make one"
    ):
        storage.put("new", b"x")


def test_a_sas_token_of_the_whole_account(opened):
    from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

    ends = datetime.now(UTC) + timedelta(hours=1)
    types = ResourceTypes(container=True, object=True)
    rights = AccountSasPermissions(read=True, write=True, delete=True, list=True, create=True)
    token = generate_account_sas(azurite.ACCOUNT, azurite.KEY, types, rights, ends)
    everything(opened({"sas_token": token}))


def test_a_sas_token_that_a_login_has_signed(opened, guarded):
    everything(opened({"sas_token": user_delegation(guarded, "racwdl")}))
    reading(opened({"sas_token": user_delegation(guarded, "rl")}))


def test_a_connection_string(opened, guarded, monkeypatch):
    everything(opened({"connection_string": connection_string(guarded)}, endpoint_url=None))
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", connection_string(guarded))
    everything(opened(endpoint_url=None))


def test_az_login(opened, tmp_path):
    entra.az(tmp_path, entra.token())
    storage = opened()
    everything(storage)
    assert source(storage) == "az login"
    assert len((tmp_path / "asked").read_text().splitlines()) == 1


def test_a_managed_identity(opened, monkeypatch):
    with entra.identities() as machine:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{machine.endpoint}/msi")
        monkeypatch.setenv("IDENTITY_HEADER", machine.header)
        storage = opened()
        everything(storage)
        assert source(storage) == "managed identity"
        assert machine.asked == 1


@pytest.fixture
def authority(guarded, monkeypatch):
    with entra.identities(guarded.certificate) as identities:
        monkeypatch.setenv("AZURE_AUTHORITY_HOST", identities.endpoint)
        yield identities


@pytest.mark.parametrize("how", ["dictionary", "environment"])
def test_a_service_principal(opened, authority, how, monkeypatch):
    creds = {"tenant_id": entra.TENANT, "client_id": entra.CLIENT, "client_secret": authority.secret}
    if how == "environment":
        for name, value in creds.items():
            monkeypatch.setenv(f"AZURE_{name.upper()}", value)
        creds = {}
    everything(opened(creds))
    assert authority.asked == 1


def test_a_workload_identity(opened, authority, monkeypatch, tmp_path):
    (tmp_path / "token").write_text(authority.assertion)
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AZURE_TENANT_ID", entra.TENANT)
    monkeypatch.setenv("AZURE_CLIENT_ID", entra.CLIENT)
    everything(opened())


def test_a_token_by_dictionary(opened):
    everything(opened({"access_token": entra.token()}))


def test_a_public_container_when_asked_for(guarded, opened):
    url = parse(f"azure://{azurite.ACCOUNT}/public/x")
    creds = credentials_from(url, "anonymous", environ={"AZURE_STORAGE_ENDPOINT": guarded.endpoint})
    storage = open_storage(url, creds)
    assert bytes(storage.get("k")) == b"stored"
    assert [entry.key for entry in storage.list()] == ["k"]
    for refused in (lambda: storage.put("new", b"x"), lambda: opened({"anonymous": "yes"}).get("k")):
        with pytest.raises((PermissionDeniedError, StorageError), match="credentials: anonymous"):
            refused()
    with pytest.raises(MissingCredentialsError, match="no credentials for azure://lake/public/x: tried argument"):
        opened(place="public/x").get("k")


def test_argument_then_environment_then_login(opened, tmp_path, monkeypatch):
    entra.az(tmp_path, entra.token())
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", sas("rl"))
    reading(opened())
    with pytest.raises(PermissionDeniedError, match=r"credentials: argument \(account_key\)"):
        opened({"account_key": CANARY}).get("k")


def test_credentials_that_change_while_in_use(opened, guarded):
    """As a refresh does: each request is signed with what the provider answers then."""

    class Changing:
        name, absent = "changing", ""
        now = AzureCredentials(account_key=Secret(azurite.KEY), endpoint_url=guarded.endpoint)

        def __call__(self):
            return self.now

    changing = Changing()
    storage = open_storage(parse(f"azure://{azurite.ACCOUNT}/box/x"), changing)
    everything(storage)
    changing.now = AzureCredentials(access_token=Secret(entra.token(seconds=-10)), endpoint_url=guarded.endpoint)
    with pytest.raises(PermissionDeniedError):
        storage.get("k")
    changing.now = AzureCredentials(sas_token=Secret(sas()), endpoint_url=guarded.endpoint)
    everything(storage)


def test_a_job_outlives_its_tokens(opened, tmp_path):
    clock = Clock()
    storage = opened(clock=clock)

    def job(_):
        assert bytes(storage.get("k")) == b"stored"

    for _ in range(3):  # `az` goes by the clock of this machine
        entra.az(tmp_path, entra.token(), seconds=600 + (clock() - datetime.now(UTC)).total_seconds())
        in_rounds(job, clock, timedelta(minutes=3), rounds=3)
    assert len((tmp_path / "asked").read_text().splitlines()) == 3


# bad credentials


def bad(guarded):
    login = "this account does not accept the login: sign in to the account's tenant"
    token = "make a new one"
    return {
        "wrong key": ({"account_key": CANARY}, "account_key does not belong to this account: copy key1 or key2 of it"),
        "key in a connection string": (
            {"connection_string": connection_string(guarded, CANARY)},
            "account_key does not belong to this account",
        ),
        "tampered token": ({"sas_token": tampered(sas("rl"))}, token),
        "token of another key": ({"sas_token": sas(key=CANARY)}, token),
        "token with a wrong signature": ({"sas_token": f"{sas().partition('sig=')[0]}sig={CANARY}"}, token),
        "tampered token of a login": ({"sas_token": tampered(user_delegation(guarded, "rl"))}, token),
        "login for something else": ({"access_token": entra.token(audience="https://graph.microsoft.com")}, login),
        "login elsewhere": ({"access_token": entra.token(issuer="https://example.com/")}, login),
        "no login": ({"access_token": CANARY}, login),
    }


BAD = (
    "wrong key",
    "key in a connection string",
    "tampered token",
    "token of another key",
    "token with a wrong signature",
    "tampered token of a login",
    "login for something else",
    "login elsewhere",
    "no login",
)
VERBS = {
    "get": lambda storage: storage.get("k"),
    "size": lambda storage: storage.size("k"),
    "put": lambda storage: storage.put("new", b"x"),
    "delete": lambda storage: storage.delete("k"),
    "list": lambda storage: list(storage.list()),
    "rename": lambda storage: storage.rename("a/", "b/"),
}


def secrets_of(creds):
    """What must not be seen of these credentials: their values, and what signs in them."""
    texts = {value for name, value in creds.items() if name != "endpoint_url"}
    texts |= {text.partition("sig=")[2].partition("&")[0] for text in texts}
    return {text for text in (*texts, CANARY) if text}


def everything_said(error):
    """The text, the arguments and every local variable of every frame below the test, of an error and its causes."""
    said, seen = [], set()
    pending = [error]
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


@pytest.mark.parametrize("case", BAD)
def test_bad_credentials_are_refused_and_never_shown(opened, guarded, case, caplog):
    creds, advice = bad(guarded)[case]
    for logger in ("", "azure", "msal", "urllib3", "deeplake_nb"):
        caplog.set_level(logging.DEBUG, logger)
    storage = opened(creds)
    for verb, use in VERBS.items():
        with pytest.raises(PermissionDeniedError) as caught:
            use(storage)
        message = str(caught.value)
        assert message.startswith(f"cannot {verb} azure://{azurite.ACCOUNT}/box/x")
        assert f"from {guarded.endpoint}, credentials: argument (" in message
        assert advice in message
        said = everything_said(caught.value)
        for secret in secrets_of(creds):
            assert secret not in said
            assert secret not in "".join(traceback.format_exception(caught.value))
    assert len(caplog.records) > 10
    for secret in secrets_of(creds):
        assert secret not in caplog.text
        assert not [record for record in caplog.records if secret in repr(vars(record))]


@pytest.mark.parametrize("case", BAD)
def test_nothing_is_shown_where_nobody_answers(opened, guarded, case, monkeypatch, caplog):
    endpoint = "https://127.0.0.1:9"
    monkeypatch.setattr("deeplake_nb.storage.retries.retrying.__defaults__", (lambda _: None,))
    caplog.set_level(logging.DEBUG)
    creds, _ = bad(guarded)[case]
    if "connection_string" in creds:
        creds = {"connection_string": creds["connection_string"].replace(guarded.endpoint, endpoint)}
    storage = opened(creds, endpoint_url=endpoint)
    for use in (VERBS["get"], VERBS["rename"]):
        with pytest.raises(StorageError, match="check the network and endpoint_url") as caught:
            use(storage)
        said = everything_said(caught.value)
        for secret in secrets_of(creds):
            assert secret not in said
            assert secret not in caplog.text


def test_good_credentials_are_not_shown_either(opened, guarded, caplog):
    for logger in ("", "azure", "msal", "urllib3", "deeplake_nb"):
        caplog.set_level(logging.DEBUG, logger)
    tokens = [{"sas_token": sas()}, {"access_token": entra.token()}, {"account_key": azurite.KEY}]
    for creds in tokens:
        everything(opened(creds))
    for secret in set().union(*map(secrets_of, tokens)):
        assert secret not in caplog.text
        assert not [record for record in caplog.records if secret in repr(vars(record))]


def test_an_expired_login_is_not_sent_and_the_server_refuses_it_too(opened, guarded):
    token = entra.token(seconds=-10, canary=CANARY)
    with pytest.raises(
        ExpiredCredentialsError, match=r"from argument \(access_token\) expired at .*: renew them"
    ) as caught:
        opened({"access_token": token}).get("k")
    assert token not in everything_said(caught.value)

    class Unchecked:
        name, absent = "unchecked", ""
        ends = None

        def __call__(self):
            given = {"access_token": Secret(token), "expires_at": self.ends, "source": self.name}
            return AzureCredentials(**given, endpoint_url=guarded.endpoint)

    unchecked = Unchecked()
    storage = open_storage(parse(f"azure://{azurite.ACCOUNT}/box/x"), unchecked)
    for ends, kind in ((None, PermissionDeniedError), (datetime.now(UTC) - timedelta(10), ExpiredCredentialsError)):
        unchecked.ends = ends
        with pytest.raises(kind, match="credentials: unchecked") as caught:
            storage.get("k")
        assert token not in everything_said(caught.value)


def test_an_expired_sas_token_is_not_sent(opened):
    with pytest.raises(ExpiredCredentialsError, match=r"from argument \(sas_token\) expired at .*: renew them"):
        opened({"sas_token": sas(hours=-1)}).get("k")


def test_an_expired_sas_token_is_refused_by_the_server_too(guarded):
    class Unchecked:
        name, absent = "unchecked", ""

        def __call__(self):
            ends = datetime.now(UTC) - timedelta(hours=1)
            token = Secret(sas(hours=-1))
            return AzureCredentials(sas_token=token, expires_at=ends, endpoint_url=guarded.endpoint, source=self.name)

    storage = open_storage(parse(f"azure://{azurite.ACCOUNT}/box/x"), Unchecked())
    with pytest.raises(ExpiredCredentialsError, match=r"they ended at .*: renew them"):
        storage.get("k")


def test_az_that_is_logged_out(opened, tmp_path):
    entra.az(tmp_path)
    with pytest.raises(
        MissingCredentialsError, match=r"az login \(az is not installed or not logged in\).*run `az login`"
    ):
        opened().get("k")


def test_a_managed_identity_that_is_refused(opened, monkeypatch):
    with entra.identities() as machine:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{machine.endpoint}/msi")
        monkeypatch.setenv("IDENTITY_HEADER", CANARY)
        with pytest.raises(MissingCredentialsError, match=r"managed identity \(this machine has none\)"):
            opened().get("k")


def test_a_service_principal_with_a_wrong_secret(opened, authority):
    creds = {"tenant_id": entra.TENANT, "client_id": entra.CLIENT, "client_secret": CANARY}
    with pytest.raises(PermissionDeniedError, match=r"was refused a token \(AADSTS7000215\)") as caught:
        opened(creds).get("k")
    assert CANARY not in everything_said(caught.value)


ELSEWHERE = {"issuer": "https://example.com/"}  # of a tenant that the account does not know
FOUND = {  # where bad credentials are found, the source that messages name, and what they say
    "key": (r"environment \(AZURE_STORAGE_KEY\)", "account_key does not belong to this account"),
    "token": (r"environment \(AZURE_STORAGE_SAS_TOKEN\)", "make a new one"),
    "connection string": (r"environment \(AZURE_STORAGE_CONNECTION_STRING\)", "account_key does not belong"),
    "az login": ("az login", "this account does not accept the login"),
    "managed identity": ("managed identity", "this account does not accept the login"),
    "service principal": ("environment \\(service principal\\) was refused a token", "AADSTS7000215"),
    "workload identity": ("workload identity was refused a token", "AADSTS7000215"),
}


@pytest.mark.parametrize("where", FOUND)
def test_bad_credentials_that_are_found_are_refused(opened, guarded, authority, where, monkeypatch, tmp_path, caplog):  # noqa: PLR0917
    principal = {"AZURE_TENANT_ID": entra.TENANT, "AZURE_CLIENT_ID": entra.CLIENT}
    environ = {
        "key": {"AZURE_STORAGE_KEY": CANARY},
        "token": {"AZURE_STORAGE_SAS_TOKEN": sas(key=CANARY)},
        "connection string": {"AZURE_STORAGE_CONNECTION_STRING": connection_string(guarded, CANARY)},
        "service principal": {**principal, "AZURE_CLIENT_SECRET": CANARY},
        "workload identity": {**principal, "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "token")},
    }.get(where, {})
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "token").write_text(CANARY)
    for logger in ("", "azure", "msal", "urllib3", "deeplake_nb"):
        caplog.set_level(logging.DEBUG, logger)
    with entra.identities() as machine:
        if where == "az login":
            entra.az(tmp_path, entra.token(**ELSEWHERE, canary=CANARY))
        if where == "managed identity":
            monkeypatch.setattr(entra, "token", partial(entra.token, **ELSEWHERE))
            monkeypatch.setenv("IDENTITY_ENDPOINT", f"{machine.endpoint}/msi")
            monkeypatch.setenv("IDENTITY_HEADER", machine.header)
        storage = opened()
        for use in VERBS.values():
            with pytest.raises(PermissionDeniedError) as caught:
                use(storage)
            source, said = FOUND[where]
            assert re.search(source, str(caught.value))
            assert said in str(caught.value)
            for secret in secrets_of(environ if where in ("key", "token") else {}):
                assert secret not in everything_said(caught.value)
                assert secret not in caplog.text


def test_a_token_is_never_sent_in_the_clear(opened):
    storage = opened({"access_token": CANARY}, endpoint_url="http://127.0.0.1:9")
    for use in VERBS.values():
        with pytest.raises(
            CredentialsError, match=r"the access token of argument \(access_token\) is not sent to http:"
        ):
            use(storage)


def test_a_certificate_that_is_not_trusted(opened, monkeypatch):
    import certifi

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certifi.where())
    with pytest.raises(StorageError, match=r"SSLError .*its certificate is not trusted: .*REQUESTS_CA_BUNDLE"):
        opened({"account_key": azurite.KEY}).get("k")
    with pytest.raises(StorageError, match=r"its certificate is not trusted"):
        opened({"account_key": azurite.KEY}).rename("a/", "b/")


def test_a_storage_with_credentials_is_never_pickled_or_shown(opened):
    storage = opened({"account_key": CANARY, "sas_token": f"sig={CANARY}"})
    assert CANARY not in repr(storage) + repr(vars(storage)) + repr(vars(storage.account)) + source(storage)
    with pytest.raises((CredentialsError, TypeError)):
        pickle.dumps(storage)


# a dataset


@pytest.fixture
def cars(guarded, monkeypatch):
    """A dataset that was written with a key."""
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", guarded.endpoint)
    place, creds = f"azure://{azurite.ACCOUNT}/box/cars", {"account_key": azurite.KEY}
    ds = deeplake_nb.empty(place, creds=creds, overwrite=True)
    images = np.random.default_rng(0).integers(0, 255, (20, 32, 32, 3), np.uint8)
    with ds:
        ds.create_tensor("images", htype="image", sample_compression="png")
        ds.create_tensor("labels", htype="class_label", class_names=["cat", "car"])
        ds.images.extend(list(images))
        ds.labels.extend(np.arange(20) % 2)
    yield images
    deeplake_nb.delete(place, creds=creds)
    assert not deeplake_nb.exists(place, creds=creds)


@pytest.mark.parametrize("how", ["key", "token", "az", "service principal"])
def test_a_dataset_without_creds(cars, how, monkeypatch, tmp_path, authority):
    environ = {
        "key": {"AZURE_STORAGE_ACCOUNT": azurite.ACCOUNT, "AZURE_STORAGE_KEY": azurite.KEY},
        "token": {"AZURE_STORAGE_SAS_TOKEN": sas()},
        "az": {},
        "service principal": {
            "AZURE_TENANT_ID": entra.TENANT,
            "AZURE_CLIENT_ID": entra.CLIENT,
            "AZURE_CLIENT_SECRET": authority.secret,
        },
    }[how]
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    if how == "az":
        entra.az(tmp_path, entra.token())
    ds = deeplake_nb.load(f"azure://{azurite.ACCOUNT}/box/cars")
    with ds:
        ds.append({"images": cars[0], "labels": 1})
    again = deeplake_nb.load(f"abfss://box@{azurite.ACCOUNT}.dfs.core.windows.net/cars")
    assert len(again) == 21
    assert (again.images[20].numpy() == cars[0]).all()


def test_a_dataset_with_a_token_for_reading_stays_as_it_was(cars):
    ds = deeplake_nb.load(f"azure://{azurite.ACCOUNT}/box/cars", creds={"sas_token": sas("rl")})
    with pytest.raises(deeplake_nb.LakeError):
        ds.append({"images": cars[0], "labels": 1})
    again = deeplake_nb.load(f"azure://{azurite.ACCOUNT}/box/cars", creds={"sas_token": sas("rl")}, read_only=True)
    assert len(again) == 20


def test_keys_of_the_wrong_kind_are_said_before_anything_is_asked(guarded):
    key = base64.b64encode(hashlib.sha512(b"x").digest()).decode()
    with pytest.raises(CredentialsError, match=r"creds has no key 'aws_access_key_id'"):
        deeplake_nb.load(f"azure://{azurite.ACCOUNT}/box/cars", creds={"aws_access_key_id": key})


def test_every_request_asks_for_the_credentials(opened, monkeypatch):
    asked = []
    credentials = Account.credentials
    monkeypatch.setattr(Account, "credentials", lambda self: asked.append(1) or credentials(self))
    storage = opened({"account_key": azurite.KEY})
    for _ in range(5):
        storage.get("k")
    assert len(asked) == 5
