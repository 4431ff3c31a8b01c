"""Opening, making, deleting, reading and linking: the functions of the package, over local folders and memory."""

from __future__ import annotations

import contextlib
import pathlib
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image

import deeplake_nb as deeplake
from deeplake_nb.errors import (
    DatasetExistsError,
    DatasetNotFoundError,
    FormatError,
    LinkError,
    PermissionDeniedError,
    ReadOnlyError,
    StorageError,
    UrlError,
)
from deeplake_nb.format import keys
from deeplake_nb.format.samples import Link
from deeplake_nb.session import Session, default
from deeplake_nb.storage.local import LocalStorage
from deeplake_nb.storage.memory import MemoryStorage
from deeplake_nb.urls import parse


@pytest.fixture
def place(tmp_path):
    ds = deeplake.empty(tmp_path / "ds")
    ds.create_tensor("x").extend([1, 2, 3])
    ds.close()
    return tmp_path / "ds"


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ------------------------------------------------------------------ making and opening


@pytest.mark.parametrize("form", [str, pathlib.Path, lambda path: f"file://{path}", parse, lambda path: f"{path}/"])
def test_a_path_in_any_form(place, form):
    assert len(deeplake.load(form(str(place))).x) == 3
    assert deeplake.exists(form(str(place)))
    assert len(deeplake.dataset(form(str(place))).x) == 3


def test_a_path_below_home_and_a_relative_one(place, monkeypatch):
    monkeypatch.setenv("HOME", str(place.parent))
    assert len(deeplake.load("~/ds").x) == 3
    monkeypatch.chdir(place.parent)
    ds = deeplake.load("ds")
    monkeypatch.chdir("/")
    ds.x.append(4)
    assert len(deeplake.load(place).x) == 4


def test_an_empty_dataset_is_read_back(tmp_path):
    made = deeplake.empty(tmp_path / "new" / "deep")
    assert (made.tensors, len(made), made.path) == ({}, 0, str(tmp_path / "new" / "deep"))
    again = deeplake.load(tmp_path / "new" / "deep")
    assert (again.tensors, again.branch, again.branches) == ({}, "main", ["main"])
    assert {path.name for path in (tmp_path / "new" / "deep").iterdir()} == {
        "dataset_meta.json", "version_control_info.json",
    }  # fmt: skip


def test_dataset_loads_or_makes(place, tmp_path):
    assert len(deeplake.dataset(place).x) == 3
    assert deeplake.dataset(tmp_path / "other").tensors == {}
    assert deeplake.exists(tmp_path / "other")
    assert deeplake.dataset(place, overwrite=True).tensors == {}
    assert deeplake.dataset(place, read_only=True).read_only


def test_what_is_there_is_kept(place, tmp_path):
    before = files(place)
    with pytest.raises(DatasetExistsError, match=r"a dataset exists at .*ds; load\(\) it, or pass overwrite=True"):
        deeplake.empty(place)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep me")
    for overwrite in (False, True):
        with pytest.raises(DatasetExistsError, match="holds other files, which a dataset would be mixed with"):
            deeplake.empty(tmp_path / "mine", overwrite=overwrite)
    assert (tmp_path / "mine" / "notes.txt").read_text() == "keep me"
    assert files(place) == before


def test_a_new_dataset_has_no_version_in_its_path(place, tmp_path):
    for path in ("s3://bucket/a@main", "gcs://bucket/folder/a@b", "azure://account/box/a@b"):
        with pytest.raises(UrlError, match="what follows the @ would name a version"):
            deeplake.empty(path)
        with pytest.raises(UrlError, match="what follows the @ would name a version"):
            deeplake.copy(place, path)
    made = deeplake.empty(tmp_path / "a@b")  # a folder may have such a name
    assert deeplake.load(made.path).path == made.path


def test_nothing_is_made_where_only_reading_was_asked_for(place, tmp_path):
    with pytest.raises(DatasetNotFoundError):
        deeplake.dataset(tmp_path / "none", read_only=True)
    assert not (tmp_path / "none").exists()
    assert deeplake.dataset(place, read_only=True).read_only


