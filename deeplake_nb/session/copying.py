"""Datasets copied to other places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deeplake_nb.credentials.provider import sealed
from deeplake_nb.dataset.dataset import Dataset
from deeplake_nb.dataset.extracts import make_like, tensor_names
from deeplake_nb.session.arguments import access_of, discreet
from deeplake_nb.session.opening import Opening
from deeplake_nb.urls import DiscreetText

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deeplake_nb.session.arguments import Path


class Copying(Opening):
    """Copies whole datasets, or some of their rows and tensors."""

    def copy(
        self,
        src: Path | Dataset,
        dest: Path,
        *,
        tensors: Sequence[str] | None = None,
        overwrite: bool = False,
        src_creds: Any = None,
        dest_creds: Any = None,
        progressbar: bool = True,
        unlink: bool = False,
        **options: Any,
    ) -> Dataset:
        """Copy a dataset, all its versions, to another storage; gives the copy.

        What is there already with the same size and content is not copied again, so that a copy that broke off goes
        on when it is asked for again. Every object is checked, and none opens as a dataset before all are there.
        Linked files stay where they are. Of a selection of rows, of ``path@version``, and with ``tensors``, just these
        rows and tensors are copied, as they are in that version, without its history; so it is with ``unlink``, which
        puts the linked files themselves into the copy.

        Raises:
            DatasetNotFoundError: no dataset at ``src``.
            DatasetExistsError: a dataset (without ``overwrite``) or other files are at ``dest``.
            StorageError: a storage failed, or ``src`` was written to meanwhile: copy again.
            LinkError: with ``unlink``, a linked file that cannot be read.
        """
        dest, dest_creds = discreet(dest, dest_creds)
        src, src_creds = DiscreetText(src) if isinstance(src, str) else src, sealed(src_creds)
        access = access_of(options)
        given = {"overwrite": overwrite, "creds": dest_creds, "progressbar": progressbar}
        if not isinstance(src, Dataset):
            place, address = self._versioned(src, src_creds, access, "r")
            if tensors is None and address is None and not unlink:
                return self._copied(place.storage, dest, access=access, **given)
            src = self._loaded(place, address, read_only=True)
            tensors = list(src.tensors) if tensors is None else tensors  # of this version, and not the history
        return src.copy(dest, tensors=tensors, unlink=unlink, **given, **access.options())

    def deepcopy(
        self,
        src: Path | Dataset,
        dest: Path,
        *,
        tensors: Sequence[str] | None = None,
        overwrite: bool = False,
        src_creds: Any = None,
        dest_creds: Any = None,
        progressbar: bool = True,
        **options: Any,
    ) -> Dataset:
        """Copy a dataset with all its versions, or some of its tensors in all of them, object by object.

        Raises:
            UnsupportedError: a selection of rows, or a group.
            DatasetNotFoundError: no dataset at ``src``.
            TensorNotFoundError: a tensor that no version has.
            DatasetExistsError: a dataset (without ``overwrite``) or other files are at ``dest``.
            StorageError: a storage failed, or ``src`` was written to meanwhile: copy again.
        """
        dest, dest_creds = discreet(dest, dest_creds)
        src, src_creds = DiscreetText(src) if isinstance(src, str) else src, sealed(src_creds)
        is_public = bool(options.pop("public", False))
        access = access_of(options)
        given = {"overwrite": overwrite, "creds": dest_creds, "progressbar": progressbar, "tensors": tensors}
        if isinstance(src, Dataset):
            return src.deepcopy(dest, public=is_public, **given, **access.options())
        source = self._places.open(src, src_creds, access, mode="r").storage
        return self._copied(source, dest, access=access, is_public=is_public, **given)

    def like(
        self,
        dest: Path | Dataset,
        src: Path | Dataset,
        *,
        tensors: Sequence[str] | None = None,
        overwrite: bool = False,
        creds: Any = None,
        unlink: bool = False,
        **options: Any,
    ) -> Dataset:
        """Make an empty dataset with the tensors of another: their htypes, dtypes, compressions and info, no rows.

        Args:
            dest: where to, or a dataset that gets the tensors.
            src: the dataset to be like.
            tensors: names of tensors or groups; all, if none are given.
            overwrite: replace a dataset at ``dest``, or tensors of the same names in it.
            creds: credentials of both places.
            unlink: make of tensors of links such as hold the files themselves.
            options: ``org_id``, ``token`` and ``public`` of a hub; v3's other arguments have no effect.

        Raises:
            DatasetNotFoundError: no dataset at ``src``.
            DatasetExistsError: a dataset (without ``overwrite``) or other files are at ``dest``.
            TensorExistsError: ``dest`` is a dataset with such tensors, and ``overwrite`` is not given.
            TensorNotFoundError: no such tensor.
        """
        creds = sealed(creds)
        src = DiscreetText(src) if isinstance(src, str) else src
        dest = DiscreetText(dest) if isinstance(dest, str) else dest
        is_public = bool(options.pop("public", False))
        access = access_of(options)
        source = src if isinstance(src, Dataset) else self.load(src, read_only=True, creds=creds, **access.options())
        names = tensor_names(source, tensors)
        target = dest
        if not isinstance(target, Dataset):
            target = self.empty(target, overwrite=overwrite, creds=creds, public=is_public, **access.options())
        with target:
            make_like(source, target, names, unlink=unlink, overwrite=overwrite)
            if not source.is_group:
                target.info.update(dict(source.info))
        return target
