"""Lent keys tried where they must not work, on Ceph's gateway: it judges signatures and the policies of sessions.

Part of the slow profile (``HYPOTHESIS_PROFILE=slow``): it installs Debian packages, as root.
"""

from __future__ import annotations

import itertools
import json
import os
import urllib.error
import urllib.request

import pytest

import deeplake_nb
from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.errors import KeyNotFoundError, PermissionDeniedError, StorageError
from deeplake_nb.hub import vending
from deeplake_nb.storage.cors import cors
from deeplake_nb.storage.open import open_storage
from deeplake_nb.storage.presigned import PresignedStorage
from deeplake_nb.storage.provider import delete_all
from deeplake_nb.urls import parse
from tests.fakes import moto
from tests.suites.behind_s3 import BehindS3
from tests.suites.storage import StorageSuite

if os.environ.get("HYPOTHESIS_PROFILE") != "slow":
    pytest.skip("the second tier of S3 belongs to HYPOTHESIS_PROFILE=slow", allow_module_level=True)

pytestmark = pytest.mark.slow
_numbers = itertools.count()


@pytest.fixture(scope="module")
def gateway():
    from tests.fakes.radosgw import radosgw

    with radosgw() as gateway:
        gateway.owner = gateway.user("owner")
        gateway.behind = moto.client(gateway.endpoint, **gateway.owner)
        for name in ("bucket", "bucket2"):
            gateway.behind.create_bucket(Bucket=name)
        anyone = {"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam:::user/owner"]}, "Action": ["sts:AssumeRole"]}
        everything = {"Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::*"]}
        trust, policy = (
            json.dumps({"Version": "2012-10-17", "Statement": [statement]}, separators=(",", ":"))
            for statement in (anyone, everything)
        )
        admin = ("radosgw-admin", "-n", "client.rgw")
        gateway.run(*admin, "role", "create", "--role-name=lake", f"--assume-role-policy-doc={trust}")
        gateway.run(*admin, "role-policy", "put", "--role-name=lake", "--policy-name=all", f"--policy-doc={policy}")
        gateway.key = {**gateway.owner, "endpoint_url": gateway.endpoint, "role_arn": "arn:aws:iam:::role/lake"}
        yield gateway
        gateway.behind.close()


class TestPresignedOnRadosgw(BehindS3, StorageSuite):
    """Signed with a role's keys, which the policy restricts to the folder as well."""

    @pytest.fixture
    def provider(self, gateway):
        url = parse(f"s3://bucket/place-{next(_numbers)}")
        fields = {**gateway.owner, "endpoint_url": gateway.endpoint}
        return PresignedStorage(url, lambda method, key: vending.presign("aws-keys", fields, url, method, key))

    @pytest.fixture(autouse=True)
    def _behind(self, gateway):
        self.behind = gateway.behind


class TestLentOnRadosgw(TestPresignedOnRadosgw):
    """The whole suite with keys that are lent for one folder."""

    @pytest.fixture
    def provider(self, gateway):
        url = f"s3://bucket/place-{next(_numbers)}"
        return opened(vending.vend("aws-keys", gateway.key, url, "w").creds, url)


def opened(creds, place):
    url = parse(place)
    return open_storage(url, credentials_from(url, creds, environ={}))


VERBS = {
    "get": lambda storage: storage.get("k"),
    "size": lambda storage: storage.size("k"),
    "list": lambda storage: list(storage.list()),
    "put": lambda storage: storage.put("new", b"x"),
    "replace": lambda storage: storage.put("k", b"y"),
    "delete": lambda storage: storage.delete("k"),
    "delete all": delete_all,
}
ALLOWED = {"r": {"get", "size", "list"}, "a": {"get", "size", "list", "put", "replace"}, "w": set(VERBS)}


@pytest.fixture
def place(gateway):
    name = f"team-{next(_numbers)}"
    for bucket in ("bucket", "bucket2"):
        gateway.behind.put_object(Bucket=bucket, Key="k", Body=b"stored")
    for bucket, folder in (
        ("bucket", f"{name}/cars"),
        ("bucket", f"{name}/cars2"),
        ("bucket", name),
        ("bucket2", f"{name}/cars"),
    ):
        gateway.behind.put_object(Bucket=bucket, Key=f"{folder}/k", Body=b"stored")
    return f"s3://bucket/{name}/cars"


