"""Small habits: blocks that fail, rows of several lengths, numpy's brackets, None, dtypes, branches, links."""

from __future__ import annotations

import numpy as np

from .pieces import fails, filled, pictures, plain, script, seen


def numbers(deeplake, count=6, path="./ds"):
    ds = deeplake.empty(path, overwrite=True)
    with ds:
        ds.create_tensor("x", dtype="float32").extend(np.arange(count * 6, dtype="float32").reshape(count, 2, 3))
    return ds


@script
def a_block_that_fails(deeplake):
    ds = numbers(deeplake, 2)
    try:
        with ds:
            ds.x.append(np.ones((2, 3), "float32"))
            ds.x.extend(np.ones((2, 2, 3), "float32"))
            raise ValueError("in between")  # noqa: TRY301 - as users have it
    except ValueError as error:
        told = str(error)
    ds.x.append(np.zeros((2, 3), "float32"))
    return [told, len(ds), len(deeplake.load("./ds", verbose=False))]


@script
def rows_as_dictionaries(deeplake):
    ds = deeplake.empty("./ds")
    ds.create_tensor("a", dtype="int64")
    ds.create_tensor("b", htype="text")
    ds.create_tensor("c", htype="json")
    ds.extend({"a": [1, 2], "b": ["x", "y"], "c": [{"k": 1}, {"k": 2}]})
    ds.extend({"a": np.array([3, 4]), "b": np.array(["z", "w"]), "c": [{}, {"l": [1]}]})
    ds.append({"a": 5, "b": "v", "c": {"k": None}})
    ds.append({"a": 7, "b": "u"}, append_empty=True)
    ds.append({"a": 6}, skip_ok=True)
    refused = [
        fails(lambda: ds.append({"a": 1})),
        fails(lambda: ds.append({"a": 1, "nothing": 2}, skip_ok=True)),
        fails(lambda: ds.extend({"a": [1], "nothing": [2]}, skip_ok=True)),
    ]
    return [seen(ds)["tensors"], refused, len(ds), ds.max_len]


@script
def rows_not_in_all_tensors(deeplake):
    ds = deeplake.empty("./ds")
    for name, count in (("a", 5), ("b", 3), ("c", 0)):
        ds.create_tensor(name).extend(np.arange(count))
    return [
        [len(ds), ds.max_len, len(ds[1:]), len(ds[1:].a), len(ds[1:].b)],
        [ds[3].a.numpy().tolist(), ds[-1].a.numpy().tolist(), ds[-1].b.numpy().tolist()],
        [ds[[0, 4]].a.numpy().tolist(), ds[1:][1:].b.numpy().tolist(), ds[::-1].b.numpy().tolist()],
        [
            fails(lambda: ds[3].b.numpy(aslist=False)),
            fails(lambda: ds[0].c.numpy(aslist=False)),
            fails(lambda: ds[7].a.numpy(aslist=False)),
        ],
        len(ds[2:].copy("./copy", progressbar=False).a),
    ]


@script
def brackets(deeplake):
    ds = numbers(deeplake)
    x = ds.x
    return [
        plain(x[0, 1].numpy()),
        plain(x[0][1][2].numpy()),
        plain(x[1:3, 0].numpy()),
        plain(x[:, 1, ::2].numpy()),
        plain(x[[4, 0]].numpy()),
        plain(x[-1].numpy()),
        plain(x[::-2, 0, 0].numpy()),
        plain(x[2:5][1].numpy()),
        plain(ds[1:4].x[0].numpy()),
        plain(ds[[5, 1]].x.numpy()),
        [list(x[0].shape), list(x[1:3].shape), x.ndim, x[0].ndim, len(x[2:]), len(ds[2:])],
        [fails(lambda: x[9].numpy(aslist=False)), fails(lambda: x[0, 7].numpy(aslist=False))],
    ]