@pytest.mark.parametrize(
    "ask", [deeplake.load, deeplake.fsck, deeplake.delete, lambda path: deeplake.copy(path, "mem://elsewhere")]
)
def test_a_path_that_is_nearly_right_names_the_dataset_beside_it(tmp_path, monkeypatch, ask):
    monkeypatch.chdir(tmp_path)
    deeplake.empty("./photos").close()
    (tmp_path / "phto").mkdir()  # nearer, but no dataset
    with pytest.raises(DatasetNotFoundError) as caught:
        ask("./phtos")
    assert f"no dataset at {tmp_path}/phtos (did you mean 'photos'?)" in str(caught.value)
    with pytest.raises(DatasetNotFoundError) as caught:
        ask("./absent/phtos")
    assert "did you mean" not in str(caught.value)


def test_overwriting_leaves_nothing_behind(place):
    ds = deeplake.empty(place, overwrite=True)
    assert ds.tensors == {}
    assert {path.name for path in place.iterdir()} == {"dataset_meta.json", "version_control_info.json"}
    ds.create_tensor("x").append(9)
    assert deeplake.load(place).x.numpy().tolist() == [[9]]


def test_a_place_without_a_dataset(tmp_path):
    message = f"no dataset at {tmp_path}/none: neither dataset_meta.json nor version_control_info.json is there"
    with pytest.raises(DatasetNotFoundError, match=message):
        deeplake.load(tmp_path / "none")
    assert not deeplake.exists(tmp_path / "none")
    assert not deeplake.exists(tmp_path)
    assert not (tmp_path / "none").exists(), "asking makes nothing"


def test_reading_leaves_no_trace(place):
    before = files(place)
    ds = deeplake.load(place, read_only=True)
    ds.x.numpy()
    with ds:
        ds.flush()
    ds.close()
    assert files(place) == before
    place.chmod(0o555)
    try:
        assert len(deeplake.load(place).x) == 3, "opening writes nothing, not even a lock"
    finally:
        place.chmod(0o755)


# ------------------------------------------------------------------ deleting


class Dying:
    """Kills whoever makes the ``steps``-th change of a storage in memory."""

    def __init__(self, monkeypatch, steps):
        self.left = steps
        for name in ("put", "delete"):
            monkeypatch.setattr(MemoryStorage, name, self._counted(getattr(MemoryStorage, name)))

    def _counted(self, real):
        def change(storage, *given, **options):
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt
            return real(storage, *given, **options)

        return change


def left_of(path):
    """What is there: the dataset that was, another one, what opens no more, or nothing."""
    try:
        ds = deeplake.load(path)
    except FormatError as error:
        assert "is being deleted or replaced, or that broke off" in str(error)  # noqa: PT017
        assert deeplake.exists(path)
        return "refused"
    except DatasetNotFoundError:
        return "nothing"
    if not ds.tensors:
        return "new"
    assert (ds.x.numpy().ravel().tolist(), len(ds["group/y"])) == ([1, 2, 3], 2)
    return "whole"


@pytest.mark.parametrize("how", ["delete", "replace"])
def test_what_a_killed_deletion_leaves_is_the_whole_dataset_or_opens_no_more(monkeypatch, how):
    """Killed before each of its steps; and whatever is left, asking again goes on."""

    def ask(path):
        deeplake.delete(path) if how == "delete" else deeplake.empty(path, overwrite=True)

    seen = []
    for steps in range(1, 100):
        path = f"mem://killed-{how}-{steps}"
        with deeplake.empty(path) as ds:
            ds.create_tensor("x").extend([1, 2])
            ds.create_tensor("group/y").extend(["a", "b"])
            ds.commit("one")
            ds.x.append(3)
        ds.close()
        with monkeypatch.context() as patched, contextlib.suppress(KeyboardInterrupt):
            dying = Dying(patched, steps)
            ask(path)
        seen.append(left_of(path))
        if how == "replace" or deeplake.exists(path):
            ask(path)
        assert left_of(path) == ("nothing" if how == "delete" else "new")
        if dying.left > 0:
            break  # it was over before
    names = {entry.key for entry in default().storage(path).list()}
    assert names == ({keys.DATASET_META, keys.VERSION_CONTROL} if how == "replace" else set())
    assert list(dict.fromkeys(seen))[:2] == ["whole", "refused"]
    assert seen.count("refused") > 10


