"""Programs about what becomes of a dataset; `ORIGINAL` are those that only the original can run."""

from __future__ import annotations

import numpy as np

from .columns import BARE
from .sources import file, numbers, picture


def tiles(lake):
    """Samples over the tiling threshold in every kind of chunk, partly filled ones, and more rows after them."""
    with lake.empty("ds") as ds:
        ds.create_tensor("raw", dtype="int32", tiling_threshold=400, max_chunk_size=4000, **BARE)
        for shape in [(3, 4), (21, 17), (2, 3)]:
            ds.raw.append(numbers(shape, "int32"))
        ds.create_tensor("raw_3d", dtype="uint8", tiling_threshold=300).append(numbers((20, 15, 3), "uint8"))
        ds.create_tensor("lz4", dtype="int16", sample_compression="lz4", tiling_threshold=200, **BARE)
        ds.lz4.append(numbers((19, 30), "int16"))
        ds.create_tensor("lz4_chunk", dtype="int16", chunk_compression="lz4", tiling_threshold=200, **BARE)
        ds.lz4_chunk.append(numbers((19, 30), "int16"))
        ds.create_tensor("png", htype="image", sample_compression="png", tiling_threshold=700)
        for shape in [(8, 8), (33, 29), (9, 9)]:
            ds.png.append(picture(*shape))
        ds.create_tensor("tiled_last", dtype="uint8", tiling_threshold=100, **BARE)
        for length in (50, 250):
            ds.tiled_last.append(numbers((length,), "uint8"))
        for name, how in [("part_png", {"sample_compression": "png"}), ("part_raw", {"sample_compression": None})]:
            part = ds.create_tensor(name, htype="image", dtype="uint8", **how, **BARE)
            part.append(lake.tiled(sample_shape=(23, 31, 3), tile_shape=(10, 10, 3)))
            part[0][0:12, 5:20] = picture(12, 15)
    with lake.load("ds") as ds:
        ds.tiled_last.append(numbers((10,), "uint8"))


def canvases(lake):
    """Chunks that are one image, with the samples side by side."""
    with lake.empty("ds") as ds:
        for kind in ("png", "jpeg"):
            ds.create_tensor(kind, htype="image", chunk_compression=kind)
            for shape in [(8, 10), (12, 6), (8, 8)]:
                ds[kind].append(picture(*shape))
        ds.create_tensor("gaps", htype="image", chunk_compression="png", **BARE)
        for value in (None, picture(5, 5), None, picture(4, 7)):
            ds.gaps.append(value)
        ds.create_tensor("grey", htype="image", chunk_compression="png", **BARE)
        ds.grey.extend([picture(5, 6, 0), picture(7, 3, 0)])
        ds.create_tensor("tiled", htype="image", chunk_compression="png", tiling_threshold=700, **BARE)
        ds.tiled.append(picture(33, 29))
        ds.create_tensor("many", htype="image", chunk_compression="png", max_chunk_size=1500, **BARE)
        ds.many.extend([numbers((10, 10, 3), "uint8", row) for row in range(12)])


def updates(lake):
    """Rows replaced and removed in place."""
    with lake.empty("ds") as ds:
        ds.create_tensor("x", dtype="int32").extend(numbers((10, 2, 2), "int32"))
        for row, value in {
            4: numbers((3, 2), "int32"),
            0: np.zeros((1, 1), "int32"),
            9: np.ones((2, 2), "int32"),
            5: None,
        }.items():
            ds.x[row] = value
        ds.create_tensor("text", htype="text").extend(["aaa", "bb", "cccc", "d", "ee"])
        ds.text[1] = "longer than before"
        ds.text[3] = ""
        ds.create_tensor("image", htype="image", sample_compression="png").extend(
            [picture(5 + row, 6) for row in range(4)]
        )
        ds.image[1] = picture(9, 9)
        ds.create_tensor("lz4", dtype="uint8", chunk_compression="lz4").extend(numbers((10, 3), "uint8"))
        ds.lz4[3] = np.array([9, 9], "uint8")
        ds.create_tensor("popped", dtype="uint8", max_chunk_size=20).extend(numbers((20, 3), "uint8"))
        ds.create_tensor("lists", htype="sequence", dtype="uint8")
        for length in (2, 3, 3, 1):
            ds.lists.append(numbers((length, 2), "uint8"))
    for row in (7, 0, 17):
        ds.popped.pop(row)
    ds.text.pop(2)
    ds.lists.pop(1)


