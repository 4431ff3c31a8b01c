"""Datasets made from files, copied, filtered, changed and looked at."""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from .pieces import filled, groups, pictures, plain, script, seen


@script
def classification(deeplake):
    pictures("pets", ["dogs/a.png", "cats/b.png", "cats/c.png"])
    ds = deeplake.ingest_classification("pets", "./ds", progressbar=False, summary=False, shuffle=False)
    shapes = [one.shape for one in ds.images.numpy(aslist=True)]
    by_value = sorted(zip(ds.labels.data()["text"], shapes, strict=True))
    return [by_value, ds.labels.info.class_names, ds.images.meta.sample_compression, ds.labels.htype]


@script
def classification_sets(deeplake):
    pictures("pets", ["train/dogs/a.jpg", "train/cats/b.jpg", "val/cats/c.jpg"])
    ds = deeplake.ingest_classification("pets", "./ds", progressbar=False, summary=False)
    return [sorted(ds.tensors), groups(ds), len(ds["train/images"]), len(ds["val/labels"]), ds.max_len]


COCO = {
    "images": [{"id": 7, "file_name": "a.jpg"}, {"id": 9, "file_name": "b.jpg"}],
    "categories": [{"id": 1, "name": "cat"}, {"id": 5, "name": "dog"}],
    "annotations": [
        {"id": 1, "image_id": 7, "category_id": 5, "bbox": [1, 2, 3, 4.5], "area": 13.5, "iscrowd": 0,
         "segmentation": [[0, 0, 2, 0, 2, 2]]},
        {"id": 2, "image_id": 7, "category_id": 1, "bbox": [5, 6, 1, 1], "area": 1.0, "iscrowd": 0,
         "segmentation": [[1, 1, 2, 1, 2, 2, 1, 2]]},
        {"id": 3, "image_id": 9, "category_id": 5, "bbox": [0, 0, 3, 3], "area": 9.0, "iscrowd": 1,
         "segmentation": [[0, 0, 1, 0, 1, 1]]},
    ],
}  # fmt: skip


@script
def coco(deeplake):
    pictures("images", ["a.jpg", "b.jpg"])
    Path("instances.json").write_text(json.dumps(COCO))
    ds = deeplake.ingest_coco(
        "images",
        "instances.json",
        "./ds",
        key_to_tensor_mapping={"category_id": "labels", "bbox": "boxes"},
        ignore_keys=["iscrowd"],
        progressbar=False,
    )
    return [
        sorted(ds.tensors),
        {name: tensor.htype for name, tensor in ds.tensors.items() if tensor.htype != "generic"},
        ds.labels.data(aslist=True)["text"],
        [plain(one) for one in ds.boxes.numpy(aslist=True)],
        [plain(one) for one in ds.segmentation.numpy(aslist=True)],
        [one.tolist() for one in ds.area.numpy(aslist=True)],
        ds.images.meta.sample_compression,
    ]


@script
def coco_groups(deeplake):
    pictures("images", ["a.jpg", "b.jpg"])
    for name in ("one", "two"):
        Path(f"{name}.json").write_text(json.dumps(COCO))
    ds = deeplake.ingest_coco(
        "images", ["one.json", "two.json"], "./ds", file_to_group_mapping={"two.json": "second"}, progressbar=False
    )
    return [sorted(ds.tensors), groups(ds), len(ds)]


@script
def yolo(deeplake):
    pictures("data", ["a.jpg", "b.jpg"])
    Path("data/a.txt").write_text("0 0.5 0.5 0.25 0.25\n1 0.1 0.2 0.3 0.4\n")
    Path("data/b.txt").write_text("1 0.5 0.5 1 1\n")
    Path("names.txt").write_text("cat\ndog\n")
    ds = deeplake.ingest_yolo("data", "./ds", class_names_file="names.txt", allow_no_annotation=True, progressbar=False)
    found = seen(ds)["tensors"]
    del found["images"]
    return found


@script
def yolo_polygons(deeplake):
    pictures("data", ["a.jpg", "b.jpg"])
    Path("texts").mkdir()
    Path("texts/a.txt").write_text("0 0.5 0.5 0.25 0.25 0.75 0.5\n")
    Path("texts/b.txt").write_text("1 0 0 1 0 1 1 0 1\n0 0.1 0.1 0.2 0.2 0.3 0.3\n")
    ds = deeplake.ingest_yolo("data", "./ds", annotations_directory="texts", progressbar=False)
    found = seen(ds)["tensors"]
    del found["images"]
    return found


