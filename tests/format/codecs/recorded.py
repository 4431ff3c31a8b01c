"""Small files of every kind that is no picture, and what is in them."""

from __future__ import annotations

import io
import struct
import warnings
import wave
from fractions import Fraction

import numpy as np

SOUND = (np.sin(np.arange(1600) / 9) * 9000).astype("<i2")
STEREO = np.stack([SOUND, SOUND[::-1]], axis=1)
FILM = (np.arange(5 * 32 * 48 * 3) % 251).astype("uint8").reshape(5, 32, 48, 3)
VOLUME = (np.arange(60) - 20).astype("int16").reshape(4, 5, 3)
SCAN = (np.arange(63) * 50).astype("uint16").reshape(7, 9)
WIDE_SCAN = (np.arange(64 * 70) * 77 % 3001).astype("uint16").reshape(64, 70)
POINTS = np.random.default_rng(3).integers(-1000, 1000, (12, 3))
VERTICES = np.random.default_rng(4).normal(size=(4, 3)).astype("float32")
TRIANGLES = np.random.default_rng(5).normal(size=(2, 4, 3)).astype("float32")  # normal and corners


def wav(samples=SOUND):
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(samples.ndim)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(samples.tobytes())
    return out.getvalue()


def sound(kind, codec, samples=SOUND):
    import av

    out = io.BytesIO()
    layout = ["mono", "stereo"][samples.ndim - 1]
    with av.open(out, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=8000, layout=layout)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout=layout)
        frame.sample_rate = 8000
        resampler = av.AudioResampler(format=stream.codec_context.format, layout=layout, rate=8000)
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(part))
        container.mux(stream.encode())
    return out.getvalue()


def film(kind, codec="mpeg4", frames=FILM):
    import av

    out = io.BytesIO()
    with av.open(out, "w", format={"mkv": "matroska"}.get(kind, kind)) as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return out.getvalue()


def frames_of(data):
    """Every frame, as FFmpeg gives them."""
    import av

    with av.open(io.BytesIO(data)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def nifti(kind="nii", values=VOLUME, version=1):
    import gzip

    import nibabel

    made = (nibabel.Nifti2Image if version == 2 else nibabel.Nifti1Image)(values, np.eye(4))
    data = made.to_bytes()
    return gzip.compress(data) if kind == "nii.gz" else data


def packed_dicom(kind, pixels=WIDE_SCAN):
    """`dicom()` with its pixels packed in one of the ways there are for one grey picture."""
    import pydicom
    from pydicom import uid
    from pydicom.encaps import encapsulate

    syntax = {
        "lossless": uid.JPEGLosslessSV1,
        "ls": uid.JPEGLSLossless,
        "2000": uid.JPEG2000Lossless,
        "baseline": uid.JPEGBaseline8Bit,
        "runs": uid.RLELossless,
    }[kind]
    if kind == "baseline":
        pixels = (pixels >> 4).astype("uint8")
    found = pydicom.dcmread(io.BytesIO(dicom(pixels)))
    if kind in {"2000", "runs"}:
        found.compress(syntax, generate_instance_uid=False)
    else:
        pack = {"lossless": lossless_jpeg, "ls": jpeg_ls, "baseline": baseline_jpeg}[kind]
        found.PixelData = encapsulate([pack(pixels)])
        found["PixelData"].is_undefined_length = True
        found.file_meta.TransferSyntaxUID = syntax
    out = io.BytesIO()
    found.save_as(out, enforce_file_format=True)
    return out.getvalue()


def baseline_jpeg(pixels):
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=95)
    return out.getvalue()


def jpeg_ls(pixels):
    import av

    context = av.CodecContext.create("jpegls", "w")
    context.height, context.width = pixels.shape
    context.pix_fmt, context.time_base = "gray16le", Fraction(1)
    frame = av.VideoFrame.from_ndarray(pixels, format="gray16le")
    return b"".join(bytes(packet) for packet in (*context.encode(frame), *context.encode(None)))


def lossless_jpeg(pixels):
    """JPEG's process 14: each pixel as its difference from the one before, a length in 5 bits and then its bits."""
    height, width = pixels.shape
    before = np.concatenate([np.concatenate([[1 << 15], pixels[:-1, 0]])[:, None], pixels[:, :-1]], axis=1)
    bits = ""
    for change in (pixels.astype(int) - before).reshape(-1).tolist():
        length = abs(change).bit_length()
        bits += f"{length:05b}"
        if 0 < length < 16:  # one of 16 bits says all by its length
            bits += f"{change if change > 0 else change + (1 << length) - 1:0{length}b}"
    bits += "1" * (-len(bits) % 8)
    body = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    table = b"\0" + bytes([0, 0, 0, 0, 17] + [0] * 11) + bytes(range(17))
    parts = [
        (0xC3, struct.pack(">BHHB", 16, height, width, 1) + b"\1\x11\0"),
        (0xC4, table),
        (0xDA, b"\1\1\0\1\0\0"),
    ]
    head = b"".join(struct.pack(">BBH", 0xFF, marker, len(part) + 2) + part for marker, part in parts)
    return b"\xff\xd8" + head + body + b"\xff\xd9"


def dicom(pixels=SCAN, frames=None):
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    scan = FileDataset("x", {}, file_meta=meta, preamble=b"\0" * 128)
    height, width = pixels.shape[-2:]
    scan.Rows, scan.Columns, scan.SamplesPerPixel, scan.PhotometricInterpretation = height, width, 1, "MONOCHROME2"
    bits = 8 * pixels.itemsize
    scan.BitsAllocated, scan.BitsStored, scan.HighBit, scan.PixelRepresentation = bits, bits, bits - 1, 0
    if frames:
        scan.NumberOfFrames = frames
    scan.PatientName = "Doe^Ann"
    scan.PixelData = pixels.tobytes()
    out = io.BytesIO()
    scan.save_as(out, enforce_file_format=True)
    return out.getvalue()


def las(*, packed=False):
    import laspy

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cloud = laspy.create(point_format=2, file_version="1.2")
    cloud.change_scaling(scales=[0.5] * 3)
    cloud.X, cloud.Y, cloud.Z = POINTS.T
    cloud.red = np.arange(12, dtype="uint16")
    out = io.BytesIO()
    cloud.write(out, do_compress=packed)
    return out.getvalue()


def ply(form="binary_little_endian"):
    head = ["ply", f"format {form} 1.0", "comment two faces", "element vertex 4"]
    head += [f"property float {axis}" for axis in "xyz"] + ["element face 2", "property list uchar int vertex_indices"]
    faces = [(3, 0, 1, 2), (3, 0, 2, 3)]
    if form == "ascii":
        rows = [" ".join(map(repr, row)) for row in VERTICES.tolist()] + [" ".join(map(str, one)) for one in faces]
        return "\n".join([*head, "end_header", *rows, ""]).encode()
    order = "<" if "little" in form else ">"
    body = VERTICES.astype(f"{order}f4").tobytes() + b"".join(struct.pack(f"{order}Biii", *one) for one in faces)
    return "\n".join([*head, "end_header", ""]).encode() + body


def stl(*, text=False):
    if text:
        lines = ["solid two"]
        for normal, *corners in TRIANGLES.tolist():
            lines += ["facet normal {} {} {}".format(*normal), "outer loop"]
            lines += ["vertex {!r} {!r} {!r}".format(*corner) for corner in corners] + ["endloop", "endfacet"]
        return "\n".join([*lines, "endsolid two", ""]).encode()
    return b"two".ljust(80, b"\0") + struct.pack("<I", 2) + b"".join(one.tobytes() + b"\0\0" for one in TRIANGLES)
