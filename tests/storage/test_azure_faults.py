"""Azure behind a network that breaks: a real server, and a proxy in front of it."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from deeplake_nb.credentials import transport
from deeplake_nb.credentials.azure import AzureCredentials
from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.credentials.provider import Secret
from deeplake_nb.storage.open import open_storage
from deeplake_nb.urls import parse
from tests.fakes import azurite
from tests.fakes import proxy as faults
from tests.suites.faults import WritingFaults, expired, patience

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

    @pytest.mark.parametrize("kind", ["login", "sas"])
    def test_a_token_that_ended(self, proxy, kind):
        """On this machine, whose clock is behind, it is still good."""
        now = datetime.now(UTC)
        ended = {"Date": format_datetime(now + timedelta(minutes=5), usegmt=True)}
        ended["x-ms-error-code"] = "InvalidAuthenticationInfo" if kind == "login" else "AuthenticationFailed"
        token = {"sas_token": Secret("sp=racwdl&sig=c4nary")}

        class Granted:
            name, absent = kind, ""

            def __call__(self):
                return AzureCredentials(**token, expires_at=now + timedelta(minutes=1), endpoint_url=proxy.endpoint)

        storage = open_storage(parse(f"azure://{azurite.ACCOUNT}/box/ended"), Granted())
        expired(proxy, storage, faults.status(401 if kind == "login" else 403, "Injected", **ended))