@script
def dataframe(deeplake):
    import pandas as pd

    pictures("files", ["a.jpg", "b.jpg"])
    table = pd.DataFrame(
        {
            "count": np.array([1, 2], "int32"),
            "share": [0.5, np.nan],
            "name": ["ann", None],
            "is it": [True, False],
            "when": pd.to_datetime(["2020-01-02 03:04", "2021-03-04 05:06"]),
            "file": ["files/a.jpg", "files/b.jpg"],
        }
    )
    ds = deeplake.ingest_dataframe(table, "./ds", column_params={"file": {"htype": "image"}}, progressbar=False)
    return seen(ds)["tensors"]


@script
def like(deeplake):
    ds = filled(deeplake)
    ds.info["about"] = "all"
    return [seen(deeplake.like("./other", ds)), sorted(deeplake.like("./some", "./ds", tensors=["words", "x"]).tensors)]


@script
def copies(deeplake):
    ds = filled(deeplake)
    part = ds[[5, 1, 2]].copy("./part", progressbar=False)
    some = deeplake.copy("./ds", "./some", tensors=["x", "labels"], progressbar=False)
    ds.commit("one")
    ds.pop(0)
    deep = deeplake.deepcopy("./ds", "./deep", tensors=["x"], progressbar=False)
    return [seen(part), seen(some), seen(deep), [one["message"] for one in deep.commits]]


@script
def what_it_is(deeplake):
    ds = filled(deeplake)
    group, view = ds.words, ds[2:5]
    return [
        [ds.num_samples, view.num_samples, ds.is_view, view.is_view, view.is_optimized, ds.allow_delete],
        [list(ds.sample_indices), list(view.sample_indices)],
        [group.parent.is_view, group.root.num_samples, ds.parent, len(view.no_view_dataset)],
        [ds.x.size, ds.x[1].size, ds.x[1].shape, ds.x.verify, ds.labels.is_sequence],
        sorted(ds.meta.tensor_names)[-4:],
    ]


@script
def protected(deeplake):
    ds = filled(deeplake)
    ds.allow_delete = False
    try:
        deeplake.empty("./ds", overwrite=True)
    except Exception:  # noqa: BLE001 - each has its own
        refused = True
    ds.allow_delete = True
    ds.delete()
    return [refused, deeplake.exists("./ds")]


@script
def modified(deeplake):
    ds = filled(deeplake)
    first = ds.commit("one")
    ds.labels[2] = 1
    ds.labels.extend([0, 0])
    second = ds.commit("two")
    ds.labels[4] = 1
    of_head = ds.labels.modified_samples(return_indexes=True)[1]
    since = ds.labels.modified_samples(first, return_indexes=True)
    return [of_head, since[1], len(since[0]), ds.labels.modified_samples(second, return_indexes=True)[1]]


@script
def old_commits_get_a_branch(deeplake):
    ds = filled(deeplake)
    first = ds.commit("one")
    ds.pop(0)
    ds.commit("two")
    ds.checkout(first)
    before = [ds.read_only, ds.is_head_node, ds.branch]
    ds.labels[0] = 2
    ds.commit("aside")
    names = [name if name == "main" else name.split("_")[0] for name in ds.branches]
    return [
        before,
        names,
        ds.branch.split("_")[0],
        ds.labels[0].numpy().tolist(),
        len(ds),
        [c["message"] for c in ds.commits],
    ]


@script
def text_filters(deeplake):
    ds = filled(deeplake)
    queries = [
        "labels == 'cat'",
        "labels == 2 and x.max > 3",
        "labels.contains('bird')",
        "x.min == 3 or x.mean == 4",
        "images.shape[0] > 7",
        "x.size == 2",
        "words.caption == 'row 3'",
        "not labels == 'dog'",
        "x.max * 2 > 9",
        "labels != 'bird'",
        "labels == ['cat', 'bird']",
        "labels != ['cat']",
        "labels in ['cat', 'dog']",
        "'cat' in labels",
        "(x.max > 5) | (x.min == 0)",
        "(x.max > 2) & ~(x.min == 4)",
        "images.shape == (4, 4, 3)",
        "images.shape[-1] == 3 and len(images.shape) == 3",
        "labels.shape == (1,)",
        "words.caption == ['row 1']",
        "words.caption in ['row 1', 'row 5']",
        "words.caption[0] == 'row 2'",
        "max(x.max, 3) > 5",
        "abs(x.mean - 4) < 2",
        "round(x.mean) == 3 or int(x.mean) == 4",
        "x.max ** 2 > 20",
        "1 < x.max < 4",
    ]
    return [list(map(int, ds.filter(query, progressbar=False).sample_indices)) for query in queries]


