"""Azure's chain, what can be given, and what azure-identity finds: the endpoints are ours, the library is real."""

from __future__ import annotations

import os
import pickle
import sys
import time
from dataclasses import fields
from datetime import UTC, datetime, timedelta

import pytest

from deeplake_nb.credentials.azure import AzureCredentials
from deeplake_nb.credentials.azure_identity import sdk, sdk_default
from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.credentials.provider import Secret, declarations
from deeplake_nb.errors import (
    CredentialsError,
    ExpiredCredentialsError,
    MissingCredentialsError,
    MissingDependencyError,
    PartialCredentialsError,
    PermissionDeniedError,
)
from deeplake_nb.urls import parse
from tests.fakes import entra, tls
from tests.rounds import Clock, in_rounds

CANARY = "c4naryC4NARYc4nary=="  # base64 text, as a key is
SAS = f"sv=2023-11-03&sr=c&sp=rl&se=2099-01-31T12%3A00%3A00Z&sig={CANARY}"


@pytest.fixture(autouse=True)
def path(monkeypatch, tmp_path):
    """The only folder on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def chain(creds=None, environ=None, url="azure://lake/box/x", **options):
    """The chain; azure-identity reads this process's environment."""
    return credentials_from(parse(url), creds, environ=os.environ if environ is None else environ, **options)


def found(*args, **kwargs):
    return chain(*args, **kwargs)()


# what is given


def test_a_key():
    answer = found({"account_key": CANARY}, {})
    assert answer == AzureCredentials(account_key=Secret(CANARY))
    assert answer.source == "argument (account_key)"


@pytest.mark.parametrize("text", [SAS, f"?{SAS}", f"https://lake.blob.core.windows.net/box?{SAS}", f" {SAS}\n"])
def test_a_sas_token_and_when_it_ends(text):
    answer = found({"sas_token": text}, {})
    assert answer == AzureCredentials(sas_token=Secret(SAS.strip()), expires_at=datetime(2099, 1, 31, 12, tzinfo=UTC))
    policy = {"sas_token": "sv=1&si=policy&sig=x"}
    assert found(policy, {}).expires_at is None
    assert found({**policy, "expires_at": "2099-01-31"}, {}).expires_at == datetime(2099, 1, 31, tzinfo=UTC)
    assert found({"sas_token": "sv=1&se=2099-01-31&sig=x"}, {}).expires_at == datetime(2099, 1, 31, tzinfo=UTC)


def test_a_sas_token_that_has_ended_is_not_sent():
    clock = lambda: datetime(2099, 1, 31, 12, tzinfo=UTC)  # noqa: E731
    with pytest.raises(ExpiredCredentialsError, match=r"for azure://lake/box/x from argument \(sas_token\) expired at"):
        found({"sas_token": SAS}, {}, clock=clock)


def test_of_a_key_and_a_token_the_key_is_used_and_explain_says_so():
    asked = chain({"account_key": CANARY, "sas_token": SAS}, {})
    assert asked() == AzureCredentials(account_key=Secret(CANARY))
    [first, *_] = asked.explain()
    assert first == (
        "argument",
        "in force: AzureCredentials(account_key=***, source='argument (account_key; not used: sas_token)')",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            f"DefaultEndpointsProtocol=https;AccountName=lake;AccountKey={CANARY};EndpointSuffix=core.windows.net",
            {"account_key": CANARY, "endpoint_url": "https://lake.blob.core.windows.net"},
        ),
        (
            f"AccountName=lake;AccountKey={CANARY};BlobEndpoint=http://127.0.0.1:10000/lake;",
            {"account_key": CANARY, "endpoint_url": "http://127.0.0.1:10000/lake"},
        ),
        (f"AccountName = lake ; AccountKey = {CANARY}", {"account_key": CANARY}),
        (
            f"BlobEndpoint=https://lake.blob.core.windows.net/;SharedAccessSignature={SAS}",
            {"sas_token": SAS, "endpoint_url": "https://lake.blob.core.windows.net/"},
        ),
    ],
)
def test_a_connection_string(text, expected):
    answer = found({"connection_string": text}, {})
    secrets = {name: getattr(answer, name).reveal() for name in ("account_key", "sas_token") if getattr(answer, name)}
    assert {**secrets, **({"endpoint_url": answer.endpoint_url} if answer.endpoint_url else {})} == expected
    assert answer.connection_string is None
    assert answer.source == "argument (connection_string)"
    from_environment = found({}, {"AZURE_STORAGE_CONNECTION_STRING": text})
    assert from_environment == answer
    assert from_environment.source == "environment (AZURE_STORAGE_CONNECTION_STRING)"


