"""Forms that make something: a dataset with its tensors, and a tensor of links out of a bucket's listing."""

from __future__ import annotations

from fnmatch import fnmatchcase
from itertools import islice
from typing import TYPE_CHECKING, Any

from deeplake_nb.errors import LinkError, UrlError
from deeplake_nb.preview.text import byte_count
from deeplake_nb.urls import parse
from deeplake_nb.widgets.fields import Action, Choice, Content, Field, Outcome, Table, place, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from deeplake_nb.dataset.dataset import Dataset
    from deeplake_nb.session import Session
    from deeplake_nb.storage.provider import Entry
    from deeplake_nb.widgets.fields import Values

_NO = "-"
_IMAGES = ("jpeg", "png")
_HTYPES = {  # htype to the sample compressions worth offering; the first is usual
    "image": _IMAGES,
    "class_label": (_NO,),
    "bbox": (_NO,),
    "binary_mask": ("lz4",),
    "segment_mask": ("png", "lz4"),
    "text": (_NO, "lz4"),
    "json": (_NO, "lz4"),
    "embedding": (_NO,),
    "keypoints_coco": (_NO,),
    "generic": (_NO, "lz4"),
}
_LINKED = ("image", "video", "audio")
_SAME = {"jpg": "jpeg", "tif": "tiff"}
_MOST = 100_000
_SHOWN = 8


