"""Programs that both implementations run: every htype and compression that can be appended here."""

from __future__ import annotations

import numpy as np

from .sources import file, numbers, picture

NUMERIC = (
    *("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"),
    *("float16", "float32", "float64", "complex64"),
)
PILLOW = ("png", "jpeg", "bmp", "webp", "tiff", "gif", "ppm", "tga", "jpeg2000")
BARE = {"create_shape_tensor": False, "create_id_tensor": False, "create_sample_info_tensor": False}
TEXTS = ["plain", "", "caf\u00e9 \u4f60\u597d \U0001f600", "two\nlines", "x" * 300]
JSONS = [{"a": 1, "b": [1.5, None, True], "c": {"d": "e"}}, {}, [1, {"x": 2}], {"k": "v" * 200}]
LISTS = [[1, "two", 3.0], [], [[1], [2, 3]], ["a", None, {"k": 1}]]


def numeric(lake):
    """One shape: every dtype, scalars, a dtype found out from the first sample."""
    with lake.empty("ds") as ds:
        for dtype in NUMERIC:
            ds.create_tensor(f"as_{dtype}", dtype=dtype, **({} if dtype == "float32" else BARE))
            ds[f"as_{dtype}"].extend(numbers((5, 2, 3), dtype))
        ds.create_tensor("scalar", dtype="int32").extend(np.arange(-3, 9, dtype="int32"))
        ds.create_tensor("one_by_one", dtype="float64")
        for value in (0.5, -2.25, 1e300):
            ds.one_by_one.append(np.float64(value))
        ds.create_tensor("untyped").append(numbers((4,), "int16"))
        ds.create_tensor("untyped_never")
        ds.create_tensor("untouched", dtype="uint8")


def dynamic(lake):
    """Several shapes, axes of length zero, and None."""
    with lake.empty("ds") as ds:
        ds.create_tensor("x", dtype="float32")
        for row, shape in enumerate([(2, 3), (2, 3), (1, 4), (0, 3), (5, 1), (2, 0)]):
            ds.x.append(numbers(shape, "float32", row))
        ds.x.append(None)
        ds.create_tensor("late", dtype="int64")
        for value in (None, None, numbers((2, 3), "int64"), None, numbers((1, 2), "int64")):
            ds.late.append(value)


def nothing(lake):
    """A tensor of None only."""
    with lake.empty("ds") as ds:
        ds.create_tensor("x", dtype="int64").extend([None, None])


def chunks(lake):
    """Several chunks a tensor, and a second session that goes on in the last."""
    with lake.empty("ds") as ds:
        ds.create_tensor("fixed", dtype="int32", max_chunk_size=2048, **BARE).extend(numbers((50, 40), "int32"))
        ds.create_tensor("ragged", dtype="uint8", max_chunk_size=1024)
        for row in range(40):
            ds.ragged.append(numbers((1 + row * 37 % 90,), "uint8", row))
        ds.create_tensor("packed", dtype="float64", chunk_compression="lz4", max_chunk_size=1024, **BARE)
        ds.packed.extend(numbers((60, 8), "float64"))
        ds.create_tensor("text", htype="text", max_chunk_size=256).extend([f"word{i} " * (i % 7) for i in range(40)])
        ds.create_tensor("big", dtype="uint8", max_chunk_size=64, tiling_threshold=-1, **BARE).append(
            numbers((200,), "uint8")
        )
    with lake.load("ds") as ds:
        ds.fixed.extend(numbers((3, 40), "int32", 1))
        ds.ragged.append(numbers((5,), "uint8", 99))
        ds.packed.extend(np.ones((2, 8)))
        ds.text.append("last")
        ds.big.append(numbers((30,), "uint8"))