def test_an_endpoint_that_is_given_wins_over_that_of_a_connection_string():
    text = f"AccountName=lake;AccountKey={CANARY};BlobEndpoint=http://string"
    assert found({"connection_string": text}, {"AZURE_STORAGE_ENDPOINT": "http://env"}).endpoint_url == "http://string"
    given = {"connection_string": text, "endpoint_url": "http://argument"}
    assert found(given, {"AZURE_STORAGE_ENDPOINT": "http://env"}).endpoint_url == "http://argument"


def test_an_access_token():
    answer = found({"access_token": CANARY, "expires_at": "2099-01-31T12:00:00Z"}, {})
    assert answer == AzureCredentials(access_token=Secret(CANARY), expires_at=datetime(2099, 1, 31, 12, tzinfo=UTC))
    said = found({"access_token": entra.token(seconds=60), "expires_at": "2099-01-31T12:00:00Z"}, {}).expires_at
    assert 0 < (said - datetime.now(UTC)).total_seconds() <= 60
    for end in ("soon", 1e300, -1e300, None, [1]):
        token = entra.token(exp=end)
        assert found({"access_token": token}, {}) == AzureCredentials(access_token=Secret(token))
    with pytest.raises(ExpiredCredentialsError, match=r"from argument \(access_token\) expired at"):
        found({"access_token": entra.token(seconds=-10)}, {})


def test_anonymous_only_when_asked_for():
    environ = {"AZURE_STORAGE_KEY": CANARY, "AZURE_STORAGE_ENDPOINT": "http://env"}
    for creds in ("anonymous", {"anonymous": "yes"}):
        answer = found(creds, environ)
        assert answer == AzureCredentials(anonymous=True, endpoint_url="http://env")
        assert answer.source == "anonymous"
    with pytest.raises(CredentialsError, match="creds is anonymous and has account_key: give one of the two"):
        chain({"anonymous": "yes", "account_key": CANARY})


@pytest.mark.parametrize(
    ("creds", "kind", "message"),
    [
        (
            CANARY,
            CredentialsError,
            "creds for azure:// is a dictionary, 'anonymous' for a public container, or 'ENV' as if none were given",
        ),
        ({"ACCOUNT_KEY": CANARY}, CredentialsError, "no key 'ACCOUNT_KEY' (did you mean 'account_key'?)"),
        (
            {"account_key": f"{CANARY}!"},
            CredentialsError,
            "account_key of argument (account_key) is no base64 text: copy key1 or key2",
        ),
        (
            {"sas_token": "sv=1&se=2"},
            CredentialsError,
            "sas_token of argument (sas_token) has no sig=: copy all of the token",
        ),
        ({"sas_token": CANARY}, CredentialsError, "sas_token of argument (sas_token) has no sig="),
        ({"connection_string": CANARY}, CredentialsError, "has neither AccountKey nor SharedAccessSignature"),
        (
            {"connection_string": f"AccountName=pond;AccountKey={CANARY}"},
            CredentialsError,
            "connection_string of argument is for account 'pond', not 'lake': correct the path, or give account_name",
        ),
        (
            {"connection_string": f"AccountKey={CANARY};BlobEndpoint=lake"},
            CredentialsError,
            "the endpoint in connection_string of argument cannot be read: expected http://host:port",
        ),
        ({"account_key": CANARY, "endpoint_url": "lake"}, CredentialsError, "creds['endpoint_url'] cannot be read"),
        (
            {"client_id": "id", "client_secret": CANARY},
            PartialCredentialsError,
            "argument has client_id, client_secret but not tenant_id: give all of tenant_id, client_id, client_secret",
        ),
        (
            {"tenant_id": "t", "account_key": CANARY},
            PartialCredentialsError,
            "argument has tenant_id but not client_id",
        ),
    ],
)
def test_what_cannot_be_is_refused_at_once_and_not_shown(creds, kind, message):
    with pytest.raises(kind) as caught:
        chain(creds)
    assert message in str(caught.value)
    assert CANARY not in str(caught.value)


