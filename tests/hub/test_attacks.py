"""What a stranger, or a member of another organisation, tries: each of these once worked, or is what one would try."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta

import pytest

from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import CredentialsError, HubConflictError, LakeError, PermissionDeniedError
from deeplake_nb.hub.vending.policies import policy
from deeplake_nb.server.outgoing import Outgoing
from deeplake_nb.session.keyring import KeyRing
from deeplake_nb.urls import Url
from tests.hub.hubs import Arriving, Clock, core_at
from tests.suites.hub import KEYS

OTHER = {"tenant_id": "11111111-2222-3333-4444-555555555555", "client_id": "AAAAAAAA-0000-0000-0000-000000000001"}
ACCOUNT = "lake@their-project.iam.gserviceaccount.com"
SAS = "sv=2023-11-03&sr=c&sp=rl&se=2099-01-01T00:00:00Z&sig=c2lnbmF0dXJl"


@pytest.fixture
def clock():
    return Clock(datetime(2030, 1, 1, tzinfo=UTC))


@pytest.fixture
def core(tmp_path, clock):
    """A hub of two organisations: lab is ann's, evil is eve's."""
    core = core_at(tmp_path / "hub.db", clock=clock)
    root = Arriving(core, core.add_user("root", is_administrator=True)[0])
    for org, name in (("lab", "ann"), ("evil", "eve")):
        root.create_user(name)
        root.create_org(org)
        root.set_member(org, name, "admin")
    yield core
    core.store.close()


def user(core, name):
    return core.acting(core.local_user(name))


# ---------------------------------------------------------------------- the hub's own identity


def test_an_identity_that_lets_the_hub_in_serves_one_organisation(core):
    """The hub shows the same face to everybody's cloud: without this eve would name ann's account, and be let in."""
    ann, eve = user(core, "ann"), user(core, "eve")
    ann.add_key("lab", "google", "gcs-impersonation", {"service_account": ACCOUNT})
    ann.add_key("lab", "again", "gcs-impersonation", {"service_account": ACCOUNT})
    ann.add_key("lab", "azure", "azure-principal", {"tenant_id": OTHER["tenant_id"]})
    ann.rotate_key("lab", "azure", OTHER)
    with pytest.raises(HubConflictError, match="another organisation"):
        eve.add_key("evil", "google", "gcs-impersonation", {"service_account": ACCOUNT.upper()})
    eve.add_key("evil", "azure", "azure-principal", {"tenant_id": OTHER["tenant_id"]})
    stolen = {"tenant_id": "their.onmicrosoft.com", "client_id": OTHER["client_id"].lower()}
    with pytest.raises(HubConflictError, match="another organisation"):
        eve.rotate_key("evil", "azure", stolen)
    with pytest.raises(HubConflictError, match="another organisation"):
        eve.add_key("evil", "azure2", "azure-principal", stolen)
    assert [key.name for key in eve.keys("evil")] == ["azure"]
    assert "client_id" not in eve.keys("evil")[0].shown
    eve.add_key("evil", "own", "azure-principal", {**stolen, "client_secret": "its own secret"})  # proves it is hers
    ann.add_key("lab", "role", "aws-role", {"role_arn": "arn:aws:iam::123456789012:role/lake"})
    eve.add_key("evil", "role", "aws-role", {"role_arn": "arn:aws:iam::123456789012:role/lake"})
    ids = {user(core, who).keys(org)[-1].shown["external_id"] for who, org in (("ann", "lab"), ("eve", "evil"))}
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("fields", "is_refused"),
    [
        ({"service_account": ACCOUNT, "sts_endpoint_url": "https://93.184.216.34"}, True),
        ({"service_account": ACCOUNT, "sts_endpoint_url": "http://iamcredentials.googleapis.com"}, True),
        ({"service_account": ACCOUNT, "sts_endpoint_url": "https://iamcredentials.googleapis.com.evil.example"}, True),
        ({"service_account": ACCOUNT, "sts_endpoint_url": "https://iamcredentials.googleapis.com"}, False),
        ({"service_account": ACCOUNT, "sts_endpoint_url": "https://named.example.org"}, False),
        ({"service_account": ACCOUNT, "endpoint_url": "https://93.184.216.34"}, False),
        ({"role_arn": "arn:aws:iam::1:role/r", "sts_endpoint_url": "https://93.184.216.34"}, True),
        ({"role_arn": "arn:aws:iam::1:role/r", "endpoint_url": "https://93.184.216.34"}, True),
        ({"role_arn": "arn:aws:iam::1:role/r", "sts_endpoint_url": "https://x.execute-api.amazonaws.com"}, True),
        ({"role_arn": "arn:aws:iam::1:role/r", "sts_endpoint_url": "https://sts.eu-west-1.amazonaws.com"}, False),
        ({"role_arn": "arn:aws:iam::1:role/r", "sts_endpoint_url": "https://10.9.0.1"}, False),
        ({**KEYS, "role_arn": "arn:aws:iam::1:role/r", "endpoint_url": "https://93.184.216.34"}, False),
    ],
    ids=str,
)
def test_the_hubs_own_identity_is_shown_to_the_cloud_alone(fields, is_refused):
    """A public address passes for a key of the user's; the hub's own token would be sent there, good for all else."""

    def resolve(host, port, **_):
        return [(0, 0, 0, "", (host if host[0].isdigit() else "93.184.216.34", port))]

    outgoing = Outgoing(["named.example.org", "10.9.0.0/16"], resolve)
    if not is_refused:
        outgoing.guard(fields, [])
        return
    with pytest.raises(PermissionDeniedError, match="own identity"):
        outgoing.guard({name: Secret(value) for name, value in fields.items()}, [])


# ---------------------------------------------------------------------- public datasets


@pytest.mark.parametrize(
    ("kind", "fields", "url"),
    [
        ("aws-keys", {**KEYS, "endpoint_url": "http://127.0.0.1:9"}, "s3://bucket/cars"),
        ("azure-sas", {"sas_token": SAS, "account_name": "lake"}, "azure://lake/box/cars"),
        ("http-token", {"token": "whole-t0ken"}, "https://files.example.org/cars"),
    ],
)
def test_a_key_that_cannot_be_narrowed_is_for_members(core, clock, kind, fields, url):
    """It may be lent as it is, to those whom the organisation took in: who reads a public dataset is a stranger."""
    ann, eve = user(core, "ann"), user(core, "eve")
    folder = url.rpartition("/")[0]
    ann.add_key("lab", "k", kind, fields, prefixes=[folder], lends_itself=True)
    ann.connect(url, "lab", "cars", "k")
    ann.set_public("lab", "cars", True)
    secret = next(value for value in ann.resolve("lab", "cars", "r").creds.values() if isinstance(value, Secret))
    try:
        found = eve.resolve("lab", "cars", "r")
    except (PermissionDeniedError, CredentialsError) as error:
        assert secret.reveal() not in str(error)  # noqa: PT017
    else:
        assert found.creds == {}
        assert found.presigned
    root = user(core, "root")
    root.create_user("rob")
    ann.set_member("lab", "rob", "reader")
    assert user(core, "rob").resolve("lab", "cars", "r").creds
    ann.set_member("lab", "rob", None)  # what was kept for the member is not given to the stranger
    with contextlib.suppress(PermissionDeniedError, CredentialsError):
        assert user(core, "rob").resolve("lab", "cars", "r").creds == {}


def test_nobody_takes_over_a_place_by_taking_somebody_in(core):
    """Whoever is admin of any organisation makes anybody a member: their key must not come before one's own."""
    ann, eve = user(core, "ann"), user(core, "eve")
    ann.add_key("lab", "k", "aws-keys", KEYS, prefixes=["s3://bucket"], lends_itself=True)
    mine = {"AWS_ACCESS_KEY_ID": "AKIAOWN", "AWS_SECRET_ACCESS_KEY": "its secret"}
    ring = KeyRing(lambda: ann, mine)
    place = Url("s3", "bucket", "cars/2030")
    _, source = ring.sources(place, "w")
    assert source().aws_access_key_id == KEYS["aws_access_key_id"]
    eve.set_member("evil", "ann", "writer")
    theirs = KEYS | {"aws_access_key_id": "AKIAEVIL", "endpoint_url": "http://127.0.0.1:9"}
    eve.add_key("evil", "k", "aws-keys", theirs, prefixes=["s3://bucket/cars"], lends_itself=True)
    _, source = KeyRing(lambda: ann, mine).sources(place, "w")
    assert source() is None
    assert "'evil'" in source.absent
    assert "'lab'" in source.absent
    _, source = KeyRing(lambda: ann, mine).sources(Url("s3", "bucket", "other"), "w")
    assert source().aws_access_key_id == KEYS["aws_access_key_id"]


