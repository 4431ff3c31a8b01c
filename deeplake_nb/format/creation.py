"""What a new tensor starts with: its metadata, its info and the companions it wants."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from deeplake_nb.errors import HtypeError, did_you_mean
from deeplake_nb.format.downsampling import HTYPES
from deeplake_nb.format.htypes import TEXT_LIKE, check_compression, htype_row, parse_htype
from deeplake_nb.format.meta import TensorMeta, encode_json

_FIELDS: dict[str, type] = {"max_chunk_size": int, "tiling_threshold": int, "verify": bool, "hidden": bool}
_COMPANIONS = ("create_shape_tensor", "create_id_tensor", "create_sample_info_tensor")
_COORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "bbox": {"type": ("pixel", "fractional"), "mode": ("LTRB", "LTWH", "CCWH")},
    "bbox.3d": {"mode": ()},  # the format names no modes of boxes in space
}
_BAD_NAME = re.compile(
    r"[\x00-\x1f,:\\\ud800-\udfff]|^$|^/|/$|//|(^|/)\.|^versions(/|$)"
    r"|^(dataset_(meta|info)|commit_info|version_control_info|linked_creds|queries)\.json(/|$)"
    r"|^((dataset_lock|version_control_info|queries)\.lock|version_control_info|dataset_diff|dataset_journal)(/|$)"
)
"""Separators of the format's own lists, hidden files, and names of the dataset's own objects."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """What the user asks for. A compression of ``...`` is not given; ``options`` are the keywords of ``create_tensor``.

    Raises:
        HtypeError: anything unknown or unfitting, when one of the methods meets it.
    """

    name: str
    htype: str | None = None
    dtype: Any = None
    sample_compression: Any = ...
    chunk_compression: Any = ...
    options: Mapping[str, Any] = field(default_factory=dict)

    def meta(self) -> TensorMeta:
        """Metadata of the empty tensor, without companions."""
        self.check_name()
        base, is_sequence, is_link = parse_htype(self.htype)
        row = htype_row(base)
        given = [None if one is ... else one for one in (self.sample_compression, self.chunk_compression)]
        if row.needs_compression and self.sample_compression is ... and self.chunk_compression is ...:
            raise HtypeError(
                f"tensor {self.name!r}: htype {self.htype} needs a sample_compression, such as "
                f"{row.media[0] if row.media else 'jpeg'!r}; None stores raw arrays"
            )
        sample, chunk = check_compression(base, *given)
        self._check_options()
        extra: dict[str, Any] = {name: _mutable(value) for name, value in row.meta.items()}
        if row.info:
            extra |= {"_info": list(row.info), **{name: _mutable(value) for name, value in row.info.items()}}
        return TensorMeta(
            self.name,
            base,
            self._dtype() if self.dtype is not None else row.dtype,
            sample_compression="dcm" if row.media == ("dcm",) else sample,
            chunk_compression=chunk,
            is_sequence=is_sequence,
            is_link=is_link,
            extra=extra,
            **{name: value for name, value in self.options.items() if name in _FIELDS and value is not None},
        )

    def differs(self, there: TensorMeta) -> str:
        """What of a tensor is otherwise than asked for, in words; what is not asked for may be as it is."""
        kept = {
            name: getattr(there, name) if getattr(self, name) is ... else getattr(self, name)
            for name in ("sample_compression", "chunk_compression")
        }
        asked = replace(self, htype=self.htype or there.full_htype, **kept).meta()
        names = ["full_htype", *kept, *(["dtype"] if self.dtype is not None else [])]
        others = [name for name in names if getattr(asked, name) != getattr(there, name)]
        return ", ".join(f"{name.removeprefix('full_')}={getattr(there, name)!r}" for name in others)

    def check_name(self) -> None:
        """Refuse a name that the format cannot hold."""
        name: object = self.name
        if not isinstance(name, str) or _BAD_NAME.search(name):
            raise HtypeError(f"{self.name!r} is no tensor name: expected words without , : or \\ and / between groups")

    def info(self) -> dict[str, Any]:
        """The htype's properties, such as class names, with the values given for them."""
        row = htype_row(parse_htype(self.htype)[0])
        return {name: self._info_value(name, value) for name, value in row.info.items()}

    def companions(self) -> dict[str, bool]:
        """Which companion tensors are wanted: ``shapes``, ``ids``, ``infos``."""
        shapes, ids, infos = (bool(self.options.get(name, True)) for name in _COMPANIONS)
        if parse_htype(self.htype)[2] and not self.options.get("verify", True):
            shapes = infos = False  # nobody looks at the linked files, so nothing is known of them
        return {"shapes": shapes, "ids": ids, "infos": infos}

    def downsampling(self) -> tuple[int, int]:
        """By which factor, and how often, smaller copies are wanted; ``(1, 0)`` where none are."""
        wanted = self.options.get("downsampling")
        if wanted is None:
            return 1, 0
        base, is_sequence, _ = parse_htype(self.htype)
        if base not in HTYPES or is_sequence:
            raise HtypeError(f"tensor {self.name!r}: downsampling is for htypes {', '.join(HTYPES)}; not {self.htype}")
        is_pair = isinstance(wanted, (tuple, list)) and len(wanted) == 2  # noqa: PLR2004 - a factor, a number
        if not is_pair or not all(type(one) is int and one > 0 for one in wanted) or wanted[0] == 1:
            raise HtypeError(
                f"tensor {self.name!r}: downsampling is a factor from 2 on and a number of layers, got {wanted!r:.60}"
            )
        return wanted[0], wanted[1]

    def _check_options(self) -> None:
        row = htype_row(parse_htype(self.htype)[0])
        known = [*row.info, *_FIELDS, *_COMPANIONS, "downsampling"]
        self.downsampling()
        for name, value in self.options.items():
            if name not in known:
                raise HtypeError(
                    f"tensor {self.name!r}: htype {row.name} has no option {name!r}{did_you_mean(name, known)}; "
                    f"it has {', '.join(known)}"
                )
            expected = _FIELDS.get(name)
            if expected is not None and value is not None and type(value) is not expected:
                raise HtypeError(f"tensor {self.name!r}: {name} is a {expected.__name__}, got {value!r}")
        if (limit := self.options.get("max_chunk_size")) is not None and limit <= 0:
            raise HtypeError(f"tensor {self.name!r}: max_chunk_size is a positive number of bytes")

    def _info_value(self, name: str, default: Any) -> Any:
        value = self.options.get(name)
        value = default if value is None else value
        if isinstance(default, Mapping) or value is None:
            return self._coords(value) if value else value
        if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
            raise HtypeError(f"tensor {self.name!r}: {name} is a list, got {value!r:.60}")
        values = list(value)
        if name == "class_names" and not all(isinstance(entry, str) for entry in values):
            raise HtypeError(f"tensor {self.name!r}: class_names is a list of strings, got {value!r:.60}")
        try:
            encode_json(values)
        except (TypeError, ValueError, RecursionError) as error:
            raise HtypeError(f"tensor {self.name!r}: {name} cannot be stored: {error}") from error
        return values

    def _coords(self, value: Any) -> dict[str, Any]:
        known = _COORDS[htype_row(parse_htype(self.htype)[0]).name]
        if not isinstance(value, Mapping) or not set(value) <= set(known):
            raise HtypeError(f"tensor {self.name!r}: coords has {' and '.join(map(repr, known))}, got {value!r:.60}")
        for field_name, given in value.items():
            allowed = known[field_name]
            if given is not None and (given not in allowed if allowed else not isinstance(given, str)):
                raise HtypeError(
                    f"tensor {self.name!r}: coords has no {field_name} {given!r:.60}; "
                    f"it is {'one of ' if allowed else 'a text'}{', '.join(allowed)}"
                )
        return dict(value)

    def _dtype(self) -> str:
        payload = htype_row(parse_htype(self.htype)[0]).payload
        if payload in TEXT_LIKE:
            if payload == "text" and self.dtype not in {"str", str}:
                raise HtypeError(f"tensor {self.name!r}: htype text stores strings; dtype {self.dtype!r} does not fit")
            return "str" if payload == "text" else str(self.dtype)
        try:
            found = np.dtype(self.dtype)
        except TypeError as error:
            raise HtypeError(f"tensor {self.name!r}: {self.dtype!r} is no numpy dtype, such as 'float32'") from error
        if found.kind not in "biufc":
            raise HtypeError(
                f"tensor {self.name!r}: dtype {found} is no number; use htype='text' or 'json' for other values"
            )
        return str(found.name)


def _mutable(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, Mapping) else value
