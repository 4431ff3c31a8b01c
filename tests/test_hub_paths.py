"""``hub://`` wherever a path goes, with the hub of this process: names, default storages, connecting."""

from __future__ import annotations

import dataclasses
import pickle
import textwrap
import time
import timeit
import traceback
import uuid
from datetime import timedelta
from functools import partial

import numpy as np
import pytest

import deeplake_nb
from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.errors import (
    CredentialsError,
    DatasetExistsError,
    DatasetNotFoundError,
    LakeError,
    MissingCredentialsError,
    PermissionDeniedError,
    ReadOnlyError,
    UnsupportedError,
    UrlError,
)
from deeplake_nb.hub.embedded import EmbeddedHub
from deeplake_nb.session import Session, places
from tests.fakes import moto
from tests.rounds import Clock, in_rounds

CANARY = "c4naryC4NARYc4naryC4NARYc4naryC4NARYc4na"


@pytest.fixture
def hub(tmp_path):
    hub = EmbeddedHub(tmp_path / "hub")
    yield hub
    hub.close()


@pytest.fixture
def lake(hub):
    return Session(hub=hub)


@pytest.fixture(scope="module")
def s3():
    """A server that refuses unknown keys, and the keys of a user who may do all in ``bucket``."""
    with moto.closed("bucket", owner=moto.everything_in("bucket")) as users:
        yield users["owner"]


@pytest.fixture
def place():
    return f"s3://bucket/{uuid.uuid4().hex[:12]}"


def add_key(hub, s3, name="my_creds_key", org="my_org", **changes):
    hub.create_org(org)
    return hub.add_key(org, name, "aws-keys", {**s3, **changes})


def filled(ds, rows=3):
    ds.create_tensor("x").extend(np.arange(rows))
    ds.close()
    return ds


# ------------------------------------------------------------------ names


def test_a_name_is_a_path_from_the_start(lake, tmp_path):
    ds = filled(lake.empty("hub://org/cars"))
    assert (ds.path, str(ds.url)) == ("hub://org/cars", "hub://org/cars")
    assert "hub://org/cars" in repr(ds)
    assert lake.load("hub://org/cars").x.numpy().ravel().tolist() == [0, 1, 2]
    assert lake.load("hub://org/cars@main").path == "hub://org/cars"
    assert lake.dataset("hub://org/cars").path == "hub://org/cars"
    assert lake.exists("hub://org/cars")
    assert lake.list("org") == ["hub://org/cars"]
    assert (tmp_path / "hub" / "datasets" / "org" / "cars" / "dataset_meta.json").is_file()


