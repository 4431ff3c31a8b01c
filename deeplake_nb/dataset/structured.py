"""The tensors and groups of a dataset, as its users make, rename and delete them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deeplake_nb.dataset import schema
from deeplake_nb.dataset.rows import Rows
from deeplake_nb.dataset.tensor import Tensor
from deeplake_nb.errors import HtypeError, TensorExistsError, UnsupportedError
from deeplake_nb.format.creation import TensorSpec

if TYPE_CHECKING:
    from typing import Self

    from deeplake_nb.dataset.writer import Writer

LARGE = 10**9
"""Bytes from which on a tensor or dataset is only deleted if that is said."""


class Structured(Rows):
    """Making, renaming and deleting tensors and groups, also within a group."""

    def create_tensor(  # noqa: PLR0917 - v3's signature
        self,
        name: str,
        htype: str | None = None,
        dtype: Any = None,
        sample_compression: Any = ...,
        chunk_compression: Any = ...,
        exist_ok: bool = False,
        **options: Any,
    ) -> Tensor:
        """Add an empty tensor.

        Args:
            name: its name; ``group/name`` makes the group too.
            htype: such as ``image``, ``class_label``, ``bbox``, ``text``, ``sequence[image]``, ``link[image]``;
                None is found out from the first sample.
            dtype: numpy dtype; None is the htype's own, or the first sample's.
            sample_compression: ``jpeg``, ``png``, ``lz4``, ... for each sample; files of that kind are stored as they
                are. An image tensor needs one of the two compressions, None meaning raw arrays.
            chunk_compression: ``lz4`` for whole chunks.
            exist_ok: give back the tensor of that name if there is one, and nothing else of it was asked for.
            options: ``class_names``, ``coords`` and other properties of the htype; ``max_chunk_size`` (bytes),
                ``hidden``, ``verify``, ``create_shape_tensor``, ``create_id_tensor``, ``create_sample_info_tensor``.

        Raises:
            TensorExistsError: the name is taken; with ``exist_ok``, by a tensor of another kind.
            HtypeError: unknown htype, dtype, compression or option, or a combination that does not go together.
        """
        writer = self._write()
        options.pop("verbose", None)
        full = self._full(name)
        if htype is None and (dtype is str or dtype == "str"):
            htype, dtype = "text", None  # which v3 finds out from the first sample
        spec = TensorSpec(full, htype, dtype, sample_compression, chunk_compression, options)
        if exist_ok and full in self._state.meta.tensor_names:
            tensor = self._tensor(full)
            if differs := spec.differs(tensor.meta):
                raise TensorExistsError(f"tensor {full!r} exists, with {differs}; give it another name, or delete it")
            return tensor
        return Tensor(self._state, schema.create_tensor(writer, spec), writer)

    def create_tensors(self, name: str, *arguments: Any, **options: Any) -> Tensor:
        """Add an empty tensor; as ``create_tensor``."""
        return self.create_tensor(name, *arguments, **options)

    def create_tensor_like(self, name: str, source: Tensor, unlink: bool = False) -> Tensor:
        """Add an empty tensor with the htype, dtype, compression and info of another, also of another dataset.

        Args:
            name: its name.
            source: the tensor to be like.
            unlink: make a tensor of links one that holds the files themselves.

        Raises:
            TensorExistsError: the name is taken.
        """
        meta = source.meta
        made_by = {link.get("extend") for link in meta.links.values()}
        htype = meta.full_htype if meta.htype is not None or meta.is_sequence or meta.is_link else None
        if unlink and meta.is_link:
            htype = f"sequence[{meta.htype}]" if meta.is_sequence else meta.htype
        tensor = self.create_tensor(
            name,
            htype,
            meta.dtype,
            meta.sample_compression,
            meta.chunk_compression,
            max_chunk_size=meta.max_chunk_size,
            tiling_threshold=meta.tiling_threshold,
            hidden=meta.hidden,
            verify=meta.verify,
            create_id_tensor="extend_id" in made_by,
            create_shape_tensor=bool(made_by & {"extend_shape", "extend_len"}),
            create_sample_info_tensor="extend_info" in made_by,
            downsampling=schema.downsampling_of(source._state, source.key),  # noqa: SLF001 - of the same kind
        )
        if info := dict(source.info):
            tensor.info.update(info)
        return tensor

    def create_group(self, name: str, exist_ok: bool = False) -> Self:
        """Add an empty group, and those it lies in.

        Raises:
            TensorExistsError: the name is taken.
        """
        writer, full = self._write(), self._full(name)
        if not (exist_ok and full in self._state.meta.groups):
            schema.create_group(writer, full)
        return self._view(group=full)

    def delete_tensor(self, name: str, large_ok: bool = False) -> None:
        """Take a tensor out of this version, with all its rows; older commits keep it.

        Raises:
            TensorNotFoundError: no such tensor.
            UnsupportedError: it may have more than 1 GB, and ``large_ok`` is not given.
        """
        writer = self._write()
        self._check_size([self._known(name)], name, large_ok=large_ok)
        schema.delete(writer, [self._known(name)])

    def delete_group(self, name: str, large_ok: bool = False) -> None:
        """Take a group out of this version, with all its tensors; older commits keep it.

        Raises:
            TensorNotFoundError: no such group.
            UnsupportedError: it may have more than 1 GB, and ``large_ok`` is not given.
        """
        writer = self._write()
        tensors, groups = self._below(name)
        self._check_size(tensors, name, large_ok=large_ok)
        schema.delete(writer, tensors, groups)

    def rename_tensor(self, name: str, new_name: str) -> Tensor:
        """Give a tensor another name in the same group.

        Raises:
            TensorNotFoundError: no such tensor.
            TensorExistsError: the new name is taken.
            HtypeError: the new name is none, or in another group.
        """
        writer, old = self._write(), self._known(name)
        new = self._new_name(writer, old, new_name)
        schema.rename(writer, {old: new})
        return self._tensor(new)

    def rename_group(self, name: str, new_name: str) -> None:
        """Give a group another name within the group it lies in.

        Raises:
            TensorNotFoundError: no such group.
            TensorExistsError: the new name is taken.
            HtypeError: the new name is none, or in another group.
        """
        writer, old = self._write(), self._full(name)
        tensors, groups = self._below(name)
        new = self._new_name(writer, old, new_name)
        names = {one: new + one.removeprefix(old) for one in (*tensors, *groups)}
        schema.rename(writer, {one: names[one] for one in tensors}, names)

    def size_approx(self) -> int:
        """Bytes of the tensors (also hidden ones), from the number of their chunks: an estimate."""
        prefix = self._full("")
        return self._size([name for name in self._state.meta.tensor_names if name.startswith(prefix)])

    def _size(self, names: list[str]) -> int:
        tensors = [self._state.tensor(name) for name in names]
        return sum(len(self._state.tables(one).ids.ids) * one.meta.chunk_target for one in tensors)

    def _check_size(self, names: list[str], what: str, *, large_ok: bool) -> None:
        if not large_ok and self._size(names) > LARGE:
            raise UnsupportedError(f"{what!r} may hold more than 1 GB; pass large_ok=True to delete it all the same")

    def _known(self, name: str) -> str:
        full = self._full(name)
        if full not in self._state.meta.tensor_names:
            raise self._unknown(name, list(self.tensors))
        return full

    def _below(self, group: str) -> tuple[list[str], list[str]]:
        """Tensors (but for companions, which go along) and groups in a group, by full names; itself included."""
        full, meta = self._full(group), self._state.meta
        if full not in meta.groups:
            raise self._unknown(group, list(self.groups))
        companions = {key for tensor in self._state.tensors.values() for key in tensor.meta.links}
        tensors = [name for name, key in meta.tensor_names.items() if key not in companions]
        return (
            [name for name in tensors if name.startswith(f"{full}/")],
            [name for name in meta.groups if f"{name}/".startswith(f"{full}/")],
        )

    def _new_name(self, writer: Writer, old: str, name: str) -> str:
        new = self._full(name)
        TensorSpec(new).check_name()
        if new.rpartition("/")[0] != old.rpartition("/")[0]:
            raise HtypeError(f"{old!r} cannot become {new!r}: a new name stays in the same group")
        schema.check_new_name(writer, new)
        return new
