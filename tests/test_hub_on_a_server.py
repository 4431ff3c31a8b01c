"""``hub://`` paths of a hub on a server: a token of the hub opens what lies in a cloud, and no key of that cloud."""

from __future__ import annotations

import io
import pickle
import traceback
import uuid
from functools import partial

import numpy as np
import pytest
from PIL import Image

import deeplake_nb
from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import (
    CredentialsError,
    DatasetNotFoundError,
    HubError,
    HubTokenError,
    LinkError,
    PermissionDeniedError,
    ReadOnlyError,
)
from deeplake_nb.hub.sign_in import keep_token
from deeplake_nb.session import Session
from deeplake_nb.session.places import Access
from tests.fakes import moto
from tests.fakes.hub import hub_server

CANARY = "c4naryC4NARYc4naryC4NARYc4naryC4NARYc4na"


@pytest.fixture(scope="module")
def s3():
    """Keys of a server that lends none (no STS) and checks none: signed addresses confuse the checks it could do."""
    with moto.moto_server() as endpoint:
        moto.client(endpoint).create_bucket(Bucket="bucket")
        buffer = io.BytesIO()
        Image.fromarray(np.full((4, 5, 3), 120, np.uint8)).save(buffer, "jpeg", quality=95)
        moto.client(endpoint).put_object(Bucket="bucket", Key="raw/a.jpg", Body=buffer.getvalue())
        yield {**moto.ADMIN, "endpoint_url": endpoint}


@pytest.fixture(scope="module")
def server():
    with hub_server() as running:
        yield running


@pytest.fixture(scope="module")
def org(server, s3):
    """An organisation whose datasets go to the bucket, by one key that is lent and one that signs."""
    root = server.client()
    root.create_org("org")
    root.add_key("org", "signs", "aws-keys", s3)
    root.add_key("org", "lends", "aws-keys", s3, prefixes=["s3://bucket"], lends_itself=True)
    root.add_key("org", "bound", "aws-keys", s3, prefixes=["s3://bucket/raw"])
    root.add_key("org", "anywhere", "aws-keys", s3, lends_itself=True)
    root.set_default_storage("org", "s3://bucket/signed", "signs")
    root.create_org("lent")
    root.add_key("lent", "lends", "aws-keys", s3, prefixes=["s3://bucket"], lends_itself=True)
    root.set_default_storage("lent", "s3://bucket/lent", "lends")
    return root


def member(server, org, role, name=None):
    name = name or f"u{uuid.uuid4().hex[:8]}"
    user = server.user(name)
    org.set_member("org", name, role)
    org.set_member("lent", name, role)
    return Session(hub=user)


@pytest.fixture(scope="module")
def writer(server, org):
    return member(server, org, "writer")


@pytest.fixture
def name():
    return f"ds{uuid.uuid4().hex[:8]}"


@pytest.mark.parametrize("way", ["org", "lent"])
def test_a_dataset_in_a_bucket_by_a_token_of_the_hub(server, org, writer, name, way):
    path = f"hub://{way}/{name}"
    with writer.empty(path) as ds:
        ds.create_tensor("x").extend(np.arange(5))
        ds.create_tensor("images", htype="image", sample_compression="png").extend(
            np.random.default_rng(0).integers(0, 255, (5, 30, 40, 3), np.uint8)
        )
    ds.close()
    assert writer.list(way)[-1:] == [path] or path in writer.list(way)
    again = member(server, org, "writer").load(path)
    assert again.x.numpy().ravel().tolist() == list(range(5))
    assert again.images[4].shape == (30, 40, 3)
    with again:
        again.extend({"x": [5], "images": [np.zeros((3, 3, 3), np.uint8)]})
    again.close()
    assert writer.doctor(path)
    explained = writer.explain(path)["hub"].said
    assert "so the hub signs every request" in explained if way == "org" else "by the managed key 'lends'" in explained
    writer.delete(path)
    assert not writer.exists(path)
    assert path not in writer.list(way)


@pytest.mark.parametrize("way", ["org", "lent"])
def test_who_may_only_read_reads(server, org, writer, name, way):
    path = f"hub://{way}/{name}"
    with writer.empty(path) as ds:
        ds.create_tensor("x").extend([1, 2])
    ds.close()
    reader = member(server, org, "reader")
    with pytest.warns(UserWarning, match=rf"{path} opens for reading: the hub allows you no more"):
        ds = reader.load(path)
    assert ds.read_only
    assert ds.x.numpy().ravel().tolist() == [1, 2]
    with pytest.raises(ReadOnlyError):
        ds.x.append(3)
    assert reader.load(path, read_only=True).read_only
    for refused in (
        lambda: reader.load(path, read_only=False),
        lambda: reader.empty(path, overwrite=True),
        lambda: reader.delete(path),
        lambda: reader.rename(path, "other"),
        ds.make_public,
    ):
        with pytest.raises(PermissionDeniedError):
            refused()
    stranger = Session(hub=server.user(f"s{uuid.uuid4().hex[:8]}"))
    with pytest.raises((DatasetNotFoundError, HubError)):
        stranger.load(path)
    assert not stranger.exists(path)
    assert not stranger.exists("hub://nobody/none")
    writer.load(path).make_public()
    assert len(stranger.load(path, read_only=True).x) == 2


