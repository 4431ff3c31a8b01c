"""Sound, film, scans, point clouds and meshes in datasets: files stored as they are, and arrays."""

from __future__ import annotations

import numpy as np
import pytest

import deeplake_nb
from deeplake_nb.errors import HtypeError, LinkError, MissingDependencyError, SampleError
from tests.format.codecs import recorded

from .stores import create, load, memory

FILES = {
    "mp4": ("video", recorded.film("mp4"), recorded.film("mp4", frames=recorded.FILM[:3])),
    "mkv": ("video", recorded.film("mkv"), recorded.film("mkv", frames=recorded.FILM[:3])),
    "avi": ("video", recorded.film("avi"), recorded.film("avi", frames=recorded.FILM[:3])),
    "wav": ("audio", recorded.wav(), recorded.wav(recorded.SOUND[:700])),
    "flac": ("audio", recorded.sound("flac", "flac"), recorded.sound("flac", "flac", recorded.SOUND[:700])),
    "mp3": ("audio", recorded.sound("mp3", "libmp3lame"), recorded.sound("mp3", "libmp3lame", recorded.SOUND[:700])),
    "nii": ("nifti", recorded.nifti(), recorded.nifti(values=recorded.VOLUME[:2])),
    "nii.gz": ("nifti", recorded.nifti("nii.gz"), recorded.nifti("nii.gz", recorded.VOLUME[:2])),
    "dcm": ("dicom", recorded.dicom(), recorded.dicom(recorded.SCAN[:4])),
    "las": ("point_cloud", recorded.las(), recorded.las()),
    "ply": ("mesh", recorded.ply(), recorded.ply("ascii")),
    "stl": ("mesh", recorded.stl(), recorded.stl(text=True)),
}


@pytest.fixture
def paths(tmp_path):
    """Two files of each kind."""
    out = {}
    for kind, (_, *files) in FILES.items():
        out[kind] = [tmp_path / f"{name}.{kind}" for name in ("a", "b")]
        for path, data in zip(out[kind], files, strict=True):
            path.write_bytes(data)
    return out


@pytest.mark.parametrize("kind", FILES)
def test_files_are_stored_as_they_are_and_read(kind, paths):
    htype, first, second = FILES[kind]
    store = memory()
    ds = create(store)
    x = ds.create_tensor("x", htype=htype, sample_compression=kind)
    files = [deeplake_nb.read(path) for path in paths[kind]]
    x.append(files[0])
    x.extend([files[1], None, files[0]])
    expected = [one.array[..., :3] if htype == "point_cloud" else one.array for one in files]
    again = load(store)
    for row, which in [(0, 0), (1, 1), (3, 0)]:
        data, array = (first, second)[which], expected[which]
        assert again.x[row].tobytes() == data
        found = again.x[row].numpy()
        assert np.array_equal(found, array)
        assert found.dtype == (x.dtype if kind != "ply" else np.float32)
        info = again.x[row].sample_info
        assert info["format"] == kind
        assert info["filename"] == paths[kind][which].name
        assert again.x[row].shape == tuple(info["shape"]) == files[which].shape
    assert again.x[2].shape == (0,) * len(files[0].shape)
    assert [len(one) for one in again.x[:2].numpy(aslist=True)] == list(map(len, expected))
    again.x[0] = files[1]
    again.x.pop(3)
    again.x.append(files[0])
    assert [len(one) for one in load(store).x[[0, 1, 3]].numpy(aslist=True)] == list(
        map(len, [expected[1], expected[1], expected[0]])
    )
    assert load(store).x[0].tobytes() == second


@pytest.mark.parametrize("kind", FILES)
def test_what_does_not_fit_is_refused_and_nothing_is_written(kind, paths):
    htype = FILES[kind][0]
    ds = create(memory())
    x = ds.create_tensor("x", htype=htype, sample_compression=kind, **({} if kind != "ply" else {"dtype": "float32"}))
    other = "wav" if kind != "wav" else "nii"
    for value, message in [
        (np.zeros((2, 3, 3), "uint8"), f"{kind} files are stored as they are"),
        (deeplake_nb.read(paths[other][0]), f"expected a {kind} file, .* is {other}"),
        ("a path", f"{kind} files are stored as they are"),
    ]:
        with pytest.raises(SampleError, match=message):
            x.append(value)
    assert len(x) == 0
    with pytest.raises(HtypeError, match="does not go with htype"):
        ds.create_tensor("y", htype=htype, chunk_compression=kind)
    with pytest.raises(HtypeError, match="does not go with htype generic"):
        ds.create_tensor("z", sample_compression=kind)


