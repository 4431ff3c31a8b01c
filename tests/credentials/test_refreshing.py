"""Credentials that end are replaced before they do."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.credentials.provider import Secret
from deeplake_nb.credentials.refreshing import Refreshing
from deeplake_nb.credentials.s3 import S3Credentials
from deeplake_nb.errors import CredentialsError, ExpiredCredentialsError, PartialCredentialsError, StorageError
from deeplake_nb.urls import parse
from tests.eventually import of_this_thread

CANARY = "c4naryC4NARY"
NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Vendor:
    """Gives numbered credentials that live for ``life``; ``error`` is raised instead."""

    def __init__(self, life=60 * MINUTE):
        self.now, self.life, self.asked, self.error = NOON, life, 0, None
        self.open = threading.Event()
        self.open.set()

    def clock(self):
        return self.now

    def __call__(self):
        self.asked += 1
        assert self.open.wait(60)
        if self.error:
            raise self.error
        return S3Credentials(
            aws_access_key_id=f"key-{self.asked}",
            aws_secret_access_key=Secret(CANARY),
            expires_at=self.life and self.now + self.life,
        )


@pytest.fixture
def vendor():
    return Vendor()


@pytest.fixture
def source(vendor):
    return Refreshing("vendor", vendor, clock=vendor.clock)


def key(source):
    return source().aws_access_key_id


def test_it_is_asked_once_until_five_minutes_before_the_end(vendor, source):
    assert [key(source) for _ in range(10)] == ["key-1"] * 10
    vendor.now = NOON + 54.9 * MINUTE
    assert key(source) == "key-1"
    vendor.now = NOON + 55 * MINUTE
    assert [key(source) for _ in range(10)] == ["key-2"] * 10
    assert vendor.asked == 2


def test_a_short_life_is_renewed_after_four_fifths_of_it(vendor, source):
    vendor.life = timedelta(seconds=10)
    keys = []
    for seconds in (0, 7.9, 8, 15.9, 16):
        vendor.now = NOON + timedelta(seconds=seconds)
        keys.append(key(source))
    assert keys == ["key-1", "key-1", "key-2", "key-2", "key-3"]


def test_what_never_ends_is_asked_once(vendor, source):
    vendor.life = None
    assert key(source) == "key-1"
    vendor.now += timedelta(days=10_000)
    assert key(source) == "key-1"


def test_none_is_asked_for_again(vendor):
    answers = [None, None, vendor()]
    source = Refreshing("vendor", lambda: answers.pop(0), clock=vendor.clock)
    assert (source(), source(), key(source), key(source)) == (None, None, "key-1", "key-1")
    assert source.absent == "it gave none"


def test_many_threads_fetch_once_and_wait_when_nothing_is_valid(vendor, source):
    vendor.open.clear()
    with ThreadPoolExecutor(32) as pool:
        answers = [pool.submit(key, source) for _ in range(32)]
        time.sleep(0.1)
        vendor.open.set()
        assert {answer.result(timeout=60) for answer in answers} == {"key-1"}
    assert vendor.asked == 1


def test_others_go_on_with_what_is_valid_while_one_renews(vendor, source):
    key(source)
    vendor.now = NOON + 56 * MINUTE
    vendor.open.clear()
    with ThreadPoolExecutor(1) as pool:
        renewing = pool.submit(key, source)
        while vendor.asked < 2:
            time.sleep(0.001)
        assert [key(source) for _ in range(10)] == ["key-1"] * 10
        vendor.open.set()
        assert renewing.result(timeout=60) == "key-2"
    assert key(source) == "key-2"
    assert vendor.asked == 2


def test_a_renewal_that_fails_early_is_tried_again_later(vendor, source, caplog):
    key(source)
    vendor.error = StorageError("the vendor is out")
    vendor.now = NOON + 55 * MINUTE
    assert [key(source) for _ in range(5)] == ["key-1"] * 5
    assert vendor.asked == 2
    [record] = of_this_thread(caplog)
    assert record.levelno == logging.WARNING
    assert "vendor: renewal failed, still valid until 2030-01-31 13:00:00+00:00" in record.getMessage()
    vendor.now = NOON + 56 * MINUTE
    key(source)
    assert vendor.asked == 3
    vendor.error = None
    vendor.now = NOON + 57 * MINUTE
    assert key(source) == "key-4"


def test_a_renewal_that_fails_too_late_is_raised_in_every_thread_and_tried_once(vendor, source):
    key(source)
    vendor.error = PartialCredentialsError("half a set")
    vendor.now = NOON + 61 * MINUTE
    vendor.open.clear()

    def fails():
        with pytest.raises(PartialCredentialsError, match="half a set"):
            source()

    with ThreadPoolExecutor(16) as pool:
        answers = [pool.submit(fails) for _ in range(16)]
        time.sleep(0.1)
        vendor.open.set()
        [answer.result(timeout=60) for answer in answers]
    assert vendor.asked == 2
    vendor.error = None
    assert key(source) == "key-3"


def test_what_has_ended_on_arrival_is_an_error(vendor, source):
    vendor.life = -MINUTE
    with pytest.raises(ExpiredCredentialsError, match="vendor gave credentials that expired at 2030-01-31 11:59"):
        source()


def test_a_bug_of_the_user_is_one_typed_error_that_shows_no_secret(vendor):
    def vend():
        secret = CANARY
        return {}[len(secret)]

    with pytest.raises(CredentialsError, match=r"vendor failed \(KeyError\): see the cause") as caught:
        Refreshing("vendor", vend, clock=vendor.clock)()
    assert isinstance(caught.value.__cause__, KeyError)
    assert caught.value.__cause__.__traceback__ is None


# a user's function as creds=


def from_function(function, clock=lambda: NOON, **environ):
    return credentials_from(parse("s3://bucket/x"), function, environ=environ, clock=clock)


def test_a_function_gives_dictionaries_that_end(vendor):
    def vend():
        vendor.asked += 1
        end = vendor.now + 60 * MINUTE
        return {
            "aws_access_key_id": f"key-{vendor.asked}",
            "aws_secret_access_key": CANARY,
            "expires_at": end if vendor.asked % 2 else end.isoformat(),
        }

    source = from_function(vend, vendor.clock, AWS_REGION="eu-west-1")
    assert (source.name, key(source), source().aws_region, source().source) == (
        "vend()",
        "key-1",
        "eu-west-1",
        "vend()",
    )
    vendor.now += 56 * MINUTE
    assert key(source) == "key-2"
    vendor.now += 56 * MINUTE
    assert key(source) == "key-3"
    assert CANARY not in repr(source()) + repr(vars(source))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("text", "vend.* gave text: expected a dictionary as creds= takes it"),
        ({"aws_access_key_id": "A"}, "argument has aws_access_key_id but not aws_secret_access_key"),
        ({"aws_key": "A"}, "creds has no key 'aws_key'"),
    ],
)
def test_a_function_that_gives_something_else(answer, message):
    def vend():
        return answer

    with pytest.raises(CredentialsError, match=message):
        from_function(vend)()


def test_an_empty_answer_is_a_miss_and_never_somebody_elses_keys():
    others = {"AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": CANARY}
    assert from_function(dict, **others)() is None
    assert from_function(lambda: None, **others)() is None
