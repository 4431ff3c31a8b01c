"""Audio and video files through FFmpeg (PyAV): shapes from their heads, frames and samples as arrays.

Video is ``(frames, H, W, 3)`` uint8, audio ``(samples, channels)`` in the file's own scale, as float32.
"""

from __future__ import annotations

import io
import math
from contextlib import contextmanager, suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.errors import FormatError, LakeError
from deeplake_nb.format.codecs import library
from deeplake_nb.format.codecs.images import Probe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

_PIECE_FRAMES = 8
_SPARE = 2
"""Frames that a file may have more, or less, than its head says: some heads tell only how long it lasts."""


@contextmanager
def _opened(data: memoryview, kind: str, what: str) -> Iterator[tuple[Any, Any]]:
    """The container and its first stream of a kind.

    Raises:
        FormatError: whatever damaged bytes make FFmpeg stumble over.
    """
    av = library("av", kind)
    try:
        with av.open(io.BytesIO(data)) as container:
            yield container, getattr(container.streams, kind)[0]
    except (LakeError, MemoryError):
        raise
    except Exception as error:
        raise FormatError(f"{what}: a corrupt {kind} file, or cut off ({error})") from error


def _duration(container: Any, stream: Any) -> tuple[float, float]:
    """How long it lasts, and the seconds that one unit of that is."""
    if stream.duration is not None:
        return stream.duration, float(stream.time_base)
    return container.duration or 0, 1 / library("av", "video").time_base


# ------------------------------------------------------------------ video


def probe_video(data: memoryview, name: str, what: str) -> Probe:
    """Frames, height and width, without decoding."""
    with _opened(data, "video", what) as (container, stream):
        return Probe(name, _video_shape(container, stream), "uint8")


def _video_shape(container: Any, stream: Any) -> tuple[int, ...]:
    duration, unit = _duration(container, stream)
    frames = stream.frames or math.floor(float(stream.guessed_rate or 0) * duration * unit)
    return (max(int(frames), 0), stream.codec_context.height, stream.codec_context.width, 3)


def describe_video(data: memoryview, what: str) -> dict[str, Any]:
    """Duration, frames per second and the unit of time."""
    with _opened(data, "video", what) as (container, stream):
        duration, unit = _duration(container, stream)
        return {"duration": duration, "fps": float(stream.guessed_rate or 0), "timebase": unit}


def decode_video(data: memoryview, shape: tuple[int, ...], what: str, wanted: range | None = None) -> NDArray[np.uint8]:
    """Frames of a film of ``shape`` in order of their time; those that the file lacks of what its head says are zero.

    Costs the frames up to the last one wanted, from the key frame before the first one on where the file can tell.

    Args:
        data: the file.
        shape: of the whole film.
        what: names it in errors.
        wanted: numbers of frames, rising; None for all.

    Raises:
        FormatError: corrupt, or frames of another size.
    """
    numbers = range(shape[0]) if wanted is None else wanted
    with _opened(data, "video", what) as (container, stream):
        stated = _video_shape(container, stream)
        if shape[1:] != stated[1:] or shape[0] > stated[0] + _SPARE:
            raise FormatError(f"{what}: expected video of {shape}, the file has {stated}")
        out = np.zeros((len(numbers), *shape[1:]), np.uint8)
        times = _times(container, stream) if len(numbers) and numbers[0] else []
    if len(numbers) and numbers[0] < len(times):
        known = {time: number for number, time in enumerate(times)}
        with suppress(FormatError), _opened(data, "video", what) as (container, stream):
            container.seek(times[numbers[0]], stream=stream)
            named = ((known.get(frame.pts, -1), frame) for frame in _decoded(container, stream))
            if _fill(out, numbers, named, what) == sum(number < len(times) for number in numbers):
                return out
        out[:] = 0  # decoding from the start says what is wrong, if anything is
    with _opened(data, "video", what) as (container, stream):
        _fill(out, numbers, enumerate(_decoded(container, stream)), what)
    return out


