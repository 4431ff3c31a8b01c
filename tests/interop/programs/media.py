"""Programs that both implementations run: video, audio, medical and 3D files, and arrays of these htypes."""

from __future__ import annotations

import struct
import wave
from datetime import date

import numpy as np

from .sources import FILES, numbers, picture


def film(name, count):
    """The path of a film; one that is there already is left as it is."""
    import av

    FILES.mkdir(exist_ok=True)
    path = str(FILES / name)
    if (FILES / name).exists():
        return path
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for frame in range(count):
            pixels = av.VideoFrame.from_ndarray(np.roll(picture(32, 48), frame, 1), format="rgb24")
            container.mux(stream.encode(pixels))
        container.mux(stream.encode())
    return path


def sound(name, codec, rate=8000, layout="mono"):
    """The path of a sound; one that is there already is left as it is."""
    import av

    FILES.mkdir(exist_ok=True)
    path = str(FILES / name)
    if (FILES / name).exists():
        return path
    channels = {"mono": 1, "stereo": 2}[layout]
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        wave = (np.sin(np.arange(rate // 4 * channels) / 9) * 9000).astype("int16")
        frame = av.AudioFrame.from_ndarray(wave.reshape(1, -1), format="s16", layout=layout)
        frame.sample_rate = rate
        resampler = av.AudioResampler(format=stream.codec_context.format, layout=layout, rate=rate)
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(part))
        container.mux(stream.encode())
    return path


def video(lake):
    """Films of every kind passed through, frames as arrays, and one linked."""
    film("a.mp4", 6)
    film("b.mp4", 4)
    with lake.empty("ds") as ds:
        ds.create_tensor("video", htype="video", sample_compression="mp4")
        for name in ("a.mp4", "b.mp4"):
            ds.video.append(lake.read(str(FILES / name)))
        for kind in ("mkv", "avi"):
            ds.create_tensor(kind, htype="video", sample_compression=kind).append(lake.read(film(f"c.{kind}", 5)))
        ds.create_tensor("frames", htype="video", sample_compression=None).append(numbers((3, 4, 5, 3), "uint8"))
        ds.create_tensor("linked", htype="link[video]", sample_compression="mp4").append(
            lake.link(str(FILES / "a.mp4"))
        )


def audio(lake):
    """Files of every kind, and samples as an array."""
    FILES.mkdir(exist_ok=True)
    with wave.open(str(FILES / "a.wav"), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes((np.sin(np.arange(1600) / 9) * 9000).astype("<i2").tobytes())
    with lake.empty("ds") as ds:
        ds.create_tensor("array", htype="audio", sample_compression=None).append(numbers((40, 2), "float64"))
        ds.create_tensor("wav", htype="audio", sample_compression="wav").append(lake.read(str(FILES / "a.wav")))
        ds.create_tensor("flac", htype="audio", sample_compression="flac").append(lake.read(sound("a.flac", "flac")))
        mp3 = ds.create_tensor("mp3", htype="audio", sample_compression="mp3")
        mp3.append(lake.read(sound("a.mp3", "libmp3lame", 44100, "stereo")))
        mp3.append(lake.read(sound("b.mp3", "libmp3lame", 44100, "stereo")))
        ds.create_tensor("linked", htype="link[audio]", sample_compression="wav").append(
            lake.link(str(FILES / "a.wav"))
        )


def medical(lake):
    """nifti, plain and gzipped, and dicom."""
    import nibabel
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

    FILES.mkdir(exist_ok=True)
    volume = nibabel.Nifti1Image(numbers((4, 5, 3), "int16"), np.eye(4))
    for name in ("a.nii", "b.nii.gz"):
        nibabel.save(volume, FILES / name)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    scan = FileDataset(str(FILES / "a.dcm"), {}, file_meta=meta, preamble=b"\0" * 128)
    scan.Rows, scan.Columns, scan.SamplesPerPixel, scan.PhotometricInterpretation = 7, 9, 1, "MONOCHROME2"
    scan.BitsAllocated, scan.BitsStored, scan.HighBit, scan.PixelRepresentation = 16, 12, 11, 0
    scan.PixelData = (numbers((7, 9), "uint16") % 4000).tobytes()
    scan.save_as(FILES / "a.dcm", enforce_file_format=True)
    scan.NumberOfFrames, scan.SamplesPerPixel, scan.PhotometricInterpretation = 2, 3, "RGB"
    scan.BitsAllocated, scan.BitsStored, scan.HighBit, scan.PlanarConfiguration = 8, 8, 7, 0
    scan.PixelData = numbers((2, 7, 9, 3), "uint8").tobytes()
    scan.save_as(FILES / "b.dcm", enforce_file_format=True)
    with lake.empty("ds") as ds:
        for name, kind in [("a.nii", "nii"), ("b.nii.gz", "nii.gz")]:
            tensor = ds.create_tensor(kind.replace(".", "_"), htype="nifti", sample_compression=kind, dtype="float64")
            tensor.append(lake.read(str(FILES / name)))
        ds.create_tensor("dicom", htype="dicom", sample_compression="dcm").append(lake.read(str(FILES / "a.dcm")))
        ds.create_tensor("films", htype="dicom").append(lake.read(str(FILES / "b.dcm")))
        ds.create_tensor("volume", htype="nifti", sample_compression=None).append(numbers((4, 5, 3), "float32"))


def triangle():
    """The path of a mesh: a triangle with colours."""
    FILES.mkdir(exist_ok=True)
    head = ["ply", "format binary_little_endian 1.0", "comment two faces", "element vertex 4"]
    head += [f"property float {axis}" for axis in "xyz"] + ["element face 2", "property list uchar int vertex_indices"]
    faces = struct.pack("<BiiiBiii", 3, 0, 1, 2, 3, 0, 2, 3)
    body = numbers((4, 3), "float32").astype("<f4").tobytes() + faces
    (FILES / "a.ply").write_bytes("\n".join([*head, "end_header", ""]).encode() + body)
    return str(FILES / "a.ply")


def solids(lake):
    """Point clouds and meshes."""
    import laspy

    FILES.mkdir(exist_ok=True)
    cloud = laspy.create(point_format=2, file_version="1.2")
    cloud.header.creation_date = date(2024, 1, 1)
    cloud.header.scales = [0.001] * 3
    cloud.x, cloud.y, cloud.z = numbers((3, 12), "float64")
    cloud.write(FILES / "a.las")
    triangles = b"".join(numbers((12,), "float32", k).astype("<f4").tobytes() + b"\0\0" for k in range(2))
    (FILES / "a.stl").write_bytes(b"two triangles".ljust(80, b"\0") + struct.pack("<I", 2) + triangles)
    with lake.empty("ds") as ds:
        ds.create_tensor("array", htype="point_cloud", sample_compression=None).append(numbers((10, 3), "float32"))
        ds.create_tensor("las", htype="point_cloud", sample_compression="las").append(lake.read(str(FILES / "a.las")))
        ds.create_tensor("ply", htype="mesh", sample_compression="ply").append(lake.read(triangle()))
        ds.create_tensor("stl", htype="mesh", sample_compression="stl").append(lake.read(str(FILES / "a.stl")))


MEDIA = {f.__name__: f for f in (video, audio, medical, solids)}
