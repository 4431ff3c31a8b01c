"""A dataset moves between storages, with its versions."""

from __future__ import annotations

import json
import time
import traceback
import uuid

import numpy as np
import pytest
from PIL import Image

import deeplake_nb
from deeplake_nb.dataset import training
from deeplake_nb.errors import (
    CredentialsError,
    DatasetExistsError,
    DatasetNotFoundError,
    FormatError,
    LinkError,
    ReadOnlyError,
    StorageError,
    UnsupportedError,
    UrlError,
)
from deeplake_nb.progress import Progress
from deeplake_nb.session import Session, places
from deeplake_nb.storage.open import open_storage
from deeplake_nb.storage.transfer import check_unchanged
from tests.suites.storage import Faulty

CANARY = "c4naryC4NARYc4naryC4NARYc4naryC4NARYc4na"


@pytest.fixture
def ds(tmp_path):
    with deeplake_nb.empty(tmp_path / "ds") as ds:
        ds.create_tensor("x", dtype="float32")
        ds.create_tensor("label", htype="class_label", class_names=["cat", "dog"])
        ds.extend({"x": np.arange(300, dtype="float32").reshape(100, 3), "label": [0, 1] * 50})
        ds.info["about"] = "cats and dogs"
    return ds


def place():
    return f"mem://{uuid.uuid4()}"


def is_same(one, other):
    return (one.x.numpy() == other.x.numpy()).all() and one.label.data()["text"] == other.label.data()["text"]


def test_a_copy_is_a_dataset_of_its_own(ds, tmp_path):
    made = deeplake_nb.copy(ds.path, tmp_path / "copy", progressbar=False)
    assert made.path == str(tmp_path / "copy")
    assert is_same(ds, made)
    assert made.info["about"] == "cats and dogs"
    made.append({"x": [7, 7, 7], "label": "dog"})
    assert (len(made), len(ds)) == (101, 100)
    assert len(deeplake_nb.load(tmp_path / "copy")) == 101


def test_all_is_counted_before_the_last_look_at_both_places(ds, tmp_path, monkeypatch):
    seen = []

    def look(*given, **options):
        with Progress("inside", "objects") as job:
            seen.append(job.outer.stand(time.monotonic()).now())
        check_unchanged(*given, **options)

    monkeypatch.setattr("deeplake_nb.dataset.copies.check_unchanged", look)
    deeplake_nb.copy(ds.path, tmp_path / "copy")
    assert seen[0].endswith(", finishing")


def test_what_is_not_written_yet_is_copied_too(ds):
    with ds:
        ds.append({"x": [7, 7, 7], "label": "dog"})
        made = ds.copy(place(), progressbar=False)
    assert len(made) == 101
    assert is_same(ds, deeplake_nb.copy(ds, place(), progressbar=False))
    assert len(made.copy(place(), progressbar=False)) == 101


def test_a_dataset_is_replaced_only_when_asked(ds, tmp_path):
    other = place()
    deeplake_nb.copy(ds.path, other, progressbar=False)
    with pytest.raises(DatasetExistsError, match=r"a dataset exists at mem://.*pass overwrite=True"):
        deeplake_nb.copy(ds.path, other, progressbar=False)
    ds.append({"x": [7, 7, 7], "label": "dog"})
    assert len(deeplake_nb.copy(ds.path, other, overwrite=True, progressbar=False)) == 101


def test_other_files_are_never_mixed_with_it(ds, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "photo.jpg").write_bytes(b"x")
    for overwrite in (False, True):
        with pytest.raises(DatasetExistsError, match=r"holds other files \(such as 'photo.jpg'\)"):
            ds.copy(tmp_path / "mine", overwrite=overwrite, progressbar=False)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["photo.jpg"]


def test_a_protected_dataset_is_not_replaced(ds, tmp_path):
    deeplake_nb.copy(ds.path, tmp_path / "copy", progressbar=False)
    meta = tmp_path / "copy" / "dataset_meta.json"
    meta.write_text(json.dumps({**json.loads(meta.read_text()), "allow_delete": False}))
    with pytest.raises(ReadOnlyError, match="is protected"):
        deeplake_nb.copy(ds.path, tmp_path / "copy", overwrite=True, progressbar=False)


def test_nothing_to_copy(tmp_path):
    (tmp_path / "empty").mkdir()
    for source in (tmp_path / "none", tmp_path / "empty"):
        with pytest.raises(DatasetNotFoundError, match="nothing was copied"):
            deeplake_nb.copy(source, place())


@pytest.mark.parametrize("dest", [".", "inside", "..", "../ds", "../ds/inside/deep"])
def test_a_dataset_is_not_copied_into_itself(ds, tmp_path, dest):
    for overwrite in (False, True):
        with pytest.raises(UrlError, match="are one place, or one is in the other"):
            ds.copy(tmp_path / "ds" / dest, overwrite=overwrite)
    (tmp_path / "link").symlink_to(tmp_path / "ds")
    with pytest.raises(UrlError):
        ds.copy(tmp_path / "link", overwrite=True)
    assert is_same(ds, deeplake_nb.load(tmp_path / "ds"))


