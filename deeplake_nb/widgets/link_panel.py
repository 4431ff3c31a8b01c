"""The form that makes a tensor of links out of a bucket's listing, seen before anything is written."""

from __future__ import annotations

from fnmatch import fnmatchcase
from itertools import islice
from typing import TYPE_CHECKING

from deeplake_nb.diagnosis.report import Line
from deeplake_nb.errors import LakeError, LinkError, UrlError, counted
from deeplake_nb.format.samples import Sample
from deeplake_nb.preview.text import byte_count
from deeplake_nb.urls import parse
from deeplake_nb.widgets.dataset_panels import options_of
from deeplake_nb.widgets.fields import Action, Choice, Content, Field, Outcome, place, text_of

if TYPE_CHECKING:
    from deeplake_nb.dataset.dataset import Dataset
    from deeplake_nb.session import Session
    from deeplake_nb.storage.provider import Entry, StorageProvider
    from deeplake_nb.widgets.fields import Values

_NO = "-"
_MANAGED = "+"  # before the name of a key that the dataset is yet to be told of; no name begins so
_LINKED = ("image", "video", "audio")
_SAME = {"jpg": "jpeg", "tif": "tiff"}
_MOST = 100_000
_SHOWN = 8


class LinkPanel:
    """A tensor of links to the files of a listing.

    Args:
        session: lists and links.
        ds: gets the tensor.
        url: where the files lie, if that is known.
    """

    def __init__(self, session: Session, ds: Dataset, url: str = "") -> None:
        self._session = session
        self._ds = ds
        self._url = url
        where = parse(ds.path)
        self._org = where.authority if where.scheme == "hub" else ""

    def content(self) -> Content:
        """Where, which, and what they become."""
        fields = (
            Field("url", "Place", "The folder whose files are linked, as s3://bucket/photos.", is_required=True,
                  value=self._url, read=place()),
            Field("pattern", "Pattern", "Files whose name below it fits, as *.jpg; * crosses folders.",
                  is_required=True, value="*"),
            Field("key", "Key", "The one that opens the files for whoever reads the dataset.", "choice",
                  options=self._keys(), value=_NO),
            Field("kind", "Kind", kind="choice", options=options_of(_LINKED), value="image"),
            Field("tensor", "Tensor", "A new one, or one of links that is there.", is_required=True, value="images"),
        )  # fmt: skip
        actions = (Action("test", "Preview"), Action("write", "Write the links", is_main=True))
        return Content(f"Link files into {self._ds.path}", (Choice("link", "", fields),), actions)

    def act(self, action: str, choice: str, values: Values) -> Outcome:
        """Show what fits and what would be made of it, or write it.

        Raises:
            LakeError: the place cannot be listed, or nothing fits; nothing was written.
        """
        del choice
        url, pattern = text_of(values, "url").rstrip("/"), text_of(values, "pattern", "*")
        name, kind, key = text_of(values, "tensor"), text_of(values, "kind", "image"), text_of(values, "key", _NO)
        self._check(name)
        storage = self._storage(url, key)
        found = _fitting(storage, pattern)
        if action == "test":
            return self._preview(storage, found, name, kind)
        creds_key = None if key == _NO else key.removeprefix(_MANAGED)
        links = [self._session.link(f"{url}/{entry.key}", creds_key) for entry in found]
        if key.startswith(_MANAGED):
            self._ds.add_creds_key(key.removeprefix(_MANAGED), managed=True)
        is_new = name not in self._ds.tensors
        if is_new:
            self._ds.create_tensor(name, htype=f"link[{kind}]", sample_compression=_compression(found[0].key))
        try:
            self._ds[name].extend(links)
        except LakeError:
            if is_new:
                self._ds.delete_tensor(name)
            raise
        return Outcome(f"Wrote {counted(len(links), 'link')} to {name}.", is_done=True)

    def close(self) -> None:
        """Nothing is under way."""

    def _keys(self) -> tuple[tuple[str, str], ...]:
        known = sorted(str(key) for key in self._ds.get_creds_keys())
        return (
            (_NO, "none: they open without"),
            *((key, key) for key in known),
            *((_MANAGED + key, f"{key} of {self._org}") for key in self._managed() if key not in known),
        )

    def _managed(self) -> list[str]:
        """The keys of the dataset's organisation, which it may be told of; none where one may not see them."""
        try:
            return [key.name for key in self._session.hub().keys(self._org)] if self._org else []
        except LakeError:
            return []

    def _check(self, name: str) -> None:
        if name in self._ds.tensors and not str(self._ds[name].htype).startswith("link["):
            raise LinkError(f"{name} is there and holds no links: give another name, such as linked_{name}")

    def _storage(self, url: str, key: str) -> StorageProvider:
        if key.startswith(_MANAGED):
            return self._session.storage(url, {"creds_key": key.removeprefix(_MANAGED)}, org_id=self._org)
        return self._session.storage(url)

    def _preview(self, storage: StorageProvider, found: list[Entry], name: str, kind: str) -> Outcome:
        first = ", ".join(f"{entry.key} ({byte_count(entry.nbytes or 0)})" for entry in found[:_SHOWN])
        more = f", and {len(found) - _SHOWN:,} more" if len(found) > _SHOWN else ""
        if name in self._ds.tensors:
            tensor = f"{name} is there, with {counted(len(self._ds[name]), 'row')}: these come after them"
        else:
            tensor = f"{name} is made, as link[{kind}] with sample_compression={_compression(found[0].key)!r}"
        lines = (
            Line("ok", "files", f"{first}{more}"),
            Line("ok", "tensor", tensor),
            _opened(storage, found[0], kind),
        )
        total = byte_count(sum(entry.nbytes or 0 for entry in found))
        said = f"{counted(len(found), 'file')}, {total} in all; nothing is written yet."
        return Outcome(said, is_good=lines[-1].state == "ok", lines=lines)


def _fitting(storage: StorageProvider, pattern: str) -> list[Entry]:
    fitting = (entry for entry in storage.list() if fnmatchcase(entry.key, pattern))
    found = list(islice(fitting, _MOST + 1))
    if not found:
        raise LinkError(f"no file below {storage.url} fits {pattern!r}: nothing to link")
    if len(found) > _MOST:
        raise UrlError(f"more than {_MOST:,} files fit {pattern!r}: narrow it, and link them part by part")
    return found


def _opened(storage: StorageProvider, entry: Entry, kind: str) -> Line:
    """The first file, looked at as a reader of the dataset would."""
    try:
        content = storage.get(entry.key)
        if kind != "image":
            return Line("ok", "opens", f"{entry.key} is there to be read")
        return Line("ok", "opens", f"{entry.key} is an image of {' x '.join(map(str, Sample(content).shape))}")
    except LakeError as error:
        return Line("failed", "opens", str(error), "choose a key that opens them, a pattern that fits or another kind")


def _compression(key: str) -> str:
    """What a tensor of files like this one declares, by the end of its name; each file is read as what it is."""
    end = key.rpartition(".")[2].lower()
    return _SAME.get(end, end)