def lz4(lake):
    """lz4 of samples and of chunks, for numbers and text-like values."""
    with lake.empty("ds") as ds:
        for kind in ("sample", "chunk"):
            how = {f"{kind}_compression": "lz4"}
            ds.create_tensor(f"{kind}_fixed", dtype="int16", **how).extend(
                np.tile(np.arange(30, dtype="int16"), (6, 4, 1))
            )
            dynamic = ds.create_tensor(f"{kind}_dynamic", dtype="float32", **how)
            for shape in [(3, 4), (1, 2), (0, 2), (6, 6)]:
                dynamic.append(numbers(shape, "float32"))
            dynamic.append(None)
            ds.create_tensor(f"{kind}_text", htype="text", **how).extend(TEXTS)
            ds.create_tensor(f"{kind}_json", htype="json", **how).extend(JSONS)
            ds.create_tensor(f"{kind}_list", htype="list", **how).extend(LISTS)
            ds.create_tensor(f"{kind}_image", htype="image", dtype="uint8", **how).extend(
                [picture(6, 7), picture(3, 9)]
            )
            mask = ds.create_tensor(f"{kind}_mask", htype="binary_mask", **how)
            mask.extend([numbers((5, 6), "bool"), numbers((3, 4), "bool")])


def images(lake):
    """Files of every kind passed through, a file of another kind, arrays, grey among colour, None, raw arrays."""
    with lake.empty("ds") as ds:
        for kind in PILLOW:
            ds.create_tensor(kind, htype="image", sample_compression=kind, **({} if kind in {"png", "jpeg"} else BARE))
            for row, (height, width) in enumerate([(16, 20), (12, 10)]):
                pixels = picture(height, width, 0 if kind == "gif" else 3, row)
                suffix = "jp2" if kind == "jpeg2000" else kind
                ds[kind].append(lake.read(file(f"{kind}{row}.{suffix}", pixels)))
        ds.jpeg.append(lake.read(file("grey.jpg", picture(9, 14, 0))))
        ds.png.append(picture(7, 5))
        ds.png.append(lake.read("files/jpeg0.jpeg"))  # of another kind: encoded anew
        ds.png.append(None)
        ds.png.append(lake.read(file("grey.png", picture(8, 3, 0))))
        ds.create_tensor("alpha", htype="image", sample_compression="png", **BARE)
        ds.alpha.extend([picture(6, 6, 4), picture(2, 5, 4)])
        ds.create_tensor("grey", htype="image", sample_compression="png").extend([picture(8, 11, 0), picture(5, 4, 0)])
        ds.create_tensor("raw", htype="image", sample_compression=None, dtype="uint8").extend(
            [picture(6, 7), picture(6, 7, seed=1)]
        )
        ds.create_tensor("many", htype="image", sample_compression="png", max_chunk_size=1500)
        ds.many.extend([numbers((10, 10, 3), "uint8", row) for row in range(12)])


def modes(lake):
    """image.rgb and image.gray turn every picture into their mode."""
    with lake.empty("ds") as ds:
        ds.create_tensor("rgb", htype="image.rgb", sample_compression="png", **BARE)
        ds.create_tensor("gray", htype="image.gray", sample_compression="png", **BARE)
        for channels in (3, 4, 0):
            ds.rgb.append(picture(8, 6, channels))
        for channels in (0, 3):
            ds.gray.append(picture(8, 6, channels))


def texts(lake):
    """text, json, list and tag, None among them, and types found out from the first sample."""
    with lake.empty("ds") as ds:
        ds.create_tensor("text", htype="text").append(TEXTS[0])
        ds.text.extend([*TEXTS[1:], None])
        ds.create_tensor("json", htype="json")
        for value in [*JSONS, {"array": np.arange(4, dtype="int16").reshape(2, 2), "bytes": b"\x00\xffz"}, None]:
            ds.json.append(value)
        ds.create_tensor("list", htype="list").extend(LISTS)
        ds.create_tensor("tag", htype="tag")
        for value in ("one", ["two", "three"], []):
            ds.tag.append(value)
        ds.create_tensor("json_typed", htype="json", dtype="Dict[str, int]", **BARE).append({"n": 3})
        ds.create_tensor("found_text", **BARE).append("a string")
        ds.create_tensor("found_json", **BARE).append({"a": "dict"})