def padding(lake):
    """Rows set beyond the end."""
    with lake.empty("ds") as ds:
        ds.create_tensor("x", dtype="int32").extend(numbers((2, 3), "int32"))
        for row in (5, 9, 3):
            ds.x[row] = np.full(3, row, "int32")
        ds.create_tensor("text", htype="text")
        ds.text[3] = "at three"


def clearing(lake):
    """Tensors that were emptied, one of them filled again."""
    with lake.empty("ds") as ds:
        for name in ("emptied", "refilled"):
            ds.create_tensor(name, dtype="int32").extend(np.arange(6, dtype="int32"))
            ds[name].clear()
        ds.refilled.extend(np.arange(100, 103, dtype="int32"))


def commits(lake):
    """Commits and branches over rows added and replaced, tensors renamed and deleted, info changed."""
    with lake.empty("ds") as ds:
        ds.create_tensor("x", dtype="int32").extend(numbers((4, 3), "int32"))
        ds.create_tensor("label", htype="class_label", class_names=["a", "b"]).extend(np.array([0, 1, 0, 1], "uint32"))
        ds.create_tensor("gone", dtype="uint8").extend(np.arange(4, dtype="uint8"))
        ds.create_tensor("big", dtype="uint8", max_chunk_size=40, **BARE).extend(numbers((8, 10), "uint8"))
        ds.info["v"] = 1
    first = ds.commit("first")
    with ds:
        ds.x.extend(numbers((2, 3), "int32", 1))
        ds.x[1] = np.full(3, -1, "int32")
        ds.big[3] = np.zeros(10, "uint8")
        ds.info["v"] = 2
    ds.commit("second")
    ds.delete_tensor("gone")
    ds.rename_tensor("label", "renamed")
    ds.commit("third")
    ds.checkout("dev", create=True)
    with ds:
        ds.x.append(np.full(3, 5, "int32"))
        ds.create_tensor("fresh", htype="text").extend(["n0", "n1"])
    ds.commit("on dev")
    ds.checkout("main")
    with ds:
        ds.x[0] = np.full(3, 9, "int32")
    ds.checkout(first)
    ds.checkout("side", create=True)
    with ds:
        ds.x.append(np.full(3, 3, "int32"))
    ds.checkout("main")


def merges(lake):
    """A branch merged into main: rows added and changed on both sides, tensors added, renamed and deleted."""
    with lake.empty("ds") as ds:
        ds.create_tensor("x", dtype="int32").extend(np.arange(4, dtype="int32"))
        ds.create_tensor("words", htype="text").extend(["a", "b", "c"])
        ds.create_tensor("image", htype="image", sample_compression="png").extend(
            [picture(5 + at, 6) for at in range(3)]
        )
        ds.create_tensor("label", htype="class_label", class_names=["u", "v"]).extend(["u", "v", "u"])
        ds.create_tensor("lists", htype="sequence[generic]", dtype="uint8").extend(
            [numbers((at, 2), "uint8") for at in (2, 1)]
        )
        ds.create_tensor("gone", dtype="uint8").extend(np.arange(3, dtype="uint8"))
    ds.commit("base")
    ds.checkout("b", create=True)
    ds.rename_tensor("words", "prose")
    ds.delete_tensor("gone")
    with ds:
        ds.x.append(np.int32(50))
        ds.x[1] = np.int32(51)
        ds.x[2] = np.int32(52)
        ds.prose.append("of b")
        ds.prose[0] = "changed by b"
        ds.image.append(picture(9, 9))
        ds.image[1] = picture(4, 4)
        ds.label.append("v")
        ds.lists.append(numbers((3, 2), "uint8"))
        ds.create_tensor("only_b", htype="text").append("from b")
    ds.commit("on b")
    ds.checkout("main")
    with ds:
        ds.x.append(np.int32(10))
        ds.x[2] = np.int32(12)
        ds.words.append("of main")
        ds.label.append("u")
    ds.merge("b", conflict_resolution="theirs", delete_removed_tensors=True)
    with ds:
        ds.x.append(np.int32(99))


