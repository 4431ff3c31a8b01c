"""A session: the one place where urls, credentials, storage and datasets are joined, for one kernel.

The module-level functions of ``deeplake_nb`` are the methods of the default session.
"""

from __future__ import annotations

import contextlib
import os
import threading
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any

from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.credentials.provider import Environment, sealed
from deeplake_nb.dataset.copies import check_apart, copy_dataset
from deeplake_nb.dataset.dataset import Dataset
from deeplake_nb.errors import (
    CredentialsError,
    DatasetExistsError,
    DatasetNotFoundError,
    LakeError,
    LinkError,
    ReadOnlyError,
    UrlError,
)
from deeplake_nb.format import keys
from deeplake_nb.format.meta import DatasetMeta
from deeplake_nb.format.samples import Link, Sample
from deeplake_nb.storage.open import open_storage
from deeplake_nb.storage.provider import delete_all, exists, get_many, is_empty
from deeplake_nb.urls import DiscreetText, Url, addressed, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deeplake_nb.credentials.oauth import SignIn
    from deeplake_nb.credentials.provider import CredentialProvider
    from deeplake_nb.diagnosis.report import Report
    from deeplake_nb.storage.provider import StorageProvider

    Path = str | os.PathLike[str] | Url


_ENVIRON = Environment(os.environ)


