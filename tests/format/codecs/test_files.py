"""Files that are no pictures: told apart, probed and decoded; damaged ones give an error, in bounded memory."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeplake_nb.errors import FormatError, MissingDependencyError
from deeplake_nb.format.codecs import TABLE, files, media, solids
from deeplake_nb.format.meta import decode_json, encode_json
from deeplake_nb.format.samples import Sample, StoredSample
from tests.format.fuzz import damaged, survives

from . import recorded

SOUND, FILM, VOLUME, SCAN = recorded.SOUND, recorded.FILM, recorded.VOLUME, recorded.SCAN
FILES = {
    "mp4": recorded.film("mp4"),
    "mkv": recorded.film("mkv"),
    "avi": recorded.film("avi"),
    "wav": recorded.wav(),
    "flac": recorded.sound("flac", "flac"),
    "mp3": recorded.sound("mp3", "libmp3lame"),
    "dcm": recorded.dicom(),
    "nii": recorded.nifti(),
    "nii.gz": recorded.nifti("nii.gz"),
    "las": recorded.las(),
    "ply": recorded.ply(),
    "stl": recorded.stl(text=True),
}
SHAPES = {
    **dict.fromkeys(("mp4", "mkv", "avi"), FILM.shape),
    **dict.fromkeys(("wav", "flac"), (1600, 1)),
    "dcm": (7, 9, 1),
    **dict.fromkeys(("nii", "nii.gz"), VOLUME.shape),
    "las": (12, 18),
    "ply": (4, 8),
    "stl": (2, 3, 3),
}


def test_every_kind_is_here():
    assert FILES.keys() == {name for name, row in TABLE.items() if row.kind == "media"}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_tells_what_it_is(kind):
    data = memoryview(FILES[kind])
    assert files.sniffed(data) == kind
    found = files.probe(data, "x")
    assert found.compression == kind
    if kind in SHAPES:
        assert found.shape == SHAPES[kind]
    sample = Sample(data, path=f"dir/a.{kind}")
    assert (sample.compression, sample.shape, sample.dtype) == found[:1] + found[1:]
    described = files.describe(data, kind, "x")
    assert described
    decode_json(encode_json(described), "x")


def test_a_binary_stl_is_told_by_its_name():
    data = recorded.stl()
    for name in ("dir/a.stl", "https://host/A.STL?sig=1"):
        assert Sample(data, path=name).compression == "stl"
    with pytest.raises(FormatError, match="not an image file"):
        Sample(data, path="dir/a.bin").shape  # noqa: B018 - looks into it


@pytest.mark.parametrize("kind", ["mp4", "mkv", "avi"])
def test_frames_of_a_film(kind):
    found = files.decode(FILES[kind], kind, FILM.shape, "x")
    assert np.array_equal(found, recorded.frames_of(FILES[kind]))
    assert np.abs(found.astype(int).mean() - FILM.mean()) < 30
    assert np.array_equal(files.decode(FILES[kind], kind, (2, *FILM.shape[1:]), "x"), found[:2])
    assert files.describe(FILES[kind], kind, "x")["fps"] == 10
    assert np.allclose(media.timestamps(memoryview(FILES[kind]), 5, "x"), np.arange(5) / 10, atol=0.101)


def test_frames_are_in_order_of_their_time():
    """Films with frames that are decoded out of order."""
    data = recorded.film("mp4", "libx264", np.stack([np.full((32, 48, 3), 50 * at, "uint8") for at in range(5)]))
    found = files.decode(data, "mp4", FILM.shape, "x")
    assert np.allclose(found.reshape(5, -1).mean(axis=1), [0, 50, 100, 150, 200], atol=6)


@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_samples_of_a_sound(kind):
    found = files.decode(FILES[kind], kind, (1600, 1), "x")
    assert found.dtype == np.float32
    assert np.array_equal(found[:, 0], SOUND)
    assert np.array_equal(files.decode(FILES[kind], kind, (100, 1), "x")[:, 0], SOUND[:100])
    assert np.array_equal(files.decode(FILES[kind], kind, (1700, 1), "x")[1600:], np.zeros((100, 1)))
    assert files.describe(FILES[kind], kind, "x")["sample_rate"] == 8000


@pytest.mark.parametrize("data", [recorded.wav(recorded.STEREO), recorded.sound("flac", "flac", recorded.STEREO)])
def test_two_channels(data):
    kind = files.sniffed(memoryview(data))
    assert files.probe(data, "x").shape == (1600, 2)
    assert np.array_equal(files.decode(data, kind, (1600, 2), "x"), recorded.STEREO)


def test_a_compressed_sound():
    shape = files.probe(FILES["mp3"], "x").shape
    found = files.decode(FILES["mp3"], "mp3", shape, "x")
    assert shape[0] >= 1600
    assert np.abs(found).max() <= 1.01
    assert np.abs(found).max() > 0.2


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("kind", ["nii", "nii.gz"])
def test_a_volume(kind, version):
    data = recorded.nifti(kind, version=version)
    assert files.probe(data, "x", kind) == (kind, VOLUME.shape, "int16")
    assert np.array_equal(files.decode(data, kind, VOLUME.shape, "x"), VOLUME)
    assert files.describe(data, kind, "x")["zooms"] == (1, 1, 1)


def test_a_scan():
    assert files.probe(FILES["dcm"], "x") == ("dcm", (7, 9, 1), "uint16")
    assert np.array_equal(files.decode(FILES["dcm"], "dcm", (7, 9, 1), "x")[..., 0], SCAN)
    series = np.stack([SCAN, SCAN[::-1]])
    data = recorded.dicom(series, frames=2)
    assert files.probe(data, "x").shape == (2, 7, 9, 1)
    assert np.array_equal(files.decode(data, "dcm", (2, 7, 9, 1), "x")[..., 0], series)
    assert files.describe(data, "dcm", "x")["Rows"] == {"name": "Rows", "tag": "(0028,0010)", "value": 7, "vr": "US"}


def test_a_point_cloud():
    found = files.decode(FILES["las"], "las", (12, 18), "x")
    assert np.array_equal(found[:, :3], recorded.POINTS)
    described = files.describe(FILES["las"], "las", "x")
    assert described["dimension_names"][:4] == ["X", "Y", "Z", "intensity"]
    assert np.array_equal(found[:, described["dimension_names"].index("red")], np.arange(12))
    assert described["dimensions_names_to_dtype"]["X"] == "<i4"
    assert described["las_header"]["scales"] == [0.5] * 3


@pytest.mark.parametrize("form", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_a_mesh_of_faces(form):
    data = recorded.ply(form)
    assert np.array_equal(files.decode(data, "ply", (4, 8), "x"), recorded.VERTICES)
    described = files.describe(data, "ply", "x")
    assert (described["fmt"], described["vertex"], described["face"]) == (form, 4, 2)
    columns = solids.ply_columns(memoryview(data), "x")
    assert columns["vertex_indices"].tolist() == [[0, 1, 2], [0, 2, 3]]
    assert np.array_equal(columns["y"], recorded.VERTICES[:, 1])


@pytest.mark.parametrize("text", [True, False])
def test_a_mesh_of_triangles(text):
    data = recorded.stl(text=text)
    assert np.allclose(files.decode(data, "stl", (2, 3, 3), "x"), recorded.TRIANGLES[:, 1:])
    assert np.allclose(files.describe(data, "stl", "x")["centroids"], recorded.TRIANGLES[:, 1:].mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("kind", FILES)
def test_a_stored_file_is_decoded(kind):
    found = files.probe(FILES[kind], "x")
    stored = StoredSample(memoryview(FILES[kind]), found.shape, found.dtype, kind, "generic", "tensor 'x' row 3")
    array = stored.array()
    assert len(array) == found.shape[0]
    assert np.array_equal(array, Sample(FILES[kind]).array)
    wrong = StoredSample(
        memoryview(FILES[kind]), (99_999, *found.shape[1:]), found.dtype, kind, "generic", "tensor 'x'"
    )
    with pytest.raises(FormatError, match="tensor 'x': expected"):
        wrong.array()


@pytest.mark.parametrize("kind", FILES)
def test_a_library_that_is_not_installed_is_named(kind, monkeypatch):
    for name in ("av", "pydicom", "nibabel", "laspy", "plyfile", "stl"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependencyError, match=r"files need (\w+): run `pip install 'deeplake_nb\[\w+\]'`"):
        files.probe(FILES[kind], "x")
    assert Sample(FILES[kind]).compression == kind, "what it is is known without"


@pytest.mark.parametrize("kind", FILES)
@given(st.data())
def test_damage_gives_an_array_or_an_error_in_bounded_memory(kind, data):
    """The bound: what the file is said to hold, a copy of it, and what its library needs to start."""
    raw = data.draw(damaged([FILES[kind]]))
    found = files.probe(FILES[kind], "x")
    survives(lambda one: files.probe(one, "x", kind), raw, 30_000_000)
    array = survives(lambda one: files.decode(one, kind, found.shape, "x"), raw, 30_000_000)
    assert array is None or len(array) == found.shape[0]


@pytest.mark.parametrize("kind", FILES)
def test_every_cut_gives_an_array_or_an_error(kind):
    data, found = FILES[kind], files.probe(FILES[kind], "x")
    for length in [*range(0, 200, 9), *range(200, len(data), max(len(data) // 30, 1))]:
        for work in (
            lambda one: files.probe(one, "x", kind),
            lambda one: files.decode(one, kind, found.shape, "x"),
            lambda one: files.describe(one, kind, "x"),
        ):
            survives(work, data[:length], 30_000_000)