def renaming(lake):
    """A renamed group, an empty one, an array in a tensor's info."""
    ds = lake.empty("ds")
    with ds:
        ds.create_group("left")
        ds.create_group("empty/deeper")
        ds.create_tensor("left/x", dtype="uint8").extend(numbers((3, 2), "uint8"))
        ds["left/x"].info["array"] = np.arange(3)
    ds.rename_group("left", "right")


def downsampled(lake):
    """Hidden tensors that hold smaller copies."""
    with lake.empty("ds") as ds:
        ds.create_tensor("image", htype="image", sample_compression="png", downsampling=(2, 2))
        ds.image.extend([picture(48, 64), picture(8, 8)])
        ds.create_tensor("mask", htype="binary_mask", downsampling=(2, 1), **BARE).append(numbers((48, 48), "bool"))


def views(lake):
    """Saved views of every kind; they lie below a dataset and change nothing in it."""
    with lake.empty("ds") as ds:
        ds.create_tensor("x", dtype="int32").extend(numbers((10, 3, 2), "int32"))
        ds.create_tensor("label", htype="class_label", class_names=["a", "b"]).extend(np.arange(10, dtype="uint32") % 2)
        ds.create_tensor("image", htype="image", sample_compression="png").extend(
            [picture(4 + at, 5) for at in range(10)]
        )
    ds.commit("for views")
    ds[2:8:2].save_view(id="sliced", message="every other", verbose=False)
    ds[[7, 1, 1]].save_view(id="listed", verbose=False)
    ds[4].save_view(id="single", verbose=False)
    ds[1:4].save_view(id="optimized", optimize=True, verbose=False, num_workers=0)
    with ds:
        ds.x[3] = np.full((3, 2), -1, "int32")
    ds.commit("later")


def keyed_links(lake):
    """Links with credentials by name."""
    png, jpeg = file("a.png", picture(10, 12)), file("b.jpg", picture(9, 7))
    ds = lake.empty("ds")
    for key in ("first_key", "second_key"):
        ds.add_creds_key(key)
        ds.populate_creds(key, {})
    with ds:
        ds.create_tensor("image", htype="link[image]", sample_compression="png")
        for link in (
            lake.link(png),
            lake.link(jpeg, creds_key="second_key"),
            None,
            lake.link(png, creds_key="first_key"),
        ):
            ds.image.append(link)
        ds.create_tensor("packed", htype="link[image]", chunk_compression="png", **BARE).append(lake.link(png))


def tiled_links(lake):
    """One sample that is a grid of linked files."""
    paths = [[file(f"t{row}{column}.png", picture(4, 5, seed=row + column)) for column in range(3)] for row in range(2)]
    with lake.empty("ds") as ds:
        ds.create_tensor("image", htype="link[image]", sample_compression="png")
        ds.image.append(lake.link_tiled(np.array(paths, object)))
        ds.image.append(lake.link(paths[0][1]))


ORIGINAL = {"keyed_links": keyed_links}

EITHER = {
    f.__name__: f
    for f in (tiles, canvases, downsampled, tiled_links, updates, padding, clearing, commits, renaming, merges, views)
}
