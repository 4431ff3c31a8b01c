"""Google Cloud Storage behind a network that breaks."""

from __future__ import annotations

import itertools

import pytest

from deeplake_nb.credentials import transport
from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.errors import RefusedCredentialsError
from deeplake_nb.storage.open import open_storage
from deeplake_nb.urls import parse
from tests.fakes import gcs
from tests.fakes import proxy as faults
from tests.suites.faults import WritingFaults, outcome

TOKEN = "ya29.everything"
_numbers = itertools.count()


@pytest.fixture(scope="module")
def service():
    with gcs.emulator() as service:
        service.issue(token=TOKEN)
        yield service


@pytest.fixture(scope="module")
def shared_proxy(service):
    with faults.fault_proxy(service.endpoint) as proxy:
        yield proxy


class TestGcs(WritingFaults):
    @pytest.fixture
    def proxy(self, shared_proxy):
        shared_proxy.faults, shared_proxy.always, shared_proxy.unexpected = [], lambda _: None, []
        return shared_proxy

    @pytest.fixture
    def provider(self, proxy, service, monkeypatch, request):
        # What is silent for 0.6 s is given up; elsewhere a busy machine may take its time.
        monkeypatch.setattr(transport, "READ_SECONDS", 0.3 if "silent" in request.node.name else 30)
        self.service = service
        url = parse(f"gcs://bucket/place-{next(_numbers)}")
        creds = {"token": TOKEN, "endpoint_url": proxy.endpoint}
        storage = open_storage(url, credentials_from(url, creds, environ={}))
        self.place = url.path
        return storage

    def write_behind(self, provider, key, content):
        self.service.write("bucket", f"{self.place}/{key}", content)

    def read_behind(self, provider, key):
        return self.service.read("bucket", f"{self.place}/{key}")

    @pytest.fixture(autouse=True)
    def _no_parts_are_left(self, provider):
        """A session whose beginning was lost on the way is known to nobody, and holds nothing."""
        yield
        assert [session for session in self.service.sessions.values() if session.received] == []

    def test_a_token_that_ends(self, provider, proxy, service):
        self.write_behind(provider, "k", b"x")
        provider.get("k")
        token = service.tokens.pop(TOKEN)
        try:
            for use in (lambda: provider.get("k"), lambda: provider.put("k", b"y"), lambda: list(provider.list())):
                before = len(proxy.seen)
                found = outcome(use)
                assert type(found) is RefusedCredentialsError
                assert "the token is wrong, was revoked, or its time is over: get a new one" in str(found)
                assert len(proxy.seen) == before + 1
        finally:
            service.tokens[TOKEN] = token
        assert bytes(provider.get("k")) == b"x"
