"""Lending on S3, on a server that takes any key; whether it is narrow is for ``test_policies`` and ``test_radosgw``."""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest

from deeplake_nb.credentials import transport
from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import (
    CredentialsError,
    KeyNotFoundError,
    LakeError,
    MissingCredentialsError,
    PermissionDeniedError,
    StorageError,
)
from deeplake_nb.hub import vending
from deeplake_nb.hub.vending import s3
from deeplake_nb.hub.vending.policies import policy
from deeplake_nb.storage.open import open_storage
from deeplake_nb.urls import parse
from tests.fakes import canned, moto

CANARY = "c4naryC4NARYc4naryC4NARYc4naryC4NARYc4na"
KEYS = {"aws_access_key_id": "AKIA", "aws_secret_access_key": CANARY}
ROLE = {"role_arn": "arn:aws:iam::123456789012:role/lake", "aws_region": "eu-west-1"}
PLACE = "s3://bucket/cars"
ENDS = datetime(2030, 1, 1, 13, tzinfo=UTC)
NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def server():
    with canned.canned_server() as server:
        yield server


@pytest.fixture
def sts(server):
    """A service that lends keys until `ENDS`; gives what it was asked, all but the last one answered with."""

    def asked():
        return [{name: values[0] for name, values in parse_qs(body.decode()).items()} for body in server.bodies]

    made = f"<AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>{CANARY}</SecretAccessKey>"
    made += f"<SessionToken>{CANARY}</SessionToken><Expiration>{ENDS.isoformat()}</Expiration>"
    names = ("AssumeRole", "GetFederationToken")
    results = "".join(f"<{name}Result><Credentials>{made}</Credentials></{name}Result>" for name in names)
    server.answers = [canned.Answer(200, f"<Response>{results}</Response>".encode())]
    return asked


def lend(fields, kind="aws-keys", mode="r", **options):
    return vending.vend(kind, fields, PLACE, mode, clock=lambda: NOW, **{"environ": {}, **options})


def test_keys_of_aws_are_lent_by_federation(sts, server):
    found = lend({**KEYS, "sts_endpoint_url": server.endpoint, "aws_region": "eu-west-1"}, ttl_seconds=7200)
    [asked] = sts()
    assert asked == {
        "Action": "GetFederationToken",
        "Version": "2011-06-15",
        "Name": "deeplake-nb",
        "DurationSeconds": "7200",
        "Policy": policy([parse(PLACE)], "r", has_kms=True),
    }
    assert found.expires_at == ENDS - timedelta(seconds=90)
    assert found.creds == {
        "aws_access_key_id": "ASIA",
        "aws_secret_access_key": Secret(CANARY),
        "aws_session_token": Secret(CANARY),
        "aws_region": "eu-west-1",
        "expires_at": found.expires_at.isoformat(),
    }
    url = parse(PLACE)
    assert credentials_from(url, found.creds, environ={})().expires_at == found.expires_at
    assert CANARY not in f"{found} {found!r}"


@pytest.mark.parametrize("mode", ["r", "a", "w"])
def test_a_role_is_assumed_with_its_external_id_under_the_policy_of_the_mode(sts, server, monkeypatch, mode):
    """The hub asks as itself."""
    environ = {"AWS_ACCESS_KEY_ID": "AKIAHUB", "AWS_SECRET_ACCESS_KEY": CANARY}
    fields = {**ROLE, "sts_endpoint_url": server.endpoint}
    lend(fields, "aws-role", mode, external_id="of-the-hub", environ=environ, ttl_seconds=100_000)
    [asked] = sts()
    assert asked["Action"] == "AssumeRole"
    assert asked["RoleArn"] == ROLE["role_arn"]
    assert asked["ExternalId"] == "of-the-hub"
    assert asked["DurationSeconds"] == "3600"
    assert asked["Policy"] == policy([parse(PLACE)], mode, has_kms=True)
    [(_, _, headers)] = server.requests
    assert "Credential=AKIAHUB/" in headers["Authorization"]
    lend(fields, "aws-role", environ=environ, ttl_seconds=1)
    assert (sts()[1]["DurationSeconds"], "ExternalId" in sts()[1]) == ("900", False)


def test_several_places_are_lent_with_one_policy(sts, server):
    places = [parse("s3://bucket/a"), parse("s3://other")]
    vending.vend("aws-keys", {**KEYS, "sts_endpoint_url": server.endpoint}, places, "r")
    assert json.loads(sts()[0]["Policy"]) == json.loads(policy(places, "r", has_kms=True))
    with pytest.raises(CredentialsError, match="for no place at all"):
        vending.vend("aws-keys", KEYS, [], "r")


