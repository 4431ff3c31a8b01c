"""The verbs of ``%lake``, as a table of frozen commands. Pure.

A verb is a class of ``VERBS``. Its fields are declared once and read by the grammar, the manual and the completion; its
docstring is its help. Adding one is such a class, a row of ``VERBS``, and the function in ``lake.py`` that runs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from deeplake_nb.magics.command import Call, Command, argument


@dataclass(frozen=True, slots=True)
class Load(Call):
    """Open a dataset and show it; with a NAME, also bind it to that variable."""

    example: ClassVar[str] = "load s3://bucket/photos as photos"

    url: str = argument("URL", "a folder, s3://bucket/prefix or mem://name; quotes go around spaces", "url")
    name: str | None = argument(
        "NAME",
        "the variable to bind; a ; at the end of the line then shows nothing",
        "variable",
        "as",
        "--as",
        default=None,
    )
    branch: str | None = argument(
        "BRANCH", "a branch or commit, not the newest of main", "branch", "--branch", default=None
    )
    read_only: bool = argument("", "refuse every write through this dataset", "nothing", "--read-only", default=False)

    @property
    def address(self) -> str:
        """The url with its version: ``URL@BRANCH``."""
        return self.url if self.branch is None else f"{self.url}@{self.branch}"

    @property
    def python(self) -> str:
        """``NAME = deeplake_nb.load(...)``."""
        call = f"deeplake_nb.load({self.address!r}{', read_only=True' if self.read_only else ''})"
        return call if self.name is None else f"{self.name} = {call}"


@dataclass(frozen=True, slots=True)
class Show(Call):
    """Show a dataset or a part of one, as a gallery."""

    example: ClassVar[str] = "show photos[10:20] --tensor images"

    expression: str = argument("DATASET", "a variable, or an expression such as photos[10:20]", "expression")
    tensor: str | None = argument("TENSOR", "the tensor to open with", "tensor", "--tensor", default=None)

    @property
    def python(self) -> str:
        """``display.show(...)``."""
        tensor = "" if self.tensor is None else f", tensor={self.tensor!r}"
        return f"deeplake_nb.widgets.display.show({self.expression}{tensor})"


@dataclass(frozen=True, slots=True)
class Ls(Call):
    """List what is in a folder, under a prefix or in a hub, one level deep; datasets are marked."""

    example: ClassVar[str] = "ls s3://bucket"

    url: str = argument(
        "URL", "a folder, s3://bucket/prefix, hub://org or hub://; the working folder if left out", "url", default="."
    )

    @property
    def names(self) -> str | None:
        """What of a hub is meant: an organisation, ``""`` for all of them; None for a place or a dataset."""
        scheme, is_url, rest = self.url.partition("://")
        rest = rest.rstrip("/")
        return rest if is_url and scheme.lower() == "hub" and "/" not in rest else None

    @property
    def python(self) -> str:
        """``listing(...)``, or ``named(...)`` for what a hub names."""
        if self.names is not None:
            return f"deeplake_nb.magics.listing.named(deeplake_nb.hub(), {self.names!r})"
        return f"deeplake_nb.magics.listing.listing(deeplake_nb.session.default().storage({self.url!r}))"


@dataclass(frozen=True, slots=True)
class Explain(Call):
    """Say which credentials are in force for a place, and what each source said; the storage is not asked."""

    example: ClassVar[str] = "explain s3://bucket/photos"

    url: str = argument("URL", "s3://bucket/prefix, azure://account/container or gcs://bucket", "url")

    @property
    def python(self) -> str:
        """``deeplake_nb.explain(...)``."""
        return f"deeplake_nb.explain({self.url!r})"


@dataclass(frozen=True, slots=True)
class Doctor(Call):
    """Find out by real calls what works at a place and what does not, and what to do about it."""

    example: ClassVar[str] = "doctor s3://bucket/photos"

    url: str = argument("URL", "a folder or s3://bucket/prefix; one small object is written there, and removed", "url")

    @property
    def python(self) -> str:
        """``deeplake_nb.doctor(...)``."""
        return f"deeplake_nb.doctor({self.url!r})"


@dataclass(frozen=True, slots=True)
class Connect(Call):
    """Give a dataset in your own storage a name in a hub, under which it opens without keys of the cloud.

    Without a NAME it asks for what is needed, in a form.
    """

    example: ClassVar[str] = "connect photos hub://org/photos --key team_bucket"

    dataset: str | None = argument(
        "DATASET", "a variable that holds a dataset, or the path of one", "dataset", default=None
    )
    dest: str | None = argument(
        "NAME", "hub://org/name, or hub://org for the last part of its path", "url", default=None
    )
    key: str | None = argument(
        "KEY", "the name of the managed key that opens its storage", "text", "--key", default=None
    )

    @property
    def arguments_of_call(self) -> dict[str, str]:
        """What ``connect`` is called with."""
        dest = self.dest or ""
        rest = dest.partition("://")[2].rstrip("/")
        where = {"dest_path": dest} if "/" in rest else {"org_id": rest}
        return where if self.key is None else {**where, "creds_key": self.key}

    @property
    def python(self) -> str:
        """``NAME.connect(...)``, or ``deeplake_nb.connect(...)`` for a path."""
        if self.dataset is None or self.dest is None:
            variable = self.dataset is not None and self.dataset.isidentifier()
            path = "" if self.dataset is None else f", {self.dataset}.path" if variable else f", {self.dataset!r}"
            return f"deeplake_nb.widgets.wizards.connect(deeplake_nb.session.default(){path})"
        arguments = [f"{name}={value!r}" for name, value in self.arguments_of_call.items()]
        if self.dataset.isidentifier():
            return f"{self.dataset}.connect({', '.join(arguments)})"
        return f"deeplake_nb.connect({', '.join([repr(self.dataset), *arguments])})"


@dataclass(frozen=True, slots=True)
class Storage(Call):
    """Say in a form where new datasets of an organisation go: a folder of yours, and the key that opens it."""

    example: ClassVar[str] = "storage team"

    org: str | None = argument("ORG", "the organisation; it is asked for if left out", "text", default=None)

    @property
    def python(self) -> str:
        """``storage(...)``."""
        org = "" if self.org is None else f", {self.org!r}"
        return f"deeplake_nb.widgets.wizards.storage(deeplake_nb.session.default(){org})"


@dataclass(frozen=True, slots=True)
class New(Call):
    """Make a dataset in a form: its tensors, their kinds and compressions; with a NAME, also bind it to that."""

    example: ClassVar[str] = "new s3://bucket/photos as photos"

    url: str | None = argument("URL", "where; it is asked for if left out", "url", default=None)
    name: str | None = argument("NAME", "the variable to bind", "variable", "as", "--as", default=None)

    @property
    def python(self) -> str:
        """``new(...)``; its last argument binds the NAME."""
        url = "" if self.url is None else f", {self.url!r}"
        made = "" if self.name is None else f", made=lambda made: globals().update({self.name}=made)"
        return f"deeplake_nb.widgets.wizards.new(deeplake_nb.session.default(){url}{made})"


@dataclass(frozen=True, slots=True)
class LinkFiles(Call):
    """Link files of a bucket into a dataset, in a form: which ones, by which key; seen before they are written."""

    example: ClassVar[str] = "link photos s3://bucket/raw"

    dataset: str = argument("DATASET", "a variable that holds a dataset", "dataset")
    url: str | None = argument("URL", "the folder of the files; it is asked for if left out", "url", default=None)

    @property
    def python(self) -> str:
        """``link(...)``."""
        url = "" if self.url is None else f", {self.url!r}"
        return f"deeplake_nb.widgets.wizards.link(deeplake_nb.session.default(), {self.dataset}{url})"


@dataclass(frozen=True, slots=True)
class Search(Call):
    """Show the rows of a vector store that are nearest to some words, with their scores."""

    example: ClassVar[str] = 'search docs "how to sign in"'

    store: str = argument("STORE", "a variable that holds a VectorStore with an embedding function", "store")
    text: str = argument("WORDS", "what to look for; quotes go around spaces", "text")
    k: str | None = argument("K", "how many rows, 12 if not said", "text", "--k", default=None)
    tensor: str | None = argument(
        "TENSOR", "the embeddings to search in, where a row has several", "text", "--tensor", default=None
    )

    @property
    def python(self) -> str:
        """``search(...)``."""
        k = "" if self.k is None else f", {self.k}"
        tensor = "" if self.tensor is None else f", embedding_tensor={self.tensor!r}"
        return f"deeplake_nb.widgets.search_result.search({self.store}, {self.text!r}{k}{tensor})"


@dataclass(frozen=True, slots=True)
class Cors(Call):
    """Show which web pages may read a bucket, and let those of an origin do so."""

    example: ClassVar[str] = "cors s3://bucket --origin https://lab.example.org --apply"

    url: str = argument("URL", "s3://bucket, gcs://bucket, azure://account/container or hub://org/name", "url")
    origin: str | None = argument(
        "ORIGIN", "whose pages, as https://host; says whether they may, and what would let them", "text", "--origin",
        default=None,
    )  # fmt: skip
    apply: bool = argument("", "let them: add to the rules that are there", "nothing", "--apply", default=False)

    @property
    def python(self) -> str:
        """``cors(...)``."""
        origin = "" if self.origin is None else f", {self.origin!r}"
        apply = ", apply=True" if self.apply else ""
        return f"deeplake_nb.storage.cors.cors(deeplake_nb.session.default().storage({self.url!r}){origin}{apply})"


@dataclass(frozen=True, slots=True)
class Creds(Call):
    """Show the keys there are and what one can do with them; add, test, rotate, rename or delete one, in a form."""

    example: ClassVar[str] = "creds add s3://bucket/photos"
    actions: ClassVar[tuple[str, ...]] = ("add", "test", "rotate", "rename", "delete")

    action: str | None = argument(
        "ACTION", f"one of {', '.join(actions)}; without it, the table of keys", "action", default=None
    )
    key: str | None = argument(
        "KEY", "org/name, or the place of a key of this session; for add: the place", "url", default=None
    )
    org: str | None = argument("ORG", "the organisation whose managed keys are meant", "text", "--org", default=None)

    @property
    def python(self) -> str:
        """``keys(...)``, or what the form of the action is asked with."""
        session = "deeplake_nb.session.default()"
        org = "" if self.org is None else f", org={self.org!r}"
        if self.action is None:
            return f"deeplake_nb.widgets.keys.table({session}{org})"
        if self.action == "add":
            place = "" if self.key is None else f", {self.key!r}"
            return f"deeplake_nb.widgets.keys.add({session}{place}{org})"
        return f"deeplake_nb.widgets.keys.change({session}, {self.action!r}, {self.key!r})"


@dataclass(frozen=True, slots=True)
class SignIn(Call):
    """Sign in to Google in a browser, from here or from another machine; afterwards creds="cache" works everywhere."""

    example: ClassVar[str] = "signin gcs://bucket/photos"

    url: str = argument("URL", "the place that it is for", "url")

    @property
    def python(self) -> str:
        """``sign_in(...)``."""
        return f"deeplake_nb.widgets.keys.sign_in(deeplake_nb.session.default(), {self.url!r})"


@dataclass(frozen=True, slots=True)
class SignOut(Call):
    """Forget the sign-ins to Google that are kept on this machine."""

    example: ClassVar[str] = "signout"

    @property
    def python(self) -> str:
        """``sign_out()``."""
        return "deeplake_nb.session.default().sign_out()"


@dataclass(frozen=True, slots=True)
class Help(Command):
    """Say what %lake can do, or what one verb does."""

    example: ClassVar[str] = "help load"

    verb: str | None = argument("VERB", "the verb to explain", "verb", default=None)


@dataclass(frozen=True, slots=True)
class Why(Command):
    """Print the traceback of the last error, if that was shown in one line."""

    example: ClassVar[str] = "why"


VERBS: dict[str, type[Command]] = {
    "load": Load,
    "show": Show,
    "ls": Ls,
    "explain": Explain,
    "doctor": Doctor,
    "connect": Connect,
    "storage": Storage,
    "new": New,
    "link": LinkFiles,
    "creds": Creds,
    "signin": SignIn,
    "signout": SignOut,
    "search": Search,
    "cors": Cors,
    "help": Help,
    "why": Why,
}


def usage(verb: str) -> str:
    """One line: how the verb is written."""
    rest = (a.written if a.is_required else f"[{a.written}]" for a in VERBS[verb].arguments())
    return " ".join(("%lake", verb, *rest))