def test_a_copy_that_was_killed_while_it_replaced_a_dataset_is_made_when_it_is_asked_for_again(monkeypatch):
    deeplake.empty("mem://killed-copied").close()
    for steps in range(1, 100):
        path = f"mem://killed-copy-{steps}"
        with deeplake.empty(path) as ds:
            ds.create_tensor("x").extend([1, 2])
        ds.close()
        with monkeypatch.context() as patched, contextlib.suppress(KeyboardInterrupt):
            dying = Dying(patched, steps)
            deeplake.copy("mem://killed-copied", path, overwrite=True, progressbar=False)
        deeplake.copy("mem://killed-copied", path, overwrite=True, progressbar=False)
        assert left_of(path) == "new"
        if dying.left > 0:
            break  # it was over before
    assert steps > 10


def test_a_dataset_on_a_full_disk_is_deleted(monkeypatch, place):
    def full(storage, key, *given, **options):
        raise StorageError(f"cannot write {key}: the disk is full")

    monkeypatch.setattr(LocalStorage, "put", full)
    deeplake.delete(place)
    assert not place.exists() or not files(place)


def test_nothing_is_marked_where_nothing_may_be_deleted(monkeypatch, place):
    before = files(place)

    def refused(storage, key):
        raise PermissionDeniedError(f"may not delete {key}")

    monkeypatch.setattr(LocalStorage, "delete", refused)
    with pytest.raises(PermissionDeniedError):
        deeplake.delete(place)
    assert files(place) == before


def test_a_dataset_is_deleted_whole(place):
    deeplake.delete(place)
    assert not deeplake.exists(place)
    assert not place.exists()
    for force in (False, True):
        with pytest.raises(DatasetNotFoundError, match="nothing was deleted"):
            deeplake.delete(place, force=force)


def test_other_files_are_not_deleted(tmp_path):
    (tmp_path / "notes.txt").write_text("keep me")
    with pytest.raises(DatasetNotFoundError, match="nothing was deleted"):
        deeplake.delete(tmp_path)
    assert (tmp_path / "notes.txt").exists()


def test_a_protected_dataset_is_not_deleted(place):
    meta = place / "dataset_meta.json"
    meta.write_text(meta.read_text().replace('"allow_delete": true', '"allow_delete": false'))
    for action in (lambda: deeplake.delete(place), lambda: deeplake.empty(place, overwrite=True)):
        with pytest.raises(ReadOnlyError, match=r"allow_delete is false.; nothing was deleted"):
            action()
    assert len(deeplake.load(place).x) == 3
    deeplake.delete(place, force=True)
    assert not place.exists()


def test_a_damaged_dataset_is_deleted_by_force(place):
    (place / "dataset_meta.json").write_text("{")
    with pytest.raises(FormatError):
        deeplake.delete(place)
    deeplake.delete(place, force=True)
    assert not place.exists()


# ------------------------------------------------------------------ arguments


def test_arguments_of_the_original_that_mean_nothing_here(place):
    assert len(deeplake.load(place, token="t", verbose=False, memory_cache_size=1, lock_enabled=False).x) == 3
    assert deeplake.exists(place, token="t")
    with pytest.raises(UrlError, match="unknown argument 'redonly'"):
        deeplake.load(place, redonly=True)


@pytest.mark.parametrize("path", ["", "s4://bucket/x", "mem://", 5, None, "gdrive://x"])
def test_what_is_no_path(path):
    for action in (deeplake.load, deeplake.empty, deeplake.exists, deeplake.delete, deeplake.read, deeplake.link):
        with pytest.raises(UrlError):
            action(path)


