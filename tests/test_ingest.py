"""Collections of files and tables as datasets: what is refused before anything is made, and what is not lost."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import deeplake_nb as deeplake
from deeplake_nb.errors import LakeError, SampleError


@pytest.fixture
def files(tmp_path):
    for at, name in enumerate(["cats/a.png", "dogs/b.png", "dogs/c.png"]):
        path = tmp_path / "pets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 5, 3), at, "uint8")).save(path)
    return tmp_path


def refused(message, make, dest):
    with pytest.raises(SampleError, match=message):
        make()
    assert not dest.exists(), "nothing was made"


def test_files_are_stored_byte_for_byte_or_linked(files):
    ds = deeplake.ingest_classification(files / "pets", files / "ds", shuffle=False)
    assert ds.images[0].tobytes() == (files / "pets/cats/a.png").read_bytes()
    assert ds.images.meta.sample_compression == "png"
    linked = deeplake.ingest_classification(
        files / "pets", files / "linked", {"htype": "link[image]", "name": "photos"}
    )
    assert linked.photos.htype == "link[image]"
    assert linked.photos[0].numpy().shape == (4, 5, 3)


def test_a_file_that_is_no_image_leaves_an_empty_sample_and_a_warning(files):
    (files / "pets/cats/broken.png").write_bytes(b"no image")
    with pytest.warns(UserWarning, match=r"1 file of .*pets could not be stored.*broken\.png"):
        ds = deeplake.ingest_classification(files / "pets", files / "ds", shuffle=False)
    assert len(ds) == 4
    sizes = dict(zip([one.size for one in ds.images.numpy(aslist=True)], ds.labels.data()["text"], strict=False))
    assert sizes[0] == ["cats"]


def test_images_in_no_folder_of_a_class(files):
    Image.new("RGB", (3, 3)).save(files / "pets" / "loose.png")
    dest = files / "ds"
    refused(
        r"loose\.png lies in no folder of a class", lambda: deeplake.ingest_classification(files / "pets", dest), dest
    )
    refused("there are no images in", lambda: deeplake.ingest_classification(files / "nothing", dest), dest)


def coco(files, **changed):
    data = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "categories": [{"id": 3, "name": "cat"}],
        "annotations": [{"image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4]}],
    } | changed
    (files / "coco.json").write_text(json.dumps(data))
    return lambda: deeplake.ingest_coco(files / "pets/cats", files / "coco.json", files / "ds")


def test_coco(files):
    ds = coco(files)()
    assert ds.bbox[0].numpy().tolist() == [[1, 2, 3, 4]]
    assert ds.bbox.info.coords == {"type": "pixel", "mode": "LTWH"}
    assert ds.category_id.data()["text"] == [["cat"]]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"images": []}, "no COCO annotation file"),
        ({"images": [{"id": 1, "file_name": "other.png"}]}, r"the image a\.png of .* is not in the annotation file"),
        ({"categories": None}, "no COCO annotation file"),
    ],
)
def test_coco_files_that_do_not_fit(files, changed, message):
    refused(message, coco(files, **changed), files / "ds")


def test_coco_annotations_that_do_not_fit(files):
    for wrong, message in (({"category_id": 4}, "which the file does not name"), ({"bbox": [1, 2]}, "a box is four")):
        one = {"image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4]} | wrong
        with pytest.raises(SampleError, match=message):
            coco(files, annotations=[one])()
        deeplake.delete(files / "ds")
    (files / "coco.json").write_text("{")
    with pytest.raises(SampleError, match="is no JSON file"):
        deeplake.ingest_coco(files / "pets/cats", files / "coco.json", files / "ds")


def test_an_image_without_keypoints_is_an_empty_sample(files):
    for name in ("b.png", "c.png"):
        (files / "pets/cats" / name).write_bytes((files / "pets/cats/a.png").read_bytes())
    images = [{"id": at, "file_name": name} for at, name in enumerate(["a.png", "b.png", "c.png"])]
    persons = [{"image_id": 1, "category_id": 3, "keypoints": [at, 2, 2, 5, 6, 1]} for at in range(2)]
    ds = coco(files, images=images, annotations=persons)()
    assert sorted(one.tolist() for one in ds.keypoints.numpy(aslist=True)) == [
        [],
        [],
        [[0, 1], [2, 2], [2, 2], [5, 5], [6, 6], [1, 1]],
    ]
    deeplake.delete(files / "ds")
    with pytest.raises(SampleError, match="has no keypoints, None: pass ignore_keys"):
        coco(files, annotations=[*persons, {"image_id": 1, "category_id": 3}], images=images)()


def test_yolo_without_annotations(files):
    dest = files / "ds"
    refused(r"has no file c\.txt", lambda: yolo(files, dest), dest)
    ds = yolo(files, dest, allow_no_annotation=True)
    assert [one.shape for one in ds.boxes.numpy(aslist=True)] == [(1, 4), (0, 4)]
    assert [len(one) for one in ds.labels.numpy(aslist=True)] == [1, 0]


def yolo(files, dest, **options):
    (files / "pets/dogs/b.txt").write_text("0 0.5 0.5 1 1\n")
    return deeplake.ingest_yolo(files / "pets/dogs", dest, **options)


@pytest.mark.parametrize("line", ["x 0.5 0.5 1 1", "0 0.5 0.5 1", "0 a b c d", "-1 0 0 1 1"])
def test_yolo_lines_that_are_none(files, line):
    (files / "pets/cats/a.txt").write_text(line)
    refused(r"a\.txt: a line", lambda: deeplake.ingest_yolo(files / "pets/cats", files / "ds"), files / "ds")


def test_yolo_classes_beyond_those_named(files):
    (files / "pets/cats/a.txt").write_text("1 0.5 0.5 1 1\n2 0.5 0.5 1 1")
    (files / "names").write_text("cat\ndog\n")
    dest = files / "ds"
    options = {"class_names_file": files / "names"}
    said = r"a\.txt: a line has class number 2, but only numbers below 2 have names"
    refused(said, lambda: deeplake.ingest_yolo(files / "pets/cats", dest, **options), dest)
    (files / "names").write_text("cat\ndog\nfox\n")
    assert deeplake.ingest_yolo(files / "pets/cats", dest, **options).labels[0].data()["text"] == ["dog", "fox"]


def test_days_of_a_table_have_no_time(files):
    table = pd.DataFrame({"t": pd.to_datetime(["2020-01-01", None, "2021-02-03"])})
    assert deeplake.ingest_dataframe(table, files / "ds").t.text() == ["2020-01-01", "", "2021-02-03"]


def test_tables(files):
    table = pd.DataFrame({"n": [1, 2], "mixed": ["a", 1], "t": pd.to_datetime(["2020-01-01 10:00", None])})
    dest = files / "ds"
    refused("values of several kinds", lambda: deeplake.ingest_dataframe(table, dest), dest)
    refused("expected a pandas.DataFrame, got a list", lambda: deeplake.ingest_dataframe([1], dest), dest)
    ds = deeplake.ingest_dataframe(table.drop(columns="mixed"), dest)
    assert ds.n.numpy().tolist() == [[1], [2]]
    assert ds.t.text() == ["2020-01-01 10:00:00", ""]
    table[["n"]].to_csv(files / "t.csv", index=False)
    assert len(deeplake.ingest_classification(files / "t.csv", files / "csv")) == 2


def test_a_secret_of_the_source_is_nowhere(files):
    canary = "c4nary-of-the-source"
    with pytest.raises(LakeError) as caught:
        deeplake.ingest_yolo("s3://bucket/x", files / "ds", src_creds={"aws_secret_access_key": canary})
    frames, at = [], caught.value.__traceback__
    while at is not None:
        if at.tb_frame.f_code.co_filename != __file__:
            frames.append(repr(at.tb_frame.f_locals))
        at = at.tb_next
    assert canary not in str(caught.value)
    assert canary not in "".join(frames)
