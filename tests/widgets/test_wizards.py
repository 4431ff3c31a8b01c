"""The wizards: connect, default storage, a new dataset, links out of a listing."""

from __future__ import annotations

import io
from itertools import count

import pytest
from PIL import Image

import deeplake_nb
from deeplake_nb.errors import CredentialsError
from deeplake_nb.widgets import wizards
from deeplake_nb.widgets.dataset_panels import NewPanel
from deeplake_nb.widgets.hub_panels import ConnectPanel, StoragePanel
from deeplake_nb.widgets.link_panel import LinkPanel
from tests.fakes import moto, proxy
from tests.fakes.cars import cars


def png():
    out = io.BytesIO()
    Image.new("RGB", (96, 64), (220, 20, 30)).save(out, "png")
    return out.getvalue()


@pytest.fixture(scope="module")
def bucket():
    with moto.moto_server() as endpoint:
        moto.client(endpoint).create_bucket(Bucket="bucket")
        creds = {**moto.ADMIN, "endpoint_url": endpoint}
        cars(creds)
        picture = png()
        for name in ("raw/a.png", "raw/b.png", "raw/deep/c.png", "raw/notes.txt"):
            moto.client(endpoint).put_object(Bucket="bucket", Key=name, Body=picture)
        moto.client(endpoint).put_object(Bucket="bucket", Key="broken/x.png", Body=b"no image")
        yield creds


def fields_of(page):
    return {field["name"]: field for field in page.ask("open")["content"]["choices"][0]["fields"]}


def test_connect_with_a_key_that_is_made_on_the_way(session, open_page, bucket):
    page = open_page(ConnectPanel(session))
    asked = {"dataset": "s3://bucket/cars", "dest": "hub://me/autos", "key": "+"}
    page.act("connect", "connect", asked)
    content = page.sent[-1]["content"]
    assert content["title"] == "Credentials for s3://bucket/cars"
    assert "gcs-browser" not in [choice["name"] for choice in content["choices"]]
    typed = {**bucket, "url": "s3://bucket/cars", "keep": "me", "name": "cars_key"}
    outcome = page.act("save", "s3-compatible", typed)
    assert outcome["said"].endswith("Choose Connect to go on.")
    fields = fields_of(page)
    assert [fields[name]["value"] for name in asked] == ["s3://bucket/cars", "hub://me/autos", "me/cars_key"]
    asked["key"] = "me/cars_key"
    assert page.act("test", "connect", asked)["said"] == "me/cars_key: This works: list, read, write."
    outcome = page.act("connect", "connect", asked)
    assert outcome["done"]
    assert outcome["copies"] == "hub://me/autos"
    assert len(session.load("hub://me/autos")) == 3


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"dest": "hub://me"}, "dest"), ({"dest": "s3://x"}, "dest"), ({"dataset": "hub://a/b"}, "dataset")],
)
def test_connect_checks_each_field(session, open_page, wrong, field):
    good = {"dataset": "s3://bucket/cars", "dest": "hub://me/autos", "key": "-"}
    outcome = open_page(ConnectPanel(session)).act("connect", "connect", good | wrong)
    assert list(outcome["problems"]) == [field]


def test_what_cannot_be_connected_gets_no_name(session, open_page, tmp_path):
    page = open_page(ConnectPanel(session, str(tmp_path / "nothing"), "hub://me/nothing"))
    asked = {"dataset": str(tmp_path / "nothing"), "dest": "hub://me/nothing", "key": "-"}
    assert page.act("test", "connect", asked)["said"].startswith("There is no dataset at")
    outcome = page.act("connect", "connect", asked)
    assert not outcome["good"]
    assert not outcome["done"]
    assert not session.exists("hub://me/nothing")


def test_default_storage_by_a_key_and_back_to_the_hubs_own(session, open_page, bucket):
    session.hub().add_key("me", "k", "aws-keys", bucket, prefixes=["s3://bucket"])
    page = open_page(StoragePanel(session, "me"))
    outcome = page.act("save", "storage", {"org": "me", "url": "s3://bucket/new", "key": "me/k"})
    assert outcome["said"] == "New datasets of me go to: s3://bucket/new, by the key k."
    session.empty("hub://me/there").create_tensor("x").append(1)
    keys = moto.client(bucket["endpoint_url"]).list_objects_v2(Bucket="bucket", Prefix="new/there/")
    assert keys["KeyCount"] > 0
    page = open_page(StoragePanel(session, "me"))
    assert page.ask("open")["content"]["intro"] == "me: s3://bucket/new, by the key k."
    assert page.act("save", "storage", {"org": "me", "url": "s3://else/x", "key": "me/k"})["good"] is False
    assert session.hub().default_storage("me").url == "s3://bucket/new"
    page.act("save", "storage", {"org": "me", "key": "-"})
    assert session.hub().default_storage("me").creds_key is None


