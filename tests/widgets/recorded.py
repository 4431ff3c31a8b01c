"""Recorded conversations of a gallery and of a form, and the dataset that the gallery is about."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np

import deeplake_nb as deeplake

PATH = "mem://conversation"
_MESSAGES = Path(__file__).parents[1] / "golden" / "messages"


def dataset(path: str) -> deeplake.Dataset:
    """Twelve rows whose every byte is known: nothing of it depends on a codec's version."""
    ds = deeplake.empty(path, overwrite=True)
    with ds:
        ds.create_tensor("images", htype="image", sample_compression=None, dtype="uint8")
        ds.create_tensor("labels", htype="class_label", class_names=["red", "blue"])
        ds.create_tensor("boxes", htype="bbox", coords={"type": "fractional", "mode": "LTRB"})
        ds.create_tensor("masks", htype="segment_mask", class_names=["nothing", "road"])
        ds.create_tensor("depth", htype="image", sample_compression=None, dtype="uint16")
        ds.create_tensor("captions", htype="text")
        for row in range(12):
            mask = np.zeros((12, 16), "uint32")
            mask[:6] = 1
            ds.append(
                {
                    "images": np.full((12, 16, 3), [(220, 20, 30), (10, 60, 200)][row % 2], "uint8"),
                    "labels": row % 2,
                    "boxes": np.array([[0.25, 0.25, 0.75, 0.75]], "float32"),
                    "masks": mask,
                    "depth": (np.arange(192).reshape(12, 16) * 300 + row).astype("uint16"),
                    "captions": f"caption {row}",
                }
            )
    return ds


def conversation(widget: str = "gallery") -> list[dict[str, Any]]:
    """What was said, in order: ``from`` the page or the kernel, its ``content`` and ``buffers``, or a ``state``."""
    said = json.loads((_MESSAGES / f"{widget}.json").read_text())
    return [{**one, "buffers": [base64.b64decode(data) for data in one["buffers"]]} for one in said]


def write(said: list[dict[str, Any]], widget: str = "gallery") -> None:
    """Keep a conversation, a message to a line."""
    lines = [{**one, "buffers": [base64.b64encode(data).decode() for data in one["buffers"]]} for one in said]
    _MESSAGES.mkdir(parents=True, exist_ok=True)
    (_MESSAGES / f"{widget}.json").write_text(
        "[\n" + ",\n".join(json.dumps(line, sort_keys=True) for line in lines) + "\n]\n"
    )