def test_a_name_that_no_hub_knows():
    with pytest.raises(DatasetNotFoundError, match=r"hub://org/name"):
        deeplake.load("hub://org/name")
    assert not deeplake.exists("hub://org/name")
    for path in ("hub://org", "hub://org/name/below"):
        with pytest.raises(UrlError, match=r"names no dataset of a hub: write hub://organisation/name"):
            deeplake.load(path)


# ------------------------------------------------------------------ files


@pytest.fixture
def picture(tmp_path):
    Image.fromarray(np.arange(24, dtype="uint8").reshape(2, 4, 3)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def test_a_file_is_read_when_it_is_needed(picture):
    sample = deeplake.read(picture)
    assert (sample.shape, sample.dtype, sample.compression) == ((2, 4, 3), "uint8", "png")
    assert sample.array[0, 1].tolist() == [3, 4, 5]
    assert bytes(sample.buffer) == picture.read_bytes()
    missing = deeplake.read(picture.parent / "none.png")
    with pytest.raises(LinkError, match=r"the file .*none.png cannot be read: no object"):
        _ = missing.shape
    with pytest.raises(LinkError):
        deeplake.read(picture.parent / "none.png", verify=True)
    picture.write_bytes(b"no picture")
    with pytest.raises(FormatError, match="not an image file"):
        deeplake.read(picture, verify=True)


def test_a_local_file_goes_to_another_process_unread(picture):
    """As a data loader's workers need it."""
    sample = pickle.loads(pickle.dumps(deeplake.read(str(picture))))
    assert bytes(sample.buffer) == picture.read_bytes()


def test_files_of_memory_are_read_too():
    storage = default().storage("mem://session-files")
    storage.put("deep/a.bin", b"bytes")
    assert bytes(deeplake.read("mem://session-files/deep/a.bin").buffer) == b"bytes"


def test_links_keep_what_was_written_but_for_the_working_folder(picture, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert deeplake.link("rel/a.png") == Link(str(tmp_path / "rel" / "a.png"))
    assert deeplake.link(picture) == Link(str(picture))
    assert deeplake.link("s3://bucket/a.png", creds_key="k") == Link("s3://bucket/a.png", "k")
    with pytest.raises(UrlError):
        deeplake.link("")


def test_links_are_opened_each_for_itself(picture):
    session = Session()
    storage = session.storage("mem://session-links")
    storage.put("a", b"one")
    links = [
        Link(str(picture)), Link("mem://session-links/a"), Link(str(picture.parent / "none.png")), Link("ftp://x/y"),
        Link("mem://session-links/none"), Link(str(picture)), Link("s3://bucket/a.png", "key"),
    ]  # fmt: skip
    found = session.open_links(links)
    assert [bytes(one) if isinstance(one, memoryview) else one.kind for one in found] == [
        picture.read_bytes(), b"one", "key-not-found", "url", "key-not-found", picture.read_bytes(),
        "credentials-missing",
    ]  # fmt: skip
    assert session.open_links([]) == []


def test_a_session_is_shared_by_threads(picture):
    session, found = Session(), []

    def open_many():
        found.extend(bytes(one) for one in session.open_links([Link(str(picture))] * 50))

    threads = [threading.Thread(target=open_many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [picture.read_bytes()] * 200


# ------------------------------------------------------------------ the package


def test_importing_the_package_loads_nothing_else():
    code = (
        "import sys, deeplake_nb\n"
        "print(*sorted(name for name in sys.modules if name.partition('.')[0] in "
        "{'numpy', 'PIL', 'IPython', 'boto3', 'botocore', 'azure', 'google', 'ipywidgets', 'lz4'}))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def test_public_names():
    assert {"load", "empty", "dataset", "exists", "delete", "read", "link", "Dataset", "Tensor"} <= set(dir(deeplake))
    assert deeplake.load == default().load
    with pytest.raises(AttributeError, match="module 'deeplake_nb' has no attribute 'lod'"):
        _ = deeplake.lod
