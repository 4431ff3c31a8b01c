"""Which source is in force."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from deeplake_nb.credentials.chain import Chain, credentials_from
from deeplake_nb.credentials.provider import Secret
from deeplake_nb.credentials.s3 import S3Credentials
from deeplake_nb.errors import (
    CredentialsError,
    ExpiredCredentialsError,
    MissingCredentialsError,
    PartialCredentialsError,
)
from deeplake_nb.urls import parse
from tests.eventually import of_this_thread

CANARY = "c4naryC4NARY"
NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)


class Source:
    """A source that says what it is told and counts how often it is asked."""

    def __init__(self, name, *, key=None, error=None, expires_at=None):
        self.name, self.absent = name, f"no {name}"
        self.key, self.error, self.expires_at = key, error, expires_at
        self.asked = 0

    def __call__(self):
        self.asked += 1
        if self.error:
            raise self.error
        return self.key and S3Credentials(
            aws_access_key_id=self.key,
            aws_secret_access_key=Secret(CANARY),
            expires_at=self.expires_at,
            source=self.name,
        )


def chain(*sources, settings=None, now=NOON):
    clock = now if callable(now) else lambda: now
    return Chain("s3://bucket/cars", sources, settings=settings or {}, advice="Do this.", clock=clock)


def test_the_first_answer_wins():
    first, second, third = Source("first"), Source("second", key="two"), Source("third", key="three")
    assert chain(first, second, third)().aws_access_key_id == "two"
    assert (first.asked, second.asked, third.asked) == (1, 1, 0)


def test_the_winner_stays_until_it_has_nothing_more():
    first, second = Source("first"), Source("second", key="two")
    asked = chain(first, second)
    asked()
    first.key = "one"
    assert asked().aws_access_key_id == "two"
    second.key = "two, refreshed"
    assert asked().aws_access_key_id == "two, refreshed"
    assert first.asked == 1
    second.key = None
    assert asked().aws_access_key_id == "one"


def test_an_error_is_no_miss():
    broken = Source("broken", error=PartialCredentialsError("half"))
    with pytest.raises(PartialCredentialsError, match="half"):
        chain(Source("first"), broken, Source("third", key="three"))()


def test_an_empty_chain_names_every_source():
    with pytest.raises(MissingCredentialsError) as caught:
        chain(Source("first"), Source("second"))()
    assert str(caught.value) == (
        "no credentials for s3://bucket/cars: tried first (no first), second (no second). Do this."
    )


def test_settings_hold_whatever_the_source():
    found = chain(Source("first", key="one"), settings={"aws_region": "eu-west-1"})()
    assert (found.aws_region, found.aws_access_key_id, found.source) == ("eu-west-1", "one", "first")


def test_what_is_past_its_time_is_an_error():
    hour = timedelta(hours=1)
    assert chain(Source("first", key="one", expires_at=NOON + hour))().expires_at == NOON + hour
    with pytest.raises(ExpiredCredentialsError) as caught:
        chain(Source("first", key="one", expires_at=NOON))()
    assert str(caught.value) == (
        "the credentials for s3://bucket/cars from first expired at 2030-01-31 12:00:00+00:00: renew them"
    )


def test_threads_search_once():
    class Slow(Source):
        def __call__(self):
            time.sleep(0.05)
            return super().__call__()

    slow, absent = Slow("slow", key="one"), Source("absent")
    asked = chain(absent, slow)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(asked())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert absent.asked == 1


def test_explain_has_a_row_per_source():
    rows = chain(Source("first"), Source("second", key="two"), Source("third", key="three")).explain()
    assert [row.source for row in rows] == ["first", "second", "third"]
    assert rows[0].outcome == "no first"
    assert rows[1].outcome.startswith("in force: S3Credentials(aws_access_key_id='two', aws_secret_access_key=***")
    assert rows[2].outcome == "not asked"
    rows = chain(Source("first", error=CredentialsError("broken file")), Source("second", key="two")).explain()
    assert rows == [("first", "broken file"), ("second", "not asked")]


def test_each_source_tried_is_logged(caplog):
    caplog.set_level(logging.DEBUG, "deeplake_nb")
    chain(Source("first"), Source("second", key="two"))()
    assert [record.getMessage() for record in of_this_thread(caplog)] == [
        "credentials for s3://bucket/cars: first has none (no first)",
        "credentials for s3://bucket/cars: second",
    ]
    assert CANARY not in caplog.text


# from a url


@pytest.mark.parametrize("text", ["/data", "mem://x"])
def test_storages_without_credentials_have_no_chain(text):
    assert credentials_from(parse(text), {"anything": "goes"}, environ={}) is None


def test_a_web_server_gets_what_was_given_and_nothing_that_is_found():
    assert credentials_from(parse("https://host/x"), None, environ={"AWS_ACCESS_KEY_ID": "A"}) is None
    found = credentials_from(parse("https://host/x"), {"access_token": "t0ken"}, environ={})()
    assert (found.token.reveal(), found.source, "t0ken" in repr(found)) == ("t0ken", "argument", False)
    with pytest.raises(CredentialsError, match="known: token, expires_at"):
        credentials_from(parse("https://host/x"), {"tokn": "x"}, environ={})
    with pytest.raises(CredentialsError, match=r"a dictionary: \{'token': …\}"):
        credentials_from(parse("https://host/x"), "t0ken", environ={})


def test_a_provider_of_the_users_own_is_taken_as_it_is():
    source = Source("mine", key="one")
    assert credentials_from(parse("s3://bucket"), source, environ={}) is source


@pytest.mark.parametrize(
    ("creds", "message"),
    [
        (
            CANARY,
            "creds for s3:// is a dictionary, 'anonymous' for a public bucket, or 'ENV' as if none were given",
        ),
        (7, "creds for s3:// is a dictionary or a word, not int"),
        (["a"], "creds for s3:// is a dictionary or a word, not list"),
    ],
)
def test_creds_of_the_wrong_kind(creds, message):
    with pytest.raises(CredentialsError) as caught:
        credentials_from(parse("s3://bucket"), creds, environ={})
    assert str(caught.value) == message