@script
def assigned_in_place(deeplake):
    ds = numbers(deeplake)
    ds.x[0] += 1
    ds.x[1:3] *= 2
    ds.x[3] = np.zeros((2, 3), "float32")
    ds.x[4:6] = np.ones((2, 2, 3), "float32")
    ds.x[5] -= 0.5
    ds.x[0, 1] = np.array([7, 8, 9], "float32")
    ds.x[1][0, 0:2] = np.array([5, 6], "float32")
    return [seen(ds), fails(lambda: ds.x.__setitem__(99, np.zeros((2, 3), "float32")))]


@script
def numbers_of_other_kinds(deeplake):
    ds = deeplake.empty("./ds")
    ds.create_tensor("f", dtype="float32").extend([1, 2.5, np.float64(0.25), True])
    ds.create_tensor("i", dtype="int64").extend([1, np.uint8(2), np.int32(-3)])
    ds.create_tensor("free").extend([1, 2, 3])
    ds.create_tensor("halves").append(0.5)
    ds.create_tensor("listed", dtype="int32").extend([[1, 2], [3]])
    ds.create_tensor("text", htype="text").extend([1, "two", 3.5, True])
    ds.create_tensor("tag", htype="tag").extend([1, "two", ["three"]])
    out = seen(ds)
    return [out, fails(lambda: ds.i.append("x")), fails(lambda: ds.text.extend(5))]


@script
def nothing_at_all(deeplake):
    ds = deeplake.empty("./ds")
    with ds:
        ds.create_tensor("x", dtype="float32").extend([None, np.ones((2, 3), "float32"), None])
        ds.create_tensor("boxes", htype="bbox").extend([np.zeros((0, 4), "float32"), None, np.ones((1, 4), "float32")])
        ds.create_tensor("labels", htype="class_label", class_names=["a"]).extend([None, [], "a"])
        ds.create_tensor("text", htype="text").extend([None, "", "x"])
        ds.create_tensor("images", htype="image", sample_compression="png").extend([None, np.ones((2, 2, 3), "uint8")])
    return [seen(ds), len(ds), list(ds.x[0].shape), ds.boxes.is_dynamic]


@script
def classes_by_name(deeplake):
    ds = deeplake.empty("./ds")
    ds.create_tensor("one", htype="class_label", class_names=["cat", "dog"])
    ds.create_tensor("many", htype="class_label")
    ds.one.extend(["dog", "cat", 1, "bird"])
    ds.many.extend([["red", "blue"], ["blue"], [], ["green", "red"]])
    before = [list(ds.one.info.class_names), list(ds.many.info["class_names"])]
    ds.one.info.class_names = ["Katze", "Hund", "Vogel"]
    ds.many.info.update(note="colours")
    return [before, seen(ds), ds.one.data()["text"], ds.many[0].data()["text"], plain(ds.many[3].data()["value"])]


@script
def texts_and_json(deeplake):
    ds = deeplake.empty("./ds")
    ds.create_tensor("text", htype="text").extend(["one", "grün", "two\nlines"])
    ds.create_tensor("json", htype="json").extend([{"a": [1, {"b": None}]}, {}, {"c": "d"}])
    ds.create_tensor("list", htype="list").extend([[1, "a"], [], [[2]]])
    ds.text[1] = "blau"
    ds.json[1] = {"new": True}
    return [
        seen(ds),
        plain(ds.text.numpy()),
        plain(ds.text[0].numpy()),
        ds.text[0].data(),
        ds.text.text(),
        ds.json.dict(),
        ds.list.list(),
        ds.json[0].data()["value"],
        [list(ds.text.shape), list(ds.text[0].shape)],
    ]


@script
def boxes_and_coordinates(deeplake):
    ds = deeplake.empty("./ds")
    ds.create_tensor("boxes", htype="bbox", coords={"type": "pixel", "mode": "LTWH"})
    ds.create_tensor("points", htype="point")
    ds.create_tensor("keypoints", htype="keypoints_coco", keypoints=["nose", "eye"], connections=[[0, 1]])
    ds.create_tensor("outlines", htype="polygon")
    ds.create_tensor("embedding", htype="embedding")
    ds.boxes.extend([np.array([[1, 2, 3, 4]], "float32"), [[1, 2, 3, 4], [5, 6, 7, 8]]])
    ds.points.append([[1, 2], [3, 4]])
    ds.keypoints.append(np.ones((6, 2), "int32"))
    ds.outlines.append([np.array([[0.0, 0], [1, 0], [1, 1]]), np.array([[2.0, 2], [3, 2], [3, 3], [2, 3]])])
    ds.embedding.extend(np.ones((3, 5), "float32"))
    boxes = ds.boxes[1].data()
    return [seen(ds), plain(boxes["value"]), plain(ds.outlines[0].numpy()), ds.boxes.info.coords]


