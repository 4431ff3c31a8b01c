"""The form that makes a dataset with its tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from deeplake_nb.errors import LakeError, StorageError
from deeplake_nb.widgets.fields import Action, Choice, Content, Field, Outcome, Row, Table, place, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from deeplake_nb.dataset.dataset import Dataset
    from deeplake_nb.session import Session
    from deeplake_nb.widgets.fields import Values

_NO = "-"
_PLAIN = (_NO, "lz4")
_HTYPES = {  # htype to the sample compressions worth offering; the first is usual
    "image": ("jpeg", "png", "webp"),
    "class_label": (_NO,),
    "bbox": (_NO,),
    "binary_mask": ("lz4",),
    "segment_mask": ("png", "lz4"),
    "instance_label": (_NO,),
    "polygon": _PLAIN,
    "point": (_NO,),
    "keypoints_coco": (_NO,),
    "text": _PLAIN,
    "tag": _PLAIN,
    "list": _PLAIN,
    "json": _PLAIN,
    "embedding": (_NO,),
    "video": ("mp4", "mkv", "avi"),
    "audio": ("mp3", "flac", "wav"),
    "generic": _PLAIN,
}
_NAMED = ("class_label",)
_NAME = "letters, digits and _, not starting with a digit"


class _Tensor(NamedTuple):
    """One on the list."""

    htype: str
    compression: str
    class_names: tuple[str, ...] = ()

    def arguments(self) -> dict[str, Any]:
        """Of ``create_tensor``, without those that go without saying."""
        given = {
            "htype": "" if self.htype == "generic" else self.htype,
            "sample_compression": "" if self.compression == _NO else self.compression,
            "class_names": list(self.class_names),
        }
        return {name: value for name, value in given.items() if value}


def options_of(values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Values of a choice that are labels, too."""
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
        self._tensors: dict[str, _Tensor] = {}

    def content(self) -> Content:
        """The list so far, and the next tensor."""
        remove = Action("remove", "Remove", needs_fields=False)
        rows = tuple(
            Row(name, (name, tensor.htype, "none" if tensor.compression == _NO else tensor.compression), (remove,))
            for name, tensor in self._tensors.items()
        )
        fields = (
            Field("url", "Place", "A folder, s3://bucket/name or hub://org/name.", is_required=True, value=self._url,
                  read=place()),
            Field("tensor", "Tensor", "Its name: one column of the dataset."),
            Field("htype", "Kind", "What its samples are.", "choice", options=options_of(tuple(_HTYPES)),
                  value="image"),
            *_compressions(),
            Field("names", "Class names", "In the order of their numbers, with commas between them.",
                  when=("htype", _NAMED)),
        )  # fmt: skip
        table = Table(("Tensor", "Kind", "Compression"), rows, "No tensors yet: add one below.")
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
            wrong = self._added(name, values)
            if wrong or action == "add":
                return Outcome(f"{name} is on the list." if not wrong else "", is_good=not wrong, problems=wrong)
        if not self._tensors:
            return Outcome("A dataset has a tensor at least.", is_good=False, problems={"tensor": "fill this in"})
        made = self._whole()
        self._made(made)
        return Outcome(f"Made {made.path} with {', '.join(self._tensors)}.", is_done=True, copies=self.code())

    def _whole(self) -> Dataset:
        """The dataset with all of its tensors; if one cannot be made, there is nothing again."""
        made = self._session.empty(self._url)
        try:
            with made:
                for tensor, declared in self._tensors.items():
                    made.create_tensor(tensor, **declared.arguments())
        except BaseException as error:
            made.abandon()
            try:
                self._session.delete(self._url, force=True)
            except LakeError as problem:
                raise StorageError(
                    f"{error}; a part of {made.path} was made, and could not be removed ({problem}): remove it with "
                    f"deeplake_nb.delete({made.path!r}, force=True)"
                ) from error
            raise
        return made

    def code(self) -> str:
        """The same in Python."""
        lines = [f"ds = deeplake_nb.empty({self._url!r})"]
        for name, tensor in self._tensors.items():
            given = "".join(f", {argument}={value!r}" for argument, value in tensor.arguments().items())
            lines.append(f"ds.create_tensor({name!r}{given})")
        return "\n".join(lines)

    def close(self) -> None:
        """Nothing is under way."""

    def _added(self, name: str, values: Values) -> dict[str, str]:
        if not name or not all(part.isidentifier() for part in name.split("/")):
            return {"tensor": _NAME}
        if name in self._tensors:
            return {"tensor": "it is on the list already"}
        htype = text_of(values, "htype", "image")
        known = _HTYPES[htype]
        named = text_of(values, "names") if htype in _NAMED else ""
        names = tuple(filter(None, (one.strip() for one in named.split(","))))
        if len(set(names)) < len(names):
            return {"names": "each name once"}
        self._tensors[name] = _Tensor(htype, text_of(values, _field_of(known), known[0]), names)
        return {}


def _compressions() -> list[Field]:
    """One question for each set of answers; a kind with one answer only is not asked for it."""
    return [
        Field(_field_of(known), "Compression", "Of each sample.", "choice", options=options_of(known), value=known[0],
              when=("htype", tuple(htype for htype, has in _HTYPES.items() if has == known)))
        for known in dict.fromkeys(_HTYPES.values()) if len(known) > 1
    ]  # fmt: skip


def _field_of(known: tuple[str, ...]) -> str:
    return f"compression-{'-'.join(one for one in known if one != _NO)}"
