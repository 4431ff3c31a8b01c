"""Records as JSON and back, and the schema of that JSON: all three read off the types that the protocol names."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

from deeplake_nb.credentials.provider import Secret, declarations, sealed

if TYPE_CHECKING:
    from collections.abc import Callable

_INT64 = 1 << 63
_LONGEST = 100_000  # characters; a service account's whole file is 2,400
_DEEPEST = 20


def to_json(value: Any) -> Any:
    """A record, or what holds records, as JSON has it. Secrets are revealed: this is for the one who may have them."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [to_json(item) for item in value]
    return value


def from_json(hint: Any, value: Any, where: str = "the answer") -> Any:
    """JSON as the type says; fields that a record does not know are passed over, and those it never shows are sealed.

    Raises:
        ValueError: it is something else. The message names the place, never the value.
    """
    return _READERS[_shape(hint)](hint, value, where)


def schema(hint: Any, known: dict[str, Any]) -> dict[str, Any]:
    """The JSON schema of a type; those of records are added to ``known`` by their names, and referred to."""
    return _DESCRIBERS[_shape(hint)](hint, known)


def plain(text: str, longest: int) -> str:
    """What others said, as text that any database and any client takes."""
    return text.replace("\0", "").encode(errors="replace").decode()[:longest]


@cache
def _shape(hint: Any) -> str:
    """Which row of the tables below a type is read and described by."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return "union"
    if origin is Literal:
        return "choice"
    if is_dataclass(origin or hint):
        return "record"
    if origin is None:
        return "scalar"
    if issubclass(origin, Mapping):
        return "mapping"
    return "pair" if origin is tuple and get_args(hint)[-1] is not Ellipsis else "array"


@cache
def _hints(hint: Any) -> dict[str, Any]:
    """Field name to type, those of a generic record filled in."""
    found = get_type_hints(get_origin(hint) or hint)
    given = get_args(hint)
    return {
        name: part[given] if given and getattr(part, "__parameters__", ()) else part for name, part in found.items()
    }


def _union(hint: Any, value: Any, where: str) -> Any:
    parts = get_args(hint)
    if value is None and type(None) in parts:
        return None
    (rest,) = [part for part in parts if part is not type(None)]
    return from_json(rest, value, where)


def _choice(hint: Any, value: Any, where: str) -> str:
    """Any text: which ones there are, the one who acts on it says, and a newer version may know more."""
    _expect(isinstance(value, str), where, " or ".join(map(repr, get_args(hint))))
    return _text(value, where)


def _mapping(hint: Any, value: Any, where: str) -> dict[str, Any]:
    _expect(isinstance(value, Mapping), where, "an object")
    part = get_args(hint)[1]
    return {_text(key, where): from_json(part, item, f"{where}[{key!r}]") for key, item in value.items()}


def _pair(hint: Any, value: Any, where: str) -> tuple[Any, ...]:
    parts = get_args(hint)
    _expect(isinstance(value, list) and len(value) == len(parts), where, f"an array of {len(parts)}")
    return tuple(from_json(part, item, where) for part, item in zip(parts, value, strict=True))


def _array(hint: Any, value: Any, where: str) -> Sequence[Any]:
    _expect(isinstance(value, list), where, "an array")
    found = [from_json(get_args(hint)[0], item, f"{where}[{row}]") for row, item in enumerate(value)]
    return tuple(found) if get_origin(hint) is tuple else found


def _scalar(hint: Any, value: Any, where: str) -> Any:
    return _SCALARS[hint](value, where)


def _record(hint: Any, value: Any, where: str) -> Any:
    _expect(isinstance(value, Mapping), where, "an object")
    kind, hints, found = get_origin(hint) or hint, _hints(hint), {}
    for field in fields(kind):
        if field.name in value:
            item = from_json(hints[field.name], value[field.name], f"{where}.{field.name}")
            found[field.name] = item if field.repr else _sealed(item)
        else:
            _expect(field.default is not MISSING, f"{where}.{field.name}", "a value")
    return kind(**found)


def _sealed(creds: Mapping[str, Any]) -> dict[str, Any]:
    """Credentials with all that may be secret sealed: settings such as ``endpoint_url`` stay text."""
    return {name: value if name in _settings() else sealed({name: value})[name] for name, value in creds.items()}


@cache
def _settings() -> frozenset[str]:
    from deeplake_nb.credentials.azure import AzureCredentials
    from deeplake_nb.credentials.gcs import GcsCredentials
    from deeplake_nb.credentials.s3 import S3Credentials

    known = declarations(S3Credentials) | declarations(AzureCredentials) | declarations(GcsCredentials)
    return frozenset(name for name, declaration in known.items() if not declaration.secret)


def _text(value: Any, where: str) -> str:
    _expect(isinstance(value, str), where, "text")
    try:
        value.encode()
    except UnicodeEncodeError:
        is_text = False
    else:
        is_text = "\0" not in value and len(value) <= _LONGEST
    _expect(is_text, where, f"text of up to {_LONGEST:,} characters, all of them real ones")
    return str(value)


def _whole(value: Any, where: str) -> int:
    is_whole = (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, float) and value.is_integer()
    )
    _expect(is_whole and -_INT64 <= value < _INT64, where, "a whole number")
    return int(value)


def _yes(value: Any, where: str) -> bool:
    _expect(isinstance(value, bool), where, "true or false")
    return bool(value)


def _nothing(value: Any, where: str) -> None:
    _expect(value is None, where, "null")


def _time(value: Any, where: str) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(value, where))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError(f"{where}: expected a time with its zone")
    return moment


def _checked(value: Any, where: str, depth: int = 0) -> Any:
    """Any JSON, whose texts are texts all the same, and which is no deeper than anything real."""
    _expect(depth < _DEEPEST, where, f"at most {_DEEPEST} levels")
    if isinstance(value, str):
        return _text(value, where)
    if isinstance(value, Mapping):
        return {_text(key, where): _checked(item, where, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_checked(item, where, depth + 1) for item in value]
    return value


def _expect(is_so: bool, where: str, what: str) -> None:
    if not is_so:
        raise ValueError(f"{where}: expected {what}")


def _described(hint: Any, known: dict[str, Any]) -> dict[str, Any]:
    kind, parts = get_origin(hint) or hint, get_args(hint)
    name = kind.__name__ + "".join(f"Of{part.__name__}" for part in parts)
    if name not in known:
        known[name] = {}  # it may refer to itself
        hints = _hints(hint)
        known[name] = {
            "type": "object",
            "description": (kind.__doc__ or "").partition("\n")[0],
            "properties": {key: schema(part, known) for key, part in hints.items()},
            "required": list(hints),
        }
    return {"$ref": f"#/components/schemas/{name}"}


def _described_pair(hint: Any, known: dict[str, Any]) -> dict[str, Any]:
    parts = [schema(part, known) for part in get_args(hint)]  # tools of OpenAPI 3.0 know no prefixItems
    return {"type": "array", "items": {"anyOf": parts}, "minItems": len(parts), "maxItems": len(parts)}


_SCALARS = {Any: _checked, str: _text, int: _whole, bool: _yes, datetime: _time, type(None): _nothing}
_READERS: dict[str, Callable[[Any, Any, str], Any]] = {
    "union": _union,
    "choice": _choice,
    "record": _record,
    "scalar": _scalar,
    "mapping": _mapping,
    "pair": _pair,
    "array": _array,
}
_SCHEMAS: dict[Any, dict[str, Any]] = {
    Any: {},
    str: {"type": "string", "maxLength": _LONGEST},
    int: {"type": "integer", "minimum": -_INT64, "maximum": _INT64 - 1},
    bool: {"type": "boolean"},
    datetime: {"type": "string", "format": "date-time"},
    type(None): {"type": "null"},
}
_DESCRIBERS: dict[str, Callable[[Any, dict[str, Any]], dict[str, Any]]] = {
    "union": lambda hint, known: {"anyOf": [schema(part, known) for part in get_args(hint)]},
    "choice": lambda hint, known: {"type": "string", "enum": list(get_args(hint))},  # noqa: ARG005 - one shape for all
    "record": _described,
    "scalar": lambda hint, known: dict(_SCHEMAS[hint]),  # noqa: ARG005 - likewise
    "mapping": lambda hint, known: {"type": "object", "additionalProperties": schema(get_args(hint)[1], known)},
    "pair": _described_pair,
    "array": lambda hint, known: {"type": "array", "items": schema(get_args(hint)[0], known)},
}