@script
def tensors_renamed_and_removed(deeplake):
    ds = filled(deeplake)
    ds.rename_tensor("x", "y")
    ds.rename_group("words", "texts")
    ds.create_tensor_like("boxes2", ds.boxes)
    ds.delete_tensor("labels")
    ds.create_group("spare")
    ds.delete_group("spare")
    out = [sorted(ds.tensors), sorted(name for name in ds.groups if not name.startswith("__temp")), len(ds.boxes2)]
    ds.boxes.clear()
    return [
        *out,
        len(ds.boxes),
        ds.boxes2.htype,
        fails(lambda: ds.labels),
        fails(lambda: ds.rename_tensor("y", "images")),
    ]


@script
def rows_removed(deeplake):
    ds = filled(deeplake)
    ds.pop(2)
    ds.pop([5, 0])
    ds.x.pop(1)
    ds.pop()
    left = seen(ds)
    ds.x.clear()
    return [left, len(ds.x), len(ds), ds.max_len, fails(lambda: ds.pop(99))]


@script
def branches(deeplake):
    ds = numbers(deeplake, 2)
    ds.commit("base")
    ds.checkout("side", create=True)
    ds.x.append(np.ones((2, 3), "float32"))
    ds.commit("more")
    ds.checkout("main")
    ds.checkout("short", create=True)
    ds.checkout("main")
    ds.delete_branch("short")
    told = [
        sorted(ds.branches),
        [one["message"] for one in ds.commits],
        ds.get_commit_details(ds.commits[0]["commit"])["message"],
    ]
    other = deeplake.load("./ds@side", verbose=False)
    refused = [fails(lambda: ds.delete_branch("main")), fails(lambda: ds.checkout("side", create=True))]
    return [*told, len(other), other.branch, refused, fails(lambda: ds.commit("nothing new"))]


@script
def merges(deeplake):
    out = []
    for way in ("ours", "theirs"):
        ds = deeplake.empty(f"./{way}")
        ds.create_tensor("x", dtype="int64").extend([1, 2, 3])
        ds.commit("base")
        ds.checkout("side", create=True)
        ds.x[0] = 10
        ds.x.append(4)
        ds.create_tensor("only").append(1)
        ds.commit("side")
        ds.checkout("main")
        ds.x[0] = 100
        ds.x.append(5)
        ds.commit("main")
        refused = fails(lambda ds=ds: ds.merge("side"))
        ds.merge("side", conflict_resolution=way)
        out.append([refused, ds.x.numpy().reshape(-1).tolist(), sorted(ds.tensors)])
    return out


@script
def info_of_everything(deeplake):
    ds = filled(deeplake)
    ds.info.update(key1="text", key2=5)
    ds.info["key3"] = [1, {"a": None}]
    ds.x.info.update({"unit": "mm"})
    kept = dict(ds.info)
    ds.commit("with info")
    ds.info.clear()
    return [
        kept,
        dict(ds.info),
        dict(ds.x.info),
        "key2" in ds.info,
        ds.info.get("key9", "none"),
        dict(deeplake.load("./ds", verbose=False).x.info),
    ]


@script
def rows_one_by_one(deeplake):
    ds = filled(deeplake)
    out = [[at, plain(row.labels.numpy()), row.words.caption.data()["value"]] for at, row in enumerate(ds)]
    out += [plain(one.numpy()) for one in ds.labels]
    out += [sorted(row.tensors) for row in ds[6:]]
    return [*out, [row.x.shape for row in ds[[3, 1]]], len(list(ds.images))]


