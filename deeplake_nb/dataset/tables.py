"""Where a tensor's rows are, and what else is known of the tensor in one version."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from deeplake_nb.errors import FormatError
from deeplake_nb.format import keys
from deeplake_nb.format.encoders import ChunkIds, CredsCodes, Sequences, Tiling, decode_tiles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Buffer

    from deeplake_nb.format.meta import TensorMeta

_OF_CHUNKS = ("htype", "dtype", "sample_compression", "chunk_compression", "is_sequence", "is_link")


@dataclass(slots=True)
class Tables:
    """Where a tensor's rows are."""

    ids: ChunkIds
    tiles: dict[int, Tiling]
    sequences: Sequences | None
    creds: CredsCodes | None
    is_cut: bool = False
    """Whether what is stored is longer: a writer died before the metadata that would make it count."""


class SequenceRows(NamedTuple):
    """Which items make the rows of a sequence tensor, and whether what is stored is longer."""

    table: Sequences
    is_cut: bool


@dataclass(eq=False, slots=True)
class TensorState:
    """One tensor of one version: ``meta`` and ``info`` as last flushed or appended to, tables once they are needed."""

    key: str
    meta: TensorMeta
    info: dict[str, Any] | None = None  # None until loaded
    tables: Tables | None = None
    owners: dict[int, str] = field(default_factory=dict)  # chunk id to object key
    rows: SequenceRows | None = None  # of a sequence, as it was opened

    def snapshot(self) -> TensorState:
        """What is known now, which later appends do not change."""
        known = self.tables
        tables = Tables(known.ids, known.tiles, known.sequences, known.creds) if known is not None else None
        return TensorState(self.key, self.meta, self.info, tables, self.owners, self.rows)

    @property
    def length(self) -> int:
        """Number of rows; for a sequence tensor its sequences, not their items."""
        if not self.meta.is_sequence:
            return self.meta.length
        if self.tables is not None and self.tables.sequences is not None:
            return len(self.tables.sequences)
        return len(self.rows.table) if self.rows is not None else 0


def table_keys(commit: str, key: str, meta: TensorMeta) -> dict[str, str]:
    """The objects of a tensor's tables, by what they are."""
    paths = {"ids": keys.chunk_ids(commit, key), "tiles": keys.tiles(commit, key)}
    if meta.is_sequence:
        paths["rows"] = keys.sequences(commit, key)
    if meta.is_link:
        paths["creds"] = keys.creds_keys(commit, key)
    return paths


def decode_rows(meta: TensorMeta, data: Buffer | None, places: tuple[str, str], rows: int | None) -> SequenceRows:
    """Which items make the rows of a sequence tensor, cut to the items that its metadata counts.

    Args:
        meta: the tensor's metadata.
        data: the object, None if there is none.
        places: where that is, and the metadata, for messages.
        rows: at most, as the tensor's companions count them: empty rows leave no other trace.

    Raises:
        FormatError: damaged, or shorter.
    """
    whole = Sequences() if not data else Sequences.decode(data, places[0])
    table = whole.truncated(meta.length, rows)
    _check_length(places[0], table.items, places[1], meta.length)
    return SequenceRows(table, len(whole) > len(table))


def has_same_rows(
    tensor: TensorState, meta_path: str, found: Mapping[str, Buffer | None], paths: Mapping[str, str]
) -> bool:
    """Whether rows of a sequence have the items that they had when their version was opened; as `decode_tables`."""
    if tensor.rows is None:
        return True
    opened = tensor.rows.table
    now, _ = decode_rows(tensor.meta, found[paths["rows"]], (paths["rows"], meta_path), len(opened))
    return now.encode() == opened.encode()


def is_alike(meta: TensorMeta, other: TensorMeta) -> bool:
    """Whether chunks of one are to be read as those of the other, whatever rows there are."""
    return all(getattr(meta, name) == getattr(other, name) for name in _OF_CHUNKS)


def decode_tables(
    tensor: TensorState, meta_path: str, found: Mapping[str, Buffer | None], paths: Mapping[str, str]
) -> Tables:
    """The tables, cut to the length that the metadata states.

    Args:
        tensor: whose they are.
        meta_path: where its metadata is, for messages.
        found: the objects, None for one that is not there.
        paths: their keys, by what they are.

    Raises:
        FormatError: damaged, or shorter.
    """
    meta = tensor.meta
    data = {name: found[path] for name, path in paths.items()}
    ids = ChunkIds() if not data["ids"] else ChunkIds.decode(data["ids"], paths["ids"])
    _check_length(paths["ids"], len(ids), meta_path, meta.length)
    sequences, is_cut = tensor.rows or (None, False)
    is_cut |= len(ids) > meta.length
    creds = None
    if meta.is_link:
        stored = data["creds"]
        creds = CredsCodes.none(meta.length) if not stored else CredsCodes.decode(stored, paths["creds"])
        _check_length(paths["creds"], len(creds), meta_path, meta.length)
        is_cut |= len(creds) > meta.length
        creds = creds.truncated(meta.length)
    tiles = {} if not data["tiles"] else decode_tiles(data["tiles"], paths["tiles"])
    tiles = {item: tiling for item, tiling in tiles.items() if item < meta.length}
    return Tables(ids.truncated(meta.length), tiles, sequences, creds, is_cut)


def _check_length(table: str, items: int, meta: str, length: int) -> None:
    if items < length:
        raise FormatError(f"{table}: the table ends at row {items}, but {meta} counts {length}; the dataset is damaged")
