"""Sounds as waveforms, of all formats that can be decoded, in bounded time."""

from __future__ import annotations

import io
import time
import wave

import numpy as np
import pytest
from PIL import Image

from deeplake_nb.errors import FormatError, MissingDependencyError
from deeplake_nb.format.codecs import media
from deeplake_nb.format.samples import StoredSample
from deeplake_nb.preview import waveform
from deeplake_nb.preview.fields import field
from deeplake_nb.preview.render import render
from tests.widgets.conftest import song, tone

RATE = 8000


def wav(values, width=2):
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(values.shape[1])
        file.setsampwidth(width)
        file.setframerate(RATE)
        file.writeframes(np.ascontiguousarray(values).tobytes())
    return out.getvalue()


def sound(data, kind):
    shape = media.probe_audio(memoryview(data), kind, "a sound").shape
    return StoredSample(memoryview(data), shape, "float32", kind, "audio", "tensor 'sounds' row 0")


def loud_in_the_middle(seconds):
    """A tone that is heard in the second third only."""
    values = (np.sin(np.arange(seconds * RATE) / 5) * 9000).astype("<i2")
    values[: seconds * RATE // 3] = values[seconds * RATE * 2 // 3 :] = 0
    return values[:, None]


def heights(preview):
    """How many pixels of each column are painted, but for the line in the middle."""
    return (np.asarray(Image.open(io.BytesIO(preview.data)))[:, :, 3] > 0).sum(axis=0) - 1


def encoded(values, kind, codec):
    import av

    out = io.BytesIO()
    with av.open(io.BytesIO(wav(values))) as source, av.open(out, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=RATE, layout="mono")
        for frame in source.decode(audio=0):
            frame.pts = None
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return out.getvalue()


@pytest.mark.parametrize(
    "sample",
    [sound(tone(), "wav"), sound(song("mp3", "libmp3lame"), "mp3"), sound(song("flac", "flac"), "flac")],
    ids=lambda sample: sample.compression,
)
def test_a_sound_is_a_waveform_as_high_as_the_picture(sample):
    preview = render(sample, 256)
    assert (preview.media_type, preview.width, preview.height) == ("image/png", 256, 96)
    assert 50 < np.median(heights(preview)) <= 95
    assert heights(preview).min() > 30
    assert preview.words == f"sound, {sample.shape[0]:,} × 1 samples"  # noqa: RUF001 - as it is written


@pytest.mark.parametrize(("kind", "codec"), [("wav", None), ("mp3", "libmp3lame"), ("flac", "flac")])
def test_of_a_long_file_the_loud_part_is_seen_where_it_is_and_little_is_decoded(kind, codec, monkeypatch):
    values = loud_in_the_middle(240)
    sample = sound(wav(values) if codec is None else encoded(values, kind, codec), kind)
    assert sample.shape[0] > waveform._WHOLE
    taken = []
    pieces = media.audio_pieces

    def counted(*given):
        for piece in pieces(*given):
            taken.append(len(piece))
            yield piece

    monkeypatch.setattr(media, "audio_pieces", counted)
    found = heights(render(sample, 96))
    assert found[5:30].max() <= 2
    assert found[67:91].max() <= 2
    assert found[34:62].min() > 25
    assert len(taken) == 128
    assert sum(taken) < sample.shape[0] / 2


def test_an_hour_is_drawn_in_a_moment():
    sample = sound(wav(np.zeros((3600 * RATE, 1), "<i2")), "wav")
    began = time.process_time()
    preview = render(sample, 256)
    assert time.process_time() - began < 1.0
    assert heights(preview).max() == 0, "silence is a line"


def test_raw_samples_of_any_number_kind_are_drawn_around_silence():
    signed = np.sin(np.arange(4000) / 5)[:, None]
    unsigned = sound(wav(np.round(signed * 100 + 128).astype("uint8"), width=1), "wav")
    low, high = waveform.envelope(unsigned, 10)
    assert np.allclose(low, -100, atol=2)
    assert np.allclose(high, 100, atol=2)
    raw = StoredSample(memoryview(signed.astype("float64").tobytes()), (4000, 1), "float64", None, "audio", "row 0")
    low, high = waveform.envelope(raw, 10)
    assert np.allclose(low, -1, atol=0.02)
    assert np.allclose(high, 1, atol=0.02)


def test_fewer_samples_than_columns_and_values_that_are_no_numbers():
    values = np.array([[0.5], [-1.0], [np.nan], [np.inf]])
    sample = StoredSample(memoryview(values.tobytes()), (4, 1), "float64", None, "audio", "row 0")
    low, high = waveform.envelope(sample, 8)
    assert low.tolist() == [0, 0, -1, -1, 0, 0, 0, 0]
    assert high.tolist() == [0.5, 0.5, 0, 0, 0, 0, 0, 0]
    assert render(sample, 64).is_picture


def test_an_empty_sound_and_one_that_nothing_decodes_are_words(monkeypatch):
    empty = StoredSample(memoryview(b""), (0, 1), "float32", None, "audio", "row 0")
    assert not render(empty, 256).is_picture

    def missing(*_):
        raise MissingDependencyError("no library")

    monkeypatch.setattr(waveform, "envelope", missing)
    assert render(sound(tone(), "wav"), 256).text == "wav file, 8.04 kB"


def test_a_file_that_is_cut_off_says_so():
    data = song("flac", "flac")
    whole = sound(data, "flac")
    broken = StoredSample(memoryview(b"flac" + data[4:60]), whole.shape, "float32", "flac", "audio", "row 7")
    with pytest.raises(FormatError, match="row 7: a corrupt audio file"):
        render(broken, 256)


def test_the_viewer_lists_a_sound_with_its_waveform():
    described = field("sounds", "audio", [sound(tone(), "wav")], {})
    assert described.picture is not None
    assert described.picture.width == 240
    assert described.media == "audio/wav"
