"""A secret that a store is given comes out nowhere: not in an error, its traceback's variables, a repr or a file."""

from __future__ import annotations

import io
import pickle

import pytest

from deeplake_nb import VectorStore
from deeplake_nb.errors import LakeError
from deeplake_nb.storage import retries
from tests.fakes import moto
from tests.fakes.indiscreet import frames

CANARY = "c4naryC4NARYc4naryC4NARYc4naryC4NARYc4na"
MISTAKES = {
    "half a set": {"aws_access_key_id": "AKIAOPENMODE", "aws_session_token": CANARY},
    "an unknown name": {"aws_secret_acess_key": CANARY},
    "a wrong type": {"aws_access_key_id": ["AKIAOPENMODE"], "aws_secret_access_key": [CANARY]},
    "text": CANARY,
}


def what_is_shown(use):
    """All that a verbose traceback shows of what ``use`` raises."""
    with pytest.raises(LakeError) as caught:
        use()
    shown = io.StringIO()
    frames(caught.value, shown, own=[__file__])
    return f"{caught.value} {shown.getvalue()}"


@pytest.mark.parametrize("creds", MISTAKES.values(), ids=MISTAKES)
@pytest.mark.parametrize("use", [VectorStore, VectorStore.delete_by_path])
def test_credentials_with_a_mistake(use, creds):
    assert CANARY not in what_is_shown(lambda: use("s3://bucket/x", creds=creds))


@pytest.mark.parametrize("url", [f"https://me:{CANARY}@127.0.0.1:9/x?sig={CANARY}", f"no://me:{CANARY}@h"])
@pytest.mark.parametrize("use", [VectorStore, VectorStore.delete_by_path])
def test_addresses(use, url, monkeypatch):
    monkeypatch.setattr(retries, "_FIRST_SECONDS", 0.0)
    assert CANARY not in what_is_shown(lambda: use(url))


def test_tokens(monkeypatch):
    monkeypatch.setenv("DEEPLAKE_NB_HUB", "http://127.0.0.1:9")
    monkeypatch.setattr("time.sleep", lambda _: None)
    for use in (VectorStore, VectorStore.delete_by_path):
        assert CANARY not in what_is_shown(lambda use=use: use("hub://org/name", token=CANARY))
    assert CANARY not in what_is_shown(lambda: VectorStore("hub://org/name", tokn=CANARY))


def test_a_store_that_works():
    with moto.moto_server() as endpoint:
        moto.client(endpoint).create_bucket(Bucket="bucket")
        keys = {"aws_access_key_id": "AKIAOPENMODE", "aws_secret_access_key": CANARY, "endpoint_url": endpoint}
        store = VectorStore("s3://bucket/x", creds=keys, verbose=False, token=CANARY, embedding_function=_letters)
        store.add(text=["a", "b"], metadata=[{}, {}], embedding_data=["a", "b"])
        assert store.search("b", k=1)["text"] == ["b"]
        shown = [
            repr(store),
            repr(vars(store)),
            repr(store.dataset),
            what_is_shown(lambda: store.search(embedding=[1])),
        ]
        objects = moto.client(endpoint).list_objects_v2(Bucket="bucket")["Contents"]
        client = moto.client(endpoint)
        bodies = [client.get_object(Bucket="bucket", Key=one["Key"])["Body"].read() for one in objects]
    assert len(objects) > 10
    assert not any(CANARY in one for one in shown)
    assert not any(CANARY.encode() in body for body in bodies)
    assert CANARY not in what_is_shown(lambda: pickle.dumps(store))


def _letters(texts):
    return [[one.count("a"), one.count("b")] for one in ([texts] if isinstance(texts, str) else texts)]