def test_where_nothing_narrower_can_be_had_the_key_lends_itself_only_if_it_may():
    """On a storage without such a service, and with keys that are temporary already."""
    for fields in ({**KEYS, "endpoint_url": "http://127.0.0.1:9"}, {**KEYS, "aws_session_token": CANARY}):
        assert lend(fields).creds is None
        found = lend(fields, lends_itself=True)
        assert found.creds == {name: Secret(v) if v == CANARY else v for name, v in fields.items()}
        assert found.expires_at is None
    ends = lend({**fields, "expires_at": ENDS.isoformat()}, lends_itself=True)
    assert ends.expires_at == ENDS - timedelta(seconds=90)


def test_a_user_without_the_permission_to_federate_has_presigned_requests(server, caplog):
    server.answers = [_refusal("AccessDenied")]
    fields = {**KEYS, "sts_endpoint_url": server.endpoint}
    with caplog.at_level(logging.WARNING):
        assert lend(fields).creds is None
    assert "allow their user sts:GetFederationToken" in caplog.text
    assert lend(fields, lends_itself=True).creds["aws_secret_access_key"] == Secret(CANARY)


def _refusal(code):
    said = f"<Code>{code}</Code><Message>no</Message><Token-0>{CANARY}</Token-0>"
    body = f"<ErrorResponse><Error>{said}</Error></ErrorResponse>"
    return canned.Answer(403, body.encode(), {"Content-Type": "text/xml"})


def test_a_role_that_does_not_let_the_hub_in_says_what_to_do(server):
    server.answers = [_refusal("AccessDenied")]
    environ = {"AWS_ACCESS_KEY_ID": "AKIAHUB", "AWS_SECRET_ACCESS_KEY": CANARY}
    with pytest.raises(
        PermissionDeniedError, match=r"may not assume arn:.*role/lake: run what its provision"
    ) as caught:
        lend({**ROLE, "sts_endpoint_url": server.endpoint}, "aws-role", environ=environ)
    assert CANARY not in str(caught.value)


def test_neither_what_is_lent_nor_what_it_is_made_of_is_shown(sts, server, caplog):
    """Not in the most talkative log, and not in what a traceback may print of our frames."""
    caplog.set_level(logging.DEBUG)
    fields = {**KEYS, "sts_endpoint_url": server.endpoint, "aws_region": "eu-west-1"}
    found = lend(fields)
    assert CANARY not in caplog.text + repr(found) + str(found)
    address = vending.presign("aws-keys", fields, PLACE, "GET", "k", environ={}, clock=lambda: NOW)
    assert parse_qs(address)["X-Amz-Signature"][0] not in caplog.text
    caught = []
    for answer in (_refusal("AccessDenied"), _refusal("InvalidClientTokenId"), canned.Answer(500, CANARY.encode()),
                   canned.Answer(200, f"<Answer>{CANARY}".encode())):  # fmt: skip
        server.answers = [answer]
        with pytest.raises(LakeError) as error:
            lend({**fields, **ROLE, "sts_endpoint_url": server.endpoint})
        caught.append(error.value)
    for error in caught:
        for one in (error, error.__cause__, error.__context__):
            if one is not None:
                whole = traceback.TracebackException.from_exception(one, capture_locals=True)
                ours = "".join(str(frame.locals) for frame in whole.stack if "/deeplake_nb/" in frame.filename)
                assert CANARY not in f"{one!r} {one} {ours}", type(one)
    assert CANARY not in caplog.text


def test_a_hub_without_an_identity_says_so(server):
    server.answers = [_refusal("AccessDenied")]
    with pytest.raises(MissingCredentialsError, match=r"the hub has no identity on AWS: .*environment"):
        lend({**ROLE, "sts_endpoint_url": server.endpoint}, "aws-role")
    assert server.requests == []


def test_a_service_that_does_not_answer_is_no_missing_permission():
    with pytest.raises(StorageError, match="cannot lend a key for s3://bucket/cars"):
        lend({**KEYS, "sts_endpoint_url": "http://127.0.0.1:9"})


@pytest.mark.parametrize("seconds", [0, -5])
def test_a_key_is_lent_for_some_time(seconds):
    with pytest.raises(CredentialsError, match="cannot be lent for"):
        lend(KEYS, ttl_seconds=seconds)


def test_a_key_of_another_cloud_is_refused():
    with pytest.raises(CredentialsError, match="does not open gcs://bucket/cars"):
        vending.vend("aws-keys", KEYS, "gcs://bucket/cars", "r")
    with pytest.raises(CredentialsError, match="does not open"):
        vending.presign("aws-keys", KEYS, "file:///etc", "GET", "passwd")


