"""Deep Lake's page on storage options: each path, each way to log in and each block of code in it, as written there.

On servers that check: S3 in auth mode, Azure with a hierarchical namespace over https, Google with its token servers.
Whatever lets somebody in is tried with something bad, too. ``<...>`` in a block stands for what a reader fills in.
"""

from __future__ import annotations

import json
import os
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

import deeplake_nb
from deeplake_nb.errors import CredentialsError, DatasetNotFoundError, MissingCredentialsError, PermissionDeniedError
from deeplake_nb.session import Session
from tests.fakes import aws, azurite, entra, gcs, moto, oauth, tls
from tests.fakes.lake import lake

WRONG = "c4naryC4NARYc4naryC4NARYc4naryC4NARYc4na"  # could be any key
NUMBERS = list(range(10))

BY_PATH = """
ds = deeplake.load('<path>')
"""
S3_BY_DICTIONARY = """
ds = deeplake.load('s3://<bucket_name>/<dataset_name>', 
                   creds = {
                       'aws_access_key_id': <your_access_key_id>,
                       'aws_secret_access_key': <your_aws_secret_access_key>,
                       'aws_session_token': <your_aws_session_token>, # Optional
                       }
                       )
"""  # noqa: W291
S3_BY_ENDPOINT = """
ds = deeplake.load('s3://...', 
                   creds = {
                       'aws_access_key_id': <your_access_key_id>,
                       'aws_secret_access_key': <your_aws_secret_access_key>,
                       'aws_session_token': <your_aws_session_token>, # Optional
                       'endpoint_url': 'http://localhost:8888'
                       }
                       )
"""  # noqa: W291
AZURE_BY_DICTIONARY = """
ds = deeplake.load('azure://<account_name>/<container_name>/<dataset_name>', 
                   creds = {
                       'account_key': <your_account_key>, 
                       #OR
                       'sas_token': <your_sas_token>,
                       }
                       )
"""  # noqa: W291
GCS_BY_FILE = """
deeplake.load('gcs://.....', creds = 'path_to_keys.json')
"""
GCS_BY_CONTENT = """
ds = deeplake.load('gcs://.....', 
                   creds = {<information from the JSON file>}
                   )
"""  # noqa: W291
GCS_BY_BROWSER = """
ds = deeplake.load('gcs://.....', 
                   creds = 'browser' # Switch to 'cache' after doing this once
                   )
"""  # noqa: W291
GCS_BY_CACHE = GCS_BY_BROWSER.replace("'browser' #", "'cache' #")


def run(block, **filled):
    """The numbers in the dataset that the block opens, with its gaps filled in."""
    for gap, value in filled.items():
        block = block.replace(f"<{gap}>", value)
    assert "<" not in block
    names = {"deeplake": deeplake_nb}
    exec(block.replace("\ndeeplake.load", "\nds = deeplake.load"), names)
    return names["ds"].x.numpy().ravel().tolist()


def write(path, creds=None, **options):
    with deeplake_nb.empty(path, creds=creds, **options) as ds:
        ds.create_tensor("x")
        ds.x.extend(NUMBERS)
    ds.close()


# the table of paths


def test_a_local_path(tmp_path):
    write(f"{tmp_path}/local_path")
    assert run(BY_PATH, path=f"{tmp_path}/local_path") == NUMBERS


# AWS S3


def allow(*actions):
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*"}


@pytest.fixture(scope="module")
def s3():
    """The endpoint of a server with closed doors, and the keys of its users; one of them may not read."""
    with moto.moto_server() as endpoint:
        moto.client(endpoint).create_bucket(Bucket="bucket")
        write("s3://bucket/cars", {"endpoint_url": endpoint, **moto.ADMIN})
        reading, nothing = allow("s3:GetObject", "s3:ListBucket"), allow("s3:ListAllMyBuckets")
        users = {
            "reader": moto.user(endpoint, "reader", [reading]),
            "role": moto.role(endpoint, "role", [reading]),
            "nobody": moto.user(endpoint, "nobody", [nothing]),
            "powerless": moto.role(endpoint, "powerless", [nothing]),
        }
        moto.close_doors(endpoint)
        yield SimpleNamespace(endpoint=endpoint, **users)


