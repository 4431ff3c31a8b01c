"""Every way to sign in to S3, end to end: a good proof reads, a bad one is refused and never shown.

The keys that reach S3 are judged by a real server in auth mode; the services that hand them out are ours.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import stat
import textwrap
import traceback
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

import deeplake_nb
from deeplake_nb.credentials import s3
from deeplake_nb.credentials.chain import credentials_from, utc_now
from deeplake_nb.credentials.refreshing import Refreshing
from deeplake_nb.errors import (
    CredentialsError,
    ExpiredCredentialsError,
    MissingCredentialsError,
    PermissionDeniedError,
    RefusedCredentialsError,
)
from deeplake_nb.storage.open import open_storage
from deeplake_nb.urls import parse
from tests.fakes import aws, moto
from tests.rounds import Clock, in_rounds

CANARY = "c4naryC4NARYc4naryC4NARYc4naryC4NARYc4na"


def allow(*actions):
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*"}


@pytest.fixture(scope="module")
def guarded():
    """The endpoint of a server with closed doors, and the keys of its users and roles."""
    with moto.moto_server() as endpoint:
        opened = moto.client(endpoint)
        opened.create_bucket(Bucket="bucket")
        opened.put_object(Bucket="bucket", Key="x/k", Body=b"stored")
        with deeplake_nb.empty("s3://bucket/cars", creds={"endpoint_url": endpoint, **moto.ADMIN}) as ds:
            ds.create_tensor("x")
            ds.x.extend(list(range(10)))
        ds.close()
        reading = [allow("s3:GetObject", "s3:ListBucket")]
        users = {
            "role": moto.role(endpoint, "role", reading),
            "powerless": moto.role(endpoint, "powerless", [allow("s3:ListAllMyBuckets")]),
            "assuming": moto.user(endpoint, "assuming", [allow("sts:AssumeRole")]),
            "reader": moto.user(endpoint, "reader", reading),
            "nobody": moto.user(endpoint, "nobody", [allow("s3:ListAllMyBuckets")]),
        }
        opened.close()
        moto.close_doors(endpoint)
        yield endpoint, users


@pytest.fixture
def users(guarded):
    return guarded[1]


@pytest.fixture
def vendor(users):
    with aws.vendor() as vendor:
        vendor.keys = users["role"]
        yield vendor


@pytest.fixture
def opened(guarded):
    def opened(creds=None, url="s3://bucket/x", clock=utc_now):
        url = parse(url)
        return open_storage(url, credentials_from(url, creds, environ=os.environ, clock=clock))

    return opened


@pytest.fixture(autouse=True)
def _endpoint(guarded, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", guarded[0])
    monkeypatch.setenv("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_METADATA_SERVICE_TIMEOUT", "30")  # and no second, on a machine that is busy
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)


@pytest.fixture(autouse=True)
def _nothing_is_logged(caplog):
    for logger in ("", "botocore", "urllib3", "deeplake_nb"):
        caplog.set_level(logging.DEBUG, logger)
    yield
    assert CANARY not in caplog.text


def configure(config="", credentials=""):
    folder = Path(os.environ["HOME"], ".aws")
    folder.mkdir(exist_ok=True)
    (folder / "config").write_text(textwrap.dedent(config))
    (folder / "credentials").write_text(textwrap.dedent(credentials))


def keys_of(found, section):
    return f"[{section}]\n" + "".join(f"{name} = {value}\n" for name, value in found.items())


def reads(storage, source):
    assert bytes(storage.get("k")) == b"stored"
    assert storage.credentials().source == source


def refused(storage, kind, *words):
    with pytest.raises(kind) as caught:
        storage.get("k")
    said = "".join(traceback.format_exception(caught.value))
    assert type(caught.value) is kind
    assert all(word in str(caught.value) for word in words)
    assert CANARY not in said


def with_wrong_secret(vendor, users):
    vendor.keys = {**users["role"], "aws_secret_access_key": CANARY}


# the machine's own role: EC2


@pytest.fixture
def instance(vendor, monkeypatch):
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", vendor.endpoint)
    return vendor


def test_the_role_of_an_instance(opened, instance):
    reads(opened(), "role of this machine (iam-role)")
    assert instance.requests == [
        ("PUT", "/latest/api/token"),
        ("GET", "/latest/meta-data/iam/security-credentials/"),
        ("GET", "/latest/meta-data/iam/security-credentials/machine-role"),
    ]


def test_the_role_of_an_instance_may_not_read_or_is_unknown(opened, instance, users):
    instance.keys = users["powerless"]
    refused(opened(), PermissionDeniedError, "AccessDenied", "credentials: role of this machine (iam-role)")
    with_wrong_secret(instance, users)
    refused(opened(), RefusedCredentialsError, "SignatureDoesNotMatch", "role of this machine (iam-role)")


def test_an_instance_without_a_role(opened, instance):
    instance.refusals = [403, 403, 403, 403]
    refused(opened(), MissingCredentialsError, "role of this machine (none)")


# the role of a container or a pod: ECS, EKS pod identity


@pytest.fixture
def container(vendor, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{vendor.endpoint}/container")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", vendor.token)
    return vendor


def test_the_role_of_a_container(opened, container, users):
    reads(opened(), "role of this machine (container-role)")
    container.keys = users["powerless"]
    refused(opened(), PermissionDeniedError, "AccessDenied", "credentials: role of this machine (container-role)")


def test_the_role_of_a_pod(opened, container, monkeypatch, tmp_path):
    monkeypatch.delenv("AWS_CONTAINER_AUTHORIZATION_TOKEN")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "token"))
    (tmp_path / "token").write_text(container.token)
    reads(opened(), "role of this machine (container-role)")
    (tmp_path / "token").write_text(CANARY)
    refused(opened(), CredentialsError, "role of this machine cannot be used (CredentialRetrievalError)")


def test_a_container_with_a_wrong_token(opened, container, users, monkeypatch):
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", CANARY)
    refused(opened(), CredentialsError, "role of this machine cannot be used (CredentialRetrievalError)")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", container.token)
    with_wrong_secret(container, users)
    refused(opened(), RefusedCredentialsError, "SignatureDoesNotMatch")


def test_keys_that_end_are_renewed_once_for_all_threads(opened, container, monkeypatch):
    container.clock = clock = Clock()
    container.life = timedelta(minutes=20)
    monkeypatch.setattr(s3, "Refreshing", partial(Refreshing, clock=clock))
    left = "botocore.credentials.RefreshableCredentials._seconds_remaining"
    monkeypatch.setattr(left, lambda keys: (keys._expiry_time - clock()).total_seconds())
    storage = opened(clock=clock)

    def work(_):
        assert bytes(storage.get("k")) == b"stored"

    in_rounds(work, clock, timedelta(minutes=3), rounds=14)
    assert len(container.requests) == 3, "after four fifths of a life"


# web identity: EKS, builds


@pytest.fixture
def federated(vendor, monkeypatch, tmp_path):
    (tmp_path / "token").write_text(vendor.token)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/role")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", vendor.endpoint)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    vendor.file = tmp_path / "token"
    return vendor


def test_web_identity(opened, federated, users):
    reads(opened(), "web identity (assume-role-with-web-identity)")
    federated.keys = users["powerless"]
    refused(
        opened(), PermissionDeniedError, "AccessDenied", "credentials: web identity (assume-role-with-web-identity)"
    )


def test_web_identity_with_a_bad_token(opened, federated):
    federated.file.write_text(CANARY)
    refused(opened(), PermissionDeniedError, "web identity was refused a role (InvalidIdentityToken): check role_arn")
    federated.file.unlink()
    refused(opened(), CredentialsError, "web identity cannot be used (FileNotFoundError)")


def test_a_profile_comes_before_what_the_machine_has(opened, federated, users):
    configure(credentials=keys_of(users["reader"], "default"))
    reads(opened(), "profile 'default' (shared-credentials-file)")


# aws configure


def test_a_profile_that_assumes_a_role(opened, guarded, users, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", guarded[0])
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    config = """
        [profile work]
        role_arn = arn:aws:iam::123456789012:role/{role}
        source_profile = base
        """
    configure(config.format(role="role"), keys_of(users["assuming"], "base"))
    with pytest.raises(PermissionDeniedError):
        opened({"profile_name": "base"}).get("k")
    reads(opened({"profile_name": "work"}), "profile 'work' (assume-role)")
    monkeypatch.setenv("AWS_PROFILE", "work")
    reads(opened(), "profile 'work' (assume-role)")
    configure(config.format(role="powerless"), keys_of(users["assuming"], "base"))
    refused(opened(), PermissionDeniedError, "AccessDenied", "credentials: profile 'work' (assume-role)")


def test_a_profile_whose_keys_may_assume_nothing(opened, guarded, users, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", guarded[0])
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    config = """
        [profile work]
        role_arn = arn:aws:iam::123456789012:role/role
        source_profile = base
        """
    configure(config, keys_of({**users["assuming"], "aws_secret_access_key": CANARY}, "base"))
    words = ("profile 'work' was refused a role (SignatureDoesNotMatch)", "check role_arn and its trust policy")
    refused(opened({"profile_name": "work"}), PermissionDeniedError, *words)
    configure(config, keys_of(users["reader"], "base"))
    refused(opened({"profile_name": "work"}), PermissionDeniedError, "profile 'work' was refused a role (AccessDenied)")


def test_a_role_needs_a_region_to_be_asked_for(opened, guarded, users, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", guarded[0])
    config = "[profile work]\nrole_arn = arn:aws:iam::123456789012:role/role\nsource_profile = base\n"
    configure(config, keys_of(users["assuming"], "base"))
    refused(opened({"profile_name": "work"}), CredentialsError, "profile 'work' needs a region", "set AWS_REGION")
    reads(opened({"profile_name": "work", "aws_region": "us-east-1"}), "profile 'work' (assume-role)")


def test_a_program_that_gives_keys(opened, users, tmp_path):
    def program(found):
        names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
        answer = {"Version": 1, **dict(zip(names, found.values(), strict=True))}
        answer["Expiration"] = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        (tmp_path / "answer").write_text(json.dumps(answer))
        (tmp_path / "program").write_text(f'#!/bin/sh\necho once >> "{tmp_path}/count"\ncat "{tmp_path}/answer"\n')
        (tmp_path / "program").chmod(stat.S_IRWXU)

    configure(f"[default]\ncredential_process = {tmp_path}/program\n")
    program(users["role"])
    storage = opened()
    reads(storage, "profile 'default' (custom-process)")
    reads(storage, "profile 'default' (custom-process)")
    assert (tmp_path / "count").read_text() == "once\n"
    program({**users["role"], "aws_secret_access_key": CANARY})
    words = "SignatureDoesNotMatch", "credentials: profile 'default' (custom-process)"
    refused(opened(), RefusedCredentialsError, *words)
    program({**users["role"], "aws_session_token": CANARY})
    refused(opened(), RefusedCredentialsError, "InvalidToken")


SSO = """
    [default]
    sso_session = work
    sso_account_id = 123456789012
    sso_role_name = reader
    [sso-session work]
    sso_start_url = https://sso.localhost/start
    sso_region = eu-west-1
    """


@pytest.fixture
def portal(vendor, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", vendor.endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSO_OIDC", vendor.endpoint)
    cache = str(Path(os.environ["HOME"], ".aws", "sso", "cache"))  # the SDK looks at HOME when it is imported
    monkeypatch.setattr("botocore.credentials.SSOProvider._SSO_TOKEN_CACHE_DIR", cache)
    monkeypatch.setattr("botocore.tokens.SSOTokenProvider._SSO_TOKEN_CACHE_DIR", cache)
    configure(SSO)
    return vendor


def log_in(token, life=timedelta(hours=1), **more):
    """What `aws sso login` leaves behind."""
    folder = Path(os.environ["HOME"], ".aws", "sso", "cache")
    folder.mkdir(parents=True, exist_ok=True)
    end = (datetime.now(UTC) + life).strftime("%Y-%m-%dT%H:%M:%SZ")
    login = {"startUrl": "https://sso.localhost/start", "region": "eu-west-1", "accessToken": token, "expiresAt": end}
    (folder / f"{hashlib.sha1(b'work').hexdigest()}.json").write_text(json.dumps({**login, **more}))


def test_a_login_of_sso(opened, portal, users):
    log_in(portal.token)
    reads(opened(), "profile 'default' (sso)")
    portal.keys = users["powerless"]
    refused(opened(), PermissionDeniedError, "AccessDenied", "credentials: profile 'default' (sso)")


def test_a_login_of_sso_that_is_refused_over_or_not_there(opened, portal):
    over = "the login of profile 'default' is over: run `aws sso login`"
    log_in(CANARY)
    refused(opened(), ExpiredCredentialsError, over)
    log_in(portal.token, life=-timedelta(hours=1))
    refused(opened(), ExpiredCredentialsError, over)
    configure(SSO)
    Path(os.environ["HOME"], ".aws", "sso", "cache").joinpath(f"{hashlib.sha1(b'work').hexdigest()}.json").unlink()
    refused(opened(), ExpiredCredentialsError, over)


def test_a_login_of_sso_is_renewed(opened, portal):
    client = {"clientId": "me", "clientSecret": CANARY, "registrationExpiresAt": "2099-01-01T00:00:00Z"}
    log_in("old", life=timedelta(seconds=30), refreshToken="renew-me", **client)
    reads(opened(), "profile 'default' (sso)")
    assert ("POST", "/token") in portal.requests
    log_in("old", life=-timedelta(seconds=30), refreshToken="stolen", **client)
    refused(opened(), ExpiredCredentialsError, "run `aws sso login`")


# nobody


def test_anonymous_reads_what_is_public_and_nothing_else(s3_endpoint, s3_behind, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
    s3_behind.put_object(Bucket="bucket", Key="public/k", Body=b"for all", ACL="public-read")
    s3_behind.put_object(Bucket="bucket", Key="public/private", Body=b"for me")
    url = parse("s3://bucket/public")
    for creds in ("anonymous", {"anonymous": "yes", "endpoint_url": s3_endpoint}):
        storage = open_storage(url, credentials_from(url, creds, environ=os.environ))
        assert bytes(storage.get("k")) == b"for all"
        with pytest.raises(PermissionDeniedError, match="credentials: anonymous"):
            storage.get("private")
    named = open_storage(url, credentials_from(url, environ=os.environ))
    assert bytes(named.get("private")) == b"for me"
