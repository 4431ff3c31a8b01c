"""S3 once more, on Ceph's gateway: a second reading of the protocol, which checks every signature.

Part of the slow profile (``HYPOTHESIS_PROFILE=slow``): it installs Debian packages, as root.
"""

from __future__ import annotations

import itertools
import json
import os

import pytest

import deeplake_nb
from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.errors import KeyExistsError, PermissionDeniedError, StorageError
from deeplake_nb.storage import s3_parts
from deeplake_nb.storage.open import open_storage
from deeplake_nb.storage.provider import put_parts
from deeplake_nb.urls import parse
from tests.fakes import moto
from tests.suites.behind_s3 import BehindS3
from tests.suites.storage import StorageSuite

if os.environ.get("HYPOTHESIS_PROFILE") != "slow":
    pytest.skip("the second tier of S3 belongs to HYPOTHESIS_PROFILE=slow", allow_module_level=True)

pytestmark = pytest.mark.slow
_numbers = itertools.count()
CANARY = "c4naryC4NARYc4naryC4NARYc4naryC4NARYc4na"


@pytest.fixture(scope="session")
def gateway():
    from tests.fakes.radosgw import radosgw

    with radosgw() as gateway:
        gateway.owner, gateway.stranger = gateway.user("owner"), gateway.user("stranger")
        gateway.behind = moto.client(gateway.endpoint, **gateway.owner)
        gateway.behind.create_bucket(Bucket="bucket")
        yield gateway
        gateway.behind.close()


def opened(gateway, keys, url=None):
    url = parse(url or f"s3://bucket/place-{next(_numbers)}")
    return open_storage(url, credentials_from(url, {"endpoint_url": gateway.endpoint, **keys}, environ={}))


class TestRadosgw(BehindS3, StorageSuite):
    @pytest.fixture
    def provider(self, gateway):
        return opened(gateway, gateway.owner)

    @pytest.fixture(autouse=True)
    def _behind(self, gateway):
        self.behind = gateway.behind


def test_long_objects_and_what_is_left_of_those_that_break_off(gateway, monkeypatch):
    storage = opened(gateway, gateway.owner)
    content = os.urandom(20 << 20)
    pieces = [content[start : start + (3 << 20)] for start in range(0, len(content), 3 << 20)]
    put_parts(storage, "long", pieces, len(content))
    assert storage.get("long") == content

    def breaking():
        yield from pieces[:5]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        put_parts(storage, "long", breaking(), len(content))
    assert storage.get("long") == content
    assert not gateway.behind.list_multipart_uploads(Bucket="bucket").get("Uploads")
    monkeypatch.setattr(s3_parts, "WHOLE_NBYTES", 1 << 20)
    with pytest.raises(KeyExistsError):
        storage.put("long", content, if_absent=True)


VERBS = {
    "get": lambda storage: storage.get("k"),
    "size": lambda storage: storage.size("k"),
    "put": lambda storage: storage.put("new", b"x"),
    "list": lambda storage: list(storage.list()),
}


@pytest.fixture
def place(gateway):
    url = f"s3://bucket/place-{next(_numbers)}"
    opened(gateway, gateway.owner, url).put("k", b"stored")
    return url


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("who", ["wrong secret", "unknown key", "stranger", "wrong token", "anonymous"])
def test_bad_keys_are_refused(gateway, place, who, verb):
    keys = {
        "wrong secret": {**gateway.owner, "aws_secret_access_key": CANARY},
        "unknown key": {"aws_access_key_id": "AKIAUNKNOWN", "aws_secret_access_key": CANARY},
        "stranger": gateway.stranger,
        "wrong token": {**gateway.owner, "aws_session_token": CANARY},
        "anonymous": {"anonymous": "yes"},
    }[who]
    with pytest.raises(PermissionDeniedError) as caught:
        VERBS[verb](opened(gateway, keys, place))
    assert place in str(caught.value)
    assert CANARY not in str(caught.value)


def test_temporary_keys_may_do_what_their_policy_says(gateway, place):
    """Of a role that may do everything, narrowed to reading one place for this session."""
    anyone = {"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam:::user/owner"]}, "Action": ["sts:AssumeRole"]}
    trust, everything = (
        json.dumps({"Version": "2012-10-17", "Statement": [statement]}, separators=(",", ":"))
        for statement in (anyone, {"Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::*"]})
    )
    name = f"role-{next(_numbers)}"
    gateway.run("radosgw-admin", "-n", "client.rgw", "role", "create", f"--role-name={name}",
                f"--assume-role-policy-doc={trust}")  # fmt: skip
    gateway.run("radosgw-admin", "-n", "client.rgw", "role-policy", "put", f"--role-name={name}",
                "--policy-name=all", f"--policy-doc={everything}")  # fmt: skip
    path = place.removeprefix("s3://")
    reading = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": [f"arn:aws:s3:::{path}/*"]}
    narrowed = json.dumps({"Version": "2012-10-17", "Statement": [reading]}, separators=(",", ":"))
    sts = moto.client(gateway.endpoint, "sts", **gateway.owner)
    made = sts.assume_role(RoleArn=f"arn:aws:iam:::role/{name}", RoleSessionName="test", Policy=narrowed)["Credentials"]
    keys = {
        "aws_access_key_id": made["AccessKeyId"],
        "aws_secret_access_key": made["SecretAccessKey"],
        "aws_session_token": made["SessionToken"],
        "expires_at": made["Expiration"],
    }
    storage = opened(gateway, keys, place)
    assert bytes(storage.get("k")) == b"stored"
    for verb in ("put", "list"):
        with pytest.raises(PermissionDeniedError):
            VERBS[verb](storage)
    other = opened(gateway, gateway.owner)
    other.put("k", b"elsewhere")
    with pytest.raises(PermissionDeniedError):
        opened(gateway, keys, str(other.url)).get("k")
    token = keys["aws_session_token"]
    tampered = token[:20] + ("A" if token[20] != "A" else "B") + token[21:]
    with pytest.raises((PermissionDeniedError, StorageError), match=r"AccessDenied|InvalidArgument"):
        opened(gateway, {**keys, "aws_session_token": tampered}, place).get("k")


def test_the_doctor_and_a_dataset(gateway):
    creds = {"endpoint_url": gateway.endpoint, **gateway.owner}
    report = deeplake_nb.doctor("s3://bucket/doctor", creds)
    assert report, report
    assert not gateway.behind.list_objects_v2(Bucket="bucket", Prefix="doctor").get("Contents")
    with deeplake_nb.empty("s3://bucket/ds", creds=creds) as ds:
        ds.create_tensor("x")
        ds.x.extend(list(range(1000)))
    ds.close()
    assert deeplake_nb.load("s3://bucket/ds", creds=creds).x.numpy().sum() == 499_500
    rules = {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["https://lab.example"]}]}
    gateway.behind.put_bucket_cors(Bucket="bucket", CORSConfiguration=rules)
    assert deeplake_nb.doctor("s3://bucket/doctor", creds)["CORS"].said == "pages of https://lab.example may read it"
