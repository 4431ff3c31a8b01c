"""Parts of films: as if the whole film had been decoded, without decoding it."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest

import deeplake_nb as deeplake
from deeplake_nb.errors import FormatError, RowError
from deeplake_nb.format.codecs import media

from .stores import create, memory

COUNT = 70
KINDS = {
    "mp4, frames that lean on later ones": ("mp4", "libx264", {"bf": "3", "g": "12"}),
    "mp4, across key frames": ("mp4", "libx264", {"bf": "3", "g": "12", "x264-params": "open-gop=1"}),
    "mp4, one key frame": ("mp4", "libx264", {"g": "1000"}),
    "mp4, old": ("mp4", "mpeg4", {"g": "10"}),
    "mkv": ("mkv", "libx264", {"bf": "2", "g": "15"}),
    "avi": ("avi", "mpeg4", {"g": "10"}),
}


def film(kind, codec, options, *, first_pts=0, count=COUNT):
    """Noise that moves."""
    noise = np.random.default_rng(0).integers(0, 255, (48, 64 + count, 3), np.uint8)
    out = io.BytesIO()
    with av.open(out, "w", format={"mkv": "matroska"}.get(kind, kind)) as container:
        stream = container.add_stream(codec, rate=10, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for at in range(count):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(noise[:, at : at + 64]), format="rgb24")
            frame.pts = first_pts + at
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return out.getvalue()


@pytest.fixture(scope="module", params=KINDS)
def tensor(request):
    kind, codec, options = KINDS[request.param]
    ds = create(memory())
    x = ds.create_tensor("x", htype="video", sample_compression=kind)
    x.extend([deeplake.Sample(film(kind, codec, options), compression=kind)] * 2)
    return x


@pytest.fixture(scope="module")
def whole(tensor):
    return tensor[0].numpy()


@pytest.fixture
def decoded(monkeypatch):
    """How many frames were decoded."""
    seen = []
    real = media._decoded

    def watched(container, stream):
        for frame in real(container, stream):
            seen.append(frame.pts)
            yield frame

    monkeypatch.setattr(media, "_decoded", watched)
    return seen


PARTS = [
    np.s_[0], np.s_[37], np.s_[-1], np.s_[12], np.s_[11:14], np.s_[5:5], np.s_[60:], np.s_[:4], np.s_[-5:-2],
    np.s_[40:20:-3], np.s_[::-1], np.s_[::9], np.s_[13:60:17], np.s_[100:], np.s_[30:32, 4:8, ..., 1], np.s_[33, 2],
    np.s_[30:33, [0, 1, 2], [0, 1, 2]], np.s_[...], np.s_[..., 0], np.s_[[3, 60, 3]],
]  # fmt: skip


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_a_part_is_that_part_of_the_whole(tensor, whole, part):
    items = part if isinstance(part, tuple) else (part,)
    found = tensor[(0, *items)].numpy()
    assert (found.dtype, found.shape) == (whole[part].dtype, whole[part].shape)
    assert np.array_equal(found, whole[part])
    assert np.array_equal(tensor[0][part].numpy(), whole[part])


def test_a_part_of_several_films(tensor, whole):
    assert np.array_equal(tensor[:, 20:22].numpy(), np.stack([whole[20:22]] * 2))
    assert np.array_equal(tensor[0, 20:40][3:5].numpy(), whole[23:25])
    assert all(np.array_equal(one, whole[50]) for one in tensor[:, 50].numpy(aslist=True))
    shown = tensor[1, 20:22].data()
    assert np.array_equal(shown["frames"], whole[20:22])


def test_beyond_the_end(tensor):
    for part in (COUNT, -COUNT - 1):
        with pytest.raises(RowError):
            tensor[0, part].numpy()


@pytest.mark.parametrize("tensor", ["mp4, frames that lean on later ones", "mkv", "avi"], indirect=True)
def test_decoding_begins_at_the_key_frame_before(tensor, decoded):
    tensor[0, 52:54].numpy()
    assert 0 < len(decoded) <= 20
    decoded.clear()
    tensor[0, 2].numpy()
    assert 0 < len(decoded) <= 3


def test_a_film_that_does_not_begin_at_zero():
    data = film("mkv", "libx264", {"bf": "2", "g": "10"}, first_pts=50)
    whole = media.decode_video(memoryview(data), (COUNT, 48, 64, 3), "x")
    for at in (0, 1, 33, 69):
        assert np.array_equal(
            media.decode_video(memoryview(data), (COUNT, 48, 64, 3), "x", range(at, at + 1))[0], whole[at]
        )


def test_frames_that_the_file_lacks_are_zero():
    data = memoryview(film("mp4", "libx264", {"g": "10"}))
    found = media.decode_video(data, (COUNT + 2, 48, 64, 3), "x", range(COUNT - 1, COUNT + 2))
    assert found[0].any()
    assert not found[1:].any()
    assert not media.decode_video(data, (COUNT + 2, 48, 64, 3), "x", range(COUNT, COUNT + 2)).any()


def test_a_head_that_claims_too_much_takes_no_memory():
    data = memoryview(film("mp4", "libx264", {"g": "10"}, count=5))
    with pytest.raises(FormatError, match="expected video of"):
        media.decode_video(data, (2**31, 48, 64, 3), "x", range(7, 2**31))


@pytest.mark.parametrize("tensor", ["mp4, frames that lean on later ones"], indirect=True)
def test_cut_off_films_are_said_or_read_as_far_as_they_go(tensor):
    data = bytes(tensor[0].tobytes())
    shape = (COUNT, 48, 64, 3)
    whole = media.decode_video(memoryview(data), shape, "x")
    for share in (0.3, 0.6, 0.9):
        cut = memoryview(data[: int(len(data) * share)])
        try:
            expected = media.decode_video(cut, shape, "x")
        except FormatError:
            with pytest.raises(FormatError):
                media.decode_video(cut, shape, "x", range(40, 43))
        else:
            found = media.decode_video(cut, shape, "x", range(40, 43))
            assert np.array_equal(found, expected[40:43]) or np.array_equal(found, whole[40:43])
