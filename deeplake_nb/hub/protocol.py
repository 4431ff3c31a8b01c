"""What a hub can do, and the records it answers with: one protocol, served in this process or by a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence  # noqa: TC003 - records are read from JSON by their types
from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003 - likewise
from typing import Any, Generic, Literal, Protocol, TypeVar, runtime_checkable

from deeplake_nb.diagnosis.report import Line  # noqa: TC001 - likewise

T = TypeVar("T")

Role = Literal["reader", "writer", "admin"]
"""What a member may do in an organisation: read its datasets; also write, create and connect; also keys and people."""

Mode = Literal["r", "a", "w"]
"""What credentials are for: reading; also adding objects; also replacing and deleting."""

KeyKind = Literal[
    "aws-keys",
    "aws-role",
    "azure-key",
    "azure-sas",
    "azure-principal",
    "gcs-account",
    "gcs-impersonation",
    "http-token",
]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is asking, and the role in each organisation; ``is_administrator`` may make organisations and people."""

    name: str
    orgs: Mapping[str, Role]
    is_administrator: bool = False


@dataclass(frozen=True, slots=True)
class DatasetEntry:
    """One dataset by name.

    Attributes:
        url: where it lies, without credentials.
        creds_key: the managed key that opens it; None where none is needed.
        is_connected: it was there before it had a name, so that deleting the name leaves the data alone.
    """

    org: str
    name: str
    url: str
    creds_key: str | None
    is_public: bool
    is_connected: bool
    created_by: str
    created_at: datetime

    @property
    def path(self) -> str:
        """``hub://org/name``."""
        return f"hub://{self.org}/{self.name}"


@dataclass(frozen=True, slots=True)
class Resolved:
    """A name as a place that can be opened.

    Attributes:
        org: of the dataset, under its present name.
        name: the present one, also where an old one was asked for.
        url: where it lies.
        creds: as ``creds=`` takes them for that storage, secrets sealed; empty where none are needed.
        mode: what they allow: what was asked for, or less where no mode was asked for.
        expires_at: when they end; a little before they really do. None: they don't.
        presigned: objects are reached one by one through ``Hub.presign``, as the storage lends no keys.
        is_new: no dataset of this name is known yet: this is where it will lie.
    """

    org: str
    name: str
    url: str
    creds: Mapping[str, Any] = field(repr=False)
    mode: Mode
    expires_at: datetime | None = None
    presigned: bool = False
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Lent:
    """Credentials of a managed key, for links and places without a name.

    Attributes:
        creds: as ``creds=`` takes them, secrets sealed.
        expires_at: when they end; a little before they really do. None: they don't.
        prefixes: urls below which the key may be used; its holder sends it nowhere else. None: anywhere its kind
            can reach.
    """

    creds: Mapping[str, Any] = field(repr=False)
    expires_at: datetime | None = None
    prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trial:
    """How a managed key did when it was last tried.

    Attributes:
        said: one sentence.
        steps: found, parsed, reached, clock, signed, identity, list, read, write, expiry, as far as it went, each with
            what to do about it if it failed. No secret is in them.
    """

    at: datetime
    is_good: bool
    said: str
    steps: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class ManagedKey:
    """One managed key, without its secrets.

    Attributes:
        shown: its fields that are no secret, and the last four characters of those that are.
        prefixes: urls below which it may be used; none: anywhere its kind can reach.
        lends_itself: where a storage lends no short-lived keys, hand out the key itself instead of presigned requests;
            to members, readers too, and never to others who read a public dataset.
        used_by: paths of the datasets it opens, and ``"default storage"``.
        overlaps_until: after a rotation, when the key before it stops being accepted.
    """

    org: str
    name: str
    kind: KeyKind
    shown: Mapping[str, str]
    prefixes: tuple[str, ...]
    lends_itself: bool
    used_by: tuple[str, ...]
    trial: Trial | None
    expires_at: datetime | None
    created_by: str
    created_at: datetime
    rotated_at: datetime | None
    overlaps_until: datetime | None


@dataclass(frozen=True, slots=True)
class Storage:
    """Where new datasets of an organisation go; ``creds_key`` None for a folder of the hub's own."""

    url: str
    creds_key: str | None