def labels(lake):
    """class_label by number and by name, several a row, and names that are added."""
    with lake.empty("ds") as ds:
        ds.create_tensor("label", htype="class_label", class_names=["cat", "dog", "bird"])
        ds.label.append(np.uint32(2))
        ds.label.extend(np.array([0, 1, 1, 2], "uint32"))
        ds.label.append("dog")
        ds.label.append("fish")
        ds.create_tensor("numbers", htype="class_label").extend(np.arange(4, dtype="uint32"))
        ds.create_tensor("multi", htype="class_label", class_names=["a", "b"])
        for value in (np.array([0, 1, 1], "uint32"), np.array([1], "uint32"), None, ["b", "c"]):
            ds.multi.append(value)
        ds.create_tensor("packed", htype="class_label", class_names=["n", "y"], chunk_compression="lz4")
        ds.packed.extend(np.array([0, 1, 0], "uint32"))
        ds.create_tensor("instance", htype="instance_label", **BARE).append(np.array([[0, 1], [2, 2]], "uint32"))


def geometry(lake):
    """Boxes, polygons, keypoints, points, intrinsics, embeddings and masks."""
    with lake.empty("ds") as ds:
        ds.create_tensor("bbox", htype="bbox", coords={"type": "pixel", "mode": "LTWH"})
        for boxes in ([[1, 2, 3, 4], [5, 6, 7, 8]], np.zeros((0, 4)), [[9, 9, 1, 1]]):
            ds.bbox.append(np.array(boxes, "float32"))
        triangle, kite = numbers((3, 2), "float32"), numbers((5, 2), "float32")
        for name, how in [
            ("plain", {}),
            ("lz4", {"sample_compression": "lz4"}),
            ("lz4_chunk", {"chunk_compression": "lz4"}),
        ]:
            polygon = ds.create_tensor(f"polygon_{name}", htype="polygon", **how)
            for value in ([triangle, kite], [kite], None):
                polygon.append(value)
        ds.create_tensor("polygon_3d", htype="polygon", dtype="float64", **BARE).append([numbers((4, 3), "float64")])
        ds.create_tensor("keypoints", htype="keypoints_coco", keypoints=["nose", "eye"], connections=[[0, 1]])
        ds.keypoints.append(np.array([[10, 20], [11, 21], [2, 1], [5, 5], [6, 6], [0, 0]], "int32"))
        ds.create_tensor("point", htype="point", **BARE).append(np.array([[1, 2], [3, 4]], "int32"))
        ds.create_tensor("intrinsics", htype="intrinsics", **BARE).append(np.eye(3, dtype="float32"))
        ds.create_tensor("embedding", htype="embedding").extend(numbers((4, 16), "float32"))
        ds.create_tensor("mask", htype="binary_mask", **BARE).append(numbers((5, 6, 2), "bool"))
        ds.create_tensor("segments", htype="segment_mask", class_names=["sky", "sea"], sample_compression="lz4")
        for shape in [(5, 6), (3, 4)]:
            ds.segments.append(numbers(shape, "bool").astype("uint32"))
        ds.create_tensor("segments_lz4", htype="segment_mask", dtype="uint8", chunk_compression="lz4", **BARE)
        ds.segments_lz4.append(numbers((5, 6), "uint8"))
        for kind, most in (("png", 65535), ("tiff", 2**31 - 1)):
            ds.create_tensor(f"segments_{kind}", htype="segment_mask", sample_compression=kind, **BARE)
            ds[f"segments_{kind}"].extend([numbers((5, 6), "uint8"), np.full((3, 4), most, "uint32")])


def boxes_3d(lake):
    """3D boxes, by their centre."""
    with lake.empty("ds") as ds:
        ds.create_tensor("box", htype="bbox.3d", coords={"mode": "center"}).append(numbers((2, 8), "float32"))


