"""The JSON objects of a dataset as values: what tensors there are and what each of them is.

Files written by others keep what we do not understand: unknown fields travel in ``extra`` and are written back.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from deeplake_nb.errors import CredentialsError, FormatError, HtypeError, did_you_mean
from deeplake_nb.format.codecs import compression
from deeplake_nb.format.htypes import htype_row
from deeplake_nb.format.keys import FORMAT_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from typing_extensions import Buffer

FLUSH = "flush"
"""Our own field of a tensor's metadata: the flush that wrote several tensors last, by the same text in each of them."""
ROWS = "rows"
"""Our own field of a sequence's metadata: how many rows it has."""
_T = TypeVar("_T")
_NUMBER = re.compile(r"(bool|int|uint|float|complex)\d*|object")
_DTYPE = re.compile(r"[<>=|]?[?biufcSUMmV]\d*(\[\w+\])?|[a-z]{3,}\d*")
_CUSTOM = "_hub_custom_type"
_MOST = 2**63  # numbers are stored in 64 bits at the most
_MOST_DIMENSIONS = 32  # as many as every numpy has


def decode_json(data: Buffer, what: str) -> Any:
    """A JSON value with the format's extensions: numpy arrays and bytes as marked objects, bare NaN and Infinity.

    Raises:
        FormatError: no JSON, no UTF-8, or nested deeper than the parser goes.
    """
    try:
        return _DECODER.decode(str(data, "utf-8"))
    except (ValueError, RecursionError, TypeError, KeyError, OverflowError, SyntaxError) as error:
        raise FormatError(f"{what}: not a JSON object ({error})") from error


def encode_json(value: Any, *, is_sorted: bool = False) -> bytes:
    """JSON text of a value; numpy arrays and scalars and bytes are allowed anywhere.

    Raises:
        TypeError: something JSON cannot express.
    """
    return (_SORTED if is_sorted else _AS_GIVEN).encode(value).encode()


class Records(list[str]):
    """JSON objects as their texts, of ASCII."""


def encode_records(values: list[dict[str, Any]]) -> list[str] | None:
    """`encode_json` of many JSON objects in half the time, as text; None where they have to be encoded singly.

    Raises:
        TypeError: something JSON cannot express.
    """
    text = _LINES.encode(values)  # no line ends within a string, and where a record ends it is followed by another
    records = text[1:-1].replace("},\n{", "}\0{").replace(",\n", ", ").split("\0")
    return records if len(records) == len(values) else None  # else one holds a list of objects


def _restore(value: dict[str, Any]) -> Any:
    match value.get(_CUSTOM):
        case "ndarray":
            if not _DTYPE.fullmatch(value["dtype"]):
                raise ValueError(f"dtype {value['dtype']!r}")
            flat = np.frombuffer(base64.b64decode(value["data"]), dtype=np.dtype(value["dtype"]))
            return flat.reshape(value["shape"]).copy()
        case "bytes":
            return base64.b64decode(value["data"])
        case "Sample":
            from deeplake_nb.format.samples import Sample

            return Sample(buffer=base64.b64decode(value["data"]), compression=value["compression"])
    return value


def _mark(value: Any) -> Any:
    from deeplake_nb.format.samples import Sample

    match value:
        case np.ndarray() if not value.dtype.hasobject and value.dtype.names is None:
            data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
            return {_CUSTOM: "ndarray", "data": data, "shape": list(value.shape), "dtype": value.dtype.str}
        case np.generic():
            return value.item()
        case bytes() | bytearray() | memoryview():
            return {_CUSTOM: "bytes", "data": base64.b64encode(value).decode()}
        case Sample():
            data = base64.b64encode(value.buffer).decode()
            return {_CUSTOM: "Sample", "data": data, "compression": value.compression}
    kind = f"{type(value).__name__} of dtype {value.dtype}" if hasattr(value, "dtype") else type(value).__name__
    raise TypeError(f"a {kind} cannot be stored as JSON")


_DECODER = json.JSONDecoder(object_hook=_restore)
_AS_GIVEN = json.JSONEncoder(default=_mark)  # made once: it costs as much as encoding a small value
_SORTED = json.JSONEncoder(default=_mark, sort_keys=True)
_LINES = json.JSONEncoder(default=_mark, separators=(",\n", ": "))


def _record(data: Buffer, what: str) -> dict[str, Any]:
    value = decode_json(data, what)
    if not isinstance(value, dict):
        raise FormatError(f"{what}: expected a JSON object, got a {type(value).__name__}")
    return value


def _typed(value: Any, expected: type[_T] | tuple[type[_T], ...], what: str, name: str) -> _T:
    if not isinstance(value, expected) or (isinstance(value, bool) and expected is int):
        raise FormatError(f"{what}: field {name!r} has an unexpected value {value!r:.80}")
    return value


def _names(value: Any, what: str, name: str) -> list[str]:
    return [_typed(entry, str, what, name) for entry in _typed(value, list, what, name)]