@pytest.fixture
def aws_is_here(s3, monkeypatch):
    """As if AWS itself were on this machine; nothing is configured."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.endpoint)


S3_BY_ITSELF = BY_PATH.replace("<path>", "s3://bucket/cars")


@pytest.mark.usefixtures("aws_is_here")
def test_s3_option_1_a_machine_in_aws(s3, monkeypatch):
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    with aws.vendor() as instance:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", instance.endpoint)
        monkeypatch.setenv("AWS_METADATA_SERVICE_TIMEOUT", "30")  # and no second, on a machine that is busy
        instance.keys = s3.role
        assert run(S3_BY_ITSELF) == NUMBERS
        instance.keys = s3.powerless
        with pytest.raises(PermissionDeniedError, match=r"credentials: role of this machine \(iam-role\)"):
            run(S3_BY_ITSELF)
        instance.keys = {**s3.role, "aws_secret_access_key": WRONG}
        with pytest.raises(PermissionDeniedError, match="SignatureDoesNotMatch"):
            run(S3_BY_ITSELF)


@pytest.mark.usefixtures("aws_is_here")
def test_s3_option_2_aws_configure(s3):
    folder = Path(os.environ["HOME"], ".aws")
    folder.mkdir()
    for keys, works in ((s3.reader, True), (s3.nobody, False), ({**s3.reader, "aws_secret_access_key": WRONG}, False)):
        lines = [f"{name} = {value}" for name, value in keys.items()]
        (folder / "credentials").write_text("\n".join(["[default]", *lines]))
        if works:
            assert run(S3_BY_ITSELF) == NUMBERS
        else:
            with pytest.raises(PermissionDeniedError, match="credentials: profile 'default'"):
                run(S3_BY_ITSELF)


@pytest.mark.usefixtures("aws_is_here")
def test_s3_option_3_environment_variables(s3, monkeypatch):
    with pytest.raises(MissingCredentialsError, match="no credentials for s3://bucket/cars: tried argument"):
        run(S3_BY_ITSELF)
    for keys, works in ((s3.reader, True), (s3.nobody, False), (s3.role, True)):
        for name, value in keys.items():
            monkeypatch.setenv(name.upper(), value)
        if works:
            assert run(S3_BY_ITSELF) == NUMBERS
        else:
            with pytest.raises(PermissionDeniedError, match="credentials: environment"):
                run(S3_BY_ITSELF)
    monkeypatch.setenv("AWS_SESSION_TOKEN", WRONG)
    with pytest.raises(PermissionDeniedError, match="InvalidToken"):
        run(S3_BY_ITSELF)


def s3_gaps(keys):
    return {
        "bucket_name": "bucket",
        "dataset_name": "cars",
        "your_access_key_id": repr(keys["aws_access_key_id"]),
        "your_aws_secret_access_key": repr(keys["aws_secret_access_key"]),
        "your_aws_session_token": repr(keys.get("aws_session_token")),
    }


@pytest.mark.usefixtures("aws_is_here")
def test_s3_option_4_a_dictionary(s3):
    for keys in (s3.reader, s3.role):
        assert run(S3_BY_DICTIONARY, **s3_gaps(keys)) == NUMBERS
    for keys in (s3.nobody, {**s3.role, "aws_secret_access_key": WRONG}, {**s3.role, "aws_session_token": WRONG}):
        with pytest.raises(PermissionDeniedError, match="credentials: argument"):
            run(S3_BY_DICTIONARY, **s3_gaps(keys))
    with pytest.raises(CredentialsError, match=r"creds has no key 'AWS_ACCESS_KEY_ID' \(did you mean 'aws_access"):
        run(S3_BY_DICTIONARY.replace("'aws_access_key_id'", "'AWS_ACCESS_KEY_ID'"), **s3_gaps(s3.reader))


def test_another_storage_that_speaks_s3(s3):
    """At a name, to which an SDK could prepend the bucket's: MinIO and its like have the bucket in the path."""
    place = s3.endpoint.replace("127.0.0.1", "localhost")
    block = S3_BY_ENDPOINT.replace("http://localhost:8888", place).replace("s3://...", "s3://bucket/cars")
    for keys in (s3.reader, s3.role):
        assert run(block, **s3_gaps(keys)) == NUMBERS
    for keys in (s3.nobody, {**s3.role, "aws_secret_access_key": WRONG}):
        with pytest.raises(PermissionDeniedError, match=f"from {place}, credentials: argument"):
            run(block, **s3_gaps(keys))


