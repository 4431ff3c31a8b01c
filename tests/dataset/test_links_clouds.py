"""Links to every storage: read together, each failing for itself; opened again; shapes that need no file."""

from __future__ import annotations

import io
import threading

import numpy as np
import pytest
from PIL import Image

import deeplake_nb as deeplake
from deeplake_nb.errors import HtypeError, LakeError, LinkError
from tests.fakes import azurite, gcs, moto
from tests.fakes.web import send, web_server

TOKEN = "ya29.links"


def picture(height=4, width=5, value=120):
    buffer = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), value, "uint8")).save(buffer, "png")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def clouds():
    """For each storage the start of addresses, and the credentials that open it."""
    with moto.moto_server() as s3, azurite.azurite() as azure, gcs.emulator() as google, web_server() as web:
        google.issue(token=TOKEN)
        client = moto.client(s3)
        client.create_bucket(Bucket="bucket")
        client.put_object(Bucket="bucket", Key="a.png", Body=picture(value=1))
        with azurite.behind(azure, "bucket") as container:
            container.upload_blob("a.png", picture(value=2))
        google.write("bucket", "a.png", picture(value=3))
        web.files["a.png"] = picture(value=4)
        yield (
            {
                "s3": ("s3://bucket", {**moto.ADMIN, "endpoint_url": s3}),
                "azure": (f"azure://{azurite.ACCOUNT}/bucket", {"account_key": azurite.KEY, "endpoint_url": azure}),
                "gcs": ("gcs://bucket", {"token": TOKEN, "endpoint_url": google.endpoint}),
                "http": (web.endpoint, None),
            },
            web,
        )


@pytest.fixture
def ds(tmp_path):
    ds = deeplake.empty(tmp_path / "ds")
    ds.create_tensor("x", htype="link[image]", sample_compression="png")
    ds.create_tensor("loose", htype="link[image]", sample_compression="png", verify=False)
    return ds


def fill(ds, clouds, folder):
    """A link to each storage, after each a broken one; then two local ones."""
    (folder / "a.png").write_bytes(picture(value=5))
    for name, (root, creds) in clouds.items():
        if creds is not None:
            ds.add_creds_key(name)
            ds.populate_creds(name, creds)
        key = name if creds is not None else None
        ds.x.append(deeplake.link(f"{root}/a.png", creds_key=key))
        ds.loose.extend([deeplake.link(f"{root}/{file}.png", creds_key=key) for file in ("a", "gone")])
    ds.x.append(deeplake.link(str(folder / "a.png")))
    ds.loose.extend([deeplake.link(str(folder / f"{file}.png")) for file in ("a", "gone")])


def test_links_to_every_storage_each_failing_for_itself(ds, clouds, tmp_path):
    fill(ds, clouds[0], tmp_path)
    assert [int(one[0, 0, 0]) for one in ds.x.numpy()] == [1, 2, 3, 4, 5]
    found = ds.loose.stored(range(10))
    assert [one.array()[0, 0, 0] for one in found[::2]] == [1, 2, 3, 4, 5]
    roots = [root for root, _ in clouds[0].values()] + [str(tmp_path)]
    for root, one in zip(roots, found[1::2], strict=True):
        assert isinstance(one, LinkError)
        assert f"the linked file {root.split('?')[0]}/gone.png cannot be read: " in str(one)
    report = ds.loose.revalidate()
    assert not report
    assert list(report.broken) == [1, 3, 5, 7, 9]
    assert report.checked == 10
    assert "gone.png" in repr(report)
    assert ds.x.revalidate()
    for name in ("s3", "azure", "gcs"):
        assert clouds[0][name][1].get("account_key", "ya29") not in repr(report)
    listed = ds.loose.numpy(aslist=True)
    assert [int(one[0, 0, 0]) for one in listed[::2]] == [1, 2, 3, 4, 5]
    assert list(map(str, listed[1::2])) == list(map(str, found[1::2]))
    with pytest.raises(LinkError, match=r"gone\.png cannot be read: .* \(5 of 10 linked files cannot be read; numpy\("):
        ds.loose.numpy()


def test_a_key_without_credentials_fails_its_own_links_only(ds, clouds, tmp_path):
    fill(ds, clouds[0], tmp_path)
    ds.close()
    again = deeplake.load(ds.path, read_only=True)
    found = again.x.stored(range(5))
    assert [isinstance(one, LakeError) for one in found] == [True, True, True, False, False]
    assert "key 'azure' has no credentials in this session" in str(found[1])
    again.populate_creds("azure", clouds[0]["azure"][1])
    assert [isinstance(one, LakeError) for one in again.x.stored(range(5))] == [True, False, True, False, False]


def test_storages_are_asked_at_once(ds, clouds):
    web = clouds[1]
    with web_server() as one, web_server() as other:
        links = []
        together = threading.Barrier(3, timeout=60)  # none is answered before all are asked
        for at, server in enumerate((web, one, other)):

            def late(handler, at=at):
                together.wait()
                send(handler, 200, picture(value=at))

            server.pages["/late.png"] = late
            links.append(deeplake.link(f"{server.endpoint}/late.png"))
        ds.loose.extend(links)
        assert [one[0, 0, 0] for one in ds.loose.numpy()] == [0, 1, 2]
        del web.pages["/late.png"]


def test_shapes_are_known_without_opening_a_file(ds, clouds):
    web = clouds[1]
    for height in (3, 6):
        web.files[f"{height}.png"] = picture(height)
        ds.x.append(deeplake.link(f"{web.endpoint}/{height}.png"))
    ds.flush()
    web.requests.clear()
    assert ds.x.shapes()[:2].tolist() == [[3, 5, 3], [6, 5, 3]]
    assert ds.x[1].shape == (6, 5, 3)
    assert ds.x[:2].shape == (2, None, 5, 3)
    assert web.requests == []


def test_files_that_have_changed_are_known_anew(ds, clouds):
    web = clouds[1]
    for name in ("one", "two"):
        web.files[f"{name}.png"] = picture(4)
        ds.x.append(deeplake.link(f"{web.endpoint}/{name}.png"))
    web.files["two.png"] = picture(9, 2)
    report = deeplake.load(ds.path, read_only=True).x.revalidate()
    assert (bool(report), report.changed) == (True, [1])
    assert ds.x[1].shape == (4, 5, 3), "opened for reading: it is only said"
    assert ds.x.revalidate().changed == [1]
    assert ds.x[1].shape == (9, 2, 3)
    assert ds.x.shape_interval.upper == (2, 9, 5, 3)
    assert ds.x.sample_info[1]["shape"] == [9, 2, 3]
    assert ds.x.revalidate().changed == []
    with pytest.raises(HtypeError, match="is for link tensors"):
        ds.create_tensor("y").revalidate()


def test_rows_of_sequences(ds, clouds, tmp_path):
    (tmp_path / "a.png").write_bytes(picture(3))
    ds.create_tensor("seq", htype="sequence[link[image]]", sample_compression="png")
    good = deeplake.link(str(tmp_path / "a.png"))
    ds.seq.extend([[good, good], [], [good]])
    assert ds.seq[0].shape == (2, 3, 5, 3)
    (tmp_path / "a.png").write_bytes(picture(7))
    assert ds.seq.revalidate().changed == [0, 2]
    assert ds.seq[0].shape == (2, 7, 5, 3)
    (tmp_path / "a.png").unlink()
    assert list(ds.seq.revalidate().broken) == [0, 2]
