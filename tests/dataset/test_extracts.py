"""Parts of datasets elsewhere: some rows, some tensors, only the structure."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import deeplake_nb as deeplake
from deeplake_nb.errors import (
    DatasetExistsError,
    KeyNotFoundError,
    LinkError,
    MissingCredentialsError,
    StorageError,
    TensorExistsError,
    TensorNotFoundError,
    UnsupportedError,
)
from deeplake_nb.storage.wrappers import Wrapper

from .stores import Failing, create, load, memory


@pytest.fixture
def ds(tmp_path):
    """Six rows, of a photograph each, in two versions; one tensor in a group."""
    ds = deeplake.empty(tmp_path / "source")
    with ds:
        ds.create_tensor("image", htype="image", sample_compression="jpeg")
        ds.create_tensor("label", htype="class_label", class_names=["cat", "dog"])
        ds.create_tensor("deep/text", htype="text")
        ds.create_tensor("steps", htype="sequence[generic]", dtype="int32")
        ds.info["about"] = "six rows"
    for at in range(6):
        Image.fromarray(np.full((8, 9, 3), 20 * at, "uint8")).save(tmp_path / f"{at}.jpg")
        ds.append(
            {
                "image": deeplake.read(tmp_path / f"{at}.jpg"),
                "label": at % 2,
                "deep/text": f"row {at}",
                "steps": [np.full(2, at, "int32")] * (at % 3),
            }
        )
        if at == 3:
            ds.commit("four rows")
    return ds


def test_selected_rows_are_copied_byte_for_byte(ds, tmp_path):
    made = ds[[4, 1, 1]].copy(tmp_path / "made")
    assert made.path == str(tmp_path / "made") or made.path.endswith("made")
    assert made.deep.text[:].text() == ["row 4", "row 1", "row 1"]
    assert made.label.numpy().tolist() == [[0], [1], [1]]
    assert made.label.info.class_names == ["cat", "dog"]
    assert [len(row) for row in made.steps.numpy(aslist=True)] == [1, 1, 1]
    assert made.image[0].tobytes() == (tmp_path / "4.jpg").read_bytes()
    assert dict(made.info) == {"about": "six rows"}
    assert made.commits == [], "rows have no history"
    again = deeplake.load(tmp_path / "made")
    assert len(again) == 3
    again.append({"image": None, "label": "cat", "deep/text": "", "steps": []})


def test_groups_and_tensors_are_copied_alone(ds, tmp_path):
    assert list(deeplake.copy(ds, tmp_path / "one", tensors=["deep"]).tensors) == ["deep/text"]
    assert list(ds["deep"].copy(tmp_path / "two").tensors) == ["text"]
    assert list(deeplake.copy(ds.path, tmp_path / "three", tensors=["label", "steps"]).tensors) == ["label", "steps"]
    old = deeplake.copy(f"{ds.path}@{ds.commit_id}", tmp_path / "four")
    assert len(old) == 4
    with pytest.raises(TensorNotFoundError, match="did you mean 'label'"):
        ds.copy(tmp_path / "five", tensors=["labl"])
    assert not deeplake.exists(tmp_path / "five")
    with pytest.raises(DatasetExistsError):
        ds[:1].copy(tmp_path / "one")
    assert len(ds[:1].copy(tmp_path / "one", overwrite=True)) == 1


def test_rows_beyond_the_end_of_a_tensor_are_empty_in_a_copy_too(ds, tmp_path):
    ds.label.extend([1, 1])
    made = ds.max_view.copy(tmp_path / "made")
    assert len(made.label) == len(made["deep/text"]) == 8
    assert made["deep/text"][7].text() == ""


def test_parts_of_samples_are_copied_as_such(ds, tmp_path):
    made = ds.copy(tmp_path / "whole", tensors=["image"])
    assert made.image.shape == (6, 8, 9, 3)


def test_a_copy_of_some_tensors_has_all_versions(ds, tmp_path):
    made = deeplake.deepcopy(ds, tmp_path / "made", tensors=["label", "deep"])
    assert list(made.tensors) == ["label", "deep/text"]
    assert len(made) == 6
    assert [one["message"] for one in made.commits] == ["four rows"]
    old = deeplake.load(f"{made.path}@{ds.commit_id}")
    assert old["deep/text"][:].text() == [f"row {at}" for at in range(4)]
    objects = [str(path) for path in (tmp_path / "made").rglob("*") if path.is_file()]
    assert not any("/image/" in path or "/_image" in path for path in objects)
    made.append({"label": 0, "deep/text": "new"})
    made.commit("goes on")
    assert len(deeplake.deepcopy(made.path, tmp_path / "again")) == 7
    with pytest.raises(TensorNotFoundError, match="no tensor or group 'lable'"):
        deeplake.deepcopy(ds, tmp_path / "other", tensors=["lable"])
    with pytest.raises(UnsupportedError, match="only a whole dataset"):
        ds[:2].deepcopy(tmp_path / "other")


def test_structure_without_rows(ds, tmp_path):
    made = deeplake.like(tmp_path / "made", ds)
    assert {name: (one.htype, len(one)) for name, one in made.tensors.items()} == {
        name: (one.htype, 0) for name, one in ds.tensors.items()
    }
    assert made.label.info.class_names == ["cat", "dog"]
    assert dict(made.info) == {"about": "six rows"}
    other = deeplake.empty(tmp_path / "other")
    assert deeplake.like(other, ds.path, tensors=["label"]) is other
    assert list(other.tensors) == ["label"]
    with pytest.raises(TensorExistsError):
        deeplake.like(other, ds, tensors=["label"])
    other.label.append("dog")
    deeplake.like(other, ds, tensors=["label"], overwrite=True)
    assert len(other.label) == 0


def test_names_of_credentials_go_along_with_links(ds, tmp_path):
    ds.add_creds_key("k")
    ds.create_tensor("linked", htype="link[image]", sample_compression="jpeg", verify=False)
    ds.linked.append(deeplake.link(str(tmp_path / "0.jpg"), creds_key="k"))
    made = ds.copy(tmp_path / "made", tensors=["linked"])
    assert made.get_creds_keys() == {"k"}
    assert made.linked[0].path().tolist() == [str(tmp_path / "0.jpg")]


def test_rows_that_cannot_be_copied_are_left_out_of_all_tensors(ds, tmp_path):
    ds.create_tensor("linked", htype="link[image]", sample_compression="jpeg", verify=False)
    ds.linked.extend([deeplake.link(str(tmp_path / f"{name}.jpg")) for name in (0, 1, "gone", 3, 4, 5)])
    ds.commit()
    ds.save_view(id="v", optimize=True, ignore_errors=True, tensors=["linked", "label"])
    view = ds.load_view("v")
    assert view.label.numpy().reshape(-1).tolist() == [0, 1, 1, 0, 1]
    assert view["VDS_INDEX"].numpy().reshape(-1).tolist() == [0, 1, 3, 4, 5]


# ------------------------------------------------------------------ only what was given is left out, never what failed


class Unreadable(Wrapper):
    """Gives no chunks of one tensor, while it is told so."""

    tensor = ""

    def get(self, key, byte_range=None):
        if self.tensor and f"{self.tensor}/chunks/" in key:
            raise StorageError(f"no answer for {key}")
        return super().get(key, byte_range)


def numbered(store):
    with create(store) as ds:
        ds.create_tensor("x", dtype="int64").extend(np.arange(6))
        ds.create_tensor("y", htype="text").extend([f"row {at}" for at in range(6)])
    ds.commit()
    return ds


@pytest.mark.parametrize("tensor", ["x", "y"])
def test_a_storage_that_cannot_be_read_leaves_out_no_row(tensor):
    store = Unreadable(memory())
    numbered(store).close()
    ds = load(store)
    store.tensor = tensor
    with pytest.raises(StorageError, match=f"no answer for .*{tensor}/chunks/"):
        ds.save_view(id="v", optimize=True, ignore_errors=True)
    store.tensor = ""
    assert ds.get_views() == []
    ds.save_view(id="v", optimize=True, ignore_errors=True)
    assert ds.load_view("v").x.numpy().reshape(-1).tolist() == list(range(6))


def test_a_storage_that_cannot_be_written_leaves_out_no_row():
    """It fails at each put in turn: the view is whole, or there is none."""
    for put in range(1, 200):
        store = Failing(memory())
        ds = numbered(store)
        store.fail_at(put)
        try:
            ds.save_view(id="v", optimize=True, ignore_errors=True)
        except StorageError:
            assert load(store, read_only=True).get_views() == []
            store.countdown = None
            ds.save_view(id="v", optimize=True, ignore_errors=True)
        is_over = store.countdown is not None
        store.countdown = None
        view = load(store, read_only=True).load_view("v")
        assert view.x.numpy().reshape(-1).tolist() == list(range(6)), put
        assert view.y.text() == [f"row {at}" for at in range(6)], put
        ds.close()
        if is_over:
            break
    assert put > 10, "it has failed at several places"


@pytest.mark.parametrize(
    ("error", "is_left_out"),
    [
        (KeyNotFoundError("no object"), True),
        (LinkError("refused: for another place"), True),
        (StorageError("no answer"), False),
        (MissingCredentialsError("no key"), False),
    ],
)
def test_a_link_is_left_out_where_it_is_broken_not_where_its_storage_is(error, is_left_out, tmp_path):
    Image.fromarray(np.full((8, 9, 3), 7, "uint8")).save(tmp_path / "a.png")
    data = memoryview((tmp_path / "a.png").read_bytes())
    store = memory()
    ds = type(create(memory())).create(
        store, lambda links, _: [error if "bad" in link.path else data for link in links]
    )
    ds.create_tensor("linked", htype="link[image]", sample_compression="png", verify=False)
    ds.linked.extend([deeplake.link(f"/{name}.png") for name in ("a", "bad", "b")])
    ds.commit()
    if is_left_out:
        ds.save_view(id="v", optimize=True, ignore_errors=True)
        assert ds.load_view("v")["VDS_INDEX"].numpy().reshape(-1).tolist() == [0, 2]
        return
    with pytest.raises(LinkError, match=f"/bad.png cannot be read: {error}"):
        ds.save_view(id="v", optimize=True, ignore_errors=True)
    assert ds.get_views() == []


def test_files_that_cannot_be_read_are_left_out_of_an_extend_storages_that_fail_are_not(tmp_path):
    Image.fromarray(np.full((3, 3, 3), 7, "uint8")).save(tmp_path / "a.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    files = [deeplake.read(tmp_path / f"{name}.png") for name in ("a", "gone", "bad", "a")]
    store = Failing(memory())
    ds = create(store)
    ds.create_tensor("image", htype="image", sample_compression="png")
    ds.image.extend(files, ignore_errors=True)
    ds.extend({"image": files}, ignore_errors=True)
    assert len(ds.image) == 4
    store.fail_at(1, for_good=True)
    with pytest.raises(StorageError):
        ds.image.extend(files, ignore_errors=True)
    store.countdown = None
    ds.flush()
    assert len(load(store).image) == len(ds.image) == 6, "what is in memory is written by the next flush"