# ---------------------------------------------------------------------- tokens


def test_a_token_makes_none_that_outlives_it(core, clock):
    """Who finds a token that ends tonight has it until tonight."""
    ann = user(core, "ann")
    short = Arriving(core, ann.create_token("tonight", scope="admin", ttl_seconds=3600)[0])
    for options in ({}, {"as_jwt": True}, {"ttl_seconds": 600}):
        made = short.create_token("child", **options)[1]
        assert made.expires_at <= clock() + timedelta(hours=1)
    with pytest.raises(PermissionDeniedError, match="outlive"):
        short.create_token("child", ttl_seconds=3601)
    assert Arriving(core, ann.create_token("for ever")[0]).create_token("child")[1].expires_at is None


def test_two_administrators_cannot_forget_each_other(core):
    """Both at once, each still let in: nobody would be left to make users, and `hub init` is for empty hubs."""
    root = user(core, "root")
    root.create_user("other", is_administrator=True)
    other = user(core, "other")
    root.delete_user("other")
    with pytest.raises(HubConflictError, match="no administrator"):
        other.delete_user("root")
    assert "root" in root.users()


def test_what_was_signed_ends_within_the_hour(core):
    """As what was lent does: whoever is taken out of an organisation has no longer than that."""
    ann = user(core, "ann")
    ann.add_key("lab", "k", "aws-keys", KEYS, prefixes=["s3://bucket"])
    ann.connect("s3://bucket/cars", "lab", "cars", "k")
    for address in (
        ann.presign("lab", "cars", "PUT", "x", ttl_seconds=9 * 3600),
        ann.presign_link("lab", "k", "s3://bucket/cars/x.jpg", ttl_seconds=9 * 3600),
    ):
        assert "X-Amz-Expires=3600&" in address