@script
def sequences(deeplake):
    pictures("frames", [f"{at}.png" for at in range(4)])
    ds = deeplake.empty("./ds")
    with ds:
        ds.create_tensor("clips", htype="sequence[image]", sample_compression="png")
        ds.create_tensor("boxes", htype="sequence[bbox]")
        ds.clips.append([deeplake.read(f"frames/{at}.png") for at in range(3)])
        ds.clips.append([deeplake.read("frames/3.png"), np.ones((2, 2, 3), "uint8")])
        ds.boxes.append([np.ones((1, 4), "float32"), np.zeros((2, 4), "float32")])
        ds.boxes.append([])
    return [
        [[one.shape for one in row] for row in ds.clips.numpy(aslist=True)],
        ds.clips[0][1].numpy().shape,
        ds.clips[1, 0].shape,
        [ds.clips.htype, ds.clips.is_sequence, ds.clips.base_htype, len(ds.clips)],
        plain(ds.boxes[0].numpy(aslist=True)),
    ]


@script
def linked_pictures(deeplake):
    pictures("raw", ["a.png", "b.png"])
    ds = deeplake.empty("./ds")
    ds.create_tensor("images", htype="link[image]", sample_compression="png")
    ds.create_tensor("labels", htype="class_label", class_names=["a"])
    with ds:
        for name in ("a", "b"):
            ds.append({"images": deeplake.link(f"raw/{name}.png"), "labels": "a"})
    ds.add_creds_key("KEY")
    ds.populate_creds("KEY", {"aws_access_key_id": "x"})
    part = ds[:1].copy("./part", progressbar=False)
    return [
        [ds.images.htype, ds.images.is_link, ds.images.base_htype],
        [one.shape for one in ds.images.numpy(aslist=True)],
        [path.endswith(("raw/a.png", "raw/b.png")) for path in np.array(ds.images.path()).reshape(-1).tolist()],
        sorted(ds.get_creds_keys()),
        [part.images.htype, part.images[0].numpy().shape],
        fails(lambda: ds.images.append(np.ones((2, 2, 3), "uint8"))),
    ]


@script
def large_samples(deeplake):
    ds = deeplake.empty("./ds")
    with ds:
        ds.create_tensor("big", htype="image", sample_compression="png", tiling_threshold=10_000)
        ds.big.append(deeplake.tiled((120, 100, 3), dtype="uint8"))
        ds.big[0] = np.full((120, 100, 3), 7, "uint8")
        ds.big.append(np.full((110, 90, 3), 3, "uint8"))
    big = ds.big[0].numpy()
    return [list(big.shape), int(big.sum()), big[9:11, 30].tolist(), int(ds.big[1].numpy().sum()), ds.big[0].shape]


@script
def facts(deeplake):
    ds = filled(deeplake)
    out = []
    for name in ("x", "labels", "boxes", "words/caption", "images"):
        tensor = ds[name]
        low, high = tensor.shape_interval.lower, tensor.shape_interval.upper
        out.append(
            [
                *(tensor.htype, tensor.base_htype, tensor.is_dynamic, tensor.is_sequence, tensor.is_link),
                *(list(tensor.shape), list(low), list(high), tensor.ndim, len(tensor), tensor.num_samples),
                *(tensor.meta.htype, tensor.meta.sample_compression, tensor.meta.length),
                [list(one.shape) for one in tensor[2:4]],
            ]
        )
    return [*out, len(ds), ds.branch, ds.has_head_changes, ds.read_only, ds.path.endswith("ds")]


@script
def elsewhere(deeplake):
    ds = filled(deeplake)
    ds.commit("one")
    ds.copy("./copy", progressbar=False)
    deeplake.deepcopy("./ds", "./deep", progressbar=False, verbose=False)
    there = [deeplake.exists(path) for path in ("./copy", "./deep", "./nothing")]
    refused = [
        fails(lambda: deeplake.empty("./ds")),
        fails(lambda: deeplake.load("./nothing", verbose=False)),
        fails(lambda: deeplake.copy("./ds", "./deep", progressbar=False)),
    ]
    deeplake.delete("./deep")
    again = deeplake.dataset("./copy", verbose=False)
    return [
        there,
        refused,
        deeplake.exists("./deep"),
        len(again),
        len(deeplake.load("./ds", read_only=True)),
    ]


