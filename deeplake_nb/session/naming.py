"""Names of datasets in a hub: given, changed and taken back, each in step with what is at the place."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from deeplake_nb.dataset.nearby import meant
from deeplake_nb.errors import DatasetNotFoundError, UnsupportedError, UrlError
from deeplake_nb.session.contents import delete_dataset, is_dataset
from deeplake_nb.session.names import org_and_name
from deeplake_nb.urls import Url, parse

if TYPE_CHECKING:
    from deeplake_nb.hub.protocol import DatasetEntry, Hub, Resolved
    from deeplake_nb.session.places import Access, Place, Places


def wanted(dest_path: object, org_id: str | None, ds_name: str | None) -> tuple[str, str | None]:
    """Organisation and name that a dataset is to have, as v3's arguments say it; None: the last part of its path.

    Raises:
        UrlError: neither ``dest_path`` nor ``org_id``, or both.
    """
    if (dest_path is None) == (org_id is None):
        raise UrlError("say what the dataset is to be called: dest_path='hub://org/name', or org_id='org'")
    if dest_path is not None:
        org, name = org_and_name(parse(dest_path))  # type: ignore[arg-type]  # says itself what a path is
        return org, ds_name or name
    return str(org_id), ds_name


def enter(places: Places, place: Place, *, is_public: bool = False) -> None:
    """Tell the hub of a dataset that was made at the place it gave; of one that it knows there is nothing to tell."""
    if place.resolved is not None and place.resolved.is_new:
        places.hub(place.access.token).create(place.resolved.org, place.resolved.name, is_public=is_public)


def connect(places: Places, url: Url, creds_key: str | None, name: tuple[str, str | None], access: Access) -> Place:
    """Give a dataset a name; the place by that name.

    Raises:
        DatasetNotFoundError: the hub's key finds no dataset there; it got no name.
        UnsupportedError: it has a name in a hub already, or goes with this process.
    """
    if url.scheme == "hub":
        raise UnsupportedError(f"{url} has a name in a hub already: rename() gives it another")
    if url.scheme == "mem":
        raise UnsupportedError(f"{url} ends with this process: copy() the dataset to a storage that stays, first")
    if url.scheme == "file":
        url = Url("file", path=str(Path(url.path).expanduser().resolve()))
    hub = places.hub(access.token)
    org, short = name
    before = _entry(hub, org, short or url.name)
    entry = hub.connect(url.reveal(), org, short, creds_key)
    found = False
    try:
        place = places.open(Url("hub", entry.org, entry.name), None, access)
        found = is_dataset(place.storage)
    finally:
        if before is None and not found:
            hub.delete(entry.org, entry.name)
    if not found:
        raise DatasetNotFoundError(f"no dataset at {url}; it got no name")
    return place


def rename(places: Places, place: Place, path: str) -> Place:
    """Give a dataset another name: ``name``, or ``hub://org/name`` of the same organisation.

    Raises:
        UnsupportedError: it has no name in a hub.
        UrlError: another organisation's name.
    """
    resolved = _resolved(place, "renamed")
    org, name = org_and_name(parse(path)) if "://" in path else (resolved.org, path)
    if org != resolved.org:
        raise UrlError(f"{place.url} stays in its organisation: give a name of hub://{resolved.org}, or copy() it")
    entry = places.hub(place.access.token).rename(org, resolved.name, name)
    return places.open(Url("hub", entry.org, entry.name), None, place.access, mode=resolved.mode)


def set_public(places: Places, place: Place, *, is_public: bool) -> None:
    """Let everybody with a token of the hub read it, or members only.

    Raises:
        UnsupportedError: it has no name in a hub.
    """
    resolved = _resolved(place, "made public" if is_public else "made private")
    places.hub(place.access.token).set_public(resolved.org, resolved.name, is_public)


def delete(places: Places, place: Place, *, force: bool, is_shown: bool = True) -> None:
    """Delete a dataset, then its name; of one that was connected only the name.

    Raises:
        DatasetNotFoundError: nothing there.
        ReadOnlyError: its owner forbade deletion.
    """
    store, resolved = place.storage, place.resolved
    hub = places.hub(place.access.token) if resolved is not None else None
    entry = _entry(hub, resolved.org, resolved.name) if hub is not None and resolved is not None else None
    if hub is not None and entry is not None and entry.is_connected:
        hub.delete(entry.org, entry.name)
        warnings.warn(
            f"only the name {place.url} is gone: the data was there before it, stays at {parse(entry.url)}, and is "
            "deleted by that path",
            stacklevel=3,
        )
        return
    if entry is None and not is_dataset(store) and not (force and any(True for _ in store.list())):
        raise DatasetNotFoundError(f"no dataset at {store.url}{meant(store)}; nothing was deleted")
    delete_dataset(store, check=not force, is_shown=is_shown)
    if hub is not None and entry is not None:
        hub.delete(entry.org, entry.name)


def _resolved(place: Place, done: str) -> Resolved:
    if place.resolved is None:
        raise UnsupportedError(f"{place.url} has no name in a hub, and so cannot be {done}: connect() gives it one")
    return place.resolved


def _entry(hub: Hub, org: str, name: str) -> DatasetEntry | None:
    try:
        return hub.dataset(org, name)
    except DatasetNotFoundError:
        return None