# ---------------------------------------------------------------------- addresses


def test_signing_for_a_role_looks_at_its_addresses_again(tmp_path):
    """A name may lead elsewhere than on the day when the key was entered."""
    inside = []

    def guard(fields, prefixes):
        if inside:
            raise PermissionDeniedError("it leads inside by now")

    core = core_at(tmp_path / "hub.db", guard=guard)
    core.add_user("ada", is_administrator=True)
    ada = core.acting(core.local_user("ada"))
    ada.create_org("lab")
    fields = {**KEYS, "role_arn": "arn:aws:iam::1:role/r", "sts_endpoint_url": "http://127.0.0.1:9"}
    ada.add_key("lab", "k", "aws-keys", fields, prefixes=["s3://bucket"])
    ada.connect("s3://bucket/cars", "lab", "cars", "k")
    inside.append("now")
    with pytest.raises(PermissionDeniedError, match="by now"):
        ada.presign("lab", "cars", "GET", "x")
    with pytest.raises(PermissionDeniedError, match="by now"):
        ada.presign_link("lab", "k", "s3://bucket/cars/x.jpg")
    core.store.close()


def test_the_guard_sees_an_account_that_is_a_host(tmp_path):
    """An account of Azure that is written as a host is a server, too."""

    def resolve(host, port, **_):
        return [(0, 0, 0, "", ("10.0.0.1" if host.endswith(".internal") else "93.184.216.34", port))]

    core = core_at(tmp_path / "hub.db", guard=Outgoing(resolve=resolve).guard)
    core.add_user("ada", is_administrator=True)
    ada = core.acting(core.local_user("ada"))
    ada.create_org("lab")
    key = {"account_key": "QUJD" * 16}
    for fields, prefixes in (
        (key, ["azure://vault.internal/box"]),
        (key, ["abfss://box@vault.internal/cars"]),
        (key | {"account_name": "vault.internal/x?y="}, []),
        (key | {"account_name": "me:pw@vault.internal#"}, []),
    ):
        with pytest.raises(PermissionDeniedError, match="own network"):
            ada.add_key("lab", "k", "azure-key", fields, prefixes=prefixes)
    assert ada.keys("lab") == []
    core.store.close()


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("azure-sas", {"sas_token": SAS}),
        ("azure-key", {"account_key": "QUJD" * 16}),
        ("azure-principal", {**OTHER, "client_secret": "s3cret"}),
    ],
)
def test_a_key_without_bounds_is_not_shown_to_a_host_that_a_reader_names(core, kind, fields):
    """An account may be written as its host: the hub would log in there with the whole rights of the key."""
    ann, root = user(core, "ann"), user(core, "root")
    ann.add_key("lab", "k", kind, fields, lends_itself=True)
    root.create_user("rob")
    ann.set_member("lab", "rob", "reader")
    for hub in (ann, user(core, "rob")):
        for host in ("evil.example.org", "lake.blob.core.windows.net.evil.example.org", "lake.evilcore.windows.net"):
            for ask in (
                lambda hub=hub, host=host: hub.lend("lab", "k", url=f"azure://{host}/box/x"),
                lambda hub=hub, host=host: hub.presign_link("lab", "k", f"azure://{host}/box/x.jpg"),
            ):
                with pytest.raises(CredentialsError, match="bound to no urls"):
                    ask()
    with pytest.raises(CredentialsError, match="bound to no urls"):
        ann.connect("abfss://box@lake.evil.example.org/cars", "lab", "cars", "k")
    ann.connect("azure://lake/box/cars", "lab", "cars", "k")
    ann.connect("azure://lake.blob.core.windows.net/box/cars", "lab", "cars2", "k")
    ann.add_key("lab", "bound", kind, fields, prefixes=["azure://lake.stack.example.org/box"])
    ann.connect("azure://lake.stack.example.org/box/cars", "lab", "cars3", "bound")


