"""Which tensors and groups a dataset has: made, and later renamed and deleted, through its writer."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset import companions
from deeplake_nb.dataset.appender import Appender
from deeplake_nb.dataset.tables import Tables, TensorState
from deeplake_nb.errors import TensorExistsError
from deeplake_nb.format import keys
from deeplake_nb.format.creation import TensorSpec
from deeplake_nb.format.diffs import CommitDiff
from deeplake_nb.format.encoders import ChunkIds, CredsCodes, Sequences
from deeplake_nb.format.htypes import htype_row
from deeplake_nb.format.meta import TensorMeta
from deeplake_nb.storage.provider import delete_all, delete_many, side_by_side

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deeplake_nb.dataset.state import State
    from deeplake_nb.dataset.writer import Writer


def create_tensor(writer: Writer, spec: TensorSpec) -> TensorState:
    """Add an empty tensor with its companions.

    Raises:
        TensorExistsError: the name is taken.
        HtypeError: unknown htype, dtype, compression or option.
    """
    name, meta, info = spec.name, spec.meta(), spec.info()
    state = writer.state
    with writer.changing():
        check_new_name(writer, name)
        wanted = companions.wanted(name, htype_row(meta.htype), **spec.companions())
        for companion in wanted:
            if companion.name in state.meta.tensor_names:
                raise TensorExistsError(f"{name!r} needs the hidden tensor {companion.name!r}, a name already taken")
        _clear_leftovers(writer, [*(companion.name for companion in wanted), name])
        for companion in wanted:
            _add_tensor(writer, TensorMeta(companion.name, hidden=True, **companion.fields), None)
        links = {state.meta.tensor_names[companion.name]: companion.link for companion in wanted}
        links |= _add_copies(writer, meta, info, spec.downsampling())
        tensor = _add_tensor(writer, replace(meta, links=links), info)
        _add_groups(writer, _parents(name))
    return tensor


def _add_copies(
    writer: Writer, meta: TensorMeta, info: dict[str, Any], downsampling: tuple[int, int], scale: int = 1
) -> dict[str, Any]:
    """Hidden tensors for smaller copies of a tensor: by which factor each layer is smaller than the last, and how many.

    Gives the link to the first. Each is named after how much smaller it is than the tensor itself.
    """
    factor, layers = downsampling
    if not layers:
        return {}
    scale *= factor
    name = f"{_stem(meta.name)}_downsampled_{scale}"
    check_new_name(writer, name)
    links = _add_copies(writer, meta, info, (factor, layers - 1), scale)
    _clear_leftovers(writer, [name])
    copy = replace(meta, name=name, links=links, hidden=True, is_link=False)
    added = _add_tensor(writer, copy, {**info, "downsampling_factor": factor})
    return {
        added.key: {"extend": companions.DOWNSAMPLE, "update": "update_downsample", "flatten_sequence": True},
    }


def downsampling_of(state: State, key: str) -> tuple[int, int] | None:
    """By which factor, and how often, a tensor (by key) has smaller copies; None where it has none."""
    copies = [key for key, link in companions.tree(state, key) if link.get("extend") == companions.DOWNSAMPLE]
    factors = [
        state.tensor_info(state.tensors[key]).get("downsampling_factor") for key in copies if key in state.tensors
    ]
    return (factors[0], len(factors)) if factors and isinstance(factors[0], int) else None


def check_new_name(writer: Writer, name: str) -> None:
    """Refuse a name that a tensor or group has, or that lies below a tensor.

    Raises:
        TensorExistsError: it is taken.
    """
    state = writer.state
    if name in state.meta.tensor_names or name in state.meta.groups:
        raise TensorExistsError(f"{name!r} exists already in {state.storage.url}; choose another name")
    if any(name.startswith(f"{other}/") for other in state.meta.tensor_names):
        raise TensorExistsError(f"{name!r} lies below a tensor; a group cannot have a tensor's name")


def create_group(writer: Writer, name: str) -> None:
    """Add an empty group, and those it lies in.

    Raises:
        TensorExistsError: the name is taken.
        HtypeError: it is no name.
    """
    TensorSpec(name).check_name()
    with writer.changing():
        check_new_name(writer, name)
        _add_groups(writer, [*_parents(name), name])


def delete(writer: Writer, names: Sequence[str], groups: Sequence[str] = ()) -> None:
    """Take tensors with their companions, and groups, out of this version; older commits keep theirs."""
    state, storage = writer.state, writer.state.storage
    with writer.changing():
        writer.flush()
        gone: dict[str, str] = {}  # names by key
        for name in names:
            tensor = state.tensor(name)
            gone[tensor.key] = name
            beside = [key for key, _ in companions.tree(state, tensor.key)]
            gone |= {key: state.tensors[key].meta.name for key in beside if key in state.tensors}
        writer.changes.load(gone)
        for key, name in gone.items():
            if not writer.changes.tensors[key].created and key not in state.meta.hidden_tensors:
                writer.changes.of_dataset().delete(name)
        for key in gone:
            state.tensors.pop(key)
            writer.appenders.pop(key, None)
            writer.changes.tensors.pop(key)
        meta = state.meta
        meta.tensors = [key for key in meta.tensors if key not in gone]
        meta.hidden_tensors = [key for key in meta.hidden_tensors if key not in gone]
        meta.tensor_names = {name: key for name, key in meta.tensor_names.items() if key not in gone}
        meta.groups = [name for name in meta.groups if name not in groups]
        writer.is_meta_dirty = writer.is_rewriting = True
        writer.flush()
        for key in gone:
            delete_all(storage, keys.tensor_root(state.commit.id, key))


def rename(writer: Writer, names: Mapping[str, str], groups: Mapping[str, str] | None = None) -> None:
    """Give tensors, their companions, and groups other names; their keys stay."""
    state = writer.state
    with writer.changing():
        writer.flush()
        new = {state.tensor(old).key: name for old, name in names.items()}
        for old, name in names.items():
            tensor = state.tensor(old)
            for key, link in tensor.meta.links.items():
                if link.get("extend") in companions.FUNCTIONS and key in state.tensors:
                    new.setdefault(key, _stem(name) + state.tensors[key].meta.name.removeprefix(_stem(old)))
        for key, appender in writer.touch(list(new)).items():
            before = next(name for name, other in state.meta.tensor_names.items() if other == key)
            if not writer.changes.tensors[key].created and key not in state.meta.hidden_tensors:
                writer.changes.of_dataset().rename(before, new[key])
            appender.tensor.meta = replace(appender.tensor.meta, name=new[key])
            appender.is_renamed = True
        state.meta.tensor_names = {new.get(key, name): key for name, key in state.meta.tensor_names.items()}
        state.meta.groups = [(groups or {}).get(name, name) for name in state.meta.groups]
        writer.is_meta_dirty = writer.is_rewriting = True


def adopt(writer: Writer, source: State, names: Sequence[str]) -> None:
    """Take tensors, with their companions, over from another version: their chunks stay where they are."""
    with writer.changing():
        for name in names:
            tensor = source.tensor(name)
            _adopted(writer, source, tensor)
            _add_groups(writer, _parents(name))


def _adopted(writer: Writer, source: State, tensor: TensorState) -> str:
    """Add one tensor of another version, after its companions; its key here."""
    links = {_adopted(writer, source, source.tensors[key]): link for key, link in tensor.meta.links.items()}
    tables = source.tables(tensor)
    info = source.tensor_info(tensor)
    _clear_leftovers(writer, [tensor.key])
    new = _add_tensor(writer, replace(tensor.meta, links=links), info or None, key=tensor.key)
    new.tables = Tables(tables.ids, dict(tables.tiles), tables.sequences, tables.creds)
    appender = writer.appenders[new.key]
    for chunk in tables.ids.ids.tolist():
        new.owners[chunk] = source.chunk_key(tensor, chunk)
        appender.shared[keys.chunk_name(chunk)] = source.owner(tensor, chunk)
    return new.key


def allow_deletion(writer: Writer, *, allow: bool) -> None:
    """Say in this version whether the dataset may be deleted."""
    with writer.changing():
        writer.state.meta.allow_delete = allow
        writer.is_meta_dirty = True


def show_one_row(writer: Writer) -> None:
    """Say in this version that the dataset is its first row and no list of rows."""
    with writer.changing():
        writer.state.meta.default_index = [0]
        writer.is_meta_dirty = True


def _stem(name: str) -> str:
    """What the names of a tensor's companions start with."""
    group, _, base = name.rpartition("/")
    return f"{group}/_{base}" if group else f"_{base}"


