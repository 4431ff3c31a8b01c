"""The files that one dataset links to, and the credentials its links name."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from deeplake_nb.errors import (
    CredentialsError,
    HubError,
    LakeError,
    LinkError,
    MissingCredentialsError,
    PermissionDeniedError,
)
from deeplake_nb.progress import Progress
from deeplake_nb.session.files import rooted
from deeplake_nb.session.names import Lending
from deeplake_nb.storage.provider import get_many, in_parallel
from deeplake_nb.urls import Url, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from deeplake_nb.format.samples import Link
    from deeplake_nb.hub.protocol import Lent
    from deeplake_nb.session.files import Files
    from deeplake_nb.storage.provider import StorageProvider

    Lend = Callable[[str, Url | None, bool], Lent | None]
    Sign = Callable[[str, Url], str]

_LOCAL = ("file", "mem")
_STORES = 8
"""So many storages are asked at once, each with as many requests as it takes."""


class LinkedFiles:
    """Opens links, each failing for itself. Thread-safe.

    Credentials that a user gave for a key stay in this object, and so in this process.

    Args:
        files: opens what needs no key.
        lend: asks the hub for a managed key by its name, for a storage (None: for none yet), and says
            whether what it remembers will not do; gives None where no hub stands behind the dataset.
        sign: asks the hub for an address of one file, by the name of a key that its storage does not lend.
    """

    def __init__(self, files: Files, lend: Lend = lambda *_: None, sign: Sign | None = None) -> None:
        self._files = files
        self._lend = lend
        self._sign = sign
        self._given: dict[str, tuple[Any, Url | None]] = {}
        self._stores: dict[tuple[str, Url], StorageProvider] = {}
        self._prefixes: dict[str, tuple[Url, ...]] = {}
        self._lock = threading.Lock()

    def populate(self, name: str, creds: Any, prefix: Url | None = None) -> None:
        """Use these credentials for links of that key, instead of others; None: what this session has of its own.

        ``prefix`` is the place that they are for; no token goes to a web server without one.
        """
        self._given[name] = creds, prefix
        self._forget(name)

    def rename(self, old: str, new: str | None) -> None:
        """What was given for a key counts for another from now on; None: for none."""
        given = self._given.pop(old, None)
        self._forget(old)
        if new is not None and given is not None:
            self._given[new] = given

    def try_managed(self, name: str) -> None:
        """Ask the hub for a key.

        Raises:
            MissingCredentialsError: it has none of that name, or no hub stands behind the dataset.
        """
        self._ask(name, None, fresh=True)

    def open(self, links: Sequence[Link], managed: Collection[str] = ()) -> list[memoryview | LakeError]:
        """The linked files' bytes, in order; one that cannot be had stands as its error. Concurrent per storage.

        Args:
            links: what to open.
            managed: the keys that a hub has. One that was changed there meanwhile is asked for once more.
        """
        out = self._opened(links, managed)
        refused = [
            place
            for place, (link, found) in enumerate(zip(links, out, strict=True))
            if isinstance(found, PermissionDeniedError | CredentialsError)
            and link.creds_key in managed
            and link.creds_key in self._prefixes
        ]
        if refused:
            for name in {str(links[place].creds_key) for place in refused}:
                self._forget(name)
            again = self._opened([links[place] for place in refused], managed, fresh=True)
            for place, found in zip(refused, again, strict=True):
                out[place] = found
        return out

    def _opened(
        self, links: Sequence[Link], managed: Collection[str], *, fresh: bool = False
    ) -> list[memoryview | LakeError]:
        out: list[memoryview | LakeError] = [LinkError("not opened")] * len(links)
        wanted: dict[int, tuple[StorageProvider, list[tuple[int, str]]]] = {}
        failed: dict[str, LakeError] = {}
        for place, link in enumerate(links):
            key = link.creds_key or ""
            try:
                url = parse(link.path)
                root, file = rooted(url)
                if not key or url.scheme in _LOCAL:
                    store = self._files.store(root)
                elif key in failed:
                    out[place] = failed[key]
                    continue
                else:
                    try:
                        store = self._keyed(key, root, managed, fresh=fresh)
                    except (MissingCredentialsError, HubError) as error:
                        failed[key] = error  # one question is enough for all links of a key
                        raise
                    self._check_reach(key, url)
                wanted.setdefault(id(store), (store, []))[1].append((place, file))
            except LakeError as error:
                out[place] = error
        total = sum(len(places) for _, places in wanted.values())
        with Progress("fetch linked files", "files", total, is_passing=True) as progress:

            def fetch(one: tuple[StorageProvider, list[tuple[int, str]]]) -> None:
                store, places = one
                for (place, _), data in zip(places, get_many(store, [(file, None) for _, file in places]), strict=True):
                    out[place] = data
                    progress()

            for _ in in_parallel(fetch, wanted.values(), min(len(wanted), _STORES)):  # each may be slow by itself
                pass
        return out

    # ------------------------------------------------------------------ credentials

    def _keyed(self, key: str, root: Url, managed: Collection[str], *, fresh: bool) -> StorageProvider:
        known = self._stores.get((key, root))
        if known is not None:
            return known
        if key in self._given:
            found = self._files.opened(root, self._given[key][0])
        elif key in managed:
            found = self._managed(key, root, fresh=fresh)
        else:
            raise MissingCredentialsError(
                f"credentials key {key!r} has no credentials in this session: give it some with "
                f"ds.populate_creds({key!r}, creds), or let a hub manage it: "
                f"ds.update_creds_key({key!r}, managed=True)"
            )
        with self._lock:
            return self._stores.setdefault((key, root), found)

    def _managed(self, key: str, root: Url, *, fresh: bool) -> StorageProvider:
        try:
            lent = self._ask(key, root, fresh=fresh)
        except MissingCredentialsError:
            raise
        except CredentialsError:
            sign = self._sign
            if sign is None:
                raise
            if root.scheme == "s3":
                from deeplake_nb.storage.presigned import PresignedStorage

                return PresignedStorage(root, lambda _, file: sign(key, root.join(file)))
            from deeplake_nb.storage.http import SignedFiles

            return SignedFiles(root, lambda file: sign(key, root.join(file)))
        lending = Lending(f"hub key {key!r}", lambda again: self._ask(key, root, fresh=again), lent)
        return self._files.opened(root, lending)

    def _check_reach(self, key: str, url: Url) -> None:
        """Refuse to send a key where it does not belong: a dataset's author may link to anything."""
        from deeplake_nb.hub.kinds import is_below

        prefixes, allowing = self._prefixes.get(key, ()), f"an administrator of the hub can allow {url}"
        if key in self._given:
            creds, prefix = self._given[key]
            prefixes, allowing = (prefix,) if prefix is not None else (), "give it anew with another prefix"
            if prefix is None and creds is not None and url.scheme in ("http", "https"):
                raise LinkError(
                    f"credentials key {key!r} was given for no place, and goes to no web server that a link names: "
                    f"give it with ds.populate_creds({key!r}, creds, prefix='https://host/folder')"
                )
        if prefixes and not is_below(url, prefixes):
            shown = ", ".join(map(str, prefixes))
            raise LinkError(f"credentials key {key!r} is for {shown}, and is sent nowhere else: {allowing}")

    def _ask(self, key: str, root: Url | None, *, fresh: bool) -> Lent:
        lent = self._lend(key, root, fresh)
        if lent is None:
            raise MissingCredentialsError(
                f"credentials key {key!r} is managed by a hub, and this dataset has none: load it as hub://org/name, "
                f"or pass org_id=; or give credentials with ds.populate_creds({key!r}, creds)"
            )
        self._prefixes[key] = tuple(parse(prefix) for prefix in lent.prefixes)
        return lent

    def _forget(self, key: str) -> None:
        with self._lock:
            self._stores = {known: store for known, store in self._stores.items() if known[0] != key}
