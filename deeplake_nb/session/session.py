"""What users call: opening, making, moving and naming datasets, and opening files."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from deeplake_nb.credentials.provider import Environment, Secret, sealed
from deeplake_nb.dataset.copies import check_apart, copy_dataset
from deeplake_nb.dataset.dataset import Dataset
from deeplake_nb.errors import DatasetExistsError, DatasetNotFoundError, HubNotFoundError, UrlError
from deeplake_nb.format import keys
from deeplake_nb.format.samples import Link
from deeplake_nb.session import hubs, naming
from deeplake_nb.session.contents import delete_dataset, is_dataset
from deeplake_nb.session.files import Files
from deeplake_nb.session.home import Home
from deeplake_nb.session.links import LinkedFiles
from deeplake_nb.session.places import Access, Places
from deeplake_nb.session.sign_in import BrowserSignIn, ask_in_words
from deeplake_nb.storage.provider import exists, is_empty
from deeplake_nb.urls import DiscreetText, Url, addressed, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from deeplake_nb.credentials.oauth import SignIn
    from deeplake_nb.diagnosis.report import Report
    from deeplake_nb.errors import LakeError
    from deeplake_nb.format.samples import Sample
    from deeplake_nb.hub.protocol import Hub, Mode
    from deeplake_nb.session.audit import AuditTable
    from deeplake_nb.session.places import Place
    from deeplake_nb.storage.provider import StorageProvider

    Path = str | os.PathLike[str] | Url

_ENVIRON = Environment(os.environ)


class Session:
    """Opens datasets and files. Thread-safe.

    Paths may be names of a hub, ``hub://org/name``. Methods that take a path and other options take ``org_id=`` (whose
    managed key ``creds={"creds_key": ...}`` means) and ``token=`` (of the hub's server, where not the usual one) too.

    Args:
        lead: leads a sign-in of ``creds="browser"``: shows its link and hands in what is pasted, until there is an
            answer. The default prints the link and asks.
        hub: the hub that names are looked up in; the default is the server of ``DEEPLAKE_NB_HUB``, or else the hub
            of this user, in this process.
    """

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
        token = _sealed_token(token)
        return self._places.hub(token)

    def storage(self, path: Path, creds: Any = None, **options: Any) -> StorageProvider:
        """The storage provider rooted at ``path``; no storage is asked yet, unless ``creds="browser"`` signs in.

        Raises:
            UrlError: a path that cannot be understood.
            CredentialsError: ``creds`` that are incomplete or not for this storage, or nobody signed in.
        """
        path, creds = _discreet(path, creds)
        return self._places.open(path, creds, _access(options)).storage

    def keep_creds(self, prefix: Path, creds: Any) -> None:
        """Use ``creds`` for all that lies below ``prefix``, as if given in each call, until this process ends."""
        prefix, creds = _discreet(prefix, creds)
        self._places.keyring.keep(parse(prefix), creds)

    def forget_creds(self, prefix: Path) -> bool:
        """Use no longer what was kept for just this prefix; False if there was nothing."""
        prefix, _ = _discreet(prefix, None)
        return self._places.keyring.forget(parse(prefix))

    # ------------------------------------------------------------------ what stands in the way

    def explain(self, path: Path, creds: Any = None, **options: Any) -> Report:
        """Which source of credentials is in force for ``path``, and what each of the others said; no storage is asked.

        Raises:
            UrlError: a path that cannot be understood.
            CredentialsError: ``creds`` that are incomplete or not for this storage.
        """
        path, creds = _discreet(path, creds)
        return hubs.explained(self._places, self._places.open(path, creds, _access(options)))

    def doctor(self, path: Path, creds: Any = None, **options: Any) -> Report:
        """What works at ``path`` and what does not, by real calls, each with what to do next.

        Writes one small object of a name of its own there, and removes it.

        Raises:
            UrlError: a path that cannot be understood.
            CredentialsError: ``creds`` that are incomplete or not for this storage.
            UnsupportedError: a storage this version cannot open.
        """
        path, creds = _discreet(path, creds)
        return hubs.examined(self._places, self._places.open(path, creds, _access(options)))

    def sign_out(self) -> int:
        """Forget the sign-ins of ``creds="browser"`` that are kept on this machine; how many there were.

        Google keeps the consent until it is withdrawn at https://myaccount.google.com/connections.
        """
        return self._sign_in.sign_out()

    # ------------------------------------------------------------------ datasets

    def load(self, path: Path, *, read_only: bool | None = None, creds: Any = None, **options: Any) -> Dataset:
        """Open the dataset at ``path``; ``path@branch`` or ``path@commit`` opens that version.

        Costs two rounds of requests, however large it is. A closed commit opens for reading, and so does what a hub
        lets one read only.

        Raises:
            DatasetNotFoundError: nothing there.
            VersionNotFoundError: no such branch or commit.
            FormatError: damaged metadata.
        """
        path, creds = _discreet(path, creds)
        mode: Mode | None = None if read_only is None else "r" if read_only else "w"
        place, address = self._versioned(path, creds, _access(options), mode)
        return self._loaded(place, address, read_only)

    def empty(self, path: Path, *, overwrite: bool = False, creds: Any = None, **options: Any) -> Dataset:
        """Make an empty dataset; ``overwrite`` removes a dataset that is there, but never other files.

        In a hub it lies in the organisation's default storage, and is for its members unless ``public=True``.

        Raises:
            DatasetExistsError: a dataset (without ``overwrite``) or other files are there.
        """
        path, creds = _discreet(path, creds)
        is_public = bool(options.pop("public", False))
        place = self._places.open(path, creds, _access(options), mode="w", anew=True)
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
        made = Dataset.create(store, home.open_links)
        naming.enter(self._places, place, is_public=is_public)
        made.hosted_by(home)
        return made

    def dataset(
        self, path: Path, *, read_only: bool | None = None, overwrite: bool = False, creds: Any = None, **options: Any
    ) -> Dataset:
        """Load the dataset at ``path``, or make an empty one where there is none."""
        path, creds = _discreet(path, creds)
        is_public = bool(options.pop("public", False))
        access = _access(options)
        if not overwrite and self.exists(path, creds=creds, **access.options()):
            return self.load(path, read_only=read_only, creds=creds, **access.options())
        return self.empty(path, overwrite=overwrite, creds=creds, public=is_public, **access.options())

    def exists(self, path: Path, *, creds: Any = None, **options: Any) -> bool:
        """Whether a dataset is at ``path``; costs one round of requests."""
        path, creds = _discreet(path, creds)
        try:
            place, _ = self._versioned(path, creds, _access(options), "r")
        except (DatasetNotFoundError, HubNotFoundError):  # the hub knows no such name, or organisation
            return False
        return is_dataset(place.storage)

    def delete(
        self, path: Path, *, force: bool = False, large_ok: bool = False, creds: Any = None, **options: Any
    ) -> None:
        """Remove the dataset at ``path`` with everything below it. ``force`` skips the check that it is one.

        Of a dataset that was connected to a hub only the name goes, with a warning that says so: its data was there
        before, and is deleted by its own path.

        Raises:
            DatasetNotFoundError: no dataset there.
            ReadOnlyError: its owner forbade deletion (``allow_delete``).
        """
        path, creds = _discreet(path, creds)
        del large_ok  # v3 asks for it above 1 GB; deleting was asked for here
        place = self._places.open(path, creds, _access(options), mode="w")
        naming.delete(self._places, place, force=force)

    def copy(
        self,
        src: Path | Dataset,
        dest: Path,
        *,
        overwrite: bool = False,
        src_creds: Any = None,
        dest_creds: Any = None,
        progressbar: bool = True,
        **options: Any,
    ) -> Dataset:
        """Copy a dataset, all its versions, to another storage; gives the copy.

        What is there already with the same size and content is not copied again, so that a copy that broke off goes
        on when it is asked for again. Every object is checked, and none opens as a dataset before all are there.
        Linked files stay where they are.

        Raises:
            DatasetNotFoundError: no dataset at ``src``.
            DatasetExistsError: a dataset (without ``overwrite``) or other files are at ``dest``.
            StorageError: a storage failed, or ``src`` was written to meanwhile: copy again.
        """
        dest, dest_creds = _discreet(dest, dest_creds)
        src, src_creds = DiscreetText(src) if isinstance(src, str) else src, sealed(src_creds)
        access = _access(options, "num_workers", "scheduler")
        if isinstance(src, Dataset):
            return src.copy(dest, overwrite=overwrite, creds=dest_creds, progressbar=progressbar)
        source = self._places.open(src, src_creds, access, mode="r").storage
        return self._copied(source, dest, overwrite=overwrite, creds=dest_creds, progressbar=progressbar, access=access)

    def _copied(
        self,
        source: StorageProvider,
        dest: Path,
        *,
        overwrite: bool,
        creds: Any,
        progressbar: bool,
        access: Access | None = None,
    ) -> Dataset:
        place = self._places.open(dest, creds, access, mode="w", anew=True)
        target = place.storage
        check_apart(source, target)
        if not is_dataset(source):
            raise DatasetNotFoundError(f"no dataset at {source.url}; nothing was copied")
        if exists(target, keys.DATASET_META):
            if not overwrite:
                raise DatasetExistsError(f"a dataset exists at {target.url}; pass overwrite=True to replace it")
            delete_dataset(target)
        copy_dataset(source, target, progressbar=progressbar)
        naming.enter(self._places, place)
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
        return Home(place, self._places, self._files, self._copied)

    def _versioned(self, path: Path, creds: Any, access: Access, mode: Mode | None) -> tuple[Place, str | None]:
        """The place, and the version after the last ``@`` (unless a dataset is at the whole path)."""
        bare, address = addressed(path)
        if address is None or parse(bare).scheme == "file":
            whole = self._places.open(path, creds, access, mode=mode)
            if address is None or is_dataset(whole.storage):
                return whole, None
        return self._places.open(bare, creds, access, mode=mode), address

    # ------------------------------------------------------------------ names in a hub

    def connect(  # noqa: PLR0917 - v3's signature
        self,
        src_path: Path,
        creds_key: str | None = None,
        dest_path: str | None = None,
        org_id: str | None = None,
        ds_name: str | None = None,
        token: str | Secret | None = None,
    ) -> Dataset:
        """Give a dataset in your own storage a name in a hub, and load it by that; moves no data.

        Args:
            src_path: where it lies.
            creds_key: the managed key of the organisation that opens it.
            dest_path: ``hub://org/name``.
            org_id: in place of that: the organisation; the name is ``ds_name``, or the last part of ``src_path``.
            ds_name: goes with ``org_id``.
            token: of the hub's server, where not the usual one.

        Raises:
            DatasetNotFoundError: no dataset at ``src_path``; it got no name.
            DatasetExistsError: the name is taken by another dataset.
            MissingCredentialsError: the hub has no such key.
        """
        token = _sealed_token(token)
        src_path = DiscreetText(src_path) if isinstance(src_path, str) else src_path
        dest_path = DiscreetText(dest_path) if isinstance(dest_path, str) else dest_path
        wanted = naming.wanted(dest_path, org_id, ds_name)
        place = naming.connect(self._places, parse(src_path), creds_key, wanted, Access(wanted[0], token))
        return self._loaded(place, None, read_only=None)

    def rename(self, path: Path, new_name: str, **options: Any) -> Dataset:
        """Give a dataset of a hub another name, and load it by that; the old one goes on meaning it. Moves no data.

        Raises:
            UnsupportedError: a path that is no name of a hub.
            DatasetExistsError: the name is taken.
        """
        path, _ = _discreet(path, None)
        place = self._places.open(path, None, _access(options), mode="w")
        return self._loaded(naming.rename(self._places, place, new_name), None, read_only=None)

    def list(self, org_id: str, token: str | Secret | None = None) -> list[str]:
        """Paths of an organisation's datasets in the hub, in order; asks for them a page at a time."""
        token = _sealed_token(token)
        return [entry.path for entry in hubs.datasets(self._places.hub(token), org_id)]

    def audit(self, org_id: str, token: str | Secret | None = None) -> AuditTable:
        """Who did what in an organisation of the hub, and who was lent what for which place, when; as a table.

        Raises:
            PermissionDeniedError: for admins of the organisation only.
        """
        from deeplake_nb.session.audit import audit_table

        token = _sealed_token(token)
        return audit_table(self._places.hub(token), org_id)

    # ------------------------------------------------------------------ files

    def read(self, path: Path, *, creds: Any = None, compression: str | None = None, verify: bool = False) -> Sample:
        """A file to append as it is. It is opened when it is appended or looked at, not before.

        A relative path means the file below the working folder of this moment.

        Raises:
            LinkError: no such file (at once for a local one with ``verify``).
        """
        path = DiscreetText(path) if isinstance(path, str) else path
        creds = sealed(creds)
        sample = self._files.sample(path, creds, compression)
        if verify:
            sample.array  # noqa: B018 - decodes, and so checks
        return sample

    def link(self, path: Path, creds_key: str | None = None) -> Link:
        """A link to a file, to append to a ``link[...]`` tensor; the file stays where it is.

        Raises:
            UrlError: a path that cannot be understood.
        """
        path = DiscreetText(path) if isinstance(path, str) else path
        url = parse(path)
        return Link(str(path) if isinstance(path, str) else url.reveal(), creds_key)

    def open_links(self, links: Sequence[Link], managed: Collection[str] = ()) -> Sequence[memoryview | LakeError]:
        """The linked files' bytes, in order; one that cannot be had stands as its error. Concurrent per storage."""
        return self._links.open(links, managed)


def _discreet(path: Path, creds: Any) -> tuple[Path, Any]:
    """The same, so that no frame of a traceback below shows a secret."""
    return DiscreetText(path) if isinstance(path, str) else path, sealed(creds)


def _sealed_token(token: str | Secret | None) -> Secret | None:
    return Secret(token) if isinstance(token, str) else token


_V3_ONLY = {"verbose", "memory_cache_size", "local_cache_size", "lock_enabled", "lock_timeout", "runtime"}


def _access(options: dict[str, Any], *more: str) -> Access:
    """Who asks a hub; arguments of v3 that have no meaning here are accepted, anything else is a mistake."""
    given = sealed({name: options.get(name) or None for name in ("org_id", "token")})
    unknown = sorted(set(options) - _V3_ONLY - set(given) - set(more))
    options.clear()  # a token among them is nothing for a traceback
    if unknown:
        raise UrlError(f"unknown argument {unknown[0]!r}")
    return Access(given["org_id"].reveal() if given["org_id"] else None, given["token"])


@cache
def default() -> Session:
    """This kernel's session."""
    return Session()