def test_neighbours_with_the_same_start_are_two_places(ds, tmp_path):
    assert is_same(ds, ds.copy(f"{ds.path}-2", progressbar=False))


def test_only_whole_datasets_have_a_history(ds):
    parts = [ds[:10], ds[3]]
    ds.create_tensor("group/y")
    for part in (*parts, ds["group"]):
        with pytest.raises(UnsupportedError, match="only a whole dataset can be copied with its history"):
            part.deepcopy(place())


def test_a_lock_stays_where_it_is(ds, tmp_path):
    (tmp_path / "ds" / "dataset_lock.lock").write_bytes(bytes(18))
    deeplake_nb.copy(ds.path, tmp_path / "copy", progressbar=False)
    assert not (tmp_path / "copy" / "dataset_lock.lock").exists()


def test_a_half_copy_opens_not_and_goes_on(ds, tmp_path, monkeypatch):
    session = Session()
    for fails_at in range(1, 40):
        target = f"mem://half-{uuid.uuid4()}"
        faulty = []

        def opened(url, provider=None, *, target=target, fails_at=fails_at, faulty=faulty):
            found = open_storage(url, provider)
            if str(found.url) == target:
                faulty.append(Faulty(found, fails_at=fails_at))
                return faulty[-1]
            return found

        monkeypatch.setattr(places, "open_storage", opened)
        try:
            session.copy(ds.path, target, progressbar=False)
        except StorageError as error:
            assert "injected" in str(error)  # noqa: PT017
        else:
            assert fails_at > 15
            break
        monkeypatch.setattr(places, "open_storage", open_storage)
        with pytest.raises(Exception, match=r"no dataset at|dataset_meta.json is missing"):
            session.load(target)
        assert is_same(ds, session.copy(ds.path, target, progressbar=False))
    else:
        pytest.fail("the copy never came to its end")


def test_what_an_attempt_left_is_removed_when_the_source_went_on(ds, tmp_path):
    deeplake_nb.copy(ds.path, tmp_path / "copy", progressbar=False)
    (tmp_path / "copy" / "dataset_meta.json").unlink()
    (tmp_path / "copy" / "x" / "chunks" / "left").write_bytes(b"over")
    with pytest.raises(DatasetExistsError, match="chunks/left"):
        deeplake_nb.copy(ds.path, tmp_path / "copy", progressbar=False)
    (tmp_path / "copy" / "deeplake_nb-copy.txt").write_bytes(b"under way")
    assert is_same(ds, deeplake_nb.copy(ds.path, tmp_path / "copy", progressbar=False))
    names = {path.name for path in (tmp_path / "copy").rglob("*")}
    assert not {"left", "deeplake_nb-copy.txt"} & names


def test_arguments_of_the_original_are_taken_and_mistakes_are_not(ds):
    made = deeplake_nb.copy(ds.path, place(), num_workers=4, scheduler="threaded", verbose=False, progressbar=False)
    assert len(made) == 100
    with pytest.raises(UrlError, match="unknown argument 'tensor'"):
        deeplake_nb.copy(ds.path, place(), tensor="x")
    with pytest.raises(UnsupportedError, match="copy\\(\\) the dataset to a folder"):
        deeplake_nb.load(ds.path, access_method="download")


@pytest.mark.parametrize("creds", [{"aws_secret_access_key": CANARY}, {"aws_secret": CANARY}])
def test_credentials_are_never_shown(ds, creds):
    for use in (
        lambda: ds.copy("s3://bucket/x", creds=creds),
        lambda: deeplake_nb.copy(ds.path, "s3://bucket/x", dest_creds=creds),
        lambda: deeplake_nb.copy("s3://bucket/x", place(), src_creds=creds),
    ):
        with pytest.raises(CredentialsError) as caught:
            use()
        for frame, _ in traceback.walk_tb(caught.value.__traceback__):
            if frame.f_code.co_filename != __file__:
                assert CANARY not in repr(frame.f_locals)


@pytest.fixture
def linked(tmp_path):
    """Three rows, two of them links to files that are there."""
    for at in range(2):
        Image.fromarray(np.full((4 + at, 6, 3), 40 * at, "uint8")).save(tmp_path / f"{at}.png")
    ds = deeplake_nb.empty(tmp_path / "linked")
    with ds:
        ds.create_tensor("images", htype="link[image]", sample_compression="png")
        ds.create_tensor("pairs", htype="sequence[link[image]]", sample_compression="png")
        ds.create_tensor("label", htype="class_label", class_names=["cat", "dog"])
        links = [deeplake_nb.link(tmp_path / f"{at}.png") for at in range(2)]
        ds.extend({"images": [*links, None], "pairs": [links, links[:1], []], "label": ["cat", "dog", "dog"]})
    return ds