# ---------------------------------------------------------------------- places


@pytest.mark.parametrize(
    "key",
    ["../other/x", "a/../../x", "a//x", "/x", "..", "a/..", ".", "a/./x", "", "a/\0", "../", "a/../x?versionId=1"],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_no_key_is_signed_outside_of_the_folder(core, method, key):
    ann = user(core, "ann")
    ann.add_key("lab", "k", "aws-keys", KEYS, prefixes=["s3://bucket"])
    ann.connect("s3://bucket/cars", "lab", "cars", "k")
    with pytest.raises(LakeError, match="no key"):
        ann.presign("lab", "cars", method, key)


@pytest.mark.parametrize("key", ["%2e%2e/x", "..%2fx", "..\\x", "\uff0e\uff0e/x", "x?versionId=1", "x#y", "x&prefix="])
def test_what_only_looks_like_a_way_out_is_a_name(core, key):
    """It is signed as it is, escaped: a name below the folder, of an object that nobody made."""
    from urllib.parse import quote, urlsplit

    ann = user(core, "ann")
    ann.add_key("lab", "k", "aws-keys", KEYS, prefixes=["s3://bucket"])
    ann.connect("s3://bucket/cars", "lab", "cars", "k")
    parts = urlsplit(ann.presign("lab", "cars", "GET", key))
    assert parts.path == f"/bucket/cars/{quote(key, '/~')}"
    assert parts.query.startswith("X-Amz-Algorithm=")
    assert not parts.fragment


@pytest.mark.parametrize(
    "query",
    [
        "prefix=../",
        "prefix=..%2fx/",
        "prefix=a/../../",
        "prefix=/",
        "prefix=a&prefix=../",
        "list-type=2",
        "uploads",
        "acl",
        "versions=",
        "prefix=a&X-Amz-Expires=999999",
    ],
)
def test_no_listing_is_signed_of_anything_else(core, query):
    ann = user(core, "ann")
    ann.add_key("lab", "k", "aws-keys", KEYS, prefixes=["s3://bucket"])
    ann.connect("s3://bucket/cars", "lab", "cars", "k")
    with pytest.raises(LakeError):
        ann.presign("lab", "cars", "LIST", query)


@pytest.mark.parametrize(
    "url",
    [
        "s3://bucket/lab/../other/x.jpg",
        "s3://bucket/labx/x.jpg",
        "s3://bucket/lab/%2e%2e/other/x.jpg",
        "s3://bucket/LAB/x.jpg",
        "s3://other/lab/x.jpg",
        "s3://bucket",
        "gcs://bucket/lab/x.jpg",
        "file:///etc/passwd",
        "https://bucket/lab/x.jpg",
    ],
)
def test_no_link_is_signed_outside_of_the_bounds(core, url):
    ann = user(core, "ann")
    ann.add_key("lab", "k", "aws-keys", KEYS, prefixes=["s3://bucket/lab"])
    with pytest.raises(LakeError):
        ann.presign_link("lab", "k", url)
    with pytest.raises(LakeError):
        ann.lend("lab", "k", url=url)


def test_a_bucket_that_is_called_as_a_pattern_is_one_bucket():
    found = json.loads(policy([Url("s3", "b*$?", "x")], "r"))["Statement"]
    assert found[0]["Resource"] == ["arn:aws:s3:::b${*}${$}${?}/x/*"]
    assert found[1]["Resource"] == ["arn:aws:s3:::b${*}${$}${?}"]
