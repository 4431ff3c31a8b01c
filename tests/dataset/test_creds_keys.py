"""Names of credentials that links use: v3's methods, what is stored, and what opens the files."""

from __future__ import annotations

import io
import json
import textwrap
import threading
import traceback

import numpy as np
import pytest
from PIL import Image

from deeplake_nb.errors import (
    CredentialsError,
    LakeError,
    LinkError,
    MissingCredentialsError,
    ReadOnlyError,
    UrlError,
)
from deeplake_nb.format import keys
from deeplake_nb.hub.embedded import EmbeddedHub
from deeplake_nb.session import Session
from tests.fakes import moto
from tests.fakes.gcs import emulator
from tests.fakes.web import send, web_server

CANARY = "c4naryC4NARYc4naryC4NARYc4naryC4NARYc4na"


def picture(value):
    buffer = io.BytesIO()
    Image.fromarray(np.full((4, 5, 3), value, np.uint8)).save(buffer, "jpeg", quality=95)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def s3():
    """A server that refuses unknown keys; gives two users' keys, who may read ``files``, and a function that puts."""
    read = {
        "Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": ["arn:aws:s3:::files", "arn:aws:s3:::files/*"],
    }  # fmt: skip

    def fill(admin):
        client = moto.client(admin["endpoint_url"])
        for number in range(4):
            client.put_object(Bucket="files", Key=f"{number}.jpg", Body=picture(number * 60))
            client.put_object(Bucket="files", Key=f"inner/{number}.jpg", Body=picture(number * 60))

    with moto.closed("files", fill, first=[read], second=[read]) as users:
        yield [users["first"], users["second"]]


@pytest.fixture
def hub(tmp_path):
    hub = EmbeddedHub(tmp_path / "hub")
    hub.create_org("org")
    yield hub
    hub.close()


@pytest.fixture
def lake(hub):
    return Session(hub=hub)


@pytest.fixture
def ds(lake):
    made = lake.empty("hub://org/cars")
    made.create_tensor("images", htype="link[image]", sample_compression="jpeg")
    return made


def linked(session, number=0, key="k", **parts):
    return session.link(f"s3://files/{number}.jpg", creds_key=key, **parts)