# Microsoft Azure


@pytest.fixture(scope="module")
def https(tmp_path_factory):
    """The endpoint of an account, and the certificate to trust."""
    certificate = tls.certificate(tmp_path_factory.mktemp("tls"))
    with azurite.azurite(certificate) as flat, lake(flat, certificate) as endpoint:
        azurite.behind(flat, "box", connection_verify=str(certificate)).close()
        yield SimpleNamespace(endpoint=endpoint, certificate=certificate)


@pytest.fixture
def azure(https, monkeypatch, tmp_path):
    """As if the account were in Azure; nobody is logged in."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(https.certificate))
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", https.endpoint)
    monkeypatch.setenv("PATH", str(tmp_path))
    place, creds = f"azure://{azurite.ACCOUNT}/box/cars", {"account_key": azurite.KEY}
    if not deeplake_nb.exists(place, creds=creds):
        write(place, creds)
    with entra.identities(https.certificate) as authority:
        monkeypatch.setenv("AZURE_AUTHORITY_HOST", authority.endpoint)
        yield authority


AZURE_BY_ITSELF = BY_PATH.replace("<path>", f"azure://{azurite.ACCOUNT}/box/cars")


def sas(key=azurite.KEY):
    from azure.storage.blob import generate_container_sas

    ends = datetime.now(UTC) + timedelta(hours=1)
    return generate_container_sas(azurite.ACCOUNT, "box", account_key=key, permission="rl", expiry=ends)


@pytest.mark.usefixtures("azure")
def test_azure_option_1_az_login(tmp_path):
    with pytest.raises(MissingCredentialsError, match="run `az login`"):
        run(AZURE_BY_ITSELF)
    entra.az(tmp_path, entra.token(issuer="https://example.com/"))
    with pytest.raises(PermissionDeniedError, match="credentials: az login"):
        run(AZURE_BY_ITSELF)
    entra.az(tmp_path, entra.token())
    assert run(AZURE_BY_ITSELF) == NUMBERS


@pytest.mark.parametrize("other", ["key", "token", "connection string", "service principal"])
def test_azure_option_2_environment_variables(azure, https, other, monkeypatch):
    def string(key):
        return f"AccountName={azurite.ACCOUNT};AccountKey={key};BlobEndpoint={https.endpoint}"

    good, bad = {
        "key": ({"AZURE_STORAGE_KEY": azurite.KEY}, {"AZURE_STORAGE_KEY": WRONG}),
        "token": ({"AZURE_STORAGE_SAS_TOKEN": sas()}, {"AZURE_STORAGE_SAS_TOKEN": sas(WRONG)}),
        "connection string": (
            {"AZURE_STORAGE_CONNECTION_STRING": string(azurite.KEY)},
            {"AZURE_STORAGE_CONNECTION_STRING": string(WRONG)},
        ),
        "service principal": ({"AZURE_CLIENT_SECRET": azure.secret}, {"AZURE_CLIENT_SECRET": WRONG}),
    }[other]
    principal = {"AZURE_TENANT_ID": entra.TENANT, "AZURE_CLIENT_ID": entra.CLIENT}
    always = principal if other == "service principal" else {"AZURE_STORAGE_ACCOUNT": azurite.ACCOUNT}
    for name, value in (always | bad).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(PermissionDeniedError, match="environment"):
        run(AZURE_BY_ITSELF)
    for name, value in good.items():
        monkeypatch.setenv(name, value)
    assert run(AZURE_BY_ITSELF) == NUMBERS


@pytest.mark.usefixtures("azure")
@pytest.mark.parametrize("given", ["key", "token", "both"])
def test_azure_option_3_a_dictionary(given):
    def gaps(key, token):
        return {
            "account_name": azurite.ACCOUNT,
            "container_name": "box",
            "dataset_name": "cars",
            "your_account_key": repr(key if given != "token" else None),
            "your_sas_token": repr(token if given != "key" else None),
        }

    assert run(AZURE_BY_DICTIONARY, **gaps(azurite.KEY, sas())) == NUMBERS
    with pytest.raises(PermissionDeniedError, match="credentials: argument"):
        run(AZURE_BY_DICTIONARY, **gaps(WRONG, sas(WRONG)))


# Google Cloud Storage


@pytest.fixture
def google(monkeypatch, tmp_path):
    """Google, a dataset in a bucket, and a working folder with the key's file."""
    with gcs.emulator() as storage, oauth.google(storage) as google:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage.endpoint)
        monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # there is no https here
        monkeypatch.chdir(tmp_path)
        key = google.service_account()
        (tmp_path / "path_to_keys.json").write_text(json.dumps(key))
        write("gcs://bucket/numbers", key)
        yield google