@pytest.mark.parametrize("mode", ["r", "a", "w"])
def test_lent_keys_do_what_their_mode_says_and_nothing_elsewhere(gateway, place, mode):
    """This gateway does not know which puts only make new objects, so that in mode ``a`` it lets all pass."""
    creds = vending.vend("aws-keys", gateway.key, place, mode).creds
    elsewhere = [
        f"{place}2",
        place.rpartition("/")[0],
        place.replace("bucket", "bucket2"),
        "s3://bucket",
        "s3://bucket2",
    ]
    for verb, do in VERBS.items():
        for other in elsewhere:
            with pytest.raises(PermissionDeniedError):
                do(opened(creds, other))
        if verb not in ALLOWED[mode]:
            with pytest.raises(PermissionDeniedError):
                do(opened(creds, place))
    for verb, do in VERBS.items():
        if verb in ALLOWED[mode]:
            do(opened(creds, place))
    for other in elsewhere[:3]:
        url = parse(other)
        assert gateway.behind.get_object(Bucket=url.authority, Key=f"{url.path}/k")["Body"].read() == b"stored"


def test_the_hub_itself_assumes_a_role(gateway, place):
    environ = {name.upper(): value for name, value in gateway.owner.items()}
    fields = {"role_arn": gateway.key["role_arn"], "endpoint_url": gateway.endpoint}
    creds = vending.vend("aws-role", fields, place, "r", environ=environ).creds
    assert bytes(opened(creds, place).get("k")) == b"stored"
    with pytest.raises(PermissionDeniedError):
        opened(creds, f"{place}2").get("k")
    with pytest.raises((PermissionDeniedError, StorageError), match=r"run what its provisioning|cannot lend a key"):
        vending.vend("aws-role", {**fields, "role_arn": "arn:aws:iam:::role/none"}, place, "r", environ=environ)


def test_what_is_not_there_is_not_there(gateway, place):
    with pytest.raises(KeyNotFoundError):
        opened(vending.vend("aws-keys", gateway.key, place, "r").creds, place).get("no")


def test_names_with_wild_characters_do_not_widen_a_key(gateway):
    """They may be too much for this gateway, and then open nothing."""
    name = f"wild-{next(_numbers)}"
    gateway.behind.put_object(Bucket="bucket", Key=f"{name}-secret/k", Body=b"stored")
    creds = vending.vend("aws-keys", gateway.key, f"s3://bucket/{name}*", "r").creds
    with pytest.raises(PermissionDeniedError):
        opened(creds, f"s3://bucket/{name}-secret").get("k")


def test_a_signed_address_is_for_one_request(gateway, place):
    address = vending.presign("aws-keys", gateway.key, place, "GET", "k")
    assert urllib.request.urlopen(address, timeout=30).read() == b"stored"
    for changed, method in (
        (address.replace("/cars/k?", "/cars2/k?"), "GET"),
        (address.replace("X-Amz-Expires=3600", "X-Amz-Expires=7200"), "GET"),
        (address, "PUT"),
        (address, "DELETE"),
    ):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(
                urllib.request.Request(changed, method=method, data=b"" if method == "PUT" else None)
            )
        assert caught.value.code == 403
        caught.value.close()


def test_pages_are_let_in_by_a_gateway_that_answers_them(gateway):
    """Whoever lends the keys may not; the owner may."""
    place = f"s3://bucket2/cors-{next(_numbers)}"
    theirs = {"AllowedMethods": ["PUT"], "AllowedOrigins": ["https://other.example"], "AllowedHeaders": ["x-one"]}
    gateway.behind.put_bucket_cors(Bucket="bucket2", CORSConfiguration={"CORSRules": [theirs]})
    with pytest.raises(PermissionDeniedError):
        cors(opened(vending.vend("aws-keys", gateway.key, place, "w").creds, place), "https://lab.example", apply=True)
    storage = opened({**gateway.owner, "endpoint_url": gateway.endpoint}, place)
    report = cors(storage, "https://lab.example", apply=True)
    assert (report.outcome, report.is_open) == ("added", True)
    assert cors(storage, "https://lab.example", apply=True).outcome == "there already"
    assert not cors(storage, "https://third.example").is_open
    first, second = gateway.behind.get_bucket_cors(Bucket="bucket2")["CORSRules"]
    assert first["AllowedOrigins"] == ["https://other.example"]
    assert second["AllowedOrigins"] == ["https://lab.example"]


def test_a_dataset_is_written_and_read_with_lent_keys(gateway):
    place = f"s3://bucket/ds-{next(_numbers)}"
    with deeplake_nb.empty(place, creds=vending.vend("aws-keys", gateway.key, place, "w").creds) as ds:
        ds.create_tensor("x")
        ds.x.extend(list(range(1000)))
    ds.close()
    ds = deeplake_nb.load(place, creds=vending.vend("aws-keys", gateway.key, place, "r").creds, read_only=True)
    assert ds.x.numpy().sum() == 499_500
