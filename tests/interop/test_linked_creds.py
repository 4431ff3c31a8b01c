"""Links with credentials keys: what either side writes, the other opens, and goes on from."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import deeplake_nb
from deeplake_nb.hub.embedded import EmbeddedHub
from deeplake_nb.session import Session
from tests.fakes import moto
from tests.interop.original import Original, OriginalError


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    running = Original(tmp_path_factory.mktemp("linked"), Path(__file__).with_name("linked_peer.py"))
    yield running
    running.close()


@pytest.fixture(scope="module")
def s3():
    """Keys that a server knows; it has pictures of four greys in ``files``."""

    def fill(admin):
        client = moto.client(admin["endpoint_url"])
        for number in range(4):
            buffer = io.BytesIO()
            Image.fromarray(np.full((4, 5, 3), number * 60, np.uint8)).save(buffer, "jpeg", quality=95)
            client.put_object(Bucket="files", Key=f"{number}.jpg", Body=buffer.getvalue())

    with moto.closed("files", fill, reader=moto.everything_in("files")) as users:
        yield {**users["reader"], "aws_region": "us-east-1"}


def pictures(*numbers_and_keys):
    return [[f"s3://files/{number}.jpg", key] for number, key in numbers_and_keys]


def means(ds):
    return [int(one.mean()) // 10 * 10 for one in ds.images.numpy(aslist=True)]


def kept(folder):
    return json.loads((folder / "ds" / "linked_creds.json").read_text())


def written_here(path, links, given, session=deeplake_nb):
    ds = session.empty(path)
    ds.create_tensor("images", htype="link[image]", sample_compression="jpeg")
    for name, creds in given.items():
        ds.add_creds_key(name)
        ds.populate_creds(name, creds)
    ds.images.extend([session.link(url, creds_key=key) for url, key in links])
    ds.close()


def test_both_write_the_same(original, s3, tmp_path):
    links = pictures((0, "a"), (1, "b"), (2, "b"), (3, "a"))
    given = {"a": s3, "b": s3}
    (tmp_path / "theirs").mkdir()
    (tmp_path / "ours").mkdir()
    original.do("write", tmp_path / "theirs", path="ds", links=links, given=given)
    written_here(tmp_path / "ours" / "ds", links, given)
    theirs, ours = kept(tmp_path / "theirs"), kept(tmp_path / "ours")
    assert {key: sorted(value) for key, value in theirs.items()} == {key: sorted(value) for key, value in ours.items()}
    assert ours["creds_keys"] == theirs["creds_keys"] == ["a", "b"]
    codes = Path("ds/images/creds_index/unsharded")
    assert (tmp_path / "ours" / codes).read_bytes() == (tmp_path / "theirs" / codes).read_bytes()
    assert s3["aws_secret_access_key"] not in (tmp_path / "ours" / "ds" / "linked_creds.json").read_text()


def test_the_original_reads_ours_and_goes_on_and_so_do_we(original, s3, tmp_path):
    written_here(tmp_path / "ds", pictures((0, "a"), (1, "b")), {"a": s3, "b": s3})
    found = original.do("read", tmp_path, path="ds", given={"a": s3, "b": s3})
    assert found == {
        "creds_keys": ["a", "b"], "managed_creds_keys": [], "used_creds_keys": ["a", "b"], "means": [0, 60],
    }  # fmt: skip
    original.do(
        "go_on", tmp_path, path="ds", given={"a": s3, "b": s3, "c": s3}, links=pictures((2, "c"), (3, "a")),
        renamed={"b": "bee"},
    )  # fmt: skip
    ds = deeplake_nb.load(tmp_path / "ds")
    assert ds.link_creds.creds_keys == ["a", "bee", "c"]
    for name in ds.get_creds_keys():
        ds.populate_creds(name, s3)
    assert means(ds) == [0, 60, 120, 180]
    ds.update_creds_key("c", "a")  # which both have then
    ds.images.append(deeplake_nb.link("s3://files/1.jpg", creds_key="a"))
    ds.close()
    found = original.do("read", tmp_path, path="ds", given={"a": s3, "bee": s3})
    assert found["creds_keys"] == ["a", "bee", "a"]
    assert found["means"] == [0, 60, 120, 180, 60]


def test_we_read_theirs_and_go_on_and_so_do_they(original, s3, tmp_path):
    original.do("write", tmp_path, path="ds", links=pictures((3, "a"), (2, "b")), given={"a": s3, "b": s3, "idle": s3})
    ds = deeplake_nb.load(tmp_path / "ds")
    assert ds.get_creds_keys() == {"a", "b", "idle"}
    assert ds.link_creds.used_creds_keys != []
    ds.populate_creds("a", s3)
    ds.populate_creds("b", s3)
    assert means(ds) == [180, 120]
    ds.add_creds_key("new")
    ds.populate_creds("new", s3)
    ds.images.append(deeplake_nb.link("s3://files/0.jpg", creds_key="new"))
    ds.update_creds_key("a", "ay")
    ds.close()
    found = original.do("read", tmp_path, path="ds", given={"ay": s3, "b": s3, "new": s3, "idle": s3})
    assert (found["creds_keys"], found["means"]) == (["ay", "b", "idle", "new"], [180, 120, 0])
    with pytest.raises(OriginalError) as failed:
        original.do("read", tmp_path, path="ds", given={"ay": s3, "b": s3})
    assert "new" in str(failed.value), "it knows which of the keys are used, and asks for them"


def test_a_managed_key_of_ours_is_one_to_the_original(original, s3, tmp_path):
    hub = EmbeddedHub(tmp_path / "hub")
    session = Session(hub=hub)
    ds = session.empty("hub://org/ds")
    hub.add_key("org", "k", "aws-keys", s3)
    ds.create_tensor("images", htype="link[image]", sample_compression="jpeg")
    ds.add_creds_key("k", managed=True)
    ds.images.append(session.link("s3://files/2.jpg", creds_key="k"))
    ds.close()
    hub.close()
    found = original.do("read", tmp_path / "hub" / "datasets" / "org", path="ds", given={"k": s3})
    assert found == {
        "creds_keys": ["k"], "managed_creds_keys": ["k"], "used_creds_keys": ["k"], "means": [120],
    }  # fmt: skip
