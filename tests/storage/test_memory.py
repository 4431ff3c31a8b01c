"""Objects in memory."""

from __future__ import annotations

import uuid

import pytest

from deeplake_nb.storage.memory import MemoryStorage
from deeplake_nb.urls import parse
from tests.suites.storage import StorageSuite


class TestMemory(StorageSuite):
    @pytest.fixture
    def provider(self):
        return MemoryStorage(parse(f"mem://{uuid.uuid4()}/folder"))

    def write_behind(self, provider, key, content):
        MemoryStorage(provider.url.parent).put(f"folder/{key}", content)

    def read_behind(self, provider, key):
        above = MemoryStorage(provider.url.parent)
        keys = {entry.key for entry in above.list()}
        return bytes(above.get(f"folder/{key}")) if f"folder/{key}" in keys else None


def test_the_same_name_is_the_same_store():
    name = uuid.uuid4()
    MemoryStorage(parse(f"mem://{name}/a")).put("b/c", b"x")
    assert bytes(MemoryStorage(parse(f"mem://{name}")).get("a/b/c")) == b"x"
    assert bytes(MemoryStorage(parse(f"mem://{name}/a/b")).get("c")) == b"x"
    assert list(MemoryStorage(parse(f"mem://{name}-other")).list()) == []


def test_a_get_makes_no_copy():
    content = b"content"
    storage = MemoryStorage(parse(f"mem://{uuid.uuid4()}"))
    storage.put("k", content)
    assert storage.get("k").obj is storage.get("k").obj