def test_a_connection_string_for_an_account_that_is_named():
    creds = {"connection_string": f"AccountName=pond;AccountKey={CANARY}", "account_name": "pond"}
    assert found(creds, {}).account_name == "pond"


def test_none_and_empty_text_are_not_given():
    assert found({"account_key": CANARY, "sas_token": None, "connection_string": " "}, {}).source == (
        "argument (account_key)"
    )


# the environment


def test_argument_then_environment():
    environ = {"AZURE_STORAGE_KEY": "ZW52"}
    assert found({}, environ).account_key.reveal() == "ZW52"
    assert found({}, environ).source == "environment (AZURE_STORAGE_KEY)"
    assert found({"account_key": CANARY}, environ).account_key.reveal() == CANARY
    assert found({}, {"AZURE_STORAGE_SAS_TOKEN": f"?{SAS}"}).sas_token.reveal() == SAS
    both = found({}, {**environ, "AZURE_STORAGE_SAS_TOKEN": SAS})
    assert (both.account_key.reveal(), both.sas_token) == ("ZW52", None)
    assert both.source == "environment (AZURE_STORAGE_KEY; not used: AZURE_STORAGE_SAS_TOKEN)"


@pytest.mark.parametrize(
    "environ",
    [
        {"AZURE_STORAGE_ACCOUNT": "pond", "AZURE_STORAGE_KEY": CANARY},
        {"AZURE_STORAGE_ACCOUNT": "pond", "AZURE_STORAGE_SAS_TOKEN": SAS},
        {"AZURE_STORAGE_CONNECTION_STRING": f"AccountName=pond;AccountKey={CANARY}"},
    ],
)
def test_an_environment_for_another_account_is_passed_over(environ):
    asked = chain({}, {**environ, "AZURE_TOKEN_CREDENTIALS": "none"})
    assert asked.explain()[1] == ("environment", "it is about account 'pond', not 'lake'")
    with pytest.raises(MissingCredentialsError, match=r"environment \(it is about account 'pond', not 'lake'\)"):
        asked()
    assert chain({}, environ, url="azure://pond/box")().source.startswith("environment (")
    assert chain({"account_name": "pond"}, environ)().account_name == "pond"


def test_an_environment_for_our_account():
    environ = {"AZURE_STORAGE_ACCOUNT": "lake", "AZURE_STORAGE_KEY": CANARY}
    assert found({}, environ).account_key.reveal() == CANARY
    assert found({}, environ, url="abfss://box@lake.dfs.core.chinacloudapi.cn/x").account_key.reveal() == CANARY


def test_what_in_the_environment_cannot_be():
    with pytest.raises(CredentialsError, match=r"account_key of environment \(AZURE_STORAGE_KEY\) is no base64 text"):
        found({}, {"AZURE_STORAGE_KEY": "no base64!"})
    with pytest.raises(PartialCredentialsError, match="environment has client_id, client_secret but not tenant_id"):
        found({}, {"AZURE_CLIENT_ID": "id", "AZURE_CLIENT_SECRET": CANARY})


def test_nothing_anywhere_names_every_source():
    with pytest.raises(MissingCredentialsError) as caught:
        found()
    assert str(caught.value) == (
        "no credentials for azure://lake/box/x: tried argument (none given), environment (AZURE_STORAGE_KEY,"
        " AZURE_STORAGE_SAS_TOKEN, AZURE_STORAGE_CONNECTION_STRING unset), service principal (AZURE_CLIENT_SECRET"
        " unset), az login (az is not installed or not logged in), workload identity (AZURE_FEDERATED_TOKEN_FILE"
        " unset), managed identity (this machine has none), certificate (AZURE_CLIENT_CERTIFICATE_PATH unset), azd"
        " auth login (azd is not installed or not logged in), Azure PowerShell (it is not installed or not logged in)."
        " Pass creds={'account_key': …} or creds={'sas_token': …}, set AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN,"
        " or run `az login`"
    )