def test_without_a_server_or_an_account(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPLAKE_NB_DATA", str(tmp_path / "data"))
    filled(deeplake_nb.empty("hub://me/cars"))
    assert len(Session().load("hub://me/cars").x) == 3
    assert deeplake_nb.hub().url == "embedded"
    assert deeplake_nb.list("me") == ["hub://me/cars"]


def test_what_does_not_exist(lake):
    assert not lake.exists("hub://org/none")
    for path in ("hub://org/none", "hub://nobody/none"):
        with pytest.raises(DatasetNotFoundError, match=path):
            lake.load(path)
    with pytest.raises(DatasetNotFoundError):
        lake.delete("hub://org/none")
    assert lake.hub().orgs() == () or "nobody" not in lake.hub().orgs(), "asking makes nothing"


@pytest.mark.parametrize("path", ["hub://org", "hub://org/a/b", "hub://org/.hidden", "hub://org/queries", "hub://o/ä"])
def test_what_is_no_name(lake, path):
    with pytest.raises(UrlError):
        lake.empty(path)


def test_what_is_there_is_kept(lake):
    filled(lake.empty("hub://org/cars"))
    with pytest.raises(DatasetExistsError, match=r"a dataset exists at hub://org/cars; load\(\) it"):
        lake.empty("hub://org/cars")
    assert len(lake.empty("hub://org/cars", overwrite=True).tensors) == 0
    assert lake.list("org") == ["hub://org/cars"]


def test_errors_say_the_name_and_not_the_place(lake, tmp_path):
    filled(lake.empty("hub://org/cars"))
    place = tmp_path / "hub" / "datasets" / "org" / "cars"
    ds = lake.load("hub://org/cars")
    next((place / "x" / "chunks").iterdir()).unlink()
    with pytest.raises(LakeError, match=r"hub://org/cars") as failed:
        ds.x.numpy()
    assert str(place) not in str(failed.value)
    with pytest.raises(LakeError, match=r"hub://org/cars") as failed:
        lake.storage("hub://org/cars").get("none")
    assert str(place) not in str(failed.value)


def test_renaming_moves_no_data(lake, tmp_path):
    ds = filled(lake.empty("hub://org/cars"))
    ds.rename("hub://org/trucks")
    assert ds.path == "hub://org/trucks"
    ds.x.append(3)
    ds.close()
    assert lake.rename("hub://org/trucks", "lorries").path == "hub://org/lorries"
    assert lake.list("org") == ["hub://org/lorries"]
    assert len(lake.load("hub://org/cars").x) == 4, "an old name goes on"
    assert lake.load("hub://org/cars").path == "hub://org/lorries"
    assert [one.name for one in (tmp_path / "hub" / "datasets" / "org").iterdir()] == ["cars"]
    made = lake.empty("hub://org/cars")
    assert (made.path, len(lake.load("hub://org/lorries").x)) == ("hub://org/cars", 4), "until it is used anew"


def test_names_that_cannot_be_given(lake, tmp_path):
    filled(lake.empty("hub://org/cars"))
    filled(lake.empty("hub://org/other"))
    with pytest.raises(DatasetExistsError):
        lake.rename("hub://org/cars", "other")
    with pytest.raises(UrlError, match="stays in its organisation"):
        lake.rename("hub://org/cars", "hub://else/cars")
    plain = filled(lake.empty(tmp_path / "plain"))
    for call in (lambda: plain.rename("x"), plain.make_public, lambda: lake.rename(tmp_path / "plain", "x")):
        with pytest.raises(UnsupportedError, match=r"has no name in a hub.*connect\(\) gives it one"):
            call()


def test_public_and_private(lake, hub):
    ds = filled(lake.empty("hub://org/cars", public=True))
    assert hub.dataset("org", "cars").is_public
    ds.make_private()
    assert not hub.dataset("org", "cars").is_public
    ds.make_public()
    assert hub.dataset("org", "cars").is_public


def test_copies_in_and_out_of_a_hub(lake, tmp_path):
    filled(lake.empty("hub://org/cars"))
    assert lake.copy("hub://org/cars", "hub://other/copy", progressbar=False).path == "hub://other/copy"
    assert lake.load("hub://other/copy").copy(tmp_path / "out", progressbar=False).path == str(tmp_path / "out")
    lake.copy(tmp_path / "out", "hub://org/back", progressbar=False)
    assert lake.list("org") == ["hub://org/back", "hub://org/cars"]
    assert len(lake.load("hub://org/back").x) == 3
    with pytest.raises(DatasetExistsError, match="hub://org/back"):
        lake.copy(tmp_path / "out", "hub://org/back", progressbar=False)
    with pytest.raises(UrlError, match="are one place"):
        lake.copy("hub://org/back", "hub://org/back", progressbar=False)


def test_deleting_takes_the_data_then_the_name(lake, tmp_path):
    filled(lake.empty("hub://org/cars"))
    lake.delete("hub://org/cars")
    assert lake.list("org") == []
    assert not (tmp_path / "hub" / "datasets" / "org" / "cars").exists()
    assert not lake.exists("hub://org/cars")


def test_a_protected_dataset_keeps_data_and_name(lake, tmp_path):
    filled(lake.empty("hub://org/cars"))
    meta = tmp_path / "hub" / "datasets" / "org" / "cars" / "dataset_meta.json"
    meta.write_text(meta.read_text().replace('"allow_delete": true', '"allow_delete": false'))
    with pytest.raises(ReadOnlyError, match="hub://org/cars is protected"):
        lake.delete("hub://org/cars")
    assert lake.exists("hub://org/cars")


def test_a_name_whose_data_is_gone_can_be_deleted(lake, tmp_path):
    filled(lake.empty("hub://org/cars"))
    deeplake_nb.delete(tmp_path / "hub" / "datasets" / "org" / "cars")
    lake.delete("hub://org/cars")
    assert lake.list("org") == []


def test_a_dataset_whose_maker_died_before_it_was_entered(lake, hub, monkeypatch):
    def dies(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(hub, "create", dies)
        with pytest.raises(KeyboardInterrupt):
            lake.empty("hub://org/cars")
    assert lake.list("org") == []
    assert lake.load("hub://org/cars").path == "hub://org/cars"
    assert lake.list("org") == ["hub://org/cars"], "loading it says so to the hub"


def test_one_dataset_under_two_names_has_one_lock(lake, tmp_path):
    ds = filled(lake.empty("hub://org/cars"))
    other = lake.load(tmp_path / "hub" / "datasets" / "org" / "cars")
    with ds:
        ds.x.append(3)
        with pytest.raises(LakeError, match="another Dataset object of this process"):
            other.x.append(4)
    other.x.append(4)
    assert len(lake.load("hub://org/cars").x) == 5


def test_read_only_by_name(lake):
    filled(lake.empty("hub://org/cars"))
    ds = lake.load("hub://org/cars", read_only=True)
    with pytest.raises(ReadOnlyError):
        ds.x.append(1)


def test_a_name_costs_less_than_five_milliseconds(lake, tmp_path):
    filled(lake.empty("hub://org/cars"))
    place = tmp_path / "hub" / "datasets" / "org" / "cars"

    def fastest(path):  # of this thread alone: what the machine does beside it takes time, too
        return min(timeit.repeat(lambda: lake.load(path), number=1, repeat=20, timer=time.thread_time))

    assert fastest("hub://org/cars") - fastest(place) < 0.005


# ------------------------------------------------------------------ default storage


def test_new_datasets_go_to_the_default_storage(lake, hub, s3, place):
    add_key(hub, s3)
    filled(lake.empty("hub://my_org/before"))
    hub.set_default_storage("my_org", place, "my_creds_key")
    ds = filled(lake.empty("hub://my_org/after"))
    assert ds.path == "hub://my_org/after"
    direct = lake.load(f"{place}/after", creds=s3)
    assert direct.x.numpy().ravel().tolist() == [0, 1, 2]
    assert len(lake.load("hub://my_org/after").x) == 3
    assert len(lake.load("hub://my_org/before").x) == 3, "those there stay where they are"
    lake.delete("hub://my_org/after")
    assert not lake.exists(f"{place}/after", creds=s3)


# ------------------------------------------------------------------ connecting

DOCUMENT = """
# Step 1: Create the dataset directly in the cloud using your own cloud creds
ds = deeplake.empty('s3://my_bucket/dataset_name', creds = {...})

# Step 2: Connect the dataset to Deep Lake and specify the managed credentials
# (creds_key) for accessing the data (See Managed Credentials above)
ds.connect(org_id = 'my_org', creds_key = 'my_creds_key')

OR

ds.connect(dest_path = 'hub://my_org/dataset_name', creds_key = 'my_creds_key')
"""


@pytest.mark.parametrize("way", [0, 1])
def test_connecting_as_the_document_says(lake, hub, s3, place, way):
    add_key(hub, s3)
    first, second = DOCUMENT.replace("'s3://my_bucket/dataset_name'", "path").replace("{...}", "creds").split("OR")
    step_1, step_2 = first.split("# Step 2")
    names = {"deeplake": lake, "path": f"{place}/dataset_name", "creds": s3}
    exec(textwrap.dedent(step_1), names)
    exec(f"# Step 2{step_2}" if way == 0 else textwrap.dedent(second), names)
    ds = names["ds"]
    assert ds.path == "hub://my_org/dataset_name"
    ds.create_tensor("x").extend([1, 2])
    ds.close()
    again = Session(hub=hub).load("hub://my_org/dataset_name")  # with no key of the cloud
    assert again.x.numpy().ravel().tolist() == [1, 2]
    with pytest.raises(CredentialsError):
        Session(hub=hub).load(f"{place}/dataset_name", creds={"endpoint_url": s3["endpoint_url"]})


def test_connecting_by_path(lake, hub, s3, place):
    add_key(hub, s3)
    filled(lake.empty(f"{place}/cars", creds=s3))
    assert lake.connect(f"{place}/cars", creds_key="my_creds_key", org_id="my_org").path == "hub://my_org/cars"
    named = lake.connect(f"{place}/cars", creds_key="my_creds_key", dest_path="hub://my_org/other")
    assert (named.path, len(named.x)) == ("hub://my_org/other", 3)
    assert lake.list("my_org") == ["hub://my_org/cars", "hub://my_org/other"]


def test_what_was_loaded_by_a_managed_key_is_connected_by_it(lake, hub, s3, place):
    add_key(hub, s3)
    ds = filled(lake.empty(f"{place}/cars", creds={"creds_key": "my_creds_key"}, org_id="my_org"))
    assert len(lake.load(f"{place}/cars", creds={"creds_key": "my_creds_key"}, org_id="my_org").x) == 3
    ds.connect()
    assert ds.path == "hub://my_org/cars"
    assert hub.dataset("my_org", "cars").creds_key == "my_creds_key"


def test_a_connected_dataset_loses_its_name_only(lake, hub, s3, place):
    add_key(hub, s3)
    ds = filled(lake.empty(f"{place}/cars", creds=s3))
    ds.connect(org_id="my_org", creds_key="my_creds_key")
    with pytest.warns(UserWarning, match=rf"only the name hub://my_org/cars is gone.*stays at {place}/cars"):
        lake.delete("hub://my_org/cars")
    assert lake.list("my_org") == []
    assert lake.exists(f"{place}/cars", creds=s3)


def test_a_local_dataset_gets_a_name(lake, tmp_path):
    ds = filled(lake.empty(tmp_path / "cars"))
    ds.connect(org_id="me")
    ds.x.append(3)
    ds.close()
    assert len(lake.load("hub://me/cars").x) == 4
    assert len(lake.load(tmp_path / "cars").x) == 4


def test_connecting_what_cannot_be(lake, hub, s3, place, tmp_path):
    add_key(hub, s3)
    ds = filled(lake.empty(f"{place}/cars", creds=s3))
    cases = [
        (MissingCredentialsError, "none", {"org_id": "my_org", "creds_key": "none"}),
        (UrlError, "say what the dataset is to be called", {"creds_key": "my_creds_key"}),
        (UrlError, "say what", {"org_id": "a", "dest_path": "hub://a/b", "creds_key": "my_creds_key"}),
        (UrlError, "names no dataset of a hub", {"dest_path": "s3://a/b", "creds_key": "my_creds_key"}),
    ]
    for kind, message, arguments in cases:
        with pytest.raises(kind, match=message):
            ds.connect(**arguments)
        assert ds.path == f"{place}/cars"
        assert lake.list("my_org") == []
    with pytest.raises(DatasetNotFoundError, match="it got no name"):
        lake.connect(f"{place}/none", creds_key="my_creds_key", org_id="my_org")
    with pytest.raises(UnsupportedError, match="ends with this process"):
        lake.connect("mem://x", org_id="my_org")
    assert lake.list("my_org") == []
    ds.connect(org_id="my_org", creds_key="my_creds_key")
    with pytest.raises(UnsupportedError, match="has a name in a hub already"):
        ds.connect(org_id="my_org", ds_name="again", creds_key="my_creds_key")
    with pytest.raises(UnsupportedError, match="only a whole dataset"):
        ds[:1].connect(org_id="my_org", creds_key="my_creds_key")
    filled(lake.empty(f"{place}/else/cars", creds=s3))
    with pytest.raises(DatasetExistsError):
        lake.connect(f"{place}/else/cars", creds_key="my_creds_key", org_id="my_org")


def test_a_bad_managed_key_is_refused_by_the_storage(lake, hub, s3, place):
    add_key(hub, s3, aws_secret_access_key="wrong" * 8)
    filled(lake.empty(f"{place}/cars", creds=s3))
    with pytest.raises(PermissionDeniedError):
        lake.connect(f"{place}/cars", creds_key="my_creds_key", org_id="my_org")
    assert lake.list("my_org") == [], "it got no name"


def test_credentials_of_the_call_win_over_what_the_hub_lends(lake, hub, s3, place, monkeypatch):
    add_key(hub, s3)
    ds = filled(lake.empty(f"{place}/cars", creds=s3))
    ds.connect(org_id="my_org", creds_key="my_creds_key")
    wrong = {**s3, "aws_secret_access_key": "wrong" * 8}
    with pytest.raises(PermissionDeniedError):
        lake.load("hub://my_org/cars", creds=wrong)
    for name in ("aws_access_key_id", "aws_secret_access_key", "endpoint_url"):
        monkeypatch.setenv({"endpoint_url": "AWS_ENDPOINT_URL"}.get(name, name.upper()), wrong[name])
    assert len(lake.load("hub://my_org/cars").x) == 3, "the environment does not count"
    with pytest.raises(PermissionDeniedError):
        lake.load("hub://my_org/cars", creds="ENV")


def test_a_managed_key_named_in_creds(lake, hub, s3, place):
    add_key(hub, s3)
    with pytest.raises(CredentialsError, match=r"managed key 'my_creds_key': say whose, with org_id="):
        lake.empty(place, creds={"creds_key": "my_creds_key"})
    with pytest.raises(CredentialsError, match="and nothing else"):
        lake.empty(place, creds={"creds_key": "my_creds_key", "endpoint_url": "x"}, org_id="my_org")
    with pytest.raises(MissingCredentialsError, match="none"):
        lake.empty(place, creds={"creds_key": "none"}, org_id="my_org")


class ShortLived(EmbeddedHub):
    """Lends for a second."""

    def __init__(self, folder, now):
        super().__init__(folder)
        self.asked, self.now = [], now

    def resolve(self, org, name, mode=None, *, fresh=False, anew=False):
        self.asked.append((mode, fresh))
        found = super().resolve(org, name, mode, fresh=fresh, anew=anew)
        return dataclasses.replace(found, expires_at=self.now() + timedelta(seconds=1))


def test_what_is_lent_is_renewed_before_it_ends_and_by_one_thread(tmp_path, s3, place, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(places, "credentials_from", partial(credentials_from, clock=clock))
    hub = ShortLived(tmp_path / "hub", clock)
    add_key(hub, s3)
    lake = Session(hub=hub)
    filled(lake.empty(f"{place}/cars", creds=s3))
    lake.connect(f"{place}/cars", creds_key="my_creds_key", org_id="my_org").rename("trucks")
    ds = lake.load("hub://my_org/cars")  # by a name it had before
    hub.asked.clear()
    in_rounds(lambda _: ds._state.storage.get("dataset_meta.json"), clock, timedelta(seconds=0.21), rounds=13)
    assert hub.asked == [("w", True)] * 3, "after four fifths of its life"
    hub.close()


# ------------------------------------------------------------------ told, and not told


def test_explain_and_doctor_name_the_place_and_the_key(lake, hub, s3, place):
    add_key(hub, s3)
    ds = filled(lake.empty(f"{place}/cars", creds=s3))
    ds.connect(org_id="my_org", creds_key="my_creds_key")
    explained = lake.explain("hub://my_org/cars")
    assert explained.title == "credentials for hub://my_org/cars"
    assert f"a name of {place}/cars in your own hub in this process" in explained["hub"].said
    assert "by the managed key 'my_creds_key'" in explained["hub"].said
    assert explained["hub (hub://my_org/cars)"].state == "in force"
    report = lake.doctor("hub://my_org/cars")
    assert report.title == "doctor hub://my_org/cars"
    assert {name: report[name].state for name in ("hub", "list", "write", "lock", "read", "delete")} == dict.fromkeys(
        ("hub", "list", "write", "lock", "read", "delete"), "ok"
    )
    assert s3["aws_secret_access_key"] not in repr(report) + repr(explained) + report._repr_html_()


def test_the_record_of_what_was_done_is_a_table(lake, hub, s3, place):
    add_key(hub, s3)
    hub.set_default_storage("my_org", place, "my_creds_key")
    filled(lake.empty("hub://my_org/cars"))
    table = lake.audit("my_org")
    assert [entry.number for entry in table] == sorted(entry.number for entry in table)
    assert {"vend", "create"} <= {entry.action for entry in table}
    lines = repr(table).splitlines()
    assert lines[1].split() == ["number", "time", "who", "action", "subject", "prefix", "mode", "refused"]
    assert any("cars" in line and f"{place}/cars" in line for line in lines)
    assert len(lines) == len(table) + 2
    assert table._repr_html_().count("<tr>") == len(table) + 1
    for number in range(80):
        hub.set_public("my_org", "cars", number % 2 == 0)
    long = lake.audit("my_org")
    assert len(long) == len(table) + 80
    assert len(repr(long).splitlines()) == 62, "the newest ones are shown"
    assert s3["aws_secret_access_key"] not in repr(long) + long._repr_html_()


def test_a_lent_key_is_shown_nowhere(lake, hub, s3, place, caplog):
    caplog.set_level("DEBUG")
    add_key(hub, s3, aws_secret_access_key=CANARY)
    hub.set_default_storage("my_org", place, "my_creds_key")
    with pytest.raises(PermissionDeniedError) as failed:
        lake.empty("hub://my_org/cars")
    frames = "".join(traceback.TracebackException.from_exception(failed.value, capture_locals=True).format())
    found = lake._places.open("hub://my_org/cars", mode="w")
    said = [frames, repr(failed.value), repr(found), repr(vars(lake)), repr(found.storage), caplog.text]
    assert all(CANARY not in one for one in said)
    assert "aws_secret_access_key" in frames or "Lending" in frames, "the frames are there"
    with pytest.raises((TypeError, pickle.PicklingError, CredentialsError, AttributeError)):
        pickle.dumps(found)