def test_lent_keys_open_a_dataset_at_the_same_endpoint():
    """On moto, which judges no policy, but knows its own keys."""
    with moto.moto_server() as endpoint:
        behind = moto.client(endpoint)
        behind.create_bucket(Bucket="bucket")
        keys = moto.user(endpoint, "owner", [{"Effect": "Allow", "Action": "*", "Resource": "*"}])
        role = moto.client(endpoint, "iam").create_role(
            RoleName="lake",
            AssumeRolePolicyDocument=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
                }
            ),
        )["Role"]["Arn"]
        everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        moto.client(endpoint, "iam").put_role_policy(
            RoleName="lake", PolicyName="all", PolicyDocument=json.dumps(everything)
        )
        moto.close_doors(endpoint)
        found = vending.vend("aws-keys", {**keys, "endpoint_url": endpoint, "role_arn": role}, PLACE, "w")
        url = parse(PLACE)
        storage = open_storage(url, credentials_from(url, found.creds, environ={}))
        storage.put("k", b"stored")
        assert bytes(storage.get("k")) == b"stored"
        assert storage.credentials().aws_access_key_id != keys["aws_access_key_id"]


@pytest.mark.parametrize(("headers", "region"), [({"x-amz-bucket-region": "eu-north-1"}, "eu-north-1"), ({}, None)])
def test_the_region_of_a_bucket_is_asked_of_aws_once(server, monkeypatch, headers, region):
    """AWS tells it to everybody, with a refusal. Here another server stands in for it."""
    server.answers = [canned.Answer(403, b"", headers)]

    def connections(address):
        assert address.startswith("https://s3.amazonaws.com/")
        return rerouted(transport_connections(server.endpoint), server.endpoint)

    transport_connections = transport.connections
    monkeypatch.setattr(transport, "connections", connections)
    s3._found_region.cache_clear()
    if region is None:
        with pytest.raises(
            CredentialsError, match=r"region of bucket 'bucket' is unknown: give the managed key aws_re"
        ):
            vending.presign("aws-keys", KEYS, PLACE, "GET", "k")
        return
    for _ in range(2):
        address = vending.presign("aws-keys", KEYS, PLACE, "GET", "k")
        assert address.startswith(f"https://bucket.s3.{region}.amazonaws.com/cars/k?")
    assert [(method, path) for method, path, _ in server.requests] == [("HEAD", "/bucket")]
    s3._found_region.cache_clear()


def rerouted(pool, endpoint):
    ask = pool.request
    pool.request = lambda method, address, **more: ask(
        method, address.replace("https://s3.amazonaws.com", endpoint), **more
    )
    return pool


# ------------------------------------------------------------------ what lent keys meet

LISTING = "<ListBucketResult><KeyCount>{}</KeyCount>{}<IsTruncated>false</IsTruncated></ListBucketResult>"
DENIED = canned.refusal(403, "AccessDenied")


def listed(*keys):
    found = "".join(f"<Contents><Key>{key}</Key><Size>1</Size></Contents>" for key in keys)
    return canned.Answer(200, LISTING.format(len(keys), found).encode(), {"Content-Type": "application/xml"})


@pytest.mark.parametrize("verb", ["get", "size"])
@pytest.mark.parametrize(
    ("listing", "error"),
    [
        (listed(), KeyNotFoundError),
        (listed("cars/kk"), KeyNotFoundError),
        (listed("cars/k"), PermissionDeniedError),
        (DENIED, PermissionDeniedError),
    ],
)
def test_what_is_missing_is_told_from_what_is_refused_by_the_listing(server, verb, listing, error):
    """S3 tells nobody that an object is missing who may not list the whole bucket."""
    server.answers = [DENIED, listing]
    with pytest.raises(error, match="s3://bucket/cars/k"):
        getattr(opened(server), verb)("k")
    assert len(server.requests) == 2


def test_a_batch_that_is_refused_is_deleted_one_by_one(server):
    """Some storages judge it by the bucket."""
    gone = canned.Answer(204)
    server.answers = [listed("cars/a", "cars/b"), DENIED, gone, gone]
    opened(server).delete_all()
    assert [(method, path.partition("?")[0]) for method, path, _ in server.requests[1:]] == [
        ("POST", "/bucket"),
        ("DELETE", "/bucket/cars/a"),
        ("DELETE", "/bucket/cars/b"),
    ]
    server.answers = [listed("cars/a", "cars/b"), DENIED]
    with pytest.raises(PermissionDeniedError, match="cannot delete s3://bucket/cars/a"):
        opened(server).delete_all()


def test_a_refusal_without_a_code_is_told_by_its_status(server):
    server.answers = [canned.Answer(403, b"<Whatever/>", {"Content-Type": "text/xml"})]
    with pytest.raises(PermissionDeniedError, match="run what its provisioning prints"):
        vending.vend("aws-keys", {**KEYS, **ROLE, "sts_endpoint_url": server.endpoint}, PLACE, "r")


def opened(server):
    url = parse(PLACE)
    return open_storage(url, credentials_from(url, {**KEYS, "endpoint_url": server.endpoint}, environ={}))