class Session:
    """Opens datasets and files. Thread-safe.

    Args:
        lead: leads a sign-in of ``creds="browser"``: shows its link and hands in what is pasted, until there is an
            answer. The default prints the link and asks.
    """

    def __init__(self, lead: Callable[[SignIn], None] | None = None) -> None:
        self._lock = threading.Lock()
        self._stores: dict[Url, StorageProvider] = {}
        self._lead = lead or _lead
        self._signed_in: CredentialProvider | None = None
        self._sign_in_lock = threading.Lock()

    def storage(self, path: Path, creds: Any = None) -> StorageProvider:
        """The storage provider rooted at ``path``; nothing is requested yet, unless ``creds="browser"`` signs in.

        Raises:
            UrlError: a path that cannot be understood.
            CredentialsError: ``creds`` that are incomplete or not for this storage, or nobody signed in.
        """
        path, creds = _discreet(path, creds)
        url = parse(path)
        return open_storage(url, self._credentials(url, creds))

    def _credentials(self, url: Url, creds: Any) -> CredentialProvider | None:
        if url.scheme == "gcs" and isinstance(creds, str) and creds == "browser":
            self._sign_in(url)
        return credentials_from(url, creds, environ=_ENVIRON)

    # ------------------------------------------------------------------ what stands in the way

    def explain(self, path: Path, creds: Any = None) -> Report:
        """Which source of credentials is in force for ``path``, and what each of the others said; no storage is asked.

        Raises:
            UrlError: a path that cannot be understood.
            CredentialsError: ``creds`` that are incomplete or not for this storage.
        """
        from deeplake_nb.diagnosis.explain import explain

        path, creds = _discreet(path, creds)
        url = parse(path)
        return explain(url, self._credentials(url, creds))

    def doctor(self, path: Path, creds: Any = None) -> Report:
        """What works at ``path`` and what does not, by real calls, each with what to do next.

        Writes one small object of a name of its own there, and removes it.

        Raises:
            UrlError: a path that cannot be understood.
            CredentialsError: ``creds`` that are incomplete or not for this storage.
            UnsupportedError: a storage this version cannot open.
        """
        from deeplake_nb.diagnosis.doctor import examine

        path, creds = _discreet(path, creds)
        url = parse(path)
        provider = self._credentials(url, creds)
        return examine(open_storage(url, provider), provider)

    def _sign_in(self, url: Url) -> None:
        """Signs in once per session, as one call opens a storage more than once; again when that is over."""
        from deeplake_nb.credentials import gcs_sign_in  # a server and OAuth: a tenth of a second

        with self._sign_in_lock:
            with contextlib.suppress(CredentialsError):
                if self._signed_in is not None and gcs_sign_in.cached(_ENVIRON) and self._signed_in():
                    return
            gcs_sign_in.sign_in(_ENVIRON, self._lead)
            self._signed_in = credentials_from(url, "cache", environ=_ENVIRON)

    def sign_out(self) -> int:
        """Forget the sign-ins of ``creds="browser"`` that are kept on this machine; how many there were.

        Google keeps the consent until it is withdrawn at https://myaccount.google.com/connections.
        """
        from deeplake_nb.credentials import gcs_sign_in

        with self._sign_in_lock:
            self._signed_in = None
            return gcs_sign_in.sign_out(_ENVIRON)

    # ------------------------------------------------------------------ datasets

    def load(self, path: Path, *, read_only: bool | None = None, creds: Any = None, **options: Any) -> Dataset:
        """Open the dataset at ``path``; ``path@branch`` or ``path@commit`` opens that version.

        Costs two rounds of requests, however large it is. A closed commit opens for reading.

        Raises:
            DatasetNotFoundError: nothing there.
            VersionNotFoundError: no such branch or commit.
            FormatError: damaged metadata.
        """
        path, creds = _discreet(path, creds)
        _ignore(options)
        store, address = self._versioned(path, creds)
        read_only = bool(read_only) or store.url.scheme in ("http", "https")
        return self._given(Dataset.open(store, self.open_links, address=address, read_only=read_only))

    def empty(self, path: Path, *, overwrite: bool = False, creds: Any = None, **options: Any) -> Dataset:
        """Make an empty dataset; ``overwrite`` removes a dataset that is there, but never other files.

        Raises:
            DatasetExistsError: a dataset (without ``overwrite``) or other files are there.
        """
        path, creds = _discreet(path, creds)
        _ignore(options)
        store = self.storage(path, creds)
        if _is_dataset(store):
            if not overwrite:
                raise DatasetExistsError(
                    f"a dataset exists at {store.url}; load() it, or pass overwrite=True to replace it"
                )
            _delete(store)
        elif not is_empty(store):
            raise DatasetExistsError(
                f"{store.url} holds other files, which a dataset would be mixed with; choose a new path"
            )
        return self._given(Dataset.create(store, self.open_links))

    def dataset(
        self, path: Path, *, read_only: bool | None = None, overwrite: bool = False, creds: Any = None, **options: Any
    ) -> Dataset:
        """Load the dataset at ``path``, or make an empty one where there is none."""
        path, creds = _discreet(path, creds)
        if not overwrite and self.exists(path, creds=creds):
            return self.load(path, read_only=read_only, creds=creds, **options)
        return self.empty(path, overwrite=overwrite, creds=creds, **options)

    def exists(self, path: Path, *, creds: Any = None, **options: Any) -> bool:
        """Whether a dataset is at ``path``; costs one round of requests."""
        path, creds = _discreet(path, creds)
        _ignore(options)
        return _is_dataset(self._versioned(path, creds)[0])

    def delete(
        self, path: Path, *, force: bool = False, large_ok: bool = False, creds: Any = None, **options: Any
    ) -> None:
        """Remove the dataset at ``path`` with everything below it. ``force`` skips the check that it is one.

        Raises:
            DatasetNotFoundError: no dataset there.
            ReadOnlyError: its owner forbade deletion (``allow_delete``).
        """
        path, creds = _discreet(path, creds)
        _ignore(options)
        del large_ok  # v3 asks for it above 1 GB; deleting was asked for here
        store = self.storage(path, creds)
        if not force and not _is_dataset(store):
            raise DatasetNotFoundError(f"no dataset at {store.url}; nothing was deleted")
        _delete(store, check=not force)

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
        for name in ("num_workers", "scheduler"):
            options.pop(name, None)
        _ignore(options)
        if isinstance(src, Dataset):
            return src.copy(dest, overwrite=overwrite, creds=dest_creds, progressbar=progressbar)
        src, src_creds = _discreet(src, src_creds)
        source = self.storage(src, src_creds)
        return self._copied(source, dest, overwrite=overwrite, creds=dest_creds, progressbar=progressbar)

    def _copied(
        self, source: StorageProvider, dest: Path, *, overwrite: bool, creds: Any, progressbar: bool
    ) -> Dataset:
        target = self.storage(dest, creds)
        check_apart(source, target)
        if not _is_dataset(source):
            raise DatasetNotFoundError(f"no dataset at {source.url}; nothing was copied")
        if exists(target, keys.DATASET_META):
            if not overwrite:
                raise DatasetExistsError(f"a dataset exists at {target.url}; pass overwrite=True to replace it")
            _delete(target)
        copy_dataset(source, target, progressbar=progressbar)
        return self._given(Dataset.open(target, self.open_links))

    def _given(self, dataset: Dataset) -> Dataset:
        """A dataset that knows how to be copied: to open another storage is the session's business."""
        dataset.copied_by(self._copied)
        return dataset

    def _versioned(self, path: Path, creds: Any) -> tuple[StorageProvider, str | None]:
        """The storage, and the version after the last ``@`` (unless a dataset is at the whole path)."""
        place, address = addressed(path)
        whole = self.storage(path, creds) if address is None or parse(place).scheme == "file" else None
        if whole is not None and (address is None or _is_dataset(whole)):
            return whole, None
        return self.storage(place, creds), address

    # ------------------------------------------------------------------ files

    def read(self, path: Path, *, creds: Any = None, compression: str | None = None, verify: bool = False) -> Sample:
        """A file to append as it is. It is opened when it is appended or looked at, not before.

        A relative path means the file below the working folder of this moment.

        Raises:
            LinkError: no such file (at once for a local one with ``verify``).
        """
        plain = _plain(path)
        if plain is not None:
            shown, fetch = plain, partial(self._disk.get, plain[1:])
        else:
            path, creds = _discreet(path, creds)
            url = parse(path)
            if url.scheme == "file" and not os.path.isabs(url.path):  # noqa: PTH117 - three times as fast
                url = Url("file", path=os.path.abspath(os.path.expanduser(url.path)))  # noqa: PTH100, PTH111 - likewise
            shown, fetch = str(url), partial(self._file, url, creds)

        def load() -> memoryview:
            try:
                return fetch()
            except LakeError as error:
                raise LinkError(f"the file {shown} cannot be read: {error}") from error

        sample = Sample(path=shown, load=load, compression=compression)
        if verify:
            sample.array  # noqa: B018 - decodes, and so checks
        return sample

    def link(self, path: Path, creds_key: str | None = None) -> Link:
        """A link to a file, to append to a ``link[...]`` tensor; the file stays where it is.

        Raises:
            UrlError: a path that cannot be understood.
        """
        url = parse(path)
        return Link(path if isinstance(path, str) else url.reveal(), creds_key)

    @cached_property
    def _disk(self) -> StorageProvider:
        return self.storage(Url("file", path="/"))

    def _file(self, url: Url, creds: Any) -> memoryview:
        store, key = self._store(url, creds)
        return store.get(key)

    def _store(self, url: Url, creds: Any) -> tuple[StorageProvider, str]:
        """The storage to fetch a file from, and its key there; stores are kept, as many files share one."""
        if url.scheme == "file":  # a relative path means something else once the working directory has changed
            path = url.path
            if path[:1] != "/" or "/." in path or "//" in path:
                path = os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111 - three times as fast
            drive, rest = os.path.splitdrive(path)
            root, key = Url("file", path=f"{drive}/"), rest.replace(os.sep, "/")[1:]
        else:
            root, key = Url(url.scheme, url.authority), DiscreetText(f"{url.path}?{url.query}".rstrip("?"))
        if creds is not None:
            return self._opened(root, creds), key
        found = self._stores.get(root)
        if found is None:
            with self._lock:
                found = self._stores.setdefault(root, self._opened(root, None))
        return found, key

    def _opened(self, root: Url, creds: Any) -> StorageProvider:
        if root.scheme in ("http", "https"):  # a file's address counts as it is written: its quoting, its query
            from deeplake_nb.storage.http import HttpFiles

            return HttpFiles(root)
        return self.storage(root, creds)

    def open_links(self, links: Sequence[Link]) -> list[memoryview | LakeError]:
        """The linked files' bytes, in order; one that cannot be had stands as its error. Concurrent per storage."""
        out: list[memoryview | LakeError] = [LinkError("not opened")] * len(links)
        wanted: dict[int, tuple[StorageProvider, list[tuple[int, str]]]] = {}
        for place, link in enumerate(links):
            try:
                url = parse(link.path)
                if link.creds_key is not None and url.scheme not in {"file", "mem"}:
                    raise LinkError(f"credentials key {link.creds_key!r} is not known in this session")
                store, key = self._store(url, None)
                wanted.setdefault(id(store), (store, []))[1].append((place, key))
            except LakeError as error:
                out[place] = error
        for store, places in wanted.values():
            found = get_many(store, [(key, None) for _, key in places])
            for (place, _), data in zip(places, found, strict=True):
                out[place] = data
        return out


