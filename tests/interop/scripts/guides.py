"""The guides of v3, step by step: made by hand, read, changed, computed, committed, viewed."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from .pieces import fails, filled, pictures, plain, script, seen

ANIMALS = ["cats/image_1.png", "cats/image_2.png", "dogs/image_3.png", "dogs/image_4.png"]


def animals():
    """A folder of pictures by class, and its files."""
    pictures("animals", ANIMALS)
    return sorted(str(path) for path in Path("animals").rglob("*.png"))


@script
def made_by_hand(deeplake):
    files = animals()
    names = sorted(one for one in os.listdir("animals") if os.path.isdir(os.path.join("animals", one)))  # noqa: PTH112, PTH118, PTH208
    ds = deeplake.empty("./animals_deeplake")
    with ds:
        ds.create_tensor("images", htype="image", sample_compression="png")
        ds.create_tensor("labels", htype="class_label", class_names=names)
        ds.info.update(description="My first dataset")
        ds.images.info.update(camera_type="SLR")
    with ds:
        for file in files:
            number = names.index(os.path.basename(os.path.dirname(file)))  # noqa: PTH119, PTH120
            ds.append({"images": deeplake.read(file), "labels": np.uint32(number)})
    return [seen(ds), ds.images[0].tobytes() == Path(files[0]).read_bytes()]


@script
def groups_of_tensors(deeplake):
    ds = deeplake.empty("./groups")
    ds.create_group("my_group")
    ds.my_group.create_tensor("my_tensor")
    ds.create_tensor("my_group_2/deep/my_tensor")
    ds.my_group.my_tensor.append(1)
    ds["my_group"].append({"my_tensor": 2})
    ds.my_group_2.deep.my_tensor.extend([3, 4])
    ds["my_group_2/deep"].my_tensor.append(5)
    inner = ds.my_group_2
    return [
        seen(ds),
        sorted(ds.groups),
        sorted(inner.groups),
        list(inner.tensors),
        len(ds.my_group),
        ds["my_group/my_tensor"].numpy().tolist(),
        ["my_group/my_tensor" in ds, "my_tensor" in ds.my_group, "my_group" in ds],
        ds.my_group.my_tensor.key,
    ]


@script
def reading(deeplake):
    ds = filled(deeplake)
    return [
        ds.images[0].numpy().shape,
        plain(ds.labels[0].numpy(aslist=True)),
        {key: plain(value) for key, value in ds.labels[1].data().items()},
        plain(ds.labels[0].data()["value"]),
        ds.labels[0:3].data(aslist=True)["text"],
        plain(ds.labels[0:3].numpy(aslist=True)),
        fails(lambda: ds.images[0:8].numpy(aslist=False)),
        plain(ds[2].x.numpy()),
        plain(ds.x[0:8:3].numpy(aslist=True)),
        ds.words.caption[3].data()["value"],
        ds["words/caption"][2:4].data()["value"],
    ]


@script
def values_replaced(deeplake):
    ds = filled(deeplake)
    pictures("more", ["one.png"])
    with ds:
        ds.images[1] = deeplake.read("more/one.png")
        ds.labels[1] = "giraffe"
        ds.labels[2] = ["cat", "giraffe"]
        ds.words.caption[0] = "changed"
        ds[3].update({"x": np.zeros((1, 1), "float32"), "labels": 1})
        ds[5:7].update({"words/caption": ["five", "six"]})
    return [seen(ds), ds.images[1].tobytes() == Path("more/one.png").read_bytes()]


@script
def versions(deeplake):
    files = animals()
    ds = deeplake.dataset("./versions", overwrite=True)
    with ds:
        ds.create_tensor("images", htype="image", sample_compression="png")
        ds.images.append(deeplake.read(files[0]))
    first = ds.commit("Added image of a cat")
    with ds:
        ds.images.append(deeplake.read(files[2]))
    second = ds.commit("Added an image of a dog")
    out = [len(ds), ds.commit_id == second, ds.has_head_changes, ds.branch]
    ds.checkout("dog_flipped", create=True)
    with ds:
        ds.images[1] = np.transpose(ds.images[1], axes=[1, 0, 2])
    ds.commit("Flipped the dog image")
    out += [ds.images[1].shape, sorted(ds.branches)]
    ds.checkout("main")
    out.append(ds.images[1].shape)
    with ds:
        ds.images.append(deeplake.read(files[3]))
    out += [len(ds), ds.has_head_changes]
    ds.checkout("dog_flipped")
    out.append(len(ds))
    ds.checkout("main")
    out.append(len(ds))
    ds.reset()
    out += [len(ds), ds.has_head_changes]
    ds.merge("dog_flipped")
    out += [ds.images[1].shape, [one["message"] for one in ds.commits][1:]]
    ds.checkout(first)
    out += [len(ds), ds.read_only, fails(lambda: ds.checkout("nothing"))]
    return out


@script
def differences(deeplake):
    ds = filled(deeplake)
    first = ds.commit("one")
    ds.labels[2] = 1
    ds.labels.extend([0, 0])
    ds.create_tensor("new").append(1)
    ds.rename_tensor("boxes", "places")
    ds.info["x"] = 1
    second = ds.commit("two")
    ds.pop(0)
    ds.delete_tensor("x")
    plainly = ("data_added", "data_updated", "data_deleted")

    def told(found):
        names = ("labels", "new", "images")
        return [
            {name: {key: list(one[name][key]) for key in plainly if key in one[name]} for name in names if name in one}
            for one in found
        ]

    return [told(ds.diff(as_dict=True)["tensor"]), told(ds.diff(first, as_dict=True)["tensor"][0]), len(second)]


@script
def filtered_by_a_function(deeplake):
    ds = filled(deeplake)
    ds.commit("one")

    @deeplake.compute
    def has_label(sample_in, wanted):
        return sample_in.labels.data()["text"][0] in wanted

    view = ds.filter(has_label(["cat", "bird"]), scheduler="threaded", num_workers=0, progressbar=False)
    view.save_view(message="cats and birds", verbose=False)
    again = ds.get_views()[0]
    loaded = again.load(verbose=False)
    plainly = ds.filter(lambda sample: sample.x.numpy().max() > 3, progressbar=False)
    return [
        [len(view), list(map(int, view.sample_indices)), list(map(int, loaded.sample_indices))],
        again.message,
        plain(loaded.labels.numpy(aslist=True)),
        list(map(int, plainly.sample_indices)),
    ]


@script
def files_computed(deeplake):
    files = animals()
    names = ["cats", "dogs"]

    @deeplake.compute
    def file_to_deeplake(file_name, sample_out, class_names):
        label = os.path.basename(os.path.dirname(file_name))  # noqa: PTH119, PTH120
        sample_out.append({"labels": np.uint32(class_names.index(label)), "images": deeplake.read(file_name)})
        return sample_out

    ds = deeplake.empty("./animals_transform")
    with ds:
        ds.create_tensor("images", htype="image", sample_compression="png")
        ds.create_tensor("labels", htype="class_label", class_names=names)
        file_to_deeplake(class_names=names).eval(files, ds, num_workers=0, progressbar=False)
    return seen(ds)


@script
def pipelines(deeplake):
    ds = filled(deeplake)

    @deeplake.compute
    def flip(sample_in, sample_out):
        sample_out.append({"labels": sample_in.labels.numpy(), "images": np.flip(sample_in.images.numpy(), axis=0)})
        return sample_out

    @deeplake.compute
    def crop(sample_in, sample_out, size):
        sample_out.labels.append(sample_in.labels.numpy())
        sample_out.images.append(sample_in.images.numpy()[:size, :size])
        return sample_out

    @deeplake.compute
    def twice(sample_in, sample_out):
        for _ in range(2):
            sample_out.append({"labels": sample_in.labels.numpy(), "images": sample_in.images.numpy()})
        return sample_out

    flipped = deeplake.like("./flipped", ds, tensors=["labels", "images"])
    flip().eval(ds[0:4], flipped, num_workers=0, progressbar=False)
    piped = deeplake.like("./piped", ds, tensors=["labels", "images"])
    deeplake.compose([flip(), twice(), crop(size=2)]).eval(ds[2:5], piped, num_workers=0, progressbar=False)
    return [seen(flipped), seen(piped)]


@script
def computed_in_place(deeplake):
    ds = deeplake.empty("./ds")
    with ds:
        ds.create_tensor("x", dtype="float64").extend(np.arange(6, dtype="float64"))
        ds.create_tensor("y", dtype="float64").extend(np.arange(6, dtype="float64"))

    @deeplake.compute
    def doubled(sample_in, sample_out):
        sample_out.append({"x": sample_in.x.numpy() * 2, "y": sample_in.y.numpy() + 1})
        return sample_out

    doubled().eval(ds, num_workers=0, progressbar=False)
    return seen(ds)


@script
def a_function_that_fails(deeplake):
    ds = deeplake.empty("./ds")
    ds.create_tensor("x", dtype="int64")

    @deeplake.compute
    def halves(sample_in, sample_out):
        sample_out.x.append(10 // sample_in)
        return sample_out

    halves().eval([1, 2, 0, 5], ds, num_workers=0, progressbar=False, ignore_errors=True)
    left = ds.x.numpy().reshape(-1).tolist()
    return [left, fails(lambda: halves().eval([0], ds, num_workers=0, progressbar=False)), len(ds)]


@script
def a_tensor_added_later(deeplake):
    animals()
    pictures("pets", ["a/1.png", "a/9.png", "b/62.png", "b/24.png", "b/7.png"])
    ds = deeplake.ingest_classification("pets", "./ds", progressbar=False, summary=False, shuffle=False)
    by_file = {"1.png": "gray", "62.png": "blue", "24.png": "gray"}
    with ds:
        ds.create_tensor("color", htype="class_label")
        for sample in ds.max_view:
            file = os.path.basename(sample.images.sample_info["filename"])  # noqa: PTH119
            ds.color.append(by_file.get(file))
    with ds:
        ds.create_tensor("color2", htype="class_label")
        names = [os.path.basename(info["filename"]) for info in ds.images.sample_info]  # noqa: PTH119
        for file in sorted(by_file, key=names.index):
            ds.color2[names.index(file)] = by_file[file]
    at = names.index("9.png")
    ds.color[at] = "white"
    ds.color[names.index("1.png")] = None
    order = [names.index(name) for name in sorted(names) if name in by_file or name == "9.png"]
    return [
        [plain(ds.color[row].data()["text"]) for row in order],
        ds.color.info.class_names and sorted(ds.color.info.class_names),
        [len(ds.color), len(ds.color2) <= len(ds), ds.min_len <= len(ds.color2)],
    ]


@script
def saved_views(deeplake):
    ds = filled(deeplake)
    ds.commit("one")
    ds[[4, 2]].save_view(id="picked", message="two", verbose=False)
    ds[1:6:2].save_view(id="odd", optimize=True, verbose=False)
    ds[3:][["x"]][1:].save_view(id="part", verbose=False)
    picked, odd = ds.load_view("picked"), ds.get_view("odd").load(verbose=False)
    out = [
        sorted(one.id for one in ds.get_views()),
        [list(map(int, picked.sample_indices)), list(map(int, odd.sample_indices))],
        [plain(picked.labels.numpy(aslist=True)), plain(odd.labels.numpy(aslist=True))],
        [ds.get_view("picked").message, ds.get_view("odd").virtual, ds.get_view("picked").virtual],
        list(map(int, ds.load_view("part").sample_indices)),
    ]
    ds.delete_view("picked")
    return [*out, sorted(one.id for one in ds.get_views()), fails(lambda: ds.load_view("picked"))]
