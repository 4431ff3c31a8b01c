"""Some rows or tensors of a dataset, as a dataset of their own: files stay byte for byte what they are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset import linked_creds
from deeplake_nb.dataset.values import selected
from deeplake_nb.errors import LakeError, is_of_input

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from deeplake_nb.format.meta import LinkedCreds

    Ints = NDArray[np.int64]


def tensor_names(source: Any, wanted: Sequence[str] | None) -> list[str]:
    """Names of tensors, those in groups for the groups' names; all for None, in the order they were created.

    Raises:
        TensorNotFoundError: no such tensor or group.
    """
    if wanted is None:
        return list(source.tensors)
    for name in wanted:
        source[name]
    chosen = [f"{name}/" for name in wanted]
    return [name for name in source.tensors if f"{name}/".startswith(tuple(chosen))]


def make_like(source: Any, target: Any, tensors: Sequence[str], *, unlink: bool, overwrite: bool) -> None:
    """Give ``target`` empty tensors like those, with the names of credentials that their links use.

    Raises:
        TensorExistsError: ``target`` has such a tensor, and ``overwrite`` is not given.
    """
    if not unlink and any(source[name].is_link for name in tensors):
        creds = source.link_creds
        if creds.creds_keys:
            linked_creds.change(target._state, lambda known: _join(known, creds))  # noqa: SLF001 - of this package
    for name in tensors:
        if overwrite and name in target:
            target.delete_tensor(name, large_ok=True)
        target.create_tensor_like(name, source[name], unlink)


def _join(known: LinkedCreds, creds: LinkedCreds) -> None:
    for name in creds.creds_keys:
        if name not in known.creds_keys:
            known.add(name, managed=name in creds.managed_creds_keys)


def extract(source: Any, target: Any, tensors: Sequence[str], *, unlink: bool = False, skip_bad: bool = False) -> Ints:
    """Append the selected rows of these tensors to tensors of the same names; of parts of samples, the parts.

    Args:
        source: the selection.
        target: what has such tensors, and no others.
        tensors: their names.
        unlink: copy linked files instead of the links.
        skip_bad: leave out rows that are damaged, do not fit or link to nothing, in all tensors; costs a reading for
            each row and tensor.

    Returns:
        Numbers of the rows that all tensors have and that were copied, in the order they are in now.

    Raises:
        LakeError: a row cannot be read, or does not fit; with ``skip_bad`` a storage failed, or refused.
    """
    rows: Ints = source.index.resolve(source._length)  # noqa: SLF001 - of this package
    if not skip_bad:
        for name in tensors:
            length = source[name]._tensor.length  # noqa: SLF001
            target[name].extend(_values(source, name, source[name].index.resolve(length), unlink=unlink))
        return rows
    taken = []
    for row in rows.tolist():
        one = np.array([row])
        try:
            target.extend({name: list(_values(source, name, one, unlink=unlink)) for name in tensors})
        except LakeError as error:
            if not is_of_input(error):
                raise
        else:
            taken.append(row)
    return np.array(taken, np.int64)


def _values(source: Any, name: str, rows: Ints, *, unlink: bool) -> Iterable[Any]:
    tensor = source[name]
    index = replace(tensor.index, rows=rows, is_single=False)
    return selected(tensor._state, tensor._tensor, index, unlink=unlink)  # noqa: SLF001