def test_the_sdks_own_switch_leaves_identities_out():
    def names(chosen):
        return [
            row.source for row in chain({}, {"AZURE_TOKEN_CREDENTIALS": chosen, "AZURE_STORAGE_KEY": CANARY}).explain()
        ]

    assert names("dev")[3:] == ["az login", "azd auth login", "Azure PowerShell"]
    assert names("prod")[3:] == ["workload identity", "managed identity", "certificate"]
    assert names("AzureCliCredential")[3:] == ["az login"]


# what azure-identity finds


def asked(path):
    return len((path / "asked").read_text().splitlines())


def test_az_login(path):
    entra.az(path, CANARY)
    source = chain()
    answers = [source() for _ in range(10)]
    assert {answer.access_token.reveal() for answer in answers} == {CANARY}
    assert answers[0].source == "az login"
    assert timedelta(minutes=59) < answers[0].expires_at - datetime.now(UTC) < timedelta(minutes=61)
    assert asked(path) == 1
    rows = source.explain()
    assert rows[3][0] == "az login"
    assert rows[3][1].startswith("in force: AzureCredentials(access_token=***, expires_at=")
    assert CANARY not in repr(rows)


def test_az_that_is_logged_out_is_a_miss(path):
    entra.az(path)
    rows = dict(chain().explain())
    assert rows["az login"] == "az is not installed or not logged in"
    assert rows["managed identity"] == "this machine has none"


def test_az_whose_login_is_over_is_an_error(path):
    entra.az(path, complaint="AADSTS700082: The refresh token has expired due to inactivity. Run: az login")
    with pytest.raises(ExpiredCredentialsError) as caught:
        found()
    assert str(caught.value) == "az login was refused a token (AADSTS700082): run `az login` again"


def test_az_that_talks_nonsense_is_an_error(path):
    (path / "az").write_text(f'#!/bin/sh\necho \'{{"accessToken": "{CANARY}"\'\n')
    (path / "az").chmod(0o755)
    with pytest.raises(
        ExpiredCredentialsError, match=r"az login was refused a token \(ClientAuthenticationError\)"
    ) as c:
        found()
    assert CANARY not in str(c.value)


def test_a_token_is_renewed_in_time_and_once(path):
    """A job of half an hour in eight threads, with tokens that live ten minutes."""
    clock = Clock()
    source = chain(clock=clock)

    def work(_):
        assert source().expires_at > clock()

    for _ in range(3):  # `az` goes by the clock of this machine
        entra.az(path, CANARY, seconds=600 + (clock() - datetime.now(UTC)).total_seconds())
        in_rounds(work, clock, timedelta(minutes=3), rounds=3)
    assert asked(path) == 3


@pytest.fixture
def machine():
    with entra.identities() as identities:
        yield identities


def test_a_managed_identity_of_app_service(machine, monkeypatch):
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{machine.endpoint}/msi")
    monkeypatch.setenv("IDENTITY_HEADER", machine.header)
    source = chain()
    assert [source().source for _ in range(5)] == ["managed identity"] * 5
    assert machine.asked == 1
    monkeypatch.setenv("IDENTITY_HEADER", "wrong")
    with pytest.raises(MissingCredentialsError, match=r"managed identity \(this machine has none\)"):
        found()


def test_a_managed_identity_of_a_virtual_machine(machine, monkeypatch):
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", machine.endpoint)
    assert found().source == "managed identity"


def test_off_azure_nobody_waits_for_a_managed_identity(monkeypatch):
    began = time.monotonic()
    assert dict(chain().explain())["managed identity"] == "this machine has none"
    assert time.monotonic() - began < 20  # with the SDK's own five tries: 24 seconds and more


