"""Azure behind a network that breaks: a real server, and a proxy in front of it."""

from __future__ import annotations

import itertools

import pytest

from deeplake_nb.credentials import transport
from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.storage.open import open_storage
from deeplake_nb.urls import parse
from tests.fakes import azurite
from tests.fakes import proxy as faults
from tests.suites.faults import WritingFaults, patience

_numbers = itertools.count()


@pytest.fixture(scope="module")
def endpoint_and_proxy():
    with azurite.azurite() as endpoint, faults.fault_proxy(endpoint.rpartition("/")[0]) as proxy:
        azurite.behind(endpoint, "box").close()
        yield endpoint, proxy


class TestAzure(WritingFaults):
    @pytest.fixture
    def proxy(self, endpoint_and_proxy):
        proxy = endpoint_and_proxy[1]
        proxy.faults, proxy.always, proxy.unexpected = [], lambda _: None, []
        return proxy

    @pytest.fixture
    def provider(self, proxy, monkeypatch, request):
        monkeypatch.setattr(transport, "READ_SECONDS", patience(request))
        url = parse(f"azure://{azurite.ACCOUNT}/box/faulty-{next(_numbers)}")
        creds = {"account_key": azurite.KEY, "endpoint_url": proxy.endpoint}
        return open_storage(url, credentials_from(url, creds, environ={}))

    @pytest.fixture(autouse=True)
    def _behind(self, endpoint_and_proxy):
        with azurite.behind(endpoint_and_proxy[0], "box") as self.behind:
            yield

    def write_behind(self, provider, key, content):
        self.behind.upload_blob(f"{provider.url.path.removeprefix('box/')}/{key}", content, overwrite=True)

    def read_behind(self, provider, key):
        from azure.core.exceptions import ResourceNotFoundError

        try:
            return self.behind.download_blob(f"{provider.url.path.removeprefix('box/')}/{key}").readall()
        except ResourceNotFoundError:
            return None