def _add_groups(writer: Writer, names: list[str]) -> None:
    groups = writer.state.meta.groups
    new = [name for name in names if name not in groups]
    groups += new
    writer.is_meta_dirty |= bool(new)


def _add_tensor(writer: Writer, meta: TensorMeta, info: dict[str, Any] | None, key: str | None = None) -> TensorState:
    state = writer.state
    key = key or meta.name
    while key in state.tensors:
        key = f"{meta.name}_{np.random.default_rng().integers(16**4):04x}"
    tensor = TensorState(key, meta, info)
    sequences = Sequences() if meta.is_sequence else None
    tensor.tables = Tables(ChunkIds(), {}, sequences, CredsCodes() if meta.is_link else None)
    state.tensors[key] = tensor
    state.meta.tensors.append(key)
    state.meta.tensor_names[meta.name] = key
    if meta.hidden:
        state.meta.hidden_tensors.append(key)
    appender = writer.appenders[key] = Appender(state, tensor, writer.outgoing, is_new=True)
    appender.is_info_dirty = bool(info)
    writer.changes.tensors[key] = CommitDiff(created=True)
    writer.is_meta_dirty = True
    return tensor


def _clear_leftovers(writer: Writer, new: Sequence[str]) -> None:
    """Delete what a writer that died, or a deleted tensor, left under keys: it would pass for the new tensors'.

    A key that is taken is not theirs: they get one that chance makes.
    """
    storage, commit = writer.state.storage, writer.state.commit.id
    names = (keys.chunk_ids, keys.tiles, keys.sequences, keys.creds_keys, keys.tensor_info, keys.commit_diff)

    def clear(key: str) -> None:
        if next(iter(storage.list(keys.tensor_root(commit, key), delimiter="/")), None) is not None:
            delete_many(storage, [name(commit, key) for name in (*names, keys.chunk_set)])

    side_by_side(storage, *(partial(clear, key) for key in new if key not in writer.state.tensors))


def _parents(name: str) -> list[str]:
    parts = name.split("/")[:-1]
    return ["/".join(parts[: depth + 1]) for depth in range(len(parts))]