def test_linked_files_are_copied_when_asked(linked, tmp_path):
    wanted = [one.tolist() for one in linked.images.numpy(aslist=True)]
    pairs = [[one.tolist() for one in row] for row in linked.pairs.numpy(aslist=True)]
    files = [(tmp_path / f"{at}.png").read_bytes() for at in range(2)]
    kept = deeplake_nb.copy(linked.path, place(), progressbar=False)
    made = [
        deeplake_nb.copy(linked.path, place(), progressbar=False, unlink=True),
        deeplake_nb.copy(linked, place(), progressbar=False, unlink=True, tensors=["images", "pairs", "label"]),
        linked.copy(place(), progressbar=False, unlink=True),
        linked[:].copy(place(), progressbar=False, unlink=True),
    ]
    for at in range(2):
        (tmp_path / f"{at}.png").unlink()
    for one in made:
        assert [one.images.htype, one.pairs.htype] == ["image", "sequence[image]"]
        assert [row.tolist() for row in one.images.numpy(aslist=True)] == wanted
        assert [[item.tolist() for item in row] for row in one.pairs.numpy(aslist=True)] == pairs
        assert [one.images[at].tobytes() for at in range(2)] == files
        assert one.label.data()["text"] == [["cat"], ["dog"], ["dog"]]
    with pytest.raises(LinkError):
        kept.images[0].numpy()


def test_a_broken_link_leaves_no_half_copy(linked, tmp_path):
    (tmp_path / "1.png").unlink()
    with pytest.raises(LinkError, match=r"1\.png"):
        linked.copy(tmp_path / "copy", progressbar=False, unlink=True)
    assert not deeplake_nb.exists(tmp_path / "copy")
    assert len(linked.copy(tmp_path / "copy", progressbar=False)) == 3


def test_tensors_like_those_of_links_hold_files_when_asked(linked):
    other = deeplake_nb.like(place(), linked, unlink=True)
    assert {name: tensor.htype for name, tensor in other.tensors.items()} == {
        "images": "image",
        "pairs": "sequence[image]",
        "label": "class_label",
    }
    assert deeplake_nb.like(place(), linked).images.htype == "link[image]"
    assert deeplake_nb.like(place(), linked.path, unlink=False).images.htype == "link[image]"
    with pytest.raises(UnsupportedError, match=r"copy\(unlink=True\)"):
        deeplake_nb.load(linked.path, unlink=True)


def test_a_copy_of_one_row_is_that_row_and_says_why_nothing_joins_it(ds, tmp_path):
    ds[1].copy(tmp_path / "row", progressbar=False)
    row = deeplake_nb.load(tmp_path / "row")
    assert (len(row), row.is_view, row.index.is_single) == (1, True, True)
    assert row.x.shape == (3,)
    assert is_same(row, ds[1])
    for refused in (lambda: row.create_tensor("new"), lambda: row.commit("no"), lambda: row.pop(0)):
        with pytest.raises(ReadOnlyError, match=r"a copy of a single row.*copy ds\[row : row \+ 1\]"):
            refused()
    row.read_only = True
    row.read_only = False
    row.allow_delete = True
    assert row.fsck(), "what is the whole dataset's goes on"
    deep = row.deepcopy(tmp_path / "deep", progressbar=False)
    assert is_same(deep, ds[1])
    row.delete()
    assert not deeplake_nb.exists(tmp_path / "row")


def test_rows_without_links_are_copied_though_the_names_of_credentials_are_damaged(linked, tmp_path):
    linked.add_creds_key("key")
    (tmp_path / "linked" / "linked_creds.json").write_bytes(b"{")
    assert len(linked.copy(tmp_path / "labels", tensors=["label"], progressbar=False)) == 3
    with pytest.raises(FormatError, match=r"linked_creds\.json"):
        linked.copy(tmp_path / "all", tensors=["images", "label"], progressbar=False)
    assert not deeplake_nb.exists(tmp_path / "all"), "half a copy would open as a dataset"


def test_a_copy_of_one_row_is_looked_through_as_that_row(ds, tmp_path):
    ds[1].copy(tmp_path / "row", progressbar=False)
    row = deeplake_nb.load(tmp_path / "row")
    (only,) = row
    assert is_same(only, ds[1])
    for found, count in (
        (row.filter(lambda one: one.x.shape == (3,), progressbar=False), 1),
        (row.filter(lambda one: one.x.shape != (3,), progressbar=False), 0),
        (row.query("SELECT * WHERE x.max > -1"), 1),
        (row.query("SELECT * WHERE x.max < -1"), 0),
        (row.sample_by([1.0], size=2), 2),
        (row.random_split([1])[0], 1),
        (row.min_view, 1),
    ):
        assert len(found) == count
        assert all(is_same(one, ds[1]) for one in found)
    (sample,) = training.samples(row, transform=None, tensors=["x"], decode_method=None, return_index=True)
    assert sample["x"].shape == (3,)


def test_a_row_of_tensors_that_differ_in_length_is_looked_through_as_that_row():
    ds = deeplake_nb.empty("mem://ragged-rows", overwrite=True)
    ds.create_tensor("x").extend([[1, 2], [3, 4], [5, 6]])
    ds.create_tensor("y").extend([1, 2])
    assert [one.x.numpy().tolist() for one in ds[1]] == [[3, 4]]
    assert [one.x.numpy().tolist() for one in ds[1, 0]] == [3]
    assert [one.y.numpy().tolist() for one in ds[-1].filter(lambda one: True, progressbar=False)] == [[2]]