def _options(values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((value, "none" if value == _NO else value) for value in values)


class NewPanel:
    """A new dataset: tensors are put on a list, and all of it is made at once.

    Args:
        session: makes it.
        url: where, if that is known.
        made: is given it.
    """

    def __init__(self, session: Session, url: str = "", made: Callable[[Dataset], None] = lambda _: None) -> None:
        self._session = session
        self._url = url
        self._made = made
        self._tensors: dict[str, tuple[str, str]] = {}

    def content(self) -> Content:
        """The list so far, and the next tensor."""
        rows = tuple(
            (name, (name, htype, "none" if compression == _NO else compression))
            for name, (htype, compression) in self._tensors.items()
        )
        every = tuple(dict.fromkeys(one for known in _HTYPES.values() for one in known))
        compressions = tuple(sorted(every, key=lambda one: one != _NO))
        fields = (
            Field("url", "Place", "A folder, s3://bucket/name or hub://org/name.", is_required=True, value=self._url,
                  read=place()),
            Field("tensor", "Tensor", "Its name: one column of the dataset."),
            Field("htype", "Kind", kind="choice", options=_options(tuple(_HTYPES)), value="image"),
            Field("compression", "Compression", "Of each sample; auto takes what suits the kind.", "choice",
                  options=(("auto", "auto"), *_options(compressions)), value="auto"),
        )  # fmt: skip
        table = Table(("Tensor", "Kind", "Compression"), rows, (Action("remove", "Remove", needs_fields=False),),
                      "No tensors yet: add one below.")  # fmt: skip
        actions = (Action("add", "Add tensor"), Action("make", "Make the dataset", is_main=True))
        return Content("A new dataset", (Choice("new", "", fields),), actions, table=table)

    def act(self, action: str, choice: str, values: Values) -> Outcome:
        """Put a tensor on the list or take one off, or make the dataset.

        Raises:
            LakeError: it cannot be made; nothing was.
        """
        self._url = text_of(values, "url", self._url)
        if action == "remove":
            self._tensors.pop(choice, None)
            return Outcome()
        name = text_of(values, "tensor")
        if name or action == "add":
            wrong = self._added(name, text_of(values, "htype", "image"), text_of(values, "compression", "auto"))
            if wrong or action == "add":
                return Outcome(f"{name} is on the list." if not wrong else "", is_good=not wrong, problems=wrong)
        if not self._tensors:
            return Outcome("A dataset has a tensor at least.", is_good=False, problems={"tensor": "fill this in"})
        made = self._session.empty(self._url)
        with made:
            for tensor, arguments in self._arguments().items():
                made.create_tensor(tensor, **arguments)
        self._made(made)
        return Outcome(f"Made {made.path} with {', '.join(self._tensors)}.", is_done=True, copies=self.code())

    def code(self) -> str:
        """The same in Python."""
        lines = [f"ds = deeplake_nb.empty({self._url!r})"]
        for name, arguments in self._arguments().items():
            given = "".join(f", {argument}={value!r}" for argument, value in arguments.items())
            lines.append(f"ds.create_tensor({name!r}{given})")
        return "\n".join(lines)

    def close(self) -> None:
        """Nothing is under way."""

    def _added(self, name: str, htype: str, compression: str) -> dict[str, str]:
        if not name or not all(part.isidentifier() for part in name.split("/")):
            return {"tensor": "letters, digits and _, not starting with a digit"}
        if name in self._tensors:
            return {"tensor": "it is on the list already"}
        known = _HTYPES[htype]
        if compression != "auto" and compression not in known:
            return {"compression": f"{htype} takes {' or '.join('none' if one == _NO else one for one in known)}"}
        self._tensors[name] = (htype, known[0] if compression == "auto" else compression)
        return {}

    def _arguments(self) -> dict[str, dict[str, Any]]:
        found = {}
        for name, (htype, compression) in self._tensors.items():
            kept = {} if compression == _NO else {"sample_compression": compression}
            found[name] = ({} if htype == "generic" else {"htype": htype}) | kept
        return found


class LinkPanel:
    """A tensor of links to the files of a listing, seen before they are written.

    Args:
        session: lists and links.
        ds: gets the tensor.
        place: where the files lie, if that is known.
    """

    def __init__(self, session: Session, ds: Dataset, url: str = "") -> None:
        self._session = session
        self._ds = ds
        self._url = url

    def content(self) -> Content:
        """Where, which, and what they become."""
        known = tuple(str(key) for key in sorted(self._ds.get_creds_keys()))
        fields = (
            Field("url", "Place", "The folder whose files are linked, as s3://bucket/photos.", is_required=True,
                  value=self._url, read=place()),
            Field("pattern", "Pattern", "Files whose name below it fits, as *.jpg; * crosses folders.",
                  is_required=True, value="*"),
            Field("tensor", "Tensor", "A new one, or one of links that is there.", is_required=True, value="images"),
            Field("kind", "Kind", kind="choice", options=_options(_LINKED), value="image"),
            Field("key", "Key", "Of the dataset's keys, the one that opens the files.", "choice",
                  options=((_NO, "none: they open without"), *((key, key) for key in known)), value=_NO),
        )  # fmt: skip
        actions = (Action("test", "Preview"), Action("write", "Write the links", is_main=True))
        return Content(f"Link files into {self._ds.path}", (Choice("link", "", fields),), actions)

    def act(self, action: str, choice: str, values: Values) -> Outcome:
        """Show what fits, or write it.

        Raises:
            LakeError: the place cannot be listed, or nothing fits; nothing was written.
        """
        del choice
        url, pattern = text_of(values, "url").rstrip("/"), text_of(values, "pattern", "*")
        found = self._found(url, pattern)
        if action == "test":
            first = ", ".join(f"{entry.key} ({byte_count(entry.nbytes or 0)})" for entry in found[:_SHOWN])
            more = f", and {len(found) - _SHOWN:,} more" if len(found) > _SHOWN else ""
            return Outcome(f"{_count(len(found), 'file')}: {first}{more}.")
        name, key = text_of(values, "tensor"), text_of(values, "key", _NO)
        htype = f"link[{text_of(values, 'kind', 'image')}]"
        creds_key = None if key == _NO else key
        links = [self._session.link(f"{url}/{entry.key}", creds_key) for entry in found]
        with self._ds:
            if name not in self._ds.tensors:
                self._ds.create_tensor(name, htype=htype, sample_compression=_compression(found[0].key))
            elif not str(self._ds[name].htype).startswith("link["):
                raise LinkError(f"{name} is there and holds no links: give another name, such as linked_{name}")
            self._ds[name].extend(links)
        return Outcome(f"Wrote {_count(len(links), 'link')} to {name}.", is_done=True)

    def close(self) -> None:
        """Nothing is under way."""

    def _found(self, url: str, pattern: str) -> list[Entry]:
        storage = self._session.storage(url)
        fitting = (entry for entry in storage.list() if fnmatchcase(entry.key, pattern))
        found = list(islice(fitting, _MOST + 1))
        if not found:
            raise LinkError(f"no file below {parse(url)} fits {pattern!r}: nothing to link")
        if len(found) > _MOST:
            raise UrlError(f"more than {_MOST:,} files fit {pattern!r}: narrow it, and link them part by part")
        return found


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _compression(key: str) -> str:
    """What a tensor of files like this one declares, by the end of its name; each file is read as what it is."""
    end = key.rpartition(".")[2].lower()
    return _SAME.get(end, end)
