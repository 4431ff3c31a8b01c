"""S3 servers for the tests of this folder."""

from __future__ import annotations

import itertools

import pytest

from tests.fakes import moto

_numbers = itertools.count()


@pytest.fixture(scope="session")
def s3_endpoint():
    """A server that takes any key."""
    with moto.moto_server() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def s3_behind(s3_endpoint):
    """The SDK itself, to look behind the provider's back."""
    client = moto.client(s3_endpoint)
    client.create_bucket(Bucket="bucket")
    yield client
    client.close()


@pytest.fixture
def s3_url(s3_behind):
    """A fresh place in a bucket, as text."""
    return f"s3://bucket/place-{next(_numbers)}"
