"""A storage that goes by its name in a hub, and the hub as a source of credentials."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import CredentialsError, KeyNotFoundError, StorageError, UrlError
from deeplake_nb.hub.protocol import Lent, Resolved
from deeplake_nb.session.names import Lending, NamedStorage, org_and_name
from deeplake_nb.storage.local import LocalStorage
from deeplake_nb.storage.memory import MemoryStorage
from deeplake_nb.storage.provider import Patched, delete_all, digests, get_into, get_rows, put_parts, put_patched
from deeplake_nb.storage.wrappers import Counting, innermost
from deeplake_nb.urls import parse
from tests.suites.storage import StorageSuite

NAME = parse("hub://org/cars")


class TestNamedStorage(StorageSuite):
    @pytest.fixture
    def provider(self, tmp_path):
        return NamedStorage(LocalStorage(parse(tmp_path)), NAME)

    def write_behind(self, provider, key, content):
        path = Path(provider.inner.url.path, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def read_behind(self, provider, key):
        path = Path(provider.inner.url.path, key)
        return path.read_bytes() if path.is_file() else None


VERBS = {
    "get": lambda storage: storage.get("k"),
    "get_into": lambda storage: get_into(storage, "k", bytearray(3)),
    "get_rows": lambda storage: get_rows(storage, "k", [bytearray(3)], [0]),
    "put": lambda storage: storage.put("k", b"x"),
    "put_parts": lambda storage: put_parts(storage, "k", [b"x"], 1),
    "put_patched": lambda storage: put_patched(storage, "k", Patched("k", [])),
    "delete": lambda storage: storage.delete("k"),
    "delete_all": delete_all,
    "list": lambda storage: list(storage.list()),
    "digests": lambda storage: list(digests(storage)),
    "size": lambda storage: storage.size("k"),
}


class Refusing(MemoryStorage):
    """Fails at everything, and says where."""

    def _refuse(self, *_, **__):
        raise StorageError(f"{self.url}/k is away")

    get = get_into = get_rows = put = put_parts = put_patched = delete = delete_all = list = list_digests = size = (
        _refuse
    )


@pytest.mark.parametrize("verb", VERBS)
def test_every_error_says_the_name(verb):
    storage = NamedStorage(Refusing(parse("mem://somewhere/deep")), NAME)
    with pytest.raises(StorageError) as failed:
        VERBS[verb](storage)
    assert str(failed.value) == "hub://org/cars/k is away"


def test_what_is_behind_a_name():
    inner = MemoryStorage(parse("mem://behind"))
    assert innermost(NamedStorage(Counting(inner), NAME)) is inner
    with pytest.raises(KeyNotFoundError, match="hub://org/cars"):
        NamedStorage(inner, NAME).get("none")


@pytest.mark.parametrize("path", ["s3://bucket/x", "hub://org", "hub://org/a/b", "./x"])
def test_what_names_no_dataset(path):
    with pytest.raises(UrlError, match="write hub://organisation/name"):
        org_and_name(parse(path))
    assert org_and_name(NAME) == ("org", "cars")


# ------------------------------------------------------------------ lending


def lent(name, **more):
    return Lent({"aws_access_key_id": name, "aws_secret_access_key": Secret("s")}, **more)


def test_what_the_hub_has_said_already_is_used_first():
    asked = []
    first = Resolved("o", "n", "s3://b", lent("first").creds, "w")
    lending = Lending("hub", lambda fresh: asked.append(fresh) or lent("again"), first)
    assert (lending()["aws_access_key_id"], asked) == ("first", [])
    assert (lending()["aws_access_key_id"], asked) == ("again", [True])


def test_the_first_question_takes_what_the_hub_remembers():
    asked = []
    lending = Lending("hub", lambda fresh: asked.append(fresh) or lent("x"))
    lending()
    lending()
    assert asked == [False, True]


def test_what_is_lent_is_kept_until_it_ends():
    asked = []
    end = datetime.now(UTC) + timedelta(hours=1)

    def ask(fresh):
        asked.append(fresh)
        return lent("x", expires_at=end)

    provider = credentials_from(parse("s3://bucket"), Lending("hub key 'k'", ask), environ={})
    assert provider().expires_at == end
    assert (provider().source, asked) == ("hub key 'k'", [False])


def test_a_hub_that_lends_nothing():
    provider = credentials_from(parse("s3://bucket"), Lending("hub", lambda _: Lent({})), environ={})
    assert provider() is None
    wrong = credentials_from(parse("s3://bucket"), Lending("hub", lambda _: Lent({"odd": Secret("x")})), environ={})
    with pytest.raises(CredentialsError, match="no key 'odd'"):
        wrong()
