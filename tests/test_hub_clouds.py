"""Datasets and links of a hub on each cloud: in this process, where keys are used, and on a server, which lends."""

from __future__ import annotations

import io
import re
import uuid
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from deeplake_nb.errors import CredentialsError, LakeError, LinkError
from deeplake_nb.hub.embedded import EmbeddedHub
from deeplake_nb.session import Session
from tests.fakes import azurite, gcs, moto, oauth
from tests.fakes.hub import hub_server

CLOUDS = ["s3", "azure", "gcs"]


def picture():
    buffer = io.BytesIO()
    Image.fromarray(np.full((4, 5, 3), 120, np.uint8)).save(buffer, "jpeg", quality=95)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def s3():
    with moto.moto_server() as endpoint:
        moto.client(endpoint).create_bucket(Bucket="bucket")
        moto.client(endpoint).put_object(Bucket="bucket", Key="raw/a.jpg", Body=picture())
        keys = {**moto.ADMIN, "endpoint_url": endpoint}
        yield SimpleNamespace(root="s3://bucket", kind="aws-keys", key=keys, own=keys)


@pytest.fixture(scope="module")
def azure():
    with azurite.azurite() as endpoint:
        with azurite.behind(endpoint, "bucket") as container:
            container.upload_blob("raw/a.jpg", picture())
        keys = {"account_key": azurite.KEY, "endpoint_url": endpoint}
        yield SimpleNamespace(root=f"azure://{azurite.ACCOUNT}/bucket", kind="azure-key", key=keys, own=keys)


@pytest.fixture(scope="module")
def google():
    with gcs.emulator() as storage, oauth.google(storage) as service:
        storage.write("bucket", "raw/a.jpg", picture())
        account = service.service_account()
        key = {"key": account, "endpoint_url": storage.endpoint, "sts_endpoint_url": service.endpoint}
        yield SimpleNamespace(
            root="gcs://bucket", kind="gcs-account", key=key, own={**account, "endpoint_url": storage.endpoint}
        )


@pytest.fixture(scope="module")
def server():
    with hub_server() as running:
        yield running


@pytest.fixture(params=CLOUDS)
def cloud(request):
    return request.getfixturevalue({"gcs": "google"}.get(request.param, request.param))


@pytest.fixture
def embedded(tmp_path):
    hub = EmbeddedHub(tmp_path / "hub")
    yield hub
    hub.close()


@pytest.fixture
def org():
    return f"org{uuid.uuid4().hex[:8]}"


def test_new_datasets_go_to_the_default_storage(embedded, cloud, org):
    embedded.create_org(org)
    embedded.add_key(org, "k", cloud.kind, cloud.key, prefixes=[cloud.root])
    embedded.set_default_storage(org, f"{cloud.root}/{org}", "k")
    session = Session(hub=embedded)
    with session.empty(f"hub://{org}/cars") as ds:
        ds.create_tensor("x").extend(np.arange(5))
    ds.close()
    assert session.load(f"hub://{org}/cars").x.numpy().ravel().tolist() == list(range(5))
    assert len(session.load(f"{cloud.root}/{org}/cars", creds=cloud.own).x) == 5
    session.copy(f"hub://{org}/cars", f"hub://{org}/copy", progressbar=False)
    session.delete(f"hub://{org}/cars")
    assert session.list(org) == [f"hub://{org}/copy"]
    assert not session.exists(f"{cloud.root}/{org}/cars", creds=cloud.own)


def test_a_dataset_is_connected_and_its_links_are_read(embedded, cloud, org):
    embedded.create_org(org)
    embedded.add_key(org, "k", cloud.kind, cloud.key)
    session = Session(hub=embedded)
    ds = session.empty(f"{cloud.root}/{org}/mine", creds=cloud.own)
    ds.connect(org_id=org, creds_key="k")
    ds.create_tensors("images", htype="link[image]", sample_compression="jpeg")
    ds.add_creds_key("k", managed=True)
    ds.images.append(session.link(f"{cloud.root}/raw/a.jpg", creds_key="k"))
    ds.close()
    again = Session(hub=embedded).load(f"hub://{org}/mine", read_only=True)
    assert again.images[0].tobytes() == picture()
    with pytest.raises(LinkError, match="cannot be read"):
        session.load(f"{cloud.root}/{org}/mine", creds=cloud.own).images[0].numpy()


