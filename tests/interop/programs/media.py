"""Programs that only the original runs: video, audio, medical and 3D files, and arrays of these htypes."""

from __future__ import annotations

import struct
import wave
from datetime import date

import numpy as np

from .sources import FILES, numbers, picture


def video(lake):
    """Two films passed through, and one linked."""
    import av

    FILES.mkdir(exist_ok=True)
    for name, count in [("a.mp4", 6), ("b.mp4", 4)]:
        with av.open(str(FILES / name), "w") as container:
            stream = container.add_stream("mpeg4", rate=10)
            stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
            for frame in range(count):
                pixels = av.VideoFrame.from_ndarray(np.roll(picture(32, 48), frame, 1), format="rgb24")
                container.mux(stream.encode(pixels))
            container.mux(stream.encode())
    with lake.empty("ds") as ds:
        ds.create_tensor("video", htype="video", sample_compression="mp4")
        for name in ("a.mp4", "b.mp4"):
            ds.video.append(lake.read(str(FILES / name)))
        ds.create_tensor("linked", htype="link[video]", sample_compression="mp4").append(
            lake.link(str(FILES / "a.mp4"))
        )


def audio(lake):
    """A wav file, and samples as an array."""
    FILES.mkdir(exist_ok=True)
    with wave.open(str(FILES / "a.wav"), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes((np.sin(np.arange(1600) / 9) * 9000).astype("<i2").tobytes())
    with lake.empty("ds") as ds:
        ds.create_tensor("array", htype="audio", sample_compression=None).append(numbers((40, 2), "float64"))
        ds.create_tensor("wav", htype="audio", sample_compression="wav").append(lake.read(str(FILES / "a.wav")))


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
    with lake.empty("ds") as ds:
        for name, kind in [("a.nii", "nii"), ("b.nii.gz", "nii.gz")]:
            tensor = ds.create_tensor(kind.replace(".", "_"), htype="nifti", sample_compression=kind, dtype="float64")
            tensor.append(lake.read(str(FILES / name)))
        ds.create_tensor("dicom", htype="dicom", sample_compression="dcm").append(lake.read(str(FILES / "a.dcm")))


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
        ds.create_tensor("stl", htype="mesh", sample_compression="stl").append(lake.read(str(FILES / "a.stl")))


MEDIA = {f.__name__: f for f in (video, audio, medical, solids)}
