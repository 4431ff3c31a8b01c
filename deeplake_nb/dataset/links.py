"""Linked files: opened in batches through the function the session handed in, each failing for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deeplake_nb.dataset import linked_grids
from deeplake_nb.dataset.companions import file_info, has_copies
from deeplake_nb.dataset.linked_files import linked, open_all
from deeplake_nb.dataset.reader import stored_items
from deeplake_nb.errors import FormatError, LakeError, LinkError
from deeplake_nb.format import keys
from deeplake_nb.format.grids import Grid
from deeplake_nb.format.meta import LinkedCreds
from deeplake_nb.format.samples import Link, LinkTiled, Sample, StoredSample
from deeplake_nb.urls import redact

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from deeplake_nb.dataset.host import OpenLinks
    from deeplake_nb.dataset.state import State
    from deeplake_nb.dataset.tables import TensorState
    from deeplake_nb.format.meta import TensorMeta

Shape = tuple[int, ...]


class Resolved(NamedTuple):
    """Links about to be appended: codes of their credentials, and what is known of the files that were opened."""

    codes: NDArray[np.uint32]
    infos: list[dict[str, Any]] | None = None
    shapes: list[Shape | None] | None = None
    files: list[Any] | None = None


def resolve_links(state: State, meta: TensorMeta, values: list[Any]) -> Resolved:
    """What has to be known of links about to be appended; grids of links in the list are encoded.

    With the tensor's ``verify``, or where there are smaller copies, each file is opened; else of a grid the first is.

    Raises:
        LinkError: a file that cannot be read, or is not of the tensor's htype; names its path.
        CredentialsError: a credentials key the dataset does not know.
    """
    kinds = (Link, LinkTiled)
    named = {link.creds_key for link in values if isinstance(link, kinds) and link.creds_key is not None}
    creds = state.linked_creds() if named else LinkedCreds()
    known = creds.creds_keys
    for name in sorted(named):
        creds.check(name)
    keyed = [link.creds_key if isinstance(link, kinds) else None for link in values]
    codes = np.array([known.index(key) + 1 if key is not None else 0 for key in keyed], np.uint32)
    links = [value if isinstance(value, Link) else None for value in values]
    for at, value in enumerate(values):
        if isinstance(value, LinkTiled):
            values[at] = linked_grids.resolved(state, meta, value, creds.managed_creds_keys)
    if not meta.verify and not has_copies(meta):
        return Resolved(codes)
    infos: list[dict[str, Any]] = []
    shapes: list[Shape | None] = []
    files: list[Any] = []
    opened = open_all(state.open_links, links, creds.managed_creds_keys)
    for value, link, data in zip(values, links, opened, strict=True):
        if link is None or data is None:
            infos.append({})
            shapes.append(value.shape if isinstance(value, Grid) else None)
            files.append(value)
            continue
        sample = linked(link, data, meta, f"tensor {meta.name!r}")
        if isinstance(sample, LakeError):
            raise sample
        file = Sample(sample.data, compression=sample.compression, path=redact(link.path))
        infos.append(file_info(file))
        shapes.append(sample.shape)
        files.append(file)
    return Resolved(codes, infos, shapes, files) if meta.verify else Resolved(codes, files=files)


def stored_links(
    state: State, tensor: TensorState, items: NDArray[np.int64]
) -> list[Link | LinkTiled | LakeError | None]:
    """The links themselves, not what they point to; None for an empty one."""
    return _stored(state, tensor, items)[0]


def link_paths(state: State, tensor: TensorState, items: NDArray[np.int64]) -> list[str]:
    """Where links point to, whatever opens that; nothing for an empty one and for a grid.

    Raises:
        LakeError: one cannot be read.
    """
    tiles, out = state.tables(tensor).tiles, []
    for item, stored in zip(items.tolist(), stored_items(state, tensor, items), strict=True):
        if isinstance(stored, LakeError):
            raise stored
        out.append("" if item in tiles else str(stored.data, "utf-8", "replace"))
    return out


def _stored(
    state: State, tensor: TensorState, items: NDArray[np.int64]
) -> tuple[list[Link | LinkTiled | LakeError | None], list[str]]:
    """The links, and the credentials keys among theirs that a hub manages."""
    tables = state.tables(tensor)
    codes = tables.creds.at(items).tolist() if tables.creds is not None and len(tables.creds) else [0] * len(items)
    names, managed = _names(state, set(codes))
    out: list[Link | LinkTiled | LakeError | None] = []
    for item, code, stored in zip(items.tolist(), codes, stored_items(state, tensor, items), strict=True):
        name = names[code]
        if isinstance(stored, LakeError):
            out.append(stored)
        elif isinstance(name, LakeError):
            what = f"tensor {tensor.meta.name!r} row {item}"
            is_grid = item in tables.tiles
            path = "of its grid" if is_grid else redact(str(stored.data, "utf-8", "replace"))
            broken = LinkError(f"{what}: which credentials open the linked file {path} is not known: {name}")
            broken.__cause__ = name
            out.append(broken)
        elif item in tables.tiles:
            out.append(linked_grids.stored(stored, name))
        else:
            path = str(stored.data, "utf-8", "replace")
            out.append(Link(path, name) if path else None)
    return out, managed


def _names(state: State, codes: set[int]) -> tuple[dict[int, str | FormatError | None], list[str]]:
    """The names of credentials by their codes, or why there is none; and those that a hub manages."""
    names: dict[int, str | FormatError | None] = {0: None}
    if codes <= {0}:
        return names, []
    try:
        creds = state.linked_creds()
    except FormatError as error:
        return names | dict.fromkeys(codes - {0}, error), []
    for code in codes - {0}:
        try:
            names[code] = creds.name(code, keys.LINKED_CREDS)
        except FormatError as error:
            names[code] = error
    return names, creds.managed_creds_keys


def linked_items(
    state: State, tensor: TensorState, items: NDArray[np.int64], open_links: OpenLinks | None = None
) -> list[StoredSample | LakeError]:
    """The linked files as stored samples, opened by ``open_links`` or as the dataset opens them (grids always are).

    One that cannot be had stands as its error.
    """
    meta = tensor.meta
    links, managed = _stored(state, tensor, items)
    opened = iter(open_all(open_links or state.open_links, [one for one in links if isinstance(one, Link)], managed))
    out: list[StoredSample | LakeError] = []
    for item, link in zip(items.tolist(), links, strict=True):
        what = f"tensor {meta.name!r} row {item}"
        if isinstance(link, LakeError):
            out.append(link)
        elif isinstance(link, LinkTiled):
            out.append(linked_grids.sample(state, tensor, item, link, managed))
        elif link is None:
            out.append(StoredSample(memoryview(b""), (0,), "float64", None, "generic", what))  # as the original has it
        else:
            out.append(linked(link, next(opened) or memoryview(b""), meta, what))
    return out
