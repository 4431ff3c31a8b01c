"""Each cloud three ways, in front of a server that costs nothing: ours, its SDK alone, and one bare request."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, NamedTuple

from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.storage.open import open_storage
from deeplake_nb.urls import parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from deeplake_nb.storage.provider import StorageProvider

CONNECTIONS = 32
_S3_KEYS = {"aws_access_key_id": "AKIA", "aws_secret_access_key": "any"}
_KEY = base64.b64encode(b"any").decode()


class Alone(NamedTuple):
    """Reading and writing one object with an SDK that keeps as many connections as we do."""

    get: Callable[[str], bytes]
    put: Callable[[str, bytes], object]


class Cloud(NamedTuple):
    """How to reach one: ``address`` is that of an object below the endpoint."""

    name: str
    url: str
    creds: dict[str, str]
    address: str
    sdk: Callable[[str], Alone]

    def opened(self, endpoint: str) -> StorageProvider:
        """The storage as the product opens it."""
        url = parse(self.url)
        return open_storage(url, credentials_from(url, {**self.creds, "endpoint_url": endpoint}, environ={}))


def _s3(endpoint: str) -> Alone:
    import botocore.session
    from botocore.config import Config

    config = Config(
        max_pool_connections=CONNECTIONS,
        retries={"mode": "standard"},
        request_checksum_calculation="when_required",  # as we have it: the SDK may do no more than we do
        response_checksum_validation="when_required",
    )
    session = botocore.session.Session()
    client = session.create_client("s3", region_name="us-east-1", endpoint_url=endpoint, config=config, **_S3_KEYS)
    return Alone(
        lambda key: client.get_object(Bucket="bucket", Key=f"x/{key}")["Body"].read(),
        lambda key, data: client.put_object(Bucket="bucket", Key=f"x/{key}", Body=data),
    )


def _wide(session):
    """A session of requests with more than the ten connections it keeps by default."""
    from requests.adapters import HTTPAdapter

    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS))
    return session


def _azure(endpoint: str) -> Alone:
    from azure.core.credentials import AzureNamedKeyCredential
    from azure.core.pipeline.transport import RequestsTransport
    from azure.storage.blob import ContainerClient
    from requests import Session

    wire = RequestsTransport(session=_wide(Session()), session_owner=False)
    client = ContainerClient(
        f"{endpoint}/lake", "box", credential=AzureNamedKeyCredential("lake", _KEY), transport=wire
    )
    return Alone(
        lambda key: client.download_blob(f"x/{key}").readall(),
        lambda key, data: client.upload_blob(f"x/{key}", data, overwrite=True),
    )


def _gcs(endpoint: str) -> Alone:
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.storage import Client

    client = Client("project", credentials=AnonymousCredentials(), client_options={"api_endpoint": endpoint})
    _wide(client._http)  # there is no other way to more connections
    bucket = client.bucket("bucket")
    return Alone(
        lambda key: bucket.blob(f"x/{key}").download_as_bytes(),
        lambda key, data: bucket.blob(f"x/{key}").upload_from_string(data),
    )


CLOUDS = (
    Cloud("S3", "s3://bucket/x", _S3_KEYS, "/bucket/x/{}", _s3),
    Cloud("Azure", "azure://lake/box/x", {"account_key": _KEY}, "/lake/box/x/{}", _azure),
    Cloud("GCS", "gcs://bucket/x", {"token": "any"}, "/download/storage/v1/b/bucket/o/x%2F{}?alt=media", _gcs),
)