def sequences(lake):
    """Rows that are lists: of numbers, images, text, labels, boxes and json; ragged and empty."""
    with lake.empty("ds") as ds:
        ds.create_tensor("numbers", htype="sequence", dtype="int32")
        ds.numbers.append(numbers((3, 2), "int32"))
        ds.numbers.append(numbers((1, 2), "int32"))
        ds.numbers.append([])
        ds.numbers.append([np.array([7, 7], "int32"), np.array([8], "int32")])
        ds.create_tensor("uniform", htype="sequence[generic]", dtype="uint8")
        for row in range(4):
            ds.uniform.append(numbers((2, 3), "uint8", row))
        ds.create_tensor("image", htype="sequence[image]", sample_compression="png")
        ds.image.append([picture(5, 5), lake.read(file("one.png", picture(6, 4)))])
        ds.image.append([picture(3, 7)])
        ds.create_tensor("text", htype="sequence[text]")
        ds.text.append(["one", "two"])
        ds.text.append(["three"])
        ds.create_tensor("label", htype="sequence[class_label]", class_names=["p", "q"])
        ds.label.append(np.array([[0], [1], [1]], "uint32"))
        ds.label.append(np.array([[1]], "uint32"))
        ds.create_tensor("bbox", htype="sequence[bbox]")
        ds.bbox.append([np.ones((2, 4), "float32"), np.zeros((1, 4), "float32")])
        ds.create_tensor("json", htype="sequence[json]", **BARE).append([{"a": 1}, {"b": 2}])


def links(lake):
    """Linked files: verified or not, none, and lists of them."""
    png, jpeg, grey = file("a.png", picture(10, 12)), file("b.jpg", picture(9, 7)), file("g.png", picture(6, 8, 0))
    with lake.empty("ds") as ds:
        ds.create_tensor("image", htype="link[image]", sample_compression="png")
        for path in (png, jpeg, None, grey):
            ds.image.append(path and lake.link(path))
        ds.create_tensor("unverified", htype="link[image]", sample_compression="png", verify=False)
        ds.unverified.extend([lake.link(jpeg), lake.link(png)])
        ds.create_tensor("listed", htype="sequence[link[image]]", sample_compression="png")
        ds.listed.append([lake.link(png), lake.link(jpeg)])
        ds.listed.append([lake.link(png)])


def groups(lake):
    """Groups, info of the dataset and of tensors, hidden tensors."""
    with lake.empty("ds") as ds:
        ds.create_tensor("left/x", dtype="uint8").extend(numbers((3, 2), "uint8"))
        ds.create_tensor("left/deep/image", htype="image", sample_compression="png").append(picture(4, 4))
        ds.info.update({"name": "demo", "n": [1, 2], "nested": {"a": None}})
        ds["left/x"].info.update(unit="mm", scale=0.5)
        ds.create_tensor("concealed", dtype="uint8", hidden=True).append(numbers((3,), "uint8"))


def vectors(lake):
    """The four tensors of a vector store."""
    with lake.empty("ds") as ds:
        for name, htype in [("text", "text"), ("metadata", "json"), ("id", "text")]:
            ds.create_tensor(name, htype=htype, **BARE)
        how = {"create_id_tensor": False, "create_sample_info_tensor": False, "max_chunk_size": 64_000_000}
        ds.create_tensor("embedding", htype="embedding", dtype="float32", **how)
        ds.text.extend(["a text", "b text", "c text"])
        ds.metadata.extend([{"source": "1"}, {"source": "2"}, {}])
        ds.embedding.extend(numbers((3, 8), "float32"))
        ds.id.extend(["i0", "i1", "i2"])


COLUMNS = {
    f.__name__: f
    for f in (
        numeric,
        dynamic,
        nothing,
        chunks,
        lz4,
        images,
        modes,
        texts,
        labels,
        geometry,
        boxes_3d,
        sequences,
        links,
        groups,
        vectors,
    )
}