def _lead(under_way: SignIn) -> None:
    from deeplake_nb.credentials import prompt

    prompt.lead(under_way, show=print)


def _discreet(path: Path, creds: Any) -> tuple[Path, Any]:
    """The same, so that no frame of a traceback below shows a secret."""
    return DiscreetText(path) if isinstance(path, str) else path, sealed(creds)


def _plain(path: Path) -> str | None:
    """An absolute local path as it stands; most files have one, and then nothing need be parsed per file."""
    text = path if isinstance(path, str) else os.fspath(path) if isinstance(path, os.PathLike) else None
    if not isinstance(text, str) or text[:1] != "/" or text[-1:] == "/":
        return None
    return None if "//" in text or "/." in text or "\0" in text else text


def _is_dataset(store: StorageProvider) -> bool:
    return exists(store, keys.DATASET_META) or exists(store, keys.VERSION_CONTROL)


def _delete(store: StorageProvider, *, check: bool = True) -> None:
    if check and exists(store, keys.DATASET_META):
        meta = DatasetMeta.decode(store.get(keys.DATASET_META), keys.DATASET_META)
        if not meta.allow_delete:
            raise ReadOnlyError(f"the dataset at {store.url} is protected (allow_delete is false); nothing was deleted")
    delete_all(store)


_V3_ONLY = {"token", "verbose", "memory_cache_size", "local_cache_size", "org_id", "lock_enabled", "lock_timeout"}


def _ignore(options: dict[str, Any]) -> None:
    """Arguments of v3 that have no meaning here are accepted; anything else is a mistake."""
    if unknown := sorted(set(options) - _V3_ONLY):
        raise UrlError(f"unknown argument {unknown[0]!r}")
    options.clear()  # a token among them is nothing for a traceback


@cache
def default() -> Session:
    """This kernel's session."""
    return Session()