def test_another_organisations_key_is_refused(session, open_page, bucket):
    session.hub().add_key("team", "k", "aws-keys", bucket, prefixes=["s3://bucket"])
    page = open_page(StoragePanel(session, "me"))
    outcome = page.act("save", "storage", {"org": "me", "url": "s3://bucket/new", "key": "team/k"})
    assert "make one for me here" in outcome["said"]


def test_a_new_dataset_is_what_its_code_says(session, open_page, tmp_path):
    made = []
    page = open_page(NewPanel(session, str(tmp_path / "ds"), made.append))
    place = {"url": str(tmp_path / "ds")}
    for tensor, htype, more in (
        ("images", "image", {"compression-jpeg-png-webp": "png"}),
        ("labels", "class_label", {"names": "cat, rocket ,"}),
        ("oops", "text", {}),
        ("clips", "video", {}),
        ("x", "generic", {}),
    ):
        assert page.act("add", "new", place | {"tensor": tensor, "htype": htype} | more)["good"]
    page.act("remove", "oops")
    assert not (tmp_path / "ds").exists(), "nothing is made before it is asked for"
    outcome = page.act("make", "new", place)
    assert outcome["done"]
    assert list(made[0].tensors) == ["images", "labels", "clips", "x"]
    assert made[0].labels.info.class_names == ["cat", "rocket"]
    assert made[0].clips.meta.sample_compression == "mp4"
    assert (made[0].images.htype, made[0].images.meta.sample_compression) == ("image", "png")
    again = {}
    exec(outcome["copies"].replace("/ds'", "/again'"), {"deeplake_nb": deeplake_nb}, again)
    assert [(n, t.htype) for n, t in again["ds"].tensors.items()] == [(n, t.htype) for n, t in made[0].tensors.items()]


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ({"tensor": ""}, {"tensor": "letters, digits and _, not starting with a digit"}),
        ({"tensor": "2x"}, {"tensor": "letters, digits and _, not starting with a digit"}),
        (
            {"tensor": "x", "htype": "image", "compression-jpeg-png-webp": "lz4"},
            {"compression-jpeg-png-webp": "choose one of those offered"},
        ),
        ({"tensor": "x", "htype": "class_label", "names": "a, b, a"}, {"names": "each name once"}),
        ({"tensor": "x", "htype": "nonsense"}, {"htype": "choose one of those offered"}),
    ],
)
def test_a_tensor_that_cannot_be_is_not_put_on_the_list(session, open_page, tmp_path, typed, problem):
    page = open_page(NewPanel(session))
    assert page.act("add", "new", {"url": str(tmp_path / "ds"), **typed})["problems"] == problem
    assert page.sent[-1]["content"]["table"]["rows"] == []


def listed(page, place, *tensors):
    for tensor in tensors:
        assert page.act("add", "new", place | {"tensor": tensor, "htype": "image"})["good"]


def test_a_tensor_that_is_refused_after_others_leaves_nothing(session, open_page, tmp_path):
    page, place = open_page(NewPanel(session)), {"url": str(tmp_path / "ds")}
    listed(page, place, "a", "a/b")
    outcome = page.act("make", "new", place)
    assert not outcome["good"]
    assert outcome["said"].startswith("'a/b' lies below a tensor")
    assert not (tmp_path / "ds").exists()
    page.act("remove", "a/b")
    assert page.act("make", "new", place)["done"], "the name is free, and nobody holds its lock"
    assert list(session.load(tmp_path / "ds").tensors) == ["a"]


def test_a_name_of_a_hub_whose_dataset_failed_is_free_again(session, open_page):
    page, place = open_page(NewPanel(session)), {"url": "hub://me/photos"}
    listed(page, place, "a", "a/b")
    assert not page.act("make", "new", place)["good"]
    assert session.hub().datasets("me").entries == ()
    page.act("remove", "a/b")
    assert page.act("make", "new", place)["done"]
    assert [entry.name for entry in session.hub().datasets("me").entries] == ["photos"]


def test_a_storage_that_fails_in_the_middle_leaves_nothing(session, open_page, bucket):
    """At each of the puts, once; deletions go through."""
    s3 = moto.client(bucket["endpoint_url"])
    place = {"url": "s3://bucket/halfway"}
    with proxy.fault_proxy(bucket["endpoint_url"]) as between:
        session.keep_creds("s3://bucket/halfway", bucket | {"endpoint_url": between.endpoint})
        for number in count():
            puts = count()
            between.always = lambda asked, puts=puts, number=number: (
                proxy.status(403, "AccessDenied") if asked.method == "PUT" and next(puts) == number else None
            )
            page = open_page(NewPanel(session))
            listed(page, place, "images", "more")
            outcome = page.act("make", "new", place)
            if outcome["done"]:
                break
            assert "(AccessDenied from" in outcome["said"], outcome
            assert s3.list_objects_v2(Bucket="bucket", Prefix="halfway/").get("Contents", []) == [], number
    assert number > 5
    assert list(session.load("s3://bucket/halfway", creds=bucket).tensors) == ["images", "more"]
    s3.close()