def test_connecting_what_lies_in_a_bucket(server, org, s3, name):
    admin = Session(hub=org)
    with admin.empty(f"s3://bucket/mine/{name}", creds=s3) as ds:
        ds.create_tensor("x").extend([1, 2])
    ds.connect(org_id="org", creds_key="signs")
    assert ds.path == f"hub://org/{name}"
    assert len(member(server, org, "reader").load(f"hub://org/{name}", read_only=True).x) == 2
    with pytest.warns(UserWarning, match=rf"only the name hub://org/{name} is gone"):
        admin.delete(f"hub://org/{name}")
    assert admin.exists(f"s3://bucket/mine/{name}", creds=s3)


def test_links_are_read_without_a_key_of_the_cloud(server, org, writer, name):
    ds = writer.empty(f"hub://org/{name}")
    ds.create_tensors("images", htype="link[image]", sample_compression="jpeg")
    ds.add_creds_key("lends", managed=True)
    ds.images.append(writer.link("s3://bucket/raw/a.jpg", creds_key="lends"))
    ds.close()
    again = member(server, org, "reader").load(f"hub://org/{name}", read_only=True)
    assert again.images[0].numpy().mean() == pytest.approx(120, abs=3)
    ds = writer.load(f"hub://org/{name}")
    ds.add_creds_key("own")
    ds.images.extend([writer.link("s3://bucket/raw/a.jpg", creds_key="lends")] * 2)
    with pytest.raises(LinkError, match="'own' has no credentials in this session"):
        ds.images.append(writer.link("s3://bucket/raw/a.jpg", creds_key="own"))
    with pytest.raises(LinkError, match="is for s3://bucket, and is sent nowhere else"):
        ds.images.append(writer.link("s3://elsewhere/a.jpg", creds_key="lends"))
    assert len(ds.images) == 3
    ds.add_creds_key("anywhere", managed=True)
    ds.images.append(writer.link("s3://bucket/raw/a.jpg", creds_key="anywhere"))
    with pytest.raises(LinkError, match="azure"):
        ds.images.append(writer.link("azure://account/box/a.jpg", creds_key="anywhere"))


def test_links_are_read_by_requests_that_the_hub_signs(server, org, writer, name):
    ds = writer.empty(f"hub://org/{name}")
    ds.create_tensors("images", htype="link[image]", sample_compression="jpeg")
    ds.add_creds_key("signs", managed=True)
    ds.add_creds_key("bound", managed=True)
    ds.images.extend([writer.link("s3://bucket/raw/a.jpg", creds_key="signs")] * 3)
    ds.images.append(writer.link("s3://bucket/raw/a.jpg", creds_key="bound"))
    for path, key in (("raw/none.jpg", "signs"), ("other/a.jpg", "bound"), ("raw2/a.jpg", "bound")):
        with pytest.raises(LinkError, match=f"s3://bucket/{path} cannot be read") as failed:
            ds.images.append(writer.link(f"s3://bucket/{path}", creds_key=key))
        assert "Signature" not in str(failed.value)
    ds.close()
    again = member(server, org, "reader").load(f"hub://org/{name}", read_only=True)
    assert [one.mean() for one in again.images.numpy(aslist=True)] == [pytest.approx(120, abs=3)] * 4


def test_a_place_without_a_name_by_a_managed_key(server, org, writer, name):
    by = {"creds": {"creds_key": "lends"}, "org_id": "org"}
    with writer.empty(f"s3://bucket/raw/{name}", **by) as ds:
        ds.create_tensor("x").extend([1, 2])
    assert len(writer.load(f"s3://bucket/raw/{name}", **by).x) == 2
    with pytest.raises((PermissionDeniedError, CredentialsError)):
        member(server, org, "reader").empty(f"s3://bucket/raw/{name}", overwrite=True, **by)
    assert writer.exists(f"s3://bucket/raw/{name}", **by)