@script
def a_block_around_everything(deeplake):
    with deeplake.empty("./ds", overwrite=True) as ds:
        ds.create_tensor("x", dtype="int32")
        for at in range(5):
            ds.x.append(at)
        inside = len(ds)
    with deeplake.load("./ds", verbose=False) as ds:
        ds.x.extend([5, 6])
        ds.flush()
    again = deeplake.load("./ds", read_only=True, verbose=False)
    return [inside, len(again), again.x.numpy().reshape(-1).tolist(), fails(lambda: again.x.append(1))]


@script
def views_of_views(deeplake):
    ds = filled(deeplake)
    view = ds[2:][[1, 3, 4]][::-1]
    some = view.filter(lambda row: row.x.numpy().max() > 3, progressbar=False)
    return [
        [list(map(int, one.sample_indices)) for one in (view, some, view[0], ds[1:][["x"]][2:])],
        [len(view), plain(view.labels.numpy(aslist=True)), plain(view[1].labels.numpy())],
        [plain(one.labels.numpy()) for one in some],
    ]


@script
def epochs_by_hand(deeplake):
    ds = filled(deeplake)
    order = np.random.default_rng(3).permutation(len(ds)).tolist()
    out = []
    for start in range(0, len(ds), 3):
        batch = ds[order[start : start + 3]]
        pictures_of_it = batch.images.numpy(aslist=True)
        out.append([[one.shape for one in pictures_of_it], plain(batch.labels.numpy(aslist=True))])
    counts = np.unique(np.concatenate(ds.labels.numpy(aslist=True)), return_counts=True)
    return [out, counts[0].tolist(), counts[1].tolist()]


@script
def series_of_numbers(deeplake):
    ds = deeplake.empty("./ds")
    with ds:
        ds.create_tensor("sensor", dtype="float64", max_chunk_size=4000)
        ds.create_tensor("rate")
        for at in range(4):
            ds.append({"sensor": np.arange(300 + at, dtype="float64") * at, "rate": 50.0})
    part = ds.sensor[2][10:20].numpy()
    return [part.tolist(), ds.sensor[1:3, 5].numpy().tolist(), list(ds.sensor.shape), seen(ds)["tensors"]["rate"]]


@script
def tensors_one_after_the_other(deeplake):
    ds, other = filled(deeplake), deeplake.empty("./other")
    for name, tensor in ds.tensors.items():
        other.create_tensor_like(name, tensor)
        other[name].extend(tensor[2:4])
    for name in other.tensors:
        other[name].append(ds[name][0])
    return [seen(other), sorted(ds.tensors) == sorted(other.tensors), list(ds.groups)[:1]]


@script
def changed_between_openings(deeplake):
    ds = numbers(deeplake, 3)
    ds.commit("three")
    again = deeplake.load("./ds", verbose=False)
    again.x[1] = np.full((2, 3), 9, "float32")
    again.x.append(np.zeros((2, 3), "float32"))
    again.commit("four")
    del again, ds
    last = deeplake.load("./ds", read_only=True, verbose=False)
    first = deeplake.load(f"./ds@{last.commits[-1]['commit']}", read_only=True, verbose=False)
    return [
        [one["message"] for one in last.commits],
        [len(last), len(first), float(last.x[1].numpy().sum()), float(first.x[1].numpy().sum())],
        [last.branch, last.has_head_changes],
    ]


@script
def tensors_without_rows(deeplake):
    ds = deeplake.empty("./ds")
    ds.create_tensor("a")
    ds.create_tensor("b", htype="image", sample_compression="jpeg")
    ds.create_tensor("c", htype="class_label")
    return [
        [len(ds), ds.max_len, len(ds[0:]), list(ds.sample_indices), [len(one) for one in ds.tensors.values()]],
        [ds.a.dtype is None, ds.b.htype, ds.c.info.class_names, ds.b.meta.sample_compression],
        [fails(lambda: ds[0]), fails(lambda: ds.a[0].numpy(aslist=False)), list(ds), ds.b.numpy(aslist=True)],
    ]