def run_google(block):
    content = Path("path_to_keys.json").read_text().strip().removeprefix("{").removesuffix("}")
    gaps = {"information from the JSON file": content}
    return run(block.replace("gcs://.....", "gcs://bucket/numbers"), **gaps)


@pytest.mark.parametrize("block", [GCS_BY_FILE, GCS_BY_CONTENT], ids=["file", "content"])
def test_google_option_1_a_key(google, block):
    assert run_google(block) == NUMBERS
    google.accounts.clear()
    with pytest.raises(PermissionDeniedError, match=r"argument was refused a token \(invalid_grant\)"):
        run_google(block)


def consent(choice):
    """A session in whose browser somebody chooses (a real browser is in tests/browser)."""

    def lead(under_way):
        request = urllib.request.Request(under_way.url, data=f"choice={choice}".encode(), method="POST")
        urllib.request.urlopen(request).close()

    return Session(lead)


def test_google_option_2_browser_then_cache(google, monkeypatch, tmp_path):
    """After gcloud is initialised and logged in, which leaves the project credentials on the machine."""
    with pytest.raises(CredentialsError, match="creds='browser' needs an OAuth client"):
        run_google(GCS_BY_BROWSER)
    with pytest.raises(MissingCredentialsError, match="nobody has signed in on this machine"):
        run_google(GCS_BY_CACHE)
    folder = tmp_path / "gcloud"
    folder.mkdir()
    login = google.authorized_user(auth_uri=f"{google.endpoint}/auth")
    (folder / "application_default_credentials.json").write_text(json.dumps(login))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(folder))
    with pytest.raises(CredentialsError, match="creds='browser' needs somebody to answer, and this process has no"):
        run_google(GCS_BY_BROWSER)
    for choice, problem in (("deny", "access_denied"), ("less", "storage was not allowed")):
        monkeypatch.setattr("deeplake_nb.session.default", lambda choice=choice: consent(choice))
        with pytest.raises(CredentialsError, match=problem):
            run_google(GCS_BY_BROWSER)
    monkeypatch.setattr("deeplake_nb.session.default", lambda: consent("allow"))
    assert run_google(GCS_BY_BROWSER) == NUMBERS
    monkeypatch.delenv("CLOUDSDK_CONFIG")
    assert run_google(GCS_BY_CACHE) == NUMBERS
    [kept] = Path(os.environ["HOME"], ".config", "deeplake-nb", "gcs").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    google.revoke()
    with pytest.raises(CredentialsError, match="the sign-in is over or was revoked: sign in again"):
        run_google(GCS_BY_CACHE)


# Deep Lake Storage: names, which a hub of this machine gives


@pytest.mark.parametrize("options", [{}, {"runtime": {"tensor_db": True}}], ids=["storage", "managed database"])
def test_a_name_in_a_hub(options):
    with pytest.raises(DatasetNotFoundError, match="hub://org_id/dataset_name"):
        run(BY_PATH, path="hub://org_id/dataset_name")
    write("hub://org_id/dataset_name", **options)
    assert run(BY_PATH, path="hub://org_id/dataset_name") == NUMBERS