def _times(container: Any, stream: Any) -> list[int]:
    """When each frame is shown, in order; nothing where packets do not tell frames apart."""
    packets = [packet for packet in container.demux(stream) if packet.size]
    times = sorted({packet.pts for packet in packets if packet.pts is not None})
    is_odd = stream.frames not in {0, len(times)} or any(packet.is_discard for packet in packets)
    return [] if is_odd or len(times) != len(packets) else times


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    stream.thread_type = "AUTO"
    frames: Iterator[Any] = container.decode(stream)
    return frames


def _fill(out: NDArray[np.uint8], numbers: range, frames: Iterable[tuple[int, Any]], what: str) -> int:
    """Put numbered frames, rising, to their places; gives how many were there."""
    found = 0
    for number, frame in frames if len(numbers) else ():
        if (frame.height, frame.width) != out.shape[1:3]:
            raise FormatError(
                f"{what}: a frame of {frame.width} x {frame.height} among {out.shape[2]} x {out.shape[1]}"
            )
        if number in numbers:
            out[numbers.index(number)] = frame.to_ndarray(format="rgb24")
            found += 1
        if number >= numbers[-1]:
            break
    return found


def timestamps(data: memoryview, count: int, what: str) -> NDArray[np.float32]:
    """When each of the first ``count`` frames is shown, in seconds; nothing is decoded."""
    with _opened(data, "video", what) as (container, stream):
        unit = float(stream.time_base)
        found = sorted(packet.pts * unit for packet in container.demux(stream) if packet.pts is not None)
        out = np.zeros(count, np.float32)
        out[: len(found)] = found[:count]
        return out


# ------------------------------------------------------------------ audio


def probe_audio(data: memoryview, name: str, what: str) -> Probe:
    """Samples and channels, without decoding."""
    with _opened(data, "audio", what) as (container, stream):
        return Probe(name, _audio_shape(container, stream), "float32")


def _audio_shape(container: Any, stream: Any) -> tuple[int, ...]:
    duration, unit = _duration(container, stream)
    return (max(math.floor(stream.sample_rate * duration * unit), 0), stream.codec_context.channels)


def describe_audio(data: memoryview, what: str) -> dict[str, Any]:
    """Duration and its unit, samples per second, channels, and how samples are stored."""
    with _opened(data, "audio", what) as (container, stream):
        duration, unit = _duration(container, stream)
        return {
            "duration": duration,
            "time_base": unit,
            "sample_rate": stream.sample_rate,
            "frame_size": stream.codec_context.frame_size,
            "nchannels": stream.codec_context.channels,
            "sample_format": stream.codec_context.format.name,
        }


def decode_audio(data: memoryview, shape: tuple[int, ...], what: str) -> NDArray[np.float32]:
    """The samples; those that the file lacks of what its head says are zero.

    Raises:
        FormatError: corrupt, or another number of channels.
    """
    with _opened(data, "audio", what) as (container, stream):
        stated = _audio_shape(container, stream)
        if shape[1:] != stated[1:] or shape[0] > stated[0] + stream.sample_rate:
            raise FormatError(f"{what}: expected audio of {shape}, the file has {stated}")
        out = np.zeros(shape, np.float32)
        at = 0
        for frame in container.decode(stream):
            taken = _samples(frame)[: len(out) - at]
            out[at : at + len(taken)] = taken
            at += len(taken)
            if at == len(out):
                break
        return out


def audio_pieces(data: memoryview, starts: Sequence[int], what: str) -> Iterator[NDArray[Any]]:
    """A few thousand samples from about each of ``starts`` on, rising numbers of samples, in the file's own scale.

    Nothing between them is decoded. The first frames after a jump are silent where frames need those before them
    (four in an mp3 of 8 kbit/s), so each piece has eight. A piece beyond the end is empty.

    Raises:
        FormatError: corrupt.
    """
    with _opened(data, "audio", what) as (container, stream):
        for start in starts:
            container.seek(round(start / stream.sample_rate / stream.time_base), stream=stream)
            frames = [_samples(frame) for frame in islice(container.decode(stream), _PIECE_FRAMES)]
            yield np.concatenate(frames) if frames else np.zeros((0, 1), np.float32)


def _samples(frame: Any) -> NDArray[Any]:
    """Of a decoded frame: ``(samples, channels)``."""
    samples: NDArray[Any] = frame.to_ndarray()
    return samples.T if frame.format.is_planar else samples.reshape(-1, len(frame.layout.channels))