@pytest.fixture
def authority(monkeypatch, tmp_path_factory):
    """Entra on this machine, over https with a certificate that this process trusts."""
    certificate = tls.certificate(tmp_path_factory.mktemp("tls"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with entra.identities(certificate) as identities:
        monkeypatch.setenv("AZURE_AUTHORITY_HOST", identities.endpoint)
        yield identities


def test_a_service_principal_by_dictionary(authority):
    creds = {"tenant_id": entra.TENANT, "client_id": entra.CLIENT, "client_secret": authority.secret}
    source = chain(creds)
    assert {source().source for _ in range(5)} == {"argument (service principal)"}
    assert source().access_token.reveal().count(".") == 2
    assert authority.asked == 1
    assert credentials_from(parse("azure://lake/box"), lambda: creds, environ=os.environ)().access_token


def test_a_service_principal_by_environment(authority, monkeypatch):
    for name, value in {
        "TENANT_ID": entra.TENANT,
        "CLIENT_ID": entra.CLIENT,
        "CLIENT_SECRET": authority.secret,
    }.items():
        monkeypatch.setenv(f"AZURE_{name}", value)
    assert found().source == "service principal"
    monkeypatch.setenv("AZURE_CLIENT_SECRET", CANARY)
    with pytest.raises(PermissionDeniedError, match="AADSTS7000215"):
        found()


@pytest.mark.parametrize("change", [{"client_secret": CANARY}, {"client_id": "another"}])
def test_a_service_principal_that_is_refused(authority, change):
    creds = {"tenant_id": entra.TENANT, "client_id": entra.CLIENT, "client_secret": authority.secret, **change}
    with pytest.raises(PermissionDeniedError) as caught:
        found(creds)
    assert str(caught.value) == (
        "argument (service principal) was refused a token (AADSTS7000215): check tenant_id, client_id and client_secret"
    )


def test_a_tenant_that_cannot_be():
    creds = {"tenant_id": "not/a tenant", "client_id": entra.CLIENT, "client_secret": CANARY}
    with pytest.raises(CredentialsError, match=r"argument \(service principal\) cannot be used \(ValueError\): check"):
        found(creds)


def test_an_authority_that_cannot_be_reached(monkeypatch):
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "https://localhost:9")
    monkeypatch.setattr("time.sleep", lambda _: None)  # the SDK tries four times
    creds = {"tenant_id": entra.TENANT, "client_id": entra.CLIENT, "client_secret": CANARY}
    with pytest.raises(CredentialsError, match=r"no token \(ServiceRequestError\): check .*AZURE_AUTHORITY_HOST"):
        found(creds)


def test_a_workload_identity(authority, monkeypatch, tmp_path):
    (tmp_path / "token").write_text(authority.assertion)
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AZURE_TENANT_ID", entra.TENANT)
    monkeypatch.setenv("AZURE_CLIENT_ID", entra.CLIENT)
    assert found().source == "workload identity"
    (tmp_path / "token").write_text("wrong")
    with pytest.raises(PermissionDeniedError, match=r"workload identity was refused a token \(AADSTS7000215\)"):
        found()


def test_the_sdks_own_chain(path, monkeypatch):
    entra.az(path, CANARY)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "dev")
    assert sdk_default()().access_token.reveal() == CANARY


def test_a_token_in_a_refused_answer_is_never_shown(authority, caplog):
    caplog.set_level("DEBUG")
    creds = {"tenant_id": entra.TENANT, "client_id": entra.CLIENT, "client_secret": CANARY}
    with pytest.raises(PermissionDeniedError) as caught:
        found(creds)
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert CANARY not in caplog.text


def test_no_sdk_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "azure.identity", None)
    with pytest.raises(MissingDependencyError, match="run `pip install azure-identity`"):
        sdk()


# the value


def test_the_declared_fields_are_the_classes():
    declared = declarations(AzureCredentials)
    assert list(declared) == [field.name for field in fields(AzureCredentials) if field.name != "source"]
    assert all(declaration.label and declaration.help.endswith(".") for declaration in declared.values())
    assert {name for name, d in declared.items() if d.secret} == {
        "account_key",
        "sas_token",
        "connection_string",
        "access_token",
        "client_secret",
    }


def test_credentials_are_values_that_hide_their_secrets():
    answer = found({"sas_token": SAS}, {})
    assert CANARY not in repr(answer) + str(answer) + f"{answer}"
    with pytest.raises(CredentialsError):
        pickle.dumps(answer)
    with pytest.raises(AttributeError):
        answer.account_key = "x"
