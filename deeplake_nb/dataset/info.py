"""``ds.info`` and ``ds.tensor.info``: a mapping kept with the data, written when it changes."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

from deeplake_nb.errors import SampleError
from deeplake_nb.format.meta import decode_json, encode_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Info(MutableMapping[str, Any]):
    """A dict of JSON values (numpy arrays and bytes allowed), also by attribute: ``info.class_names``.

    ``load`` gives the stored dict, ``changed`` takes a new one and writes it.
    """

    def __init__(self, load: Callable[[], dict[str, Any]], changed: Callable[[dict[str, Any]], None]) -> None:
        object.__setattr__(self, "_load", load)
        object.__setattr__(self, "_changed", changed)

    _load: Callable[[], dict[str, Any]]
    _changed: Callable[[dict[str, Any]], None]

    def __getitem__(self, name: str) -> Any:
        return self._load()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._load())

    def __len__(self) -> int:
        return len(self._load())

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._load():
            raise AttributeError(f"info has no {name!r}; it has {', '.join(self) or 'nothing'}")
        return self._load()[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __setitem__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def __delitem__(self, name: str) -> None:
        kept = dict(self._load())
        del kept[name]
        self._changed(kept)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Change several entries with one write.

        Raises:
            SampleError: a name that is no string or a value that JSON cannot hold; nothing changed.
        """
        self._changed(_as_stored({**self._load(), **dict(*args, **kwargs)}))

    def replace_with(self, info: Mapping[str, Any]) -> None:
        """Change all entries to those of another mapping, with one write.

        Raises:
            SampleError: a name that is no string or a value that JSON cannot hold; nothing changed.
        """
        self._changed(_as_stored(dict(info)))

    def __repr__(self) -> str:
        return repr(self._load())


def _as_stored(info: dict[str, Any]) -> dict[str, Any]:
    """As it will be read, and shared with nobody."""
    try:
        stored = encode_json(info, is_sorted=True)
    except (TypeError, ValueError, RecursionError) as error:
        raise SampleError(f"info: {error}") from error
    found: dict[str, Any] = decode_json(stored, "info")
    return found