def grey(tensor):
    """One number for each row's picture."""
    return [int(one.mean()) // 10 * 10 for one in tensor.numpy(aslist=True)]


def stored(lake, path="hub://org/cars"):
    return json.loads(bytes(lake.storage(path).get(keys.LINKED_CREDS)))


# ------------------------------------------------------------------ the document

DOCUMENT = """
ds.create_tensors('images', htype = 'link[image]', sample_compression = 'jpeg')

ds.add_creds_key('my_creds_key', managed=True)

ds.images.append(deeplake.link(link_to_sample, creds_key = 'my_creds_key'))
"""


def test_managed_credentials_with_linked_tensors_as_the_document_says(lake, hub, s3):
    hub.add_key("org", "my_creds_key", "aws-keys", s3[0])
    ds = lake.empty("hub://org/photos")
    names = {"ds": ds, "deeplake": lake, "link_to_sample": "s3://files/1.jpg"}
    exec(textwrap.dedent(DOCUMENT), names)
    ds.close()
    again = Session(hub=hub).load("hub://org/photos", read_only=True)  # on a machine that has no key of the cloud
    assert grey(again.images) == [60]
    assert again.images[0].tobytes() == picture(60)
    assert stored(lake, "hub://org/photos") == {
        "creds_keys": ["my_creds_key"], "managed_creds_keys": ["my_creds_key"], "used_creds_keys": ["my_creds_key"],
    }  # fmt: skip


# ------------------------------------------------------------------ names


def test_names_are_stored_and_credentials_are_not(lake, ds, s3):
    ds.add_creds_key("k")
    ds.add_creds_key("other")
    assert stored(lake) == {"creds_keys": ["k", "other"], "managed_creds_keys": [], "used_creds_keys": []}
    ds.populate_creds("k", s3[0])
    ds.images.append(linked(lake))
    assert (ds.get_creds_keys(), ds.get_managed_creds_keys()) == ({"k", "other"}, [])
    assert stored(lake)["used_creds_keys"] == ["k"]
    storage = lake.storage("hub://org/cars")
    everything = b"".join(bytes(storage.get(entry.key)) for entry in storage.list())
    assert s3[0]["aws_secret_access_key"].encode() not in everything


def test_each_sample_has_its_own_key(lake, ds, s3):
    for name, user in zip(("a", "b"), s3, strict=True):
        ds.add_creds_key(name)
        ds.populate_creds(name, user)
    ds.images.extend([linked(lake, 0, "a"), linked(lake, 1, "b"), linked(lake, 2, "b"), linked(lake, 3, "a")])
    assert ds._state.tables(ds._state.tensor("images")).creds.codes.tolist() == [1, 2, 1]
    assert grey(ds.images) == [0, 60, 120, 180]
    again = lake.load("hub://org/cars")
    again.populate_creds("b", s3[1])
    assert grey(again.images[1:3]) == [60, 120]
    found = again.images.stored([0, 1, 2, 3])
    assert [isinstance(one, LakeError) for one in found] == [True, False, False, True]


def test_rows_are_copied_with_the_keys_that_were_given_here(lake, ds, s3, tmp_path):
    for name, user in zip(("a", "b"), s3, strict=True):
        ds.add_creds_key(name)
        ds.populate_creds(name, user)
    ds.images.extend([linked(lake, at, "ab"[at % 2]) for at in range(4)])
    for at, source in enumerate([ds[1:3], ds[["images"]][1:3]]):
        made = source.copy(tmp_path / f"{at}", progressbar=False)
        assert [one.creds_key() for one in (made.images[0], made.images[1])] == ["b", "a"]
        with pytest.raises(LinkError, match="credentials key 'b' has no credentials in this session"):
            made.images[0].numpy()
        for name, user in zip(("a", "b"), s3, strict=True):
            made.populate_creds(name, user)
        assert grey(made.images) == [60, 120]


def test_a_missing_key_fails_its_samples_alone(lake, ds, s3, tmp_path):
    (tmp_path / "local.jpg").write_bytes(picture(200))
    ds.add_creds_key("k")
    ds.populate_creds("k", s3[0])
    ds.images.extend([lake.link(tmp_path / "local.jpg"), linked(lake, 1)])
    ds.close()
    again = Session().load(tmp_path / "hub" / "datasets" / "org" / "cars")
    assert grey(again.images[:1]) == [200]
    with pytest.raises(
        LinkError, match=r"row 1: the linked file s3://files/1.jpg cannot be read: .* 'k' has no cred"
    ) as e:
        again.images[1].numpy()
    assert "ds.populate_creds('k', creds)" in str(e.value)
    again.populate_creds("k", s3[0])
    assert grey(again.images) == [200, 60]


def test_a_managed_key_that_the_hub_has_no_more(lake, ds, hub, s3, tmp_path):
    hub.add_key("org", "k", "aws-keys", s3[0])
    (tmp_path / "local.jpg").write_bytes(picture(200))
    ds.add_creds_key("k", managed=True)
    ds.images.extend([lake.link(tmp_path / "local.jpg"), linked(lake, 1)])
    hub.delete_key("org", "k", force=True)
    again = Session(hub=hub).load("hub://org/cars")
    assert grey(again.images[:1]) == [200]
    with pytest.raises(LinkError, match=r"s3://files/1.jpg cannot be read: no managed key 'k' in organisation 'org'"):
        again.images[1].numpy()
    outside = Session(hub=hub).load(tmp_path / "hub" / "datasets" / "org" / "cars")
    with pytest.raises(LinkError, match=r"'k' is managed by a hub, and this dataset has none: load it as hub://"):
        outside.images[1].numpy()
    assert "populate_creds('k'" in str(outside.images.stored([1])[0])


def test_a_key_is_rotated_and_the_dataset_stays_as_it_is(lake, ds, hub, s3):
    hub.add_key("org", "k", "aws-keys", {**s3[0], "aws_secret_access_key": "wrong" * 8})
    ds.add_creds_key("k", managed=True)
    with pytest.raises(LinkError, match="cannot be read"):
        ds.images.append(linked(lake))
    hub.rotate_key("org", "k", s3[0])
    ds.images.append(linked(lake, 2))
    ds.flush()
    storage = lake.storage("hub://org/cars")
    before = {entry.key: bytes(storage.get(entry.key)) for entry in storage.list()}
    hub.rotate_key("org", "k", s3[1])
    assert grey(ds.images) == [120]
    assert grey(Session(hub=hub).load("hub://org/cars", read_only=True).images) == [120]
    assert {entry.key: bytes(storage.get(entry.key)) for entry in storage.list()} == before


def test_a_key_that_changes_while_a_dataset_is_open(lake, ds, hub, s3):
    hub.add_key("org", "k", "aws-keys", s3[0])
    ds.add_creds_key("k", managed=True)
    ds.images.append(linked(lake, 2))
    hub.rotate_key("org", "k", {**s3[1], "aws_secret_access_key": "wrong" * 8})
    other = Session(hub=hub).load("hub://org/cars", read_only=True)
    with pytest.raises(LinkError):
        other.images.numpy()
    hub.rotate_key("org", "k", s3[1])
    assert grey(other.images) == [120], "it asks once more before it gives up"


def test_another_name_for_a_key(lake, ds, hub, s3):
    ds.add_creds_key("k")
    ds.populate_creds("k", s3[0])
    ds.images.append(linked(lake, 1))
    ds.update_creds_key("k", "new")
    assert stored(lake) == {"creds_keys": ["new"], "managed_creds_keys": [], "used_creds_keys": ["new"]}
    assert grey(ds.images) == [60], "what was given goes with it"
    ds.add_creds_key("other")
    ds.images.append(linked(lake, 2, "new"))
    ds.update_creds_key("new", "other")
    assert stored(lake)["creds_keys"] == ["other", "other"]
    assert stored(lake)["used_creds_keys"] == ["other"]
    again = lake.load("hub://org/cars")
    again.populate_creds("other", s3[1])
    assert grey(again.images) == [60, 120]


def test_a_hub_takes_a_key_over_and_gives_it_back(lake, ds, hub, s3):
    ds.add_creds_key("k")
    ds.populate_creds("k", s3[0])
    ds.images.append(linked(lake, 1))
    with pytest.raises(MissingCredentialsError):
        ds.update_creds_key("k", managed=True)
    assert ds.get_managed_creds_keys() == []
    hub.add_key("org", "k", "aws-keys", s3[1])
    ds.change_creds_management("k", True)
    assert ds.get_managed_creds_keys() == ["k"]
    assert grey(lake.load("hub://org/cars").images) == [60]
    ds.update_creds_key("k", managed=False)
    assert ds.get_managed_creds_keys() == []
    with pytest.raises(LinkError, match="has no credentials in this session"):
        ds.images.numpy()
    hub.add_key("org", "new", "aws-keys", s3[1])
    ds.update_creds_key("k", "new", managed=True)
    assert (ds.get_creds_keys(), ds.get_managed_creds_keys()) == ({"new"}, ["new"])
    assert grey(ds.images) == [60]


def test_what_the_session_finds_by_itself(lake, ds, s3, monkeypatch):
    ds.add_creds_key("ENV")
    ds.populate_creds("ENV", from_environment=True)
    for field, variable in (
        ("aws_access_key_id",) * 2,
        ("aws_secret_access_key",) * 2,
        ("endpoint_url", "aws_endpoint_url"),
    ):
        monkeypatch.setenv(variable.upper(), s3[0][field])
    ds.images.append(linked(lake, 1, "ENV"))
    assert grey(ds.images) == [60]


def test_what_cannot_be(lake, ds, tmp_path, s3):
    ds.add_creds_key("k")
    for call, message in (
        (lambda: ds.add_creds_key("k"), "has a credentials key 'k' already"),
        (lambda: ds.add_creds_key(""), "the name is empty"),
        (lambda: ds.populate_creds("kk", {}), r"no credentials key 'kk' \(did you mean 'k'\?\).*add_creds_key\('kk'\)"),
        (lambda: ds.populate_creds("k"), "one of the two"),
        (lambda: ds.populate_creds("k", s3[0], from_environment=True), "one of the two"),
        (lambda: ds.update_creds_key("k"), "nothing to change of key 'k'"),
        (lambda: ds.update_creds_key("none", "x"), "no credentials key 'none'"),
        (lambda: ds.update_creds_key("k", ""), "the new name of credentials key 'k' is empty"),
        (lambda: ds.images.append(linked(lake, 0, "none")), "no credentials key 'none'"),
    ):
        with pytest.raises(CredentialsError, match=message):
            call()
    assert stored(lake) == {"creds_keys": ["k"], "managed_creds_keys": [], "used_creds_keys": []}
    assert len(ds.images) == 0
    reader = lake.load("hub://org/cars", read_only=True)
    for call in (lambda: reader.add_creds_key("x"), lambda: reader.update_creds_key("k", "x")):
        with pytest.raises(ReadOnlyError):
            call()
    plain = lake.empty(tmp_path / "plain")
    with pytest.raises(MissingCredentialsError, match="this dataset has none"):
        plain.add_creds_key("k", managed=True)
    assert plain.get_creds_keys() == set()


def test_names_added_by_many_at_once(lake, ds):
    others = [lake.load("hub://org/cars") for _ in range(8)]
    threads = [threading.Thread(target=one.add_creds_key, args=(f"k{n}",)) for n, one in enumerate(others)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(stored(lake)["creds_keys"]) == [f"k{n}" for n in range(8)]
    assert keys.VERSION_CONTROL_LOCK not in [entry.key for entry in lake.storage("hub://org/cars").list()]


# ------------------------------------------------------------------ where a key may go


def test_a_key_goes_nowhere_but_below_its_prefixes(lake, ds, hub, s3):
    hub.add_key("org", "k", "aws-keys", s3[0], prefixes=["s3://files/inner"])
    ds.add_creds_key("k", managed=True)
    ds.images.append(lake.link("s3://files/inner/1.jpg", creds_key="k"))
    assert grey(ds.images) == [60]
    for path in ("s3://files/1.jpg", "s3://files/inner2/1.jpg", "s3://other/inner/1.jpg"):
        with pytest.raises(LinkError, match=r"'k' is for s3://files/inner, and is sent nowhere else"):
            ds.images.append(lake.link(path, creds_key="k"))


def test_a_token_of_a_web_server_goes_to_that_server_only(lake, ds, hub):
    def guarded(handler):
        is_known = handler.headers.get("Authorization") == f"Bearer {CANARY}"
        send(handler, 200 if is_known else 401, picture(120) if is_known else b"")

    with web_server() as web, web_server() as stranger:
        web.pages["/photos/a.jpg"] = guarded
        seen = []
        stranger.pages["/photos/a.jpg"] = lambda handler: seen.append(dict(handler.headers)) or send(handler, 401, b"")
        web.pages["/photos/away.jpg"] = lambda handler: send(
            handler, 302, b"", {"Location": f"{stranger.endpoint}/photos/a.jpg"}
        )
        hub.add_key("org", "web", "http-token", {"token": CANARY}, prefixes=[f"{web.endpoint}/photos"])
        ds.add_creds_key("web", managed=True)
        ds.images.append(lake.link(f"{web.endpoint}/photos/a.jpg", creds_key="web"))
        assert grey(Session(hub=hub).load("hub://org/cars", read_only=True).images) == [120]
        for bad in (f"{stranger.endpoint}/photos/a.jpg", f"{web.endpoint}/photos/away.jpg", f"{web.endpoint}/else.jpg"):
            with pytest.raises(LinkError, match="cannot be read") as failed:
                ds.images.append(lake.link(bad, creds_key="web"))
            frames = "".join(traceback.TracebackException.from_exception(failed.value, capture_locals=True).format())
            assert CANARY not in frames
        assert all("Authorization" not in headers for headers in seen)
        assert grey(lake.load("hub://org/cars").images) == [120]
        own = lake.load("hub://org/cars")
        own.update_creds_key("web", managed=False)
        own.populate_creds("web", {"token": CANARY}, prefix=f"{web.endpoint}/photos")
        assert grey(own.images) == [120]


def test_a_token_that_a_user_gives_goes_where_the_user_says(lake, ds):
    """A dataset's author writes the links: without a word of the user, a token would go wherever one leads."""
    seen = []

    def noting(handler):
        seen.append(handler.headers.get("Authorization"))
        send(handler, 200, picture(120))

    with web_server() as web, web_server() as stranger:
        web.pages["/photos/a.jpg"] = web.pages["/other/a.jpg"] = stranger.pages["/photos/a.jpg"] = noting
        ds.add_creds_key("web")
        ds.populate_creds("web", {"token": CANARY})
        for root in (web.endpoint, stranger.endpoint):
            with pytest.raises(LinkError, match=r"populate_creds\('web', creds, prefix='https://"):
                ds.images.append(lake.link(f"{root}/photos/a.jpg", creds_key="web"))
        ds.populate_creds("web", {"token": CANARY}, prefix=f"{web.endpoint}/photos")
        for bad in (f"{stranger.endpoint}/photos/a.jpg", f"{web.endpoint}/other/a.jpg"):
            with pytest.raises(LinkError, match="and is sent nowhere else"):
                ds.images.append(lake.link(bad, creds_key="web"))
        assert seen == []
        ds.images.append(lake.link(f"{web.endpoint}/photos/a.jpg", creds_key="web"))
        assert (grey(ds.images), set(seen)) == ([120], {f"Bearer {CANARY}"})
        ds.update_creds_key("web", "renamed")
        assert grey(ds.images) == [120]
        with pytest.raises(LinkError, match="and is sent nowhere else"):
            ds.images.append(lake.link(f"{web.endpoint}/other/a.jpg", creds_key="renamed"))
        with pytest.raises(UrlError):
            ds.populate_creds("renamed", {"token": CANARY}, prefix="nowhere://x")


def test_a_managed_key_of_google(lake, ds):
    with emulator() as service:
        service.write("bucket", "a.jpg", picture(180))
        ds.add_creds_key("g")
        ds.populate_creds("g", {"token": service.issue({"get"}), "endpoint_url": service.endpoint})
        ds.images.append(lake.link("gcs://bucket/a.jpg", creds_key="g"))
        assert grey(ds.images) == [180]
        ds.populate_creds("g", {"token": "ya29.none", "endpoint_url": service.endpoint})
        with pytest.raises(LinkError, match=r"gcs://bucket/a.jpg cannot be read"):
            ds.images.numpy()


def test_what_was_given_is_shown_nowhere(lake, ds, s3, caplog):
    caplog.set_level("DEBUG")
    ds.add_creds_key("k")
    ds.populate_creds("k", {**s3[0], "aws_secret_access_key": CANARY})
    with pytest.raises(LinkError) as failed:
        ds.images.append(linked(lake, 1))
    frames = "".join(traceback.TracebackException.from_exception(failed.value, capture_locals=True).format())
    assert len(frames) > 1000
    host = ds._state.host
    for said in (frames, repr(ds), repr(vars(host)), repr(vars(host._links)), caplog.text):
        assert CANARY not in said


def test_keys_go_with_commits_and_branches(lake, ds, s3):
    ds.add_creds_key("k")
    ds.populate_creds("k", s3[0])
    ds.images.append(linked(lake, 1))
    ds.commit("one")
    ds.checkout("side", create=True)
    ds.images.append(linked(lake, 2))
    assert grey(ds.images) == [60, 120], "what was given holds for every version"
    again = lake.load("hub://org/cars@side")
    again.populate_creds("k", s3[1])
    assert grey(again.images) == [60, 120]
