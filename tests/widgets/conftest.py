"""A small dataset of plain colours, whose pixels a test can know."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import deeplake_nb as deeplake
from deeplake_nb.session import Session
from tests.widgets.form_page import Page

RED, BLUE = (220, 20, 30), (10, 60, 200)


def file(color, width=96, height=64, kind="png"):
    out = io.BytesIO()
    Image.new("RGB", (width, height), color).save(out, kind)
    return deeplake.Sample(out.getvalue())


@pytest.fixture
def colours(request):
    """Two pictures, red and blue, with a class, a box and a mask each, a caption, and a list of numbers."""
    ds = deeplake.empty(f"mem://{request.node.name}", overwrite=True)
    with ds:
        ds.create_tensor("images", htype="image", sample_compression="png")
        ds.create_tensor("labels", htype="class_label", class_names=["red", "blue"])
        ds.create_tensor("boxes", htype="bbox", coords={"type": "fractional", "mode": "LTRB"})
        ds.create_tensor("masks", htype="binary_mask", sample_compression="lz4")
        ds.create_tensor("captions", htype="text")
        ds.create_tensor("numbers", dtype="int64")
        for index, color in enumerate((RED, BLUE)):
            mask = np.zeros((64, 96), bool)
            mask[:32] = True
            ds.append(
                {
                    "images": file(color),
                    "labels": index,
                    "boxes": np.array([[0.25, 0.25, 0.75, 0.75]], "float32"),
                    "masks": mask,
                    "captions": f"caption <b>{index}</b>",
                    "numbers": np.arange(3) + index,
                }
            )
    return ds


def tone():
    """Half a second of sound, as a wav file's bytes."""
    import wave

    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes((np.sin(np.arange(4000) / 5) * 9000).astype("<i2").tobytes())
    return out.getvalue()


def film(frames=8, size=(64, 48)):
    """Frames of red, as an mp4 file's bytes."""
    import av

    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=8)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for _ in range(frames):
            picture = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), RED, "uint8"), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return out.getvalue()


def song(kind, codec):
    """Half a second of sound, as the bytes of an mp3 or flac file."""
    import av

    out = io.BytesIO()
    with av.open(io.BytesIO(tone())) as source, av.open(out, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=8000, layout="mono")
        for frame in source.decode(audio=0):
            frame.pts = None
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return out.getvalue()


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPLAKE_NB_DATA", str(tmp_path / "data"))
    return Session()


@pytest.fixture
def open_page():
    pages = []

    def make(panel):
        pages.append(Page(panel))
        return pages[-1]

    yield make
    for page in pages:
        page.close()
