"""Files of scans and points that are packed within: what they hold, what they need, and damage to them."""

from __future__ import annotations

import io
import struct
import sys

import numpy as np
import pydicom.pixels
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeplake_nb.errors import FormatError, MissingDependencyError
from deeplake_nb.format.codecs import files
from tests.format.fuzz import damaged, survives

from . import recorded

SCANS = {kind: recorded.packed_dicom(kind) for kind in ("lossless", "ls", "2000", "baseline", "runs")}
LAZ = recorded.las(packed=True)
SHAPE = (64, 70, 1)


@pytest.mark.parametrize("kind", SCANS)
def test_a_packed_scan(kind):
    found = files.decode(SCANS[kind], "dcm", SHAPE, "x")
    assert files.probe(SCANS[kind], "x").shape == SHAPE
    if kind == "baseline":
        assert np.abs(found[..., 0].astype(int) - (recorded.WIDE_SCAN >> 4)).max() <= 10
    else:
        assert found.dtype == np.uint16
        assert np.array_equal(found[..., 0], recorded.WIDE_SCAN)


def test_packed_points():
    assert len(LAZ) != len(recorded.las())
    assert files.probe(LAZ, "x") == files.probe(recorded.las(), "x") == ("las", (12, 18), "float32")
    assert np.array_equal(files.decode(LAZ, "las", (12, 18), "x"), files.decode(recorded.las(), "las", (12, 18), "x"))
    assert files.describe(LAZ, "las", "x") == files.describe(recorded.las(), "las", "x")


def test_many_packed_points(monkeypatch):
    from deeplake_nb.format.codecs import solids

    monkeypatch.setattr(solids, "_POINTS_AT_ONCE", 5)
    assert np.array_equal(files.decode(LAZ, "las", (12, 18), "x")[:, :3], recorded.POINTS)


def test_points_that_need_a_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "lazrs", None)
    with pytest.raises(MissingDependencyError, match=r"need lazrs: run `pip install 'deeplake_nb\[point_cloud\]'`"):
        files.decode(LAZ, "las", (12, 18), "x")
    assert len(files.decode(recorded.las(), "las", (12, 18), "x")) == 12


@pytest.mark.parametrize(("kind", "extra"), [("lossless", "dicom_jpeg"), ("ls", "dicom_jpeg"), ("2000", "medical")])
def test_scans_that_need_a_library(kind, extra, monkeypatch):
    """pydicom has looked at its import which of its helpers are there: it is told that none is."""
    decoder = pydicom.pixels.get_decoder(pydicom.dcmread(io.BytesIO(SCANS[kind])).file_meta.TransferSyntaxUID)
    monkeypatch.setattr(decoder, "_available", {})
    said = rf"needs pylibjpeg: run `pip install 'deeplake_nb\[{extra}\]'`; tobytes\(\) gives the file"
    with pytest.raises(MissingDependencyError, match=said):
        files.decode(SCANS[kind], "dcm", SHAPE, "x")
    assert files.probe(SCANS[kind], "x").shape == SHAPE


def test_a_helper_that_damaged_bytes_crash_is_not_asked(monkeypatch):
    decoder = pydicom.pixels.get_decoder(pydicom.uid.JPEGLosslessSV1)
    monkeypatch.setattr(decoder, "_available", {"gdcm": decoder._available["pylibjpeg"]})
    with pytest.raises(MissingDependencyError, match="dicom_jpeg"):
        files.decode(SCANS["lossless"], "dcm", SHAPE, "x")


def test_a_picture_larger_than_its_file_says_is_refused_before_it_takes_memory():
    for kind, marker, at in [("lossless", b"\xff\xc3", 5), ("ls", b"\xff\xf7", 5), ("baseline", b"\xff\xc0", 5)]:
        data = bytearray(SCANS[kind])
        place = data.find(marker) + at
        data[place : place + 4] = struct.pack(">2H", 65_500, 65_500)
        with pytest.raises(FormatError, match=r"a picture of \(65500, 65500\) pixels in a file of \(64, 70\)"):
            files.decode(bytes(data), "dcm", SHAPE, "x")
    data = bytearray(SCANS["2000"])
    place = data.find(b"\xff\x4f\xff\x51") + 8
    data[place : place + 8] = struct.pack(">2I", 1 << 20, 1 << 20)
    with pytest.raises(FormatError, match="pixels in a file of"):
        files.decode(bytes(data), "dcm", SHAPE, "x")


@pytest.mark.parametrize("at", [100, 107, 243])
def test_a_head_that_promises_more_than_there_is(at):
    data = bytearray(LAZ)
    if at == 243:
        data[25] = 4  # which has such a field
    data[at : at + 4] = b"\xff\xff\xff\x7f"
    with pytest.raises(FormatError):
        files.probe(bytes(data), "x")


def test_a_table_of_packed_chunks_that_promises_more_than_there_is():
    data = bytearray(LAZ)
    (start,) = struct.unpack_from("<I", data, 96)
    (table,) = struct.unpack_from("<q", data, start)
    data[table + 4 : table + 8] = b"\xff\xff\xff\x3f"
    with pytest.raises(FormatError, match="1073741823 packed chunks in a file of"):
        files.decode(bytes(data), "las", (12, 18), "x")


@pytest.mark.parametrize("kind", [*SCANS, "points"])
@given(st.data())
def test_damage_gives_an_array_or_an_error(kind, data):
    name, whole, shape = ("las", LAZ, (12, 18)) if kind == "points" else ("dcm", SCANS[kind], SHAPE)
    raw = data.draw(damaged([whole]))
    survives(lambda one: files.probe(one, "x", name), raw, 30_000_000)
    array = survives(lambda one: files.decode(one, name, shape, "x"), raw, 30_000_000)
    assert array is None or array.shape[0] == shape[0]