def _dims(value: Any, what: str, name: str) -> tuple[int, ...]:
    dims = tuple(_typed(entry, int, what, name) for entry in _typed(value, list, what, name))
    if not all(0 <= dim < _MOST for dim in dims) or len(dims) > _MOST_DIMENSIONS:
        raise FormatError(f"{what}: field {name!r} is no shape: {dims!s:.80}")
    return dims


@dataclass(slots=True)
class DatasetMeta:
    """``dataset_meta.json``: the tensors (by key), their names, groups and the rest."""

    tensors: list[str] = field(default_factory=list)
    tensor_names: dict[str, str] = field(default_factory=dict)
    hidden_tensors: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    default_index: list[Any] = field(default_factory=lambda: [{"start": None, "stop": None, "step": None}])
    allow_delete: bool = True
    extra: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def decode(cls, data: Buffer, what: str) -> DatasetMeta:
        """Read the object; a missing name table means that names and keys are the same. Every version has a list."""
        record = _record(data, what)
        tensors = _names(record.pop("tensors", None), what, "tensors")  # without which others would be cleared away
        names = _typed(record.pop("tensor_names", None) or {}, dict, what, "tensor_names")
        if not names:
            names = {key: key for key in tensors}
        unknown = {_typed(key, str, what, "tensor_names") for key in names.values()} - set(tensors)
        if unknown:
            raise FormatError(f"{what}: tensor_names mentions {sorted(unknown)}, which tensors does not list")
        record.pop("version", None)
        return cls(
            tensors,
            names,
            _names(record.pop("hidden_tensors", []), what, "hidden_tensors"),
            _names(record.pop("groups", []), what, "groups"),
            _typed(record.pop("default_index", None) or cls().default_index, list, what, "default_index"),
            _typed(record.pop("allow_delete", True), bool, what, "allow_delete"),
            record,
        )

    def encode(self) -> bytes:
        """The object's bytes."""
        record = {name: getattr(self, name) for name in _stored_fields(self)}
        return encode_json(self.extra | record | {"version": FORMAT_VERSION}, is_sorted=True)

    @property
    def shows_one_row(self) -> bool:
        """Whether the dataset is a copy of a single row, and is seen as that row."""
        return self.default_index == [0]


@dataclass(frozen=True, slots=True)
class TensorMeta:
    """``tensor_meta.json``.

    ``htype`` is the base htype; ``is_sequence`` and ``is_link`` wrap it. ``length`` counts items for a sequence.
    ``min_shape`` and ``max_shape`` bound all samples; both empty while no sample has a known rank.
    """

    name: str
    htype: str | None = None
    dtype: str | None = None
    typestr: str | None = None
    min_shape: tuple[int, ...] = ()
    max_shape: tuple[int, ...] = ()
    length: int = 0
    sample_compression: str | None = None
    chunk_compression: str | None = None
    max_chunk_size: int | None = None
    tiling_threshold: int | None = None
    is_sequence: bool = False
    is_link: bool = False
    hidden: bool = False
    links: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    verify: bool = True
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def decode(cls, data: Buffer, what: str, key: str) -> TensorMeta:
        """Read the object; fields that old versions lack have defaults. None lacks the length."""
        record = _record(data, what)
        record.pop("version", None)
        text: tuple[type, ...] = (str, type(None))
        number: tuple[type, ...] = (int, type(None))
        length = _typed(record.pop("length", None), int, what, "length")  # without which its rows would be cut away
        if not 0 <= length < _MOST:
            raise FormatError(f"{what}: field 'length' is no number of rows: {length}")
        values: dict[str, Any] = {
            "name": _typed(record.pop("name", None) or key, str, what, "name"),
            "length": length,
            "links": {
                name: _typed(link, dict, what, "links")
                for name, link in _typed(record.pop("links", None) or {}, dict, what, "links").items()
            },
            "verify": _typed(record.pop("verify", True), bool, what, "verify"),
        }
        values |= {f: _typed(record.pop(f, None), text, what, f) for f in _TEXT_FIELDS}
        values |= {f: _dims(record.pop(f, []), what, f) for f in ("min_shape", "max_shape")}
        values |= {f: _typed(record.pop(f, None), number, what, f) for f in ("max_chunk_size", "tiling_threshold")}
        values |= {f: _typed(record.pop(f, False), bool, what, f) for f in ("is_sequence", "is_link", "hidden")}
        meta = cls(**_known(values, what), extra=record)
        if len(meta.min_shape) != len(meta.max_shape):
            raise FormatError(f"{what}: min_shape {meta.min_shape} and max_shape {meta.max_shape} differ in rank")
        return meta

    def encode(self) -> bytes:
        """The object's bytes."""
        record = {name: getattr(self, name) for name in _stored_fields(self)}
        return encode_json({**self.extra, **record, "version": FORMAT_VERSION}, is_sorted=True)

    @property
    def full_htype(self) -> str:
        """The htype as the original shows it: a sequence of links is a ``link[sequence[image]]``."""
        htype = self.htype or "generic"
        htype = f"sequence[{htype}]" if self.is_sequence else htype
        return f"link[{htype}]" if self.is_link else htype

    @property
    def is_fixed_shape(self) -> bool:
        """True when all samples have exactly ``max_shape``; other readers then ignore the shapes in the chunks."""
        return bool(self.max_shape) and self.min_shape == self.max_shape

    @property
    def chunk_target(self) -> int:
        """Bytes of data at which a chunk is full: half of the nominal maximum, as the original does."""
        return (self.max_chunk_size or 16_000_000) // 2

    def widened(self, low: tuple[int, ...], high: tuple[int, ...], count: int) -> TensorMeta:
        """With ``count`` more samples whose shapes lie between ``low`` and ``high``."""
        if self.max_shape:
            low = tuple(map(min, self.min_shape, low))
            high = tuple(map(max, self.max_shape, high))
        return replace(self, min_shape=low, max_shape=high, length=self.length + count)