def test_what_a_server_lends_is_shown_nowhere(server, org, s3, name, caplog):
    caplog.set_level("DEBUG")
    org.add_key(
        "lent", name, "aws-keys", {**s3, "aws_secret_access_key": CANARY}, prefixes=["s3://bucket"], lends_itself=True
    )
    lake = Session(hub=org)
    by = {"creds": {"creds_key": name}, "org_id": "lent"}
    place = lake._places.open(f"s3://bucket/{name}", {"creds_key": Secret(name)}, Access("lent"))
    assert place.provider().aws_secret_access_key.reveal() == CANARY, "it is lent"
    with pytest.raises(DatasetNotFoundError) as missing:
        lake.load(f"s3://bucket/{name}", **by)
    with lake.empty(f"hub://lent/{name}") as ds:
        ds.create_tensor("images", htype="link[image]", sample_compression="jpeg")
        ds.add_creds_key(name, managed=True)
    with pytest.raises(LinkError) as failed:
        ds.images.append(lake.link("s3://bucket/raw/none.jpg", creds_key=name))
    ds.close()
    said = [repr(place), repr(vars(place.provider)), repr(vars(ds._state.host._links)), caplog.text]
    for error in (missing.value, failed.value):
        frames = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
        assert len(frames) > 1000
        said += [repr(error), frames]
    assert [one for one in said if CANARY in one] == []
    with pytest.raises((TypeError, CredentialsError, pickle.PicklingError, AttributeError)):
        pickle.dumps(place)
    assert CANARY.encode() not in pickle.dumps(ds)


# ------------------------------------------------------------------ which server, which token


def test_the_server_and_the_token_of_the_environment(server, org, monkeypatch, name):
    monkeypatch.setenv("DEEPLAKE_NB_HUB", server.url)
    with pytest.raises(HubTokenError, match=r"deeplake-nb login"):
        deeplake_nb.load(f"hub://org/{name}")
    monkeypatch.setenv("DEEPLAKE_NB_TOKEN", server.token.reveal())
    deeplake_nb.empty(f"hub://org/{name}").close()
    assert deeplake_nb.load(f"hub://org/{name}").path == f"hub://org/{name}"
    assert deeplake_nb.hub().url == server.url


def test_a_token_given_to_connect(server, org, s3, monkeypatch, name):
    monkeypatch.setenv("DEEPLAKE_NB_HUB", server.url)
    token = server.token.reveal()
    with deeplake_nb.empty(f"s3://bucket/mine/{name}", creds=s3) as ds:
        ds.create_tensor("x").extend([1, 2])
    with pytest.raises(HubTokenError):
        ds.connect(dest_path=f"hub://org/{name}", creds_key="lends")
    assert ds.path == f"s3://bucket/mine/{name}"
    ds.connect(dest_path=f"hub://org/{name}", creds_key="lends", token=token)
    ds.x.append(3)
    ds.rename(f"{name}-2")
    ds.close()
    other = deeplake_nb.connect(f"s3://bucket/mine/{name}", "lends", org_id="lent", ds_name=name, token=token)
    assert (other.path, len(other.x)) == (f"hub://lent/{name}", 3)
    assert len(deeplake_nb.load(f"hub://org/{name}-2", token=token).x) == 3


def test_a_token_given_in_the_call(server, org, monkeypatch, name):
    monkeypatch.setenv("DEEPLAKE_NB_HUB", server.url)
    token = server.token.reveal()
    deeplake_nb.empty(f"hub://org/{name}", token=token).close()
    assert deeplake_nb.load(f"hub://org/{name}", token=token).path == f"hub://org/{name}"
    assert f"hub://org/{name}" in deeplake_nb.list("org", token=token)
    assert deeplake_nb.hub(token).whoami().name == "root"
    with pytest.raises(HubTokenError) as failed:
        deeplake_nb.load(f"hub://org/{name}", token=f"dlnb_{CANARY}")
    own = [frame for frame in traceback.walk_tb(failed.value.__traceback__) if "deeplake_nb" in str(frame[0].f_code)]
    shown = "".join(repr(frame.f_locals) for frame, _ in own)
    assert len(own) > 2
    assert CANARY not in shown + str(failed.value)


def test_a_token_that_login_kept_and_kept_anew(server, org, monkeypatch, tmp_path, name):
    monkeypatch.setenv("DEEPLAKE_NB_HUB", f"{server.url}/")
    monkeypatch.setenv("DEEPLAKE_NB_DATA", str(tmp_path))
    keep = partial(keep_token, server.url, environ={"DEEPLAKE_NB_DATA": str(tmp_path)})
    lake = Session()
    text, token = org.create_token("for a day")
    keep(Secret(text))
    assert lake.hub().whoami().name == "root"
    org.revoke_token(token.id)
    with pytest.raises(HubTokenError):
        lake.load(f"hub://org/{name}")
    keep(server.token)
    lake.empty(f"hub://org/{name}").close()
    assert lake.exists(f"hub://org/{name}")


def test_a_hub_that_is_not_there(monkeypatch):
    monkeypatch.setenv("DEEPLAKE_NB_HUB", "http://127.0.0.1:9")
    monkeypatch.setenv("DEEPLAKE_NB_TOKEN", "dlnb_x")
    with pytest.raises(HubError, match=r"127\.0\.0\.1:9"):
        deeplake_nb.load("hub://org/cars")