@pytest.mark.parametrize("kind", FILES)
def test_links_to_files(kind, paths):
    htype = FILES[kind][0]
    ds = create(memory())
    how = {"sample_compression": kind}
    ds.create_tensor("x", htype=f"link[{htype}]", **how).append(deeplake_nb.link(paths[kind][0]))
    ds.create_tensor("y", htype=f"sequence[link[{htype}]]", verify=False, **how)
    ds.y.append([deeplake_nb.link(paths[kind][0]), deeplake_nb.link(paths[kind][1])])
    file = deeplake_nb.read(paths[kind][0])
    expected = file.array[..., :3] if htype == "point_cloud" else file.array
    assert np.array_equal(ds.x[0].numpy(), expected)
    assert ds.x[0].shape == file.shape
    assert ds.x[0].sample_info["format"] == kind
    assert ds.x.shape_interval.upper == (1, *file.shape)
    assert len(ds.y[0].numpy(aslist=True)) == 2
    paths[kind][0].write_bytes(b"nothing of the kind")
    with pytest.raises(LinkError, match=f"a.{kind}"):
        ds.x[0].numpy()
    with pytest.raises(LinkError, match=f"a.{kind}"):
        ds.x.append(deeplake_nb.link(paths[kind][0]))


@pytest.mark.parametrize(
    ("htype", "array"),
    [
        ("video", recorded.FILM),
        ("audio", recorded.STEREO / 2),
        ("nifti", recorded.VOLUME),
        ("point_cloud", recorded.VERTICES),
        ("mesh", recorded.VERTICES),
        ("dicom", None),
    ],
)
def test_arrays_are_stored_where_no_kind_of_file_is_asked_for(htype, array):
    store = memory()
    if array is None:
        with pytest.raises(SampleError, match="dcm files are stored as they are"):
            create(store).create_tensor("x", htype=htype).append(recorded.SCAN)
        return
    ds = create(store)
    ds.create_tensor("x", htype=htype, sample_compression=None, tiling_threshold=40).extend([array, array[:2]])
    again = load(store)
    assert np.array_equal(again.x[0].numpy(), array)
    assert np.array_equal(again.x[1].numpy(), array[:2])
    assert bool(again._state.tables(again._state.tensors["x"]).tiles) == (htype == "point_cloud")


def test_a_film_gives_frames_and_times(paths):
    ds = create(memory())
    ds.create_tensor("x", htype="video", sample_compression="mp4").extend(map(deeplake_nb.read, paths["mp4"]))
    one = ds.x[0].data()
    assert one.keys() == {"frames", "timestamps", "sample_info"}
    assert np.array_equal(one["frames"], ds.x[0].numpy())
    assert np.allclose(one["timestamps"], np.arange(5) / 10)
    assert one["sample_info"]["fps"] == 10
    assert np.array_equal(ds.x[0, 1:3].numpy(), one["frames"][1:3])
    assert np.allclose(ds.x[0, 1:3].data()["timestamps"], [0.1, 0.2])
    both = ds.x[:2].data(aslist=True)
    assert [len(stamps) for stamps in both["timestamps"]] == [len(frames) for frames in both["frames"]] == [5, 3]


def test_a_point_cloud_gives_its_columns(paths):
    ds = create(memory())
    ds.create_tensor("x", htype="point_cloud", sample_compression="las").extend(map(deeplake_nb.read, paths["las"]))
    one = ds.x[0].data()
    assert np.array_equal(one["Y"], recorded.POINTS[:, 1])
    assert (one["Y"].dtype, one["red"].dtype, len(one)) == (np.int32, np.uint16, 18)
    assert [row.keys() for row in ds.x[:2].data()] == [one.keys()] * 2
    assert ds.x.numpy().shape == (2, 12, 3)


def test_a_mesh_gives_its_parts(paths):
    ds = create(memory())
    for kind in ("ply", "stl"):
        ds.create_tensor(kind, htype="mesh", sample_compression=kind).append(deeplake_nb.read(paths[kind][0]))
    assert ds.ply[0].data()["vertex_indices"].tolist() == [[0, 1, 2], [0, 2, 3]]
    stl = ds.stl[0].data()
    assert stl.keys() == {"vertices", "centroids", "normals", "sample_info"}
    assert np.array_equal(stl["vertices"], recorded.TRIANGLES[:, 1:])


def test_nothing_is_lost_where_a_library_is_not_installed(paths, monkeypatch):
    import sys

    store = memory()
    ds = create(store)
    ds.create_tensor("x", htype="video", sample_compression="mp4").append(deeplake_nb.read(paths["mp4"][0]))
    monkeypatch.setitem(sys.modules, "av", None)
    again = load(store)
    with pytest.raises(MissingDependencyError, match=r"video files need av: run `pip install 'deeplake_nb\[video\]'`"):
        again.x[0].numpy()
    assert again.x[0].tobytes() == FILES["mp4"][1]
    assert again.x[0].shape == recorded.FILM.shape
    with pytest.raises(MissingDependencyError):
        again.x.append(deeplake_nb.read(paths["mp4"][0]))
    assert len(load(store).x) == 1


def test_files_in_sequences_and_copies(paths):
    ds = create(memory())
    files = [deeplake_nb.read(path) for path in paths["wav"]]
    ds.create_tensor("x", htype="sequence[audio]", sample_compression="wav").extend([files, [], files[1:]])
    assert [[len(one) for one in row] for row in ds.x.numpy(aslist=True)] == [[1600, 700], [], [700]]
    ds.create_tensor("y", htype="audio", sample_compression="wav").extend(files)
    ds.create_tensor("z", htype="audio", sample_compression="wav").extend(files[::-1])
    assert ds.z[1].tobytes() == FILES["wav"][1]
