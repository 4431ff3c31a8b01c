"""Where a dataset is, and what moves, names or opens it to others: the half of `Dataset` that its host does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deeplake_nb.dataset import schema
from deeplake_nb.dataset.extracts import extract, make_like, tensor_names
from deeplake_nb.dataset.structured import LARGE, Structured
from deeplake_nb.errors import LakeError, UnsupportedError
from deeplake_nb.storage.open import sealed
from deeplake_nb.urls import DiscreetText

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from typing import Self

    from deeplake_nb.dataset.fsck.findings import Findings
    from deeplake_nb.dataset.host import Host
    from deeplake_nb.storage.cors import Cors
    from deeplake_nb.storage.provider import StorageProvider
    from deeplake_nb.urls import Url


class Placed(Structured):
    """A dataset's place. Only a whole dataset can be moved or named, not a selection of its rows."""

    def hosted_by(self, host: Host) -> None:
        """Let ``host`` do what needs other storages, credentials or a hub; the session that opened this does so."""
        self._state.host = host

    def copy(
        self,
        dest: str | os.PathLike[str] | Url,
        *,
        tensors: Sequence[str] | None = None,
        overwrite: bool = False,
        creds: Any = None,
        progressbar: bool = True,
        unlink: bool = False,
        **options: Any,
    ) -> Self:
        """Copy the dataset, all its versions, to another storage; gives the copy. As ``deeplake_nb.copy``.

        Of a selection of rows, of a group, or with ``tensors``, just these are copied, as they are in this version;
        files byte for byte. So are all tensors with ``unlink``. The copy of a single row is that row for ever, as in
        v3: ``ds[3:4]`` makes a dataset of one row in its place.

        Args:
            dest: where to.
            tensors: names of tensors or groups; all, if none are given.
            overwrite: replace a dataset that is there.
            creds: credentials of ``dest``.
            progressbar: show how far it is, where a whole dataset is copied.
            unlink: copy linked files, and not the links to them.
            options: ``org_id``, ``token`` and ``public`` of a hub; v3's other arguments have no effect.

        Raises:
            DatasetExistsError: a dataset (without ``overwrite``) or other files are at ``dest``.
            TensorNotFoundError: no such tensor.
            StorageError: a storage failed; copying a whole dataset again goes on from there.
            LinkError: with ``unlink``, a linked file that cannot be read.
        """
        dest = DiscreetText(dest) if isinstance(dest, str) else dest
        creds = sealed(creds)  # so that no frame of a traceback below holds a secret
        options = {name: sealed({name: value})[name] if name == "token" else value for name, value in options.items()}
        host = self._opener("copied")
        if not self.is_view and not self._group and tensors is None and not unlink:
            copied: Self = host.copy(
                self._state.storage, dest, overwrite=overwrite, creds=creds, progressbar=progressbar, options=options
            )
            return copied
        names = tensor_names(self, tensors)
        made: Self = host.empty(dest, overwrite=overwrite, creds=creds, options=options)
        own = made._state.open_links
        made._state.open_links = self._state.open_links  # with the credentials that links have here
        try:
            with made:
                make_like(self, made, names, unlink=unlink, overwrite=False)
                extract(self, made, names, unlink=unlink)
                if not self._group:
                    made.info.update(dict(self.info))
                if self.index.is_single:
                    schema.show_one_row(made._write())
        except LakeError:
            made.delete(large_ok=True)  # half a copy would open as a dataset
            raise
        finally:
            made._state.open_links = own
        return made.as_shown()

    def deepcopy(
        self,
        dest: str | os.PathLike[str] | Url,
        *,
        tensors: Sequence[str] | None = None,
        overwrite: bool = False,
        creds: Any = None,
        progressbar: bool = True,
        **options: Any,
    ) -> Self:
        """Copy all versions, of all tensors or some, to another storage; as ``deeplake_nb.deepcopy``.

        Raises:
            UnsupportedError: a selection of rows, or a group.
            DatasetExistsError: a dataset (without ``overwrite``) or other files are at ``dest``.
            TensorNotFoundError: a tensor that no version has.
        """
        dest = DiscreetText(dest) if isinstance(dest, str) else dest
        creds = sealed(creds)
        options = {name: sealed({name: value})[name] if name == "token" else value for name, value in options.items()}
        copied: Self = self._whole("copied with its history").copy(
            self._state.storage,
            dest,
            overwrite=overwrite,
            creds=creds,
            progressbar=progressbar,
            options=options,
            tensors=tensors,
        )
        return copied

    def connect(
        self,
        creds_key: str | None = None,
        dest_path: str | None = None,
        org_id: str | None = None,
        ds_name: str | None = None,
        token: str | None = None,
    ) -> None:
        """Give a dataset in your own storage a name in a hub, under which this object goes on. Moves no data.

        From then on ``load("hub://org/name")`` opens it wherever there is a token of the hub and no key of the cloud.

        Args:
            creds_key: the managed key that opens its storage; the one it was loaded with, if none is named.
            dest_path: ``hub://org/name``.
            org_id: in place of that: the organisation; the name is ``ds_name``, or the last part of the path.
            ds_name: goes with ``org_id``.
            token: of the hub's server, where not the usual one.

        Raises:
            DatasetExistsError: the name is taken by another dataset.
            MissingCredentialsError: the hub has no such key.
            UnsupportedError: it has a name in a hub already.
            UrlError: no name, or one that cannot be.
        """
        token = sealed({"token": token})["token"] if token is not None else None
        host = self._whole("connected")
        self._move(host.connect(creds_key=creds_key, dest_path=dest_path, org_id=org_id, ds_name=ds_name, token=token))

    def rename(self, new_name: str) -> None:
        """Another name in its hub: ``name``, or ``hub://org/name``. Moves no data; the old name goes on meaning this.

        Raises:
            UnsupportedError: it has no name in a hub.
            DatasetExistsError: the name is taken.
        """
        self._move(self._whole("renamed").rename(new_name))

    def fsck(self, repair: bool = False, quick: bool = False) -> Findings:
        """Check every object of the dataset, all versions and saved views; says in plain words what is wrong.

        Costs a listing, and reading everything. ``deeplake_nb.fsck(path)`` also checks what does not open any more.

        Args:
            repair: mend what can be mended without loss; what is taken away or replaced is kept below ``.fsck/``.
            quick: read metadata and tables only: no chunks, no linked files.

        Raises:
            LockedError: with ``repair``, somebody is writing.
            ReadOnlyError: with ``repair``, opened for reading.
            UnsupportedError: a selection of rows, or a group.
        """
        from deeplake_nb.dataset.fsck.examination import examine

        self._whole("checked")
        if not repair:
            return examine(self._state.storage, self._state.open_links, quick=quick)
        self._write(of_itself=True)
        self.close()
        found = examine(self._state.storage, self._state.open_links, repair=True, quick=quick)
        self._state.refresh()
        return found

    @property
    def allow_delete(self) -> bool:
        """Whether the dataset may be deleted or replaced; can be set."""
        return self._state.meta.allow_delete

    @allow_delete.setter
    def allow_delete(self, allow: bool) -> None:
        schema.allow_deletion(self._write(of_itself=True), allow=bool(allow))

    def delete(self, large_ok: bool = False) -> None:
        """Remove the dataset with everything in it; as ``deeplake_nb.delete``.

        Raises:
            ReadOnlyError: opened for reading, or ``allow_delete`` is False.
            UnsupportedError: a selection of rows or a group; or it may have more than 1 GB, and no ``large_ok``.
        """
        host = self._whole("deleted")
        self._write(of_itself=True)
        if not large_ok and self.size_approx() > LARGE:
            raise UnsupportedError(f"{self.path} may hold more than 1 GB; pass large_ok=True to delete it all the same")
        self.close()
        host.delete()

    def make_public(self) -> None:
        """Let everybody who has a token of its hub read it.

        Raises:
            UnsupportedError: it has no name in a hub.
        """
        self._whole("made public").set_public(True)

    def make_private(self) -> None:
        """Let members of its organisation only read it.

        Raises:
            UnsupportedError: it has no name in a hub.
        """
        self._whole("made private").set_public(False)

    def enable_cors(self, origin: str) -> Cors:
        """Let web pages of ``origin`` (``https://host``) read the dataset's bucket; other rules there are kept.

        Returns:
            The rules as they are now, and what the storage said when it was asked as a browser would.

        Raises:
            UrlError: no origin.
            UnsupportedError: a storage that has no such rules.
            PermissionDeniedError: the credentials may not change the rules, as those that a hub's server lends.
        """
        return self._whole("opened to pages").allow_origin(origin)

    def _whole(self, done: str) -> Host:
        """Whoever opened this, if it is a whole dataset, when everything is written."""
        if not self._is_all:
            raise UnsupportedError(f"only a whole dataset can be {done}: load {self.path}, and take that")
        return self._opener(done)

    def _move(self, storage: StorageProvider) -> None:
        """Go on under another name of the same place."""
        if self._writer is not None:
            self._writer.move(storage)
        else:
            self._state.storage = storage