@pytest.mark.parametrize("cloud", ["s3", "gcs"], indirect=True)  # folders of Azure want a server that knows them
def test_a_server_lends_what_reaches_one_dataset(server, cloud, org):
    hub = server.client()
    hub.create_org(org)
    hub.add_key(org, "k", cloud.kind, cloud.key, prefixes=[cloud.root])
    hub.set_default_storage(org, f"{cloud.root}/{org}", "k")
    session = Session(hub=hub)
    with session.empty(f"hub://{org}/cars") as ds:
        ds.create_tensor("x").extend(np.arange(5))
    ds.close()
    assert len(Session(hub=hub).load(f"hub://{org}/cars").x) == 5
    assert len(session.load(f"{cloud.root}/{org}/cars", creds=cloud.own).x) == 5
    found = session._places.open(f"hub://{org}/cars", mode="r")
    if found.provider is not None:
        assert found.provider().expires_at is not None
        with pytest.raises(LakeError):
            found.storage.put("new", b"x")
    session.delete(f"hub://{org}/cars")
    assert session.list(org) == []


@pytest.mark.parametrize("cloud", ["azure", "gcs"], indirect=True)
def test_a_server_lends_for_links(server, cloud, org):
    hub = server.client()
    hub.create_org(org)
    hub.add_key(org, "k", cloud.kind, cloud.key, prefixes=[cloud.root])
    session = Session(hub=hub)
    ds = session.empty(f"hub://{org}/cars")
    ds.create_tensors("images", htype="link[image]", sample_compression="jpeg")
    ds.add_creds_key("k", managed=True)
    ds.images.append(session.link(f"{cloud.root}/raw/a.jpg", creds_key="k"))
    ds.close()
    assert Session(hub=hub).load(f"hub://{org}/cars", read_only=True).images[0].tobytes() == picture()


@pytest.mark.parametrize("cloud", ["azure"], indirect=True)
def test_a_server_signs_for_links_where_nothing_as_narrow_can_be_lent(server, cloud, org, caplog):
    caplog.set_level("DEBUG")
    hub = server.client()
    hub.create_org(org)
    hub.add_key(org, "k", cloud.kind, cloud.key, prefixes=[f"{cloud.root}/raw", f"{cloud.root}/more"])
    session = Session(hub=hub)
    ds = session.empty(f"hub://{org}/cars")
    ds.create_tensors("images", htype="link[image]", sample_compression="jpeg")
    ds.add_creds_key("k", managed=True)
    ds.images.append(session.link(f"{cloud.root}/raw/a.jpg", creds_key="k"))
    for path in ("raw/none.jpg", "elsewhere/a.jpg"):
        with pytest.raises(LinkError, match=f"{path} cannot be read") as failed:
            ds.images.append(session.link(f"{cloud.root}/{path}", creds_key="k"))
        assert "sig=***" in str(failed.value) or "sig=" not in str(failed.value)
    ds.close()
    assert Session(hub=hub).load(f"hub://{org}/cars", read_only=True).images[0].tobytes() == picture()
    said = [record.getMessage() for record in caplog.records]
    assert any("sig=***" in message for message in said)
    assert not [message for message in said if re.search(r"sig=[^*]", message)]


@pytest.mark.parametrize("cloud", ["azure"], indirect=True)
def test_a_server_lends_a_container(server, cloud, org):
    with azurite.behind(cloud.key["endpoint_url"], org):
        pass
    hub = server.client()
    hub.create_org(org)
    hub.add_key(org, "k", cloud.kind, cloud.key)
    session = Session(hub=hub)
    ds = session.empty(f"azure://{azurite.ACCOUNT}/{org}", creds=cloud.own)
    ds.connect(dest_path=f"hub://{org}/cars", creds_key="k")
    ds.create_tensor("x").extend([1, 2])
    ds.close()
    assert len(Session(hub=hub).load(f"hub://{org}/cars").x) == 2
    with pytest.raises(CredentialsError):
        Session(hub=hub).load(f"azure://{azurite.ACCOUNT}/{org}", creds={"endpoint_url": cloud.key["endpoint_url"]})
