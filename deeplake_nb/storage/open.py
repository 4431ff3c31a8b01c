"""From a url to the provider that serves it: one row per storage."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from deeplake_nb.credentials.provider import CredentialProvider, sealed
from deeplake_nb.errors import UnsupportedError
from deeplake_nb.registry import Registry
from deeplake_nb.storage.provider import StorageProvider
from deeplake_nb.urls import Url

if TYPE_CHECKING:
    from typing import TypeAlias

__all__ = ["SCHEMES", "Opener", "open_storage", "sealed"]

Opener: TypeAlias = Callable[[Url, CredentialProvider | None], StorageProvider]

SCHEMES: Registry[Opener] = Registry(
    "storage",
    {
        "file": "deeplake_nb.storage.local:LocalStorage",
        "mem": "deeplake_nb.storage.memory:MemoryStorage",
        "s3": "deeplake_nb.storage.s3:S3Storage",
        "azure": "deeplake_nb.storage.azure:AzureStorage",
        "gcs": "deeplake_nb.storage.gcs:GcsStorage",
        "http": "deeplake_nb.storage.http:HttpStorage",
        "https": "deeplake_nb.storage.http:HttpStorage",
    },
)


def open_storage(url: Url, credentials: CredentialProvider | None = None) -> StorageProvider:
    """A provider rooted at the url. No request is made and nothing need exist there yet.

    Args:
        url: where.
        credentials: who asks, as `deeplake_nb.credentials.chain.credentials_from` gives it. With ``None`` an S3
            storage uses the AWS SDK's own chain; local, memory and web storages ask for none.

    Raises:
        UnsupportedError: a name of a hub, which is no storage.
        UrlError: ``~name`` without such a user.

    Example:
        >>> from deeplake_nb.urls import parse
        >>> storage = open_storage(parse("mem://scratch"))
        >>> storage.put("a", b"12345")
        >>> bytes(open_storage(parse("mem://scratch")).get("a"))
        b'12345'
    """
    if url.scheme not in SCHEMES:
        raise UnsupportedError(
            f"cannot open {url}: it is a name, and no hub has said where that is; use the address of the storage"
        )
    return SCHEMES[url.scheme](url, credentials)
