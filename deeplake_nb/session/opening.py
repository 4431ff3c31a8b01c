"""Datasets, opened and made: what every method of a session that has to do with one stands on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from deeplake_nb.credentials.provider import Environment
from deeplake_nb.dataset import pickled  # noqa: F401 - how datasets are pickled
from deeplake_nb.dataset.commits import revive
from deeplake_nb.dataset.copies import check_apart, copy_dataset
from deeplake_nb.dataset.dataset import Dataset
from deeplake_nb.dataset.nearby import meant
from deeplake_nb.errors import DatasetExistsError, DatasetNotFoundError, FormatError, HubNotFoundError, LakeError
from deeplake_nb.format import keys
from deeplake_nb.session import hubs, naming
from deeplake_nb.session.arguments import access_of, discreet, sealed_token
from deeplake_nb.session.contents import delete_dataset, is_being_deleted, is_dataset, take_back
from deeplake_nb.session.files import Files
from deeplake_nb.session.home import Home
from deeplake_nb.session.links import LinkedFiles
from deeplake_nb.session.places import Access, Places
from deeplake_nb.session.sign_in import BrowserSignIn, ask_in_words
from deeplake_nb.storage.provider import exists, is_empty
from deeplake_nb.urls import addressed, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from deeplake_nb.credentials.oauth import SignIn
    from deeplake_nb.credentials.provider import Secret
    from deeplake_nb.dataset.fsck.findings import Findings
    from deeplake_nb.hub.protocol import Hub, Mode
    from deeplake_nb.session.arguments import Path
    from deeplake_nb.session.places import Place
    from deeplake_nb.storage.provider import StorageProvider

_ENVIRON = Environment(os.environ)


class Opening:
    """Opens places, and datasets at them."""

    def __init__(self, lead: Callable[[SignIn], None] | None = None, hub: Hub | None = None) -> None:
        self._sign_in = BrowserSignIn(_ENVIRON, lead or ask_in_words)
        self._places = Places(hub, self._sign_in, _ENVIRON)
        self.keyring = self._places.keyring
        self._files = Files(self.storage)
        self._links = LinkedFiles(self._files)

    def hub(self, token: str | Secret | None = None) -> Hub:
        """The hub in force: names, managed keys, default storages, people, tokens, and the record of what was done.

        Args:
            token: of a hub's server, where not the usual one.

        Raises:
            HubTokenError: a server, and no token for it.
        """
        token = sealed_token(token)
        return self._places.hub(token)

    def storage(self, path: Path, creds: Any = None, **options: Any) -> StorageProvider:
        """The storage provider rooted at ``path``; no storage is asked yet, unless ``creds="browser"`` signs in.

        Raises:
            UrlError: a path that cannot be understood.
            CredentialsError: ``creds`` that are incomplete or not for this storage, or nobody signed in.
        """
        path, creds = discreet(path, creds)
        return self._places.open(path, creds, access_of(options)).storage

    # ------------------------------------------------------------------ datasets

    def load(self, path: Path, *, read_only: bool | None = None, creds: Any = None, **options: Any) -> Dataset:
        """Open the dataset at ``path``; ``path@branch`` or ``path@commit`` opens that version.

        Costs four rounds of requests at most, however large it is. A closed commit stays as it is: the first change
        starts a new branch there. What a hub lets one read only opens for reading. As in v3, ``reset=True`` takes a
        branch whose newest version is damaged back to its last commit, and ``check_integrity=True`` looks at metadata
        and tables.

        Raises:
            DatasetNotFoundError: nothing there.
            VersionNotFoundError: no such branch or commit.
            FormatError: damaged metadata.
        """
        path, creds = discreet(path, creds)
        mode: Mode | None = None if read_only is None else "r" if read_only else "w"
        reset, check = bool(options.pop("reset", False)), bool(options.pop("check_integrity", False))
        access = access_of(options)
        place, address = self._versioned(path, creds, access, mode)
        try:
            found = self._loaded(place, address, read_only)
        except FormatError:  # a storage that failed may have all of it
            if not reset or read_only:
                raise
            revive(place.storage, address)
            found = self._loaded(place, address, read_only)
        if check and not (findings := found.fsck(quick=True)):
            raise FormatError(f"{found.path} is damaged: {findings.wrong[0]}; fsck() says more")
        if found.source is None:
            return found
        return found.rows_of(self.load(found.source, read_only=True, creds=creds, **access.options()))

    def empty(self, path: Path, *, overwrite: bool = False, creds: Any = None, **options: Any) -> Dataset:
        """Make an empty dataset; ``overwrite`` removes a dataset that is there, but never other files.

        In a hub it lies in the organisation's default storage, and is for its members unless ``public=True``.

        Raises:
            DatasetExistsError: a dataset (without ``overwrite``) or other files are there.
        """
        path, creds = discreet(path, creds)
        is_public = bool(options.pop("public", False))
        place = self._places.open(path, creds, access_of(options), mode="w", anew=True)
        store = place.storage
        if is_dataset(store):
            if not overwrite:
                raise DatasetExistsError(
                    f"a dataset exists at {store.url}; load() it, or pass overwrite=True to replace it"
                )
            delete_dataset(store)
        elif not is_empty(store):
            raise DatasetExistsError(
                f"{store.url} holds other files, which a dataset would be mixed with; choose a new path"
            )
        home = self._home(place)
        try:
            made = Dataset.create(store, home.open_links)
            naming.enter(self._places, place, is_public=is_public)
        except LakeError:
            take_back(store)
            raise
        made.hosted_by(home)
        return made

    def dataset(
        self, path: Path, *, read_only: bool | None = None, overwrite: bool = False, creds: Any = None, **options: Any
    ) -> Dataset:
        """Load the dataset at ``path``, or make an empty one where there is none (not with ``read_only=True``)."""
        path, creds = discreet(path, creds)
        is_public = bool(options.pop("public", False))
        damaged = {name: options.pop(name) for name in ("reset", "check_integrity") if name in options}
        access = access_of(options)
        if not overwrite and (read_only or self.exists(path, creds=creds, **access.options())):
            return self.load(path, read_only=read_only, creds=creds, **damaged, **access.options())
        return self.empty(path, overwrite=overwrite, creds=creds, public=is_public, **access.options())

    def fsck(
        self,
        path: Path,
        *,
        repair: bool = False,
        quick: bool = False,
        tensors: Mapping[str, Mapping[str, Any]] | None = None,
        creds: Any = None,
        **options: Any,
    ) -> Findings:
        """Check every object of the dataset at ``path``, also of one that does not open; see ``Dataset.fsck``.

        Args:
            path: where it is.
            repair: mend what can be mended without loss; what is taken away or replaced is kept below ``.fsck/``.
            quick: read metadata and tables only: no chunks, no linked files.
            tensors: by name, what ``create_tensor`` was given for tensors whose metadata are lost in all versions:
                ``{"x": {"dtype": "int32"}}``. All samples must fit that; of dtypes of one width, what is said counts.
            creds: credentials of ``path``.
            options: ``org_id`` and ``token`` of a hub.

        Raises:
            HtypeError: ``tensors`` that could not be made so.
            DatasetNotFoundError: nothing there.
            LockedError: with ``repair``, somebody is writing.
        """
        from deeplake_nb.dataset.fsck.examination import examine

        path, creds = discreet(path, creds)
        place = self._places.open(path, creds, access_of(options), mode="w" if repair else "r")
        open_links = self._home(place).open_links
        return examine(place.storage, open_links, repair=repair, quick=quick, tensors=tensors)

    def exists(self, path: Path, *, creds: Any = None, **options: Any) -> bool:
        """Whether a dataset is at ``path``; costs one round of requests."""
        path, creds = discreet(path, creds)
        try:
            place, _ = self._versioned(path, creds, access_of(options), "r")
        except (DatasetNotFoundError, HubNotFoundError):  # the hub knows no such name, or organisation
            return False
        return is_dataset(place.storage)

    def delete(
        self, path: Path, *, force: bool = False, large_ok: bool = False, creds: Any = None, **options: Any
    ) -> None:
        """Remove the dataset at ``path`` with everything below it. ``force`` skips the check that it is one.

        Of a dataset that was connected to a hub only the name goes, with a warning that says so: its data was there
        before, and is deleted by its own path. ``verbose=False`` does not show how far it is.

        Raises:
            DatasetNotFoundError: no dataset there.
            ReadOnlyError: its owner forbade deletion (``allow_delete``).
        """
        path, creds = discreet(path, creds)
        del large_ok  # v3 asks for it above 1 GB; deleting was asked for here
        is_shown = options.get("verbose") is not False
        place = self._places.open(path, creds, access_of(options), mode="w")
        naming.delete(self._places, place, force=force, is_shown=is_shown)

    def _copied(
        self,
        source: StorageProvider,
        dest: Path,
        *,
        overwrite: bool,
        creds: Any,
        progressbar: bool,
        access: Access | None = None,
        tensors: Sequence[str] | None = None,
        is_public: bool = False,
    ) -> Dataset:
        place = self._places.open(dest, creds, access, mode="w", anew=True)
        target = place.storage
        check_apart(source, target)
        if not is_dataset(source):
            raise DatasetNotFoundError(f"no dataset at {source.url}{meant(source)}; nothing was copied")
        if exists(target, keys.DATASET_META) or is_being_deleted(target):
            if not overwrite:
                raise DatasetExistsError(f"a dataset exists at {target.url}; pass overwrite=True to replace it")
            delete_dataset(target)
        copy_dataset(source, target, progressbar=progressbar, tensors=tensors)
        naming.enter(self._places, place, is_public=is_public)
        return self._loaded(place, None, read_only=None)

    def _loaded(self, place: Place, address: str | None, read_only: bool | None) -> Dataset:
        read_only = bool(read_only) or hubs.is_for_reading(place, was_asked=read_only is not None)
        home = self._home(place)
        dataset = Dataset.open(place.storage, home.open_links, address=address, read_only=read_only)
        if not dataset.read_only:
            naming.enter(self._places, place)  # one that was made by a process which ended before it said so
        dataset.hosted_by(home)
        return dataset

    def _home(self, place: Place) -> Home:
        return Home(place, self._places, self._files, self._copied, self.empty)

    def _versioned(self, path: Path, creds: Any, access: Access, mode: Mode | None) -> tuple[Place, str | None]:
        """The place, and the version after the last ``@`` (unless a dataset is at the whole path)."""
        bare, address = addressed(path)
        if address is None or parse(bare).scheme == "file":
            whole = self._places.open(path, creds, access, mode=mode)
            if address is None or is_dataset(whole.storage):
                return whole, None
        return self._places.open(bare, creds, access, mode=mode), address
