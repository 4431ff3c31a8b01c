"""Turning texts into vectors with what the user gave for it: a function, or an object as LangChain has them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.errors import VectorStoreError, counted, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    Narrow = Callable[[NDArray[Any]], NDArray[Any]]

RATE_LIMITER: Mapping[str, Any] = {"enabled": False, "bytes_per_minute": 1_800_000.0, "batch_byte_size": 10_000}
"""v3's: nine tenths of what a common service of embeddings takes in a minute."""


class Embedder:
    """An embedding function: of a list of texts, or an object with ``embed_documents`` and ``embed_query``."""

    def __init__(self, function: Any) -> None:
        self._function = function
        if not callable(function) and not hasattr(function, "embed_documents"):
            raise VectorStoreError(
                f"embedding_function is a {type(function).__name__}: expected a function of a list of texts, or an "
                "object with embed_documents() and embed_query()"
            )

    @classmethod
    def of(cls, function: Any) -> Embedder | None:
        """None for None."""
        return function if isinstance(function, cls) or function is None else cls(function)

    def query(self, text: str) -> NDArray[np.float32]:
        """The vector to search with."""
        return vector(self._method("embed_query")(text))

    def documents(
        self, texts: Sequence[Any], batch: int, rate_limiter: Mapping[str, Any] | None, narrow: Narrow
    ) -> NDArray[Any]:
        """Vectors ``(n, width)`` of texts, a batch at a time; ``narrow`` makes a tensor's numbers of each batch.

        Raises:
            VectorStoreError: vectors of several widths, or another number of them.
        """
        limits = limited(rate_limiter)
        embed = self._method("embed_documents")
        made: list[NDArray[Any]] = []
        parts = _by_bytes(texts, limits) if limits["enabled"] else _by_count(texts, batch)
        for part in parts:
            begun = time.monotonic()
            made.append(narrow(matrix(embed(part), len(part))))
            if limits["enabled"]:
                least = 60 * limits["batch_byte_size"] / limits["bytes_per_minute"]
                time.sleep(max(least - (time.monotonic() - begun), 0))
        widths = sorted({one.shape[1] for one in made})
        if len(widths) > 1:
            raise VectorStoreError(f"the embedding function made vectors of several widths: {widths}")
        return np.concatenate(made)

    def _method(self, name: str) -> Callable[..., Any]:
        found = getattr(self._function, name, None)
        method: Callable[..., Any] = found if callable(found) else self._function
        return method


def vector(value: Any) -> NDArray[np.float32]:
    """One embedding to search with, as v3 takes them: ``(d,)``, or ``(1, d)``.

    Raises:
        VectorStoreError: not one vector of finite numbers.
    """
    try:
        with np.errstate(over="ignore"):  # what is too large is infinite
            found = np.asarray(value, np.float32)
    except (TypeError, ValueError) as error:
        raise VectorStoreError(f"the embedding to search for is no list of numbers ({error})") from error
    if found.ndim > 1 and len(found) == 1:
        found = found[0]
    if found.ndim != 1 or not found.size:
        raise VectorStoreError(
            f"the embedding to search for has shape {found.shape}; expected one vector, such as (768,) or (1, 768)"
        )
    if not np.isfinite(found).all():
        raise VectorStoreError(
            "the embedding to search for holds NaN, or infinity (as any number beyond 3.4e38); nothing is near to that"
        )
    return found


def query_vector(given: Any, data: Any, function: Any, default: Embedder | None) -> NDArray[np.float32] | None:
    """What to search for: the vector that is given, or the text in ``data`` embedded; None for neither.

    Raises:
        VectorStoreError: not one vector, not one text, or nothing that embeds it.
    """
    if given is not None:
        return vector(given)
    if data is None:
        if function is not None:
            raise VectorStoreError("embedding_function is given without embedding_data, the text to embed")
        return None
    embedder = Embedder.of(function) or default
    if embedder is None:
        raise VectorStoreError(
            "embedding_data is given without an embedding_function, in this call or when the store was opened"
        )
    texts = data if isinstance(data, list) else [data]
    if len(texts) != 1 or not isinstance(texts[0], str):
        raise VectorStoreError(f"embedding_data is one text to search for, got {len(texts)} values")
    return embedder.query(texts[0])


def matrix(value: Any, count: int) -> NDArray[Any]:
    """What an embedding function gave for ``count`` texts, in the numbers that it gave.

    Raises:
        VectorStoreError: vectors of several widths, no numbers, or another number of them.
    """
    try:
        found = np.asarray(value)
        found = found if found.dtype.kind in "fiu" else found.astype(np.float32)
    except (TypeError, ValueError) as error:
        raise VectorStoreError(
            f"the embedding function gave no vectors of one width for {counted(count, 'text')} ({error})"
        ) from error
    found = found.reshape(len(found), -1) if found.ndim > 1 else found
    if found.ndim != 2 or len(found) != count or not found.shape[1]:  # noqa: PLR2004 - texts x numbers
        raise VectorStoreError(
            f"the embedding function gave an array of shape {found.shape} for {counted(count, 'text')}; expected one "
            "vector each"
        )
    return found


def limited(given: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """A rate limiter with what it does not say.

    Raises:
        VectorStoreError: something else in it.
    """
    if given is not None and not isinstance(given, Mapping):
        raise VectorStoreError(f"rate_limiter is a dictionary such as {{'enabled': True}}, got {given!r:.40}")
    for name in given or ():
        if name not in RATE_LIMITER:
            raise VectorStoreError(
                f"rate_limiter has no {name!r}{did_you_mean(name, RATE_LIMITER)}; there are {', '.join(RATE_LIMITER)}"
            )
    limits = {**RATE_LIMITER, **(given or {})}
    for name in ("bytes_per_minute", "batch_byte_size"):
        if not isinstance(limits[name], (int, float, np.number)) or not limits[name] > 0:
            raise VectorStoreError(f"rate_limiter: {name} is a number above 0, got {limits[name]!r:.40}")
    return limits


def _by_count(texts: Sequence[Any], batch: int) -> Iterator[Sequence[Any]]:
    return (texts[start : start + batch] for start in range(0, len(texts), batch))


def _by_bytes(texts: Sequence[Any], limits: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    """Runs of texts of at most ``batch_byte_size`` together; a longer one goes alone."""
    start = nbytes = 0
    for at, text in enumerate(texts):
        size = len(str(text).encode())
        if at > start and nbytes + size > limits["batch_byte_size"]:
            yield texts[start:at]
            start, nbytes = at, 0
        nbytes += size
    if start < len(texts):
        yield texts[start:]
