"""What is lent opens a real store that checks every key (moto with closed doors), and what is refused is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import CredentialsError, PermissionDeniedError
from deeplake_nb.hub.embedded import EmbeddedHub
from deeplake_nb.storage.open import open_storage
from deeplake_nb.urls import parse
from tests.fakes import moto
from tests.hub.hubs import Clock, core_at

_S3 = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"]
ROLE = "arn:aws:iam::123456789012:role/lent"
STEPS = ["found", "parsed", "reached", "clock", "signed", "identity", "list", "read", "write", "expiry"]


def allow(*actions):
    return [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]


@pytest.fixture(scope="module")
def store():
    """The endpoint of a store, and the keys of its users."""
    with moto.moto_server() as endpoint:
        opened = moto.client(endpoint)
        opened.create_bucket(Bucket="bucket")
        opened.put_object(Bucket="bucket", Key="cars/k", Body=b"stored")
        moto.role(endpoint, "lent", allow(*_S3))
        users = {
            name: moto.user(endpoint, name, allow(*actions)) | {"endpoint_url": endpoint}
            for name, actions in {
                "assuming": ["sts:AssumeRole"],
                "all": _S3,
                "nothing": ["s3:ListAllMyBuckets"],
            }.items()
        }
        opened.close()
        moto.close_doors(endpoint)
        yield users


@pytest.fixture
def clock():
    return Clock(datetime.now(UTC))


@pytest.fixture
def hub(tmp_path, clock):
    core = core_at(tmp_path / "hub.db", clock=clock)
    core.add_user("ada", is_administrator=True)
    hub = core.acting(core.local_user("ada"))
    hub.create_org("lab")
    yield hub
    core.store.close()


def read(there):
    provider = credentials_from(parse(there.url), there.creds, environ={})
    return bytes(open_storage(parse(there.url), provider).get("k"))


def assuming(store, **other):
    return {**store["assuming"], "role_arn": ROLE, **other}


def test_a_key_with_a_role_lends_sessions_of_it(hub, store):
    hub.add_key("lab", "k", "aws-keys", assuming(store))
    hub.connect("s3://bucket/cars", "lab", creds_key="k")
    there = hub.resolve("lab", "cars")
    assert "aws_session_token" in there.creds
    assert there.creds["aws_access_key_id"] != store["assuming"]["aws_access_key_id"]
    assert read(there) == b"stored"
    again = hub.resolve("lab", "cars", fresh=True)
    assert again.creds["aws_access_key_id"] != there.creds["aws_access_key_id"]


def test_while_keys_overlap_the_former_one_helps_out(hub, store, clock):
    hub.add_key("lab", "k", "aws-keys", assuming(store))
    hub.connect("s3://bucket/cars", "lab", creds_key="k")
    wrong = assuming(store, aws_secret_access_key="w" * 40)
    hub.rotate_key("lab", "k", wrong, overlap_seconds=600)
    assert read(hub.resolve("lab", "cars")) == b"stored"
    clock += 11
    with pytest.raises((CredentialsError, PermissionDeniedError), match=r"SignatureDoesNotMatch|refused") as caught:
        hub.resolve("lab", "cars", fresh=True)
    assert "w" * 40 not in str(caught.value)
    hub.rotate_key("lab", "k", assuming(store))
    assert read(hub.resolve("lab", "cars")) == b"stored"
    hub.rotate_key("lab", "k", wrong)
    with pytest.raises((CredentialsError, PermissionDeniedError)):
        hub.resolve("lab", "cars")


def test_a_failed_loan_is_not_on_record(hub, store):
    hub.add_key("lab", "k", "aws-keys", assuming(store, aws_secret_access_key="w" * 40))
    hub.connect("s3://bucket/cars", "lab", creds_key="k")
    with pytest.raises((CredentialsError, PermissionDeniedError)):
        hub.resolve("lab", "cars")
    entries = hub.audit("lab")
    assert [entry.action for entry in entries if not entry.refused][-1] == "connect"
    assert [(entry.action, entry.subject) for entry in entries if entry.refused] == [("resolve", "cars")]
    assert "w" * 40 not in repr(entries)


def test_keys_are_tried_with_real_requests(hub, store):
    for name, user in (("good", "all"), ("bad", "nothing")):
        hub.add_key("lab", name, "aws-keys", store[user], prefixes=["s3://bucket/tried"])
    good, bad = hub.try_key("lab", "good"), hub.try_key("lab", "bad")
    assert (good.is_good, good.said) == (True, "This works: list, read, write.")
    assert [step.name for step in good.steps] == STEPS
    assert {step.state for step in good.steps} == {"ok"}
    assert not bad.is_good
    assert bad.said == "This fails at: list, read, write."
    assert {step.name: step.advice for step in bad.steps}["read"].startswith("ask its owner for s3:GetObject")
    assert store["all"]["aws_secret_access_key"] not in repr((good, bad))
    assert {key.name: key.trial for key in hub.keys("lab")} == {"good": good, "bad": bad}
    hub.add_key("lab", "role", "aws-keys", assuming(store))
    lent = hub.try_key("lab", "role", "s3://bucket/other")
    assert (lent.is_good, [step.name for step in lent.steps]) == (True, STEPS)


def test_in_this_process_a_key_is_used_as_it_is(tmp_path, store):
    hub = EmbeddedHub(tmp_path, environ={})
    hub.add_key("lab", "all", "aws-keys", store["all"])
    hub.add_key("lab", "role", "aws-keys", assuming(store))
    hub.connect("s3://bucket/cars", "lab", creds_key="all")
    hub.connect("s3://bucket/cars", "lab", "by-role", creds_key="role")
    there = hub.resolve("lab", "cars")
    assert there.creds == {name: Secret(value) if "secret" in name else value for name, value in store["all"].items()}
    assert there.expires_at - hub.keys("lab")[0].created_at <= timedelta(hours=1, seconds=10)
    assert read(there) == b"stored"
    assert read(hub.resolve("lab", "by-role")) == b"stored"
    assert "aws_session_token" in hub.resolve("lab", "by-role").creds
    hub.close()


def test_addresses_are_checked_whenever_they_are_asked(tmp_path, store):
    """A name may lead elsewhere than when the key was entered."""
    seen, closed = [], []

    def guard(fields, prefixes):
        seen.append((fields["endpoint_url"], list(prefixes)))
        if closed:
            raise PermissionDeniedError("the address leads inside")

    core = core_at(tmp_path / "hub.db", guard=guard)
    core.add_user("ada", is_administrator=True)
    hub = core.acting(core.local_user("ada"))
    hub.create_org("lab")
    hub.add_key("lab", "k", "aws-keys", assuming(store), prefixes=["s3://bucket"])
    hub.connect("s3://bucket/cars", "lab", creds_key="k")
    assert read(hub.resolve("lab", "cars")) == b"stored"
    assert seen == [(store["all"]["endpoint_url"], ["s3://bucket", *more]) for more in ([], ["s3://bucket/cars"])]
    closed.append(True)
    for ask in (
        lambda: hub.resolve("lab", "cars", fresh=True),
        lambda: hub.lend("lab", "k"),
        lambda: hub.rotate_key("lab", "k", assuming(store)),
        lambda: hub.add_key("lab", "k2", "aws-keys", assuming(store)),
    ):
        with pytest.raises(PermissionDeniedError, match="leads inside"):
            ask()
    trial = hub.try_key("lab", "k")
    assert (trial.said, trial.steps[-1].said) == ("This fails at: reached.", "the address leads inside")
    core.store.close()
