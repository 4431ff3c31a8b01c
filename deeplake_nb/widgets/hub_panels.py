"""Forms for a hub: give a dataset a name there, and say where new datasets of an organisation go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deeplake_nb.errors import CredentialsError, LakeError, UrlError
from deeplake_nb.session.names import org_and_name
from deeplake_nb.urls import DiscreetText, parse
from deeplake_nb.widgets.fields import Action, Choice, Content, Field, Outcome, place, text_of
from deeplake_nb.widgets.key_panel import KeyPanel, administered
from deeplake_nb.widgets.key_table import keys
from deeplake_nb.widgets.typed_key import tried

if TYPE_CHECKING:
    from deeplake_nb.session import Session
    from deeplake_nb.widgets.fields import Values

_NEW = "+"
_STORES = ("s3", "azure", "gcs", "file")


def _key_field(session: Session, label: str, preset: str) -> Field:
    """The managed keys one may choose from, no key at all, or a new one made here."""
    known = [row.managed for row in keys(session) if row.managed is not None]
    named = [(f"{key.org}/{key.name}", f"{key.name} of {key.org}") for key in known]
    options = (("-", "none: it opens without"), *named, (_NEW, "a new one, made here"))
    value = preset if preset in dict(options) else "-"
    return Field("key", label, "The managed key that opens the storage for others.", "choice",
                 options=options, value=value)  # fmt: skip


def _key_of(values: Values, org: str) -> str | None:
    """The name of the chosen key.

    Raises:
        CredentialsError: it is another organisation's.
    """
    chosen = text_of(values, "key", "-")
    if chosen == "-":
        return None
    owner, _, name = chosen.partition("/")
    if owner != org:
        raise CredentialsError(f"the key {name!r} is {owner}'s, and {org} cannot use it: make one for {org} here")
    return name


def _destination(text: str) -> object:
    try:
        return org_and_name(parse(text))
    except UrlError as error:
        raise ValueError(str(error)) from None


class ConnectPanel:
    """The wizard of ``%lake connect``: which dataset, under which name, by which key; tested, then connected.

    Args:
        session: whose hub.
        dataset: where it lies, if that is known.
        dest: ``hub://org/name``, if that is known.
    """

    def __init__(self, session: Session, dataset: str = "", dest: str = "") -> None:
        self._session = session
        self._preset = {"dataset": dataset, "dest": dest, "key": "-"}
        self._said = ""

    def content(self) -> Content:
        """Three questions."""
        fields = (
            Field("dataset", "Dataset", "Where it lies, as s3://bucket/cars.", is_required=True,
                  value=self._preset["dataset"], read=place(*_STORES)),
            Field("dest", "Name", "As hub://organisation/name; it opens by that from then on.", is_required=True,
                  value=self._preset["dest"], read=_destination),
            _key_field(self._session, "Key", self._preset["key"]),
        )  # fmt: skip
        actions = (Action("test", "Test"), Action("connect", "Connect", is_main=True))
        return Content("Connect a dataset", (Choice("connect", "", fields),), actions, self._said)

    def act(self, action: str, choice: str, values: Values) -> Outcome:
        """Test the key at the dataset's place, or connect; a key that is to be made is asked for first.

        Raises:
            LakeError: it cannot be connected; it got no name.
        """
        del choice
        dataset, dest = text_of(values, "dataset"), text_of(values, "dest")
        org, _ = org_and_name(parse(dest))
        self._preset = {"dataset": dataset, "dest": dest, "key": text_of(values, "key", "-")}
        if self._preset["key"] == _NEW:
            return Outcome(opens=KeyPanel(self._session, dataset, org=org, saved=lambda name: self._made(org, name)))
        key = _key_of(values, org)
        if action == "test":
            return self._tested(org, key, dataset)
        made = self._session.connect(dataset, key, dest_path=dest)
        return Outcome(f"{parse(dataset)} is called {made.path} now.", is_done=True, copies=made.path)

    def close(self) -> None:
        """Nothing is under way."""

    def _made(self, org: str, name: str | None) -> str:
        self._preset["key"] = f"{org}/{name}"
        return "Choose Connect to go on."

    def _tested(self, org: str, key: str | None, dataset: str) -> Outcome:
        if key is not None:
            return tried(self._session, org, key, DiscreetText(dataset))
        try:
            is_there = self._session.exists(dataset)
        except LakeError as error:
            return Outcome(str(error), is_good=False)
        said = "There is a dataset, and it opens here." if is_there else f"There is no dataset at {parse(dataset)}."
        return Outcome(said, is_good=is_there)


class StoragePanel:
    """Where new datasets of an organisation go."""

    def __init__(self, session: Session, org: str = "") -> None:
        self._session = session
        self._org = org
        self._preset: dict[str, str] = {}

    def content(self) -> Content:
        """The organisation, the folder and the key."""
        orgs = (self._org,) if self._org else administered(self._session)
        org = self._preset.get("org", orgs[0] if orgs else "")
        fields = (
            Field("org", "Organisation", kind="choice", options=tuple((one, one) for one in orgs), value=org),
            Field("url", "Folder", "As s3://bucket/folder. Left empty: the hub's own folder.",
                  value=self._preset.get("url", ""), read=place(*_STORES)),
            _key_field(self._session, "Key", self._preset.get("key", "-")),
        )  # fmt: skip
        intro = "\n".join(f"{one}: {self._now(one)}." for one in orgs[:5])
        actions = (Action("save", "Save", is_main=True),)
        return Content("Default storage", (Choice("storage", "", fields),), actions, intro)

    def act(self, action: str, choice: str, values: Values) -> Outcome:
        """Set it; what is there stays where it is.

        Raises:
            LakeError: it cannot be used; what was in force stays so.
        """
        del action, choice
        org, url = text_of(values, "org", self._org), text_of(values, "url")
        self._preset = {"org": org, "url": url, "key": text_of(values, "key", "-")}
        if self._preset["key"] == _NEW:
            if not url:
                return Outcome("Say for which folder the key is.", is_good=False, problems={"url": "fill this in"})
            return Outcome(opens=KeyPanel(self._session, url, org=org, saved=lambda name: self._made(org, name)))
        self._session.hub().set_default_storage(org, url or None, _key_of(values, org))
        return Outcome(f"New datasets of {org} go to: {self._now(org)}.", is_done=True)

    def close(self) -> None:
        """Nothing is under way."""

    def _made(self, org: str, name: str | None) -> str:
        self._preset["key"] = f"{org}/{name}"
        return "Choose Save to go on."

    def _now(self, org: str) -> str:
        try:
            storage = self._session.hub().default_storage(org)
        except LakeError:  # an organisation of one's own hub that is yet to come into being
            return "the hub's own folder"
        by = f", by the key {storage.creds_key}" if storage.creds_key else ""
        return f"{parse(storage.url)}{by}"