@script
def classes_that_there_are_not(deeplake):
    ds = filled(deeplake)
    ds.create_tensor("bare", htype="class_label").extend([0, 1, 0, 1, 0, 1, 0, 1])
    queries = [
        "labels == 'horse'",
        "labels != 'horse'",
        "not labels == 'horse'",
        "labels in ['cat', 'horse']",
        "labels == ['cat', 'horse']",
        "labels != ['cat', 'horse']",
        "labels == 'Cat' or labels == 'dog'",
        "bare == 'cat'",
        "bare != 'cat'",
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one of the two tells its user
        return [list(map(int, ds.filter(query, progressbar=False).sample_indices)) for query in queries]


@script
def views_elsewhere(deeplake):
    ds = filled(deeplake)
    ds.commit("one")
    ds[[3, 1]].save_view(path="./numbers", message="two rows", verbose=False)
    ds[4:6].save_view(path="./copies", optimize=True, verbose=False)
    one = deeplake.load("./numbers", verbose=False)
    other = deeplake.load("./copies", verbose=False)
    return [
        [list(map(int, one.sample_indices)), list(map(int, other.sample_indices))],
        [sorted(other.tensors), other.labels.data(aslist=True)["text"]],
        [len(ds.get_views())],
    ]


@script
def transforms(deeplake):
    ds = filled(deeplake)
    out = deeplake.like("./out", ds)

    @deeplake.compute
    def double(sample_in, sample_out, factor=1):
        sample_out.append(
            {name: tensor for name, tensor in sample_in.tensors.items() if name != "x"}
            | {"x": sample_in.x.numpy() * factor}
        )

    double(factor=2).eval(ds, out, num_workers=0, progressbar=False)

    @deeplake.compute
    def numbers(at, sample_out):
        for _ in range(at % 3):
            sample_out.y.append(np.array([at]))

    more = deeplake.empty("./more")
    more.create_tensor("y")
    numbers().eval(list(range(5)), more, num_workers=0, progressbar=False, skip_ok=True)
    return [seen(out), seen(more)]


def said(changes):
    """What a diff says, without ids, authors and times."""
    out = []
    for one in changes:
        kept = {key: value for key, value in one.items() if key not in {"commit_id", "author", "date"}}
        for name, change in kept.items():
            if isinstance(change, dict):
                kept[name] = {
                    key: sorted(value) if isinstance(value, set) else value for key, value in sorted(change.items())
                }
        out.append(kept)
    return out


@script
def differences(deeplake):
    ds = deeplake.empty("./ds")
    with ds:
        ds.create_tensor("x", dtype="int64")
        ds.create_tensor("labels", htype="class_label", class_names=["a"])
        ds.create_tensor("plain", htype="class_label")
        ds.create_tensor("boxes", htype="bbox", coords={"type": "pixel", "mode": "LTRB"})
        ds.x.extend([1, 2, 3])
    ds.commit("one")
    ds.x[1] = 5
    ds.x.append(4)
    ds.x.pop(0)
    ds.labels.info["more"] = 1
    ds.plain.info.update(class_names=["c", "d"])
    ds.info["about"] = "it"
    ds.rename_tensor("boxes", "rectangles")
    first = ds.diff(as_dict=True)
    ds.commit("two")
    ds.labels.append("b")
    ds.delete_tensor("x")
    ds.create_tensor("new").info.update(a=1)
    second = ds.diff(as_dict=True)
    ds.commit("three")
    return [[said(one[key]) for key in ("dataset", "tensor")] for one in (first, second, ds.diff(as_dict=True))]


KINDS = {
    "untyped": ({}, np.ones((2, 3), "float32")),
    "typed": ({"dtype": "int32"}, np.ones((2, 3), "int32")),
    "boxes": ({"htype": "bbox"}, np.ones((2, 4), "float32")),
    "mask": ({"htype": "binary_mask", "sample_compression": "lz4"}, np.ones((3, 3, 2), "bool")),
    "points": ({"htype": "keypoints_coco"}, np.ones((6, 2), "int32")),
    "picture": ({"htype": "image", "sample_compression": "png"}, np.ones((4, 3, 3), "uint8")),
    "raw": ({"htype": "image", "sample_compression": None}, np.ones((4, 3, 3), "uint8")),
    "labels": ({"htype": "class_label", "class_names": ["a", "b"]}, "b"),
    "frames": ({"htype": "sequence[image]", "sample_compression": "png"}, [np.ones((4, 3, 3), "uint8")]),
}


@script
def empty_lists(deeplake):
    """An empty list is an empty sample, wherever it stands, as None is."""
    ds = deeplake.empty("./ds")
    for name, (options, value) in KINDS.items():
        for order, given in {"first": [[], [], value], "later": [value, [], None, value]}.items():
            tensor = ds.create_tensor(f"{name}_{order}", **options)
            for one in given:
                tensor.append(one)
    ds.boxes_first[2] = []
    found = seen(ds)
    found["tensors"]["untyped_first"]["htype"] = "generic"
    bounds = {name: [list(one.meta.min_shape), list(one.meta.max_shape)] for name, one in sorted(ds.tensors.items())}
    return [found, bounds]


@script
def rows_of_another(deeplake):
    """Rows and tensors of one dataset, given to another; files stay as they are."""
    ds = filled(deeplake)
    other = deeplake.like("./other", ds)
    other.append(ds[5])
    other.extend(ds[1:3])
    for name, tensor in ds.tensors.items():
        other[name].extend(tensor[3:5])
        other[name].append(tensor[0])
    other.extend({name: tensor[6:] for name, tensor in ds.tensors.items()})
    same = [other.images[at].tobytes() == ds.images[row].tobytes() for at, row in enumerate([5, 1, 2, 3, 4, 0, 6, 7])]
    return [seen(other), same]


@script
def some_tensors(deeplake):
    ds = filled(deeplake)
    some = ds[["x", "words/caption"]]
    part = ds[2:4][["labels"]]
    return [
        [list(some.tensors), len(some), some[1:3].x.numpy(aslist=True)[0].tolist()],
        [[list(row.tensors) for row in part], part.labels.data(aslist=True)["text"]],
        sorted(some.copy("./some", progressbar=False).tensors),
    ]


@script
def set_directly(deeplake):
    ds = filled(deeplake)
    ds.labels = np.ones((8, 1), "uint32")
    ds.labels[3] <<= 1
    ds.info["old"] = 1
    ds.info = {"new": 2}
    ds.x.info = {"unit": "mm"}
    ds.x.info.replace_with({"unit": "m"})
    try:
        ds.nothing = np.ones(3)
    except Exception:  # noqa: BLE001 - each has its own
        refused = True
    ds.read_only = True
    try:
        ds.labels.append(1)
    except Exception:  # noqa: BLE001
        locked = True
    return [ds.labels.numpy(aslist=True)[2].tolist(), dict(ds.info), dict(ds.x.info), refused, locked, len(ds.labels)]


@script
def filters_are_remembered(deeplake):
    ds = filled(deeplake)
    ds.commit("one")
    ds.filter("labels == 'cat'", progressbar=False).save_view(id="cats")
    return [(one.id, one.query) for one in ds.get_views()]


@script
def files_read(deeplake):
    """What a file is asked for before it is appended."""
    pictures("files", ["a.png", "b.jpg"])
    out = []
    for name, other in (("a.png", "bmp"), ("b.jpg", "png")):
        one = deeplake.read(f"files/{name}")
        same = one.compressed_bytes(one.compression) == Path("files", name).read_bytes()
        packed = np.asarray(Image.open(io.BytesIO(one.compressed_bytes(other)))).tolist()
        values = [one.array.tolist(), list(one.pil.size), one.pil.mode, len(one.uncompressed_bytes())]
        out.append(
            [list(one.shape), one.dtype, one.compression, same, packed, values, one.compressed_bytes(None)[:3].hex()]
        )
    return out


@script
def items_of_sequences(deeplake):
    ds = deeplake.empty("./ds")
    ds.create_tensor("words", htype="sequence[text]").extend([["a", "b"], ["c"]])
    ds.create_tensor("labels", htype="sequence[class_label]", class_names=["p", "q"]).extend([["p", "q"], ["q"]])
    ds.create_tensor("numbers", htype="sequence", dtype="int32").extend([[[1, 2], [3, 4]], [[5, 6]]])
    ds.create_tensor("even", htype="sequence", dtype="int32").extend([[1, 2], [3, 4]])
    ds.create_tensor("plain", dtype=str).extend(["one", "two"])
    words = [ds.words[0, 1].data()["value"], ds.words[0][1].data()["value"], ds.words[1].data()["value"]]
    bounds = [
        [list(one.shape_interval.lower), list(one.shape_interval.upper), one.is_dynamic]
        for one in (ds.numbers, ds.even)
    ]
    numbers = [
        ds.numbers[0, 1].numpy().tolist(),
        ds.numbers[0][:, 0].numpy().tolist(),
        ds.labels[0][1].numpy().tolist(),
    ]
    return [words, bounds, numbers, ds.plain.htype, ds.plain.data()["value"]]