def test_what_cannot_be_removed_either_is_said(session, open_page, bucket):
    with proxy.fault_proxy(bucket["endpoint_url"]) as between:
        session.keep_creds("s3://bucket/stuck", bucket | {"endpoint_url": between.endpoint})
        puts = count()
        between.always = lambda asked: (
            proxy.status(403, "AccessDenied")
            if asked.method in ("DELETE", "POST") or (asked.method == "PUT" and next(puts) > 3)
            else None
        )
        page, place = open_page(NewPanel(session)), {"url": "s3://bucket/stuck"}
        listed(page, place, "images")
        outcome = page.act("make", "new", place)
        assert not outcome["good"]
        assert "remove it with deeplake_nb.delete('s3://bucket/stuck', force=True)" in outcome["said"]
        between.always = lambda _: None
        session.delete("s3://bucket/stuck", force=True)
        assert page.act("make", "new", place)["done"]


def test_a_dataset_without_tensors_is_not_made(session, open_page, tmp_path):
    outcome = open_page(NewPanel(session)).act("make", "new", {"url": str(tmp_path / "ds")})
    assert outcome["problems"] == {"tensor": "fill this in"}
    assert not (tmp_path / "ds").exists()


def test_links_are_seen_before_they_are_written(session, open_page, bucket, tmp_path):
    session.keep_creds("s3://bucket", bucket)
    ds = session.empty(tmp_path / "ds")
    page = open_page(LinkPanel(session, ds))
    asked = {"url": "s3://bucket/raw", "pattern": "*.png", "tensor": "images", "kind": "image", "key": "-"}
    outcome = page.act("test", "link", asked)
    assert outcome["said"].startswith("3 files, ")
    lines = {line[1]: line[2] for line in outcome["lines"]}
    assert lines["files"].startswith("a.png (")
    assert lines["tensor"] == "images is made, as link[image] with sample_compression='png'"
    assert lines["opens"] == "a.png is an image of 64 x 96 x 3"
    assert list(ds.tensors) == []
    outcome = page.act("write", "link", asked)
    assert outcome["done"], outcome
    assert ds.images.htype == "link[image]"
    assert ds.images[0].numpy().shape == (64, 96, 3)
    assert len(ds.images) == 3


def test_a_preview_says_that_the_files_do_not_open(session, open_page, bucket, tmp_path):
    session.keep_creds("s3://bucket", bucket)
    page = open_page(LinkPanel(session, session.empty(tmp_path / "ds")))
    asked = {"url": "s3://bucket/broken", "pattern": "*", "tensor": "images", "kind": "image", "key": "-"}
    outcome = page.act("test", "link", asked)
    assert not outcome["good"]
    assert outcome["lines"][-1][:2] == ("failed", "opens")
    assert page.act("test", "link", asked | {"kind": "video"})["lines"][-1][2] == "x.png is there to be read"


def test_links_by_a_managed_key_of_the_organisation(session, open_page, bucket):
    session.hub().add_key("me", "k", "aws-keys", bucket, prefixes=["s3://bucket"])
    ds = session.empty("hub://me/photos")
    page = open_page(LinkPanel(session, ds))
    assert fields_of(page)["key"]["options"] == (("-", "none: they open without"), ("+k", "k of me"))
    asked = {"url": "s3://bucket/raw", "pattern": "?.png", "tensor": "images", "kind": "image"}
    assert page.act("test", "link", asked | {"key": "+k"})["good"]
    assert not ds.get_creds_keys(), "a preview changes nothing"
    assert page.act("write", "link", asked | {"key": "+k"})["said"] == "Wrote 2 links to images."
    assert session.load("hub://me/photos").images[1].numpy().shape == (64, 96, 3)
    again = open_page(LinkPanel(session, ds))
    assert fields_of(again)["key"]["options"][1] == ("k", "k")
    assert again.act("test", "link", asked | {"key": "k"})["lines"][1][2].startswith("images is there, with 2 rows")


def test_nothing_that_fits_writes_nothing(session, open_page, bucket, tmp_path):
    session.keep_creds("s3://bucket", bucket)
    ds = session.empty(tmp_path / "ds")
    page = open_page(LinkPanel(session, ds))
    asked = {"url": "s3://bucket/raw", "pattern": "*.tif", "tensor": "images", "kind": "image", "key": "-"}
    outcome = page.act("write", "link", asked)
    assert outcome["said"] == "no file below s3://bucket/raw fits '*.tif': nothing to link"
    ds.create_tensor("plain")
    outcome = page.act("write", "link", asked | {"pattern": "*.png", "tensor": "plain"})
    assert "holds no links" in outcome["said"]
    assert list(ds.tensors) == ["plain"]
    assert len(ds) == 0


@pytest.mark.parametrize("wizard", ["connect", "storage", "new"])
def test_nobody_here_is_told_the_call(session, monkeypatch, wizard):
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(CredentialsError, match=rf"%lake {wizard} asks for something, and nobody can answer here"):
        getattr(wizards, wizard)(session)