def _known(values: dict[str, Any], what: str) -> dict[str, Any]:
    """The same values, if what they name is known: later code relies on it."""
    try:
        for name in ("sample_compression", "chunk_compression"):
            row = compression(values[name])
            values[name] = row.name if row else None
        is_number = htype_row(values["htype"]).payload in {"array", "polygon"}
        if is_number and values["dtype"] is not None:
            if not _NUMBER.fullmatch(values["dtype"]):  # the original calls those of a ply mesh objects
                raise FormatError(f"{what}: dtype {values['dtype']!r} is no number")
            np.dtype(values["dtype"])
    except (HtypeError, TypeError) as error:
        raise FormatError(f"{what}: {error}") from error
    return values


_TEXT_FIELDS = ("htype", "dtype", "typestr", "sample_compression", "chunk_compression")


def _stored_fields(meta: DatasetMeta | TensorMeta) -> list[str]:
    return [f.name for f in fields(meta) if f.name != "extra"]


@dataclass(slots=True)
class LinkedCreds:
    """``linked_creds.json``: names of credentials in the order of their codes; never a secret."""

    creds_keys: list[str] = field(default_factory=list)
    managed_creds_keys: list[str] = field(default_factory=list)
    used_creds_keys: list[str] = field(default_factory=list)

    @classmethod
    def decode(cls, data: Buffer, what: str) -> LinkedCreds:
        """Read the object. A used ``ENV`` without an entry stands in front, as the original reads it."""
        record = _record(data, what)
        creds = cls(*(_names(record.get(f.name, []), what, f.name) for f in fields(cls)))
        if "ENV" in creds.used_creds_keys and "ENV" not in creds.creds_keys:
            creds.creds_keys.insert(0, "ENV")
        return creds

    def encode(self) -> bytes:
        """The object's bytes."""
        return encode_json({f.name: getattr(self, f.name) for f in fields(self)})

    def check(self, name: str) -> None:
        """Make sure that there is a key of this name.

        Raises:
            CredentialsError: there is none.
        """
        if name not in self.creds_keys:
            known = ", ".join(dict.fromkeys(self.creds_keys)) or "it has none"
            raise CredentialsError(
                f"the dataset has no credentials key {name!r}{did_you_mean(name, self.creds_keys)} ({known}): "
                f"ds.add_creds_key({name!r}) adds it"
            )

    def add(self, name: str, *, managed: bool) -> None:
        """Add a key; it gets the next code.

        Raises:
            CredentialsError: it exists.
        """
        if not name or name in self.creds_keys:
            raise CredentialsError(
                f"the dataset has a credentials key {name!r} already" if name else "the name is empty"
            )
        self.creds_keys.append(name)
        self.manage(name, managed=managed)

    def rename(self, old: str, new: str) -> None:
        """Another name for every code of a key; a key that has that name already takes its samples over."""
        self.check(old)
        if not new:
            raise CredentialsError(f"the new name of credentials key {old!r} is empty")
        if new == old:
            return
        exists = new in self.creds_keys
        self.creds_keys = [new if name == old else name for name in self.creds_keys]
        is_used = old in self.used_creds_keys
        for names in (self.managed_creds_keys, self.used_creds_keys):
            if old in names:
                names.remove(old)
                if not exists:
                    names.append(new)
        if is_used:
            self.use({new})

    def manage(self, name: str, *, managed: bool) -> None:
        """Let a hub manage a key, or not."""
        self.check(name)
        if managed and name not in self.managed_creds_keys:
            self.managed_creds_keys.append(name)
        elif not managed and name in self.managed_creds_keys:
            self.managed_creds_keys.remove(name)

    def use(self, names: Iterable[str]) -> None:
        """Mark keys that samples use."""
        self.used_creds_keys += sorted(set(names) - set(self.used_creds_keys))

    def name(self, code: int, what: str) -> str | None:
        """The key name behind a code; None for code 0."""
        if code > len(self.creds_keys):
            raise FormatError(f"{what}: credentials code {code} of {len(self.creds_keys)}")
        return self.creds_keys[code - 1] if code else None