@dataclass(frozen=True, slots=True)
class Token:
    """An API token, without itself: ``tail`` are its last four characters."""

    id: str
    label: str
    tail: str
    scope: Role
    org: str | None
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that was done, or refused.

    Attributes:
        who: the user; empty: nobody that the hub knows.
        digest: covers the entry and the digest before it: none can be taken out unseen.
        refused: why it was refused; empty: it was done.
    """

    number: int
    at: datetime
    who: str
    action: str
    org: str
    subject: str
    prefix: str
    mode: str
    digest: str = ""
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of many, in order; ``after`` asks for the next ones, and is None at the end."""

    entries: tuple[T, ...]
    after: str | None = None


@runtime_checkable
class Hub(Protocol):
    """A hub as one user sees it. Thread-safe.

    Every method raises:
        HubError: the hub cannot be reached, or failed.
        HubTokenError: it refused the token.
        HubNotFoundError: no such organisation, user or token that the user may see.
        HubConflictError: the name of an organisation, user or key is taken, or an organisation's last admin would go.
        PermissionDeniedError: the user's role does not allow it. What a user may not see is not found instead.
        UrlError: names that cannot be: letters, digits, ``_``, ``-`` and ``.``, not ``.`` first; not ``queries``.
    """

    @property
    def url(self) -> str:
        """Where the hub is: its address, or ``"embedded"``."""

    def whoami(self) -> Identity:
        """The user behind the token."""

    # ------------------------------------------------------------------ datasets

    def resolve(
        self, org: str, name: str, mode: Mode | None = None, *, fresh: bool = False, anew: bool = False
    ) -> Resolved:
        """Where a dataset lies (or will lie), with credentials scoped to it; ``fresh`` passes over kept ones.

        Without ``mode`` the most that the user may have. A new place is remembered until ``create`` (an hour, with
        mode ``a`` or ``w``). ``anew`` asks for a new dataset: a name that another one had before does not mean that.

        Raises:
            DatasetNotFoundError: none that the user may see, and none that the user may make.
            CredentialsError: the managed key of the place is refused, or lends nothing for it.
        """

    def create(self, org: str, name: str, *, is_public: bool = False) -> DatasetEntry:
        """Enter a dataset at the place ``resolve`` gave; the same again changes nothing, nor does a former name."""

    def connect(self, url: str, org: str, name: str | None = None, creds_key: str | None = None) -> DatasetEntry:
        """Give a dataset that lies at ``url`` a name (the last part of the url, unless one is given).

        Raises:
            DatasetExistsError: the name is taken by another dataset.
            MissingCredentialsError: no managed key of that name.
            CredentialsError: the key may not be used there.
        """

    def dataset(self, org: str, name: str) -> DatasetEntry:
        """One dataset, also by a name it had before.

        Raises:
            DatasetNotFoundError: none that the user may see.
        """

    def datasets(self, org: str, *, after: str | None = None, limit: int = 100) -> Page[DatasetEntry]:
        """Datasets of an organisation by name, those the user may see; constant cost per page (of 1,000 at most)."""

    def rename(self, org: str, name: str, new_name: str) -> DatasetEntry:
        """Another name; the old one goes on meaning the dataset until it is used for a new one. Moves no data."""

    def set_public(self, org: str, name: str, is_public: bool) -> DatasetEntry:
        """Let everybody with a token read it, or members only."""

    def delete(self, org: str, name: str) -> None:
        """Forget a name. The data is the caller's to remove, before."""

    def presign(self, org: str, name: str, method: str, key: str, *, ttl_seconds: int = 3600) -> str:
        """A url that allows one request (``GET``, ``PUT``, ``HEAD``, ``DELETE``, or ``LIST``) for one object.

        It is good for an hour at most.
        """

    # ------------------------------------------------------------------ organisations and people

    def orgs(self) -> tuple[str, ...]:
        """Organisations the user belongs to."""

    def create_org(self, org: str) -> None:
        """Make an organisation with the caller as its first admin."""

    def users(self) -> tuple[str, ...]:
        """Everybody the hub knows; administrators only."""

    def create_user(self, user: str, *, is_administrator: bool = False) -> tuple[str, Token]:
        """Make a user, with a first token to hand over; administrators only. Its text is shown this once."""

    def delete_user(self, user: str) -> None:
        """Forget a user with all memberships and tokens; administrators only, and not themselves."""

    def members(self, org: str) -> Mapping[str, Role]:
        """Users of an organisation with their roles."""

    def set_member(self, org: str, user: str, role: Role | None) -> None:
        """Give a user a role; None takes it away. An organisation keeps at least one admin."""

    def default_storage(self, org: str) -> Storage:
        """Where new datasets of the organisation go."""

    def set_default_storage(self, org: str, url: str | None, creds_key: str | None = None) -> Storage:
        """Send new datasets below ``url`` from now on (None: the hub's own folder). Those there stay where they are.

        Raises:
            MissingCredentialsError: no managed key of that name.
            CredentialsError: the key may not be used there.
            DatasetExistsError: ``url`` is in a dataset.
        """

    # ------------------------------------------------------------------ managed keys

    def keys(self, org: str) -> Sequence[ManagedKey]:
        """Managed keys of an organisation."""

    def add_key(
        self,
        org: str,
        name: str,
        kind: KeyKind,
        fields: Mapping[str, Any],
        *,
        prefixes: Sequence[str] = (),
        lends_itself: bool = False,
    ) -> ManagedKey:
        """Keep a key, encrypted.

        ``fields`` are the lowercase keys that ``creds=`` takes for that storage, and what the kind needs besides
        (``role_arn``; ``service_account``; ``token``). The hub makes the external id of a role itself.

        Raises:
            CredentialsError: an unknown, missing or malformed field; names it.
        """

    def rotate_key(self, org: str, name: str, fields: Mapping[str, Any], *, overlap_seconds: int = 0) -> ManagedKey:
        """New secrets under the old name; what was lent before stays valid until it expires or the overlap ends."""

    def rename_key(self, org: str, name: str, new_name: str) -> ManagedKey:
        """Another name; datasets and links that name the old one go on working."""

    def delete_key(self, org: str, name: str, *, force: bool = False) -> None:
        """Forget a key.

        Raises:
            CredentialsError: something uses it (``ManagedKey.used_by``), and not ``force``.
        """

    def try_key(self, org: str, name: str, url: str | None = None) -> Trial:
        """Try a key out below ``url`` (its first prefix), from where the hub is; the outcome is remembered."""

    def lend(self, org: str, name: str, *, url: str | None = None, mode: Mode = "r", fresh: bool = False) -> Lent:
        """Credentials of a managed key: for reading linked files below its prefixes, or for ``url`` only.

        Raises:
            MissingCredentialsError: no such key that the user may use.
            CredentialsError: the key may not be used at ``url``, or its storage lends no keys.
        """

    def presign_link(self, org: str, name: str, url: str, *, ttl_seconds: int = 3600) -> str:
        """A url that allows one GET of a linked file, by a managed key whose storage lends none.

        Raises:
            MissingCredentialsError: no such key that the user may use.
            CredentialsError: the key may not be used at ``url``.
            UnsupportedError: its storage cannot narrow such a request.
        """

    def provisioning(self, org: str, name: str) -> str:
        """What the owner of the cloud must run once, so that the hub may use this role-based key; ready to paste."""

    # ------------------------------------------------------------------ tokens and the record of what was done

    def create_token(
        self,
        label: str,
        *,
        scope: Role = "writer",
        org: str | None = None,
        ttl_seconds: int | None = None,
        as_jwt: bool = False,
    ) -> tuple[str, Token]:
        """A new API token of the user; the text is shown this once and kept only as a keyed hash.

        ``scope`` and ``org`` narrow what it may do, never beyond the token that asks, which it does not outlive.
        ``as_jwt`` gives the form that the original client reads; it ends after a year unless ``ttl_seconds`` says
        otherwise.
        """

    def tokens(self) -> Sequence[Token]:
        """The user's tokens."""

    def revoke_token(self, token_id: str) -> None:
        """Refuse a token from now on."""

    def audit(self, org: str, *, after: int = 0, limit: int = 1000) -> Sequence[AuditEntry]:
        """What was done or refused in an organisation, oldest first; ``""``: in the hub itself, for administrators."""
