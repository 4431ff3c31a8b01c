"""From urls to providers."""

from __future__ import annotations

import pytest

from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.errors import UnsupportedError
from deeplake_nb.storage.azure import AzureStorage
from deeplake_nb.storage.gcs import GcsStorage
from deeplake_nb.storage.local import LocalStorage
from deeplake_nb.storage.memory import MemoryStorage
from deeplake_nb.storage.open import SCHEMES, open_storage
from deeplake_nb.storage.s3 import S3Storage
from deeplake_nb.urls import parse


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("mem://scratch/a", MemoryStorage),
        ("/data", LocalStorage),
        ("s3://bucket/a", S3Storage),
        ("azure://account/box/a", AzureStorage),
        ("gs://bucket/a", GcsStorage),
    ],
)
def test_each_scheme_has_its_storage(text, kind):
    url = parse(text)
    storage = open_storage(url, credentials_from(url, environ={}))
    assert type(storage) is kind
    assert storage.url == url
    assert storage.concurrency == (1 if kind in {MemoryStorage, LocalStorage} else 32)


def test_a_name_is_no_storage():
    url = parse("hub://org/name")
    assert url.scheme not in SCHEMES
    with pytest.raises(UnsupportedError) as caught:
        open_storage(url, credentials_from(url, {"account_key": "c4nary"}, environ={}))
    assert str(caught.value) == (
        f"cannot open {url}: it is a name, and no hub has said where that is; use the address of the storage"
    )
    assert "c4nary" not in str(caught.value)
