"""Vectors that are hard to search among."""

from __future__ import annotations

import numpy as np

Singles = np.ndarray


def kinds(count: int, width: int, seed: int = 0) -> dict[str, Singles]:
    """By name: ``(count, width)`` float32 each."""
    rng = np.random.default_rng(seed)
    plain = rng.standard_normal((count, width), "float32")
    centres = 3 * rng.standard_normal((7, width), "float32")
    of = rng.integers(0, 7, count)
    lengths = np.float32(10) ** rng.uniform(-38, 38, (count, 1)).astype("float32")
    odd = plain.copy()
    odd[::5], odd[1::5], odd[2::5], odd[3::5, 0] = 0, np.nan, np.inf, -np.inf
    with np.errstate(over="ignore"):
        return {
            "plain": plain,
            "clusters": centres[of] + plain,
            "clusters in order": centres[np.sort(of)] + plain,
            "near one point": np.ones((1, width), "float32") + np.float32(1e-3) * plain,
            "nearer": np.ones((1, width), "float32") + np.float32(1e-7) * plain,
            "ties": centres[of],
            "all equal": np.tile(plain[:1], (count, 1)),
            "all zero": np.zeros((count, width), "float32"),
            "odd": odd,
            "all lengths": plain * lengths,
            "too small": plain * np.float32(1e-42),
            "too large": plain * np.float32(3e38),
            "one direction": plain[:1] * rng.uniform(0.1, 10, (count, 1)).astype("float32"),
            "opposite": plain[:1] * rng.choice(np.array([-1, 1], "float32"), (count, 1)),
            "signs": np.sign(plain),
            "one-hot": np.eye(width, dtype="float32")[rng.integers(0, width, count)],
            "one wide number": plain * np.where(np.arange(width) == width // 2, 1e4, 1).astype("float32"),
            "strangers": np.where(np.arange(count)[:, None] % 50 == 49, -30, 1).astype("float32") + plain / 50,
        }


def queries(values: Singles, seed: int = 1) -> list[Singles]:
    """One from elsewhere, two of the vectors and one opposite to them, and all ones."""
    rng = np.random.default_rng(seed)
    width = values.shape[1]
    return [rng.standard_normal(width, "float32"), values[0], values[3], -values[0], np.ones(width, "float32")]
