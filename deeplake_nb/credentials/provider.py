"""Secrets, the declaration of a credential field, and the two simplest sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, Literal, NoReturn, Protocol, TypeVar

from deeplake_nb.errors import CredentialsError, PartialCredentialsError, UrlError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from deeplake_nb.credentials.azure import AzureCredentials
    from deeplake_nb.credentials.gcs import GcsCredentials
    from deeplake_nb.credentials.http import HttpCredentials
    from deeplake_nb.credentials.s3 import S3Credentials

    Credentials: TypeAlias = AzureCredentials | GcsCredentials | HttpCredentials | S3Credentials  # one row per cloud

C = TypeVar("C", bound="Credentials")


class Secret:
    """Text that is never shown: ``***`` to ``repr``, ``str`` and ``format``, and no pickle takes it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one call that needs it; keep it in no variable that outlives that call."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        import hmac  # with the libraries behind it, 5 ms

        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise CredentialsError("a secret cannot be pickled or copied: give each process its own credentials")


class Environment(Mapping[str, str]):
    """Environment variables, read when asked for; ``repr`` shows none, and so no traceback with locals does."""

    __slots__ = ("_variables",)

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def __getitem__(self, name: str) -> str:
        return self._variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)

    def __repr__(self) -> str:
        return f"Environment({len(self)} variables)"


@dataclass(frozen=True, slots=True)
class Declaration:
    """What is known of one field of a credentials class.

    Attributes:
        label: for a form.
        help: one sentence, for a form and a table.
        env: environment variables that hold it, the first that is set wins.
        secret: keep it in a `Secret`.
        role: ``required`` fields come all together, ``optional`` ones only with them; a ``setting`` stands alone.
        aliases: other names it may be given by.
        read: text to value; raises ValueError.
    """

    label: str
    help: str
    env: tuple[str, ...]
    secret: bool
    role: Literal["required", "optional", "setting"]
    aliases: tuple[str, ...]
    read: Callable[[str], Any]


def credential(
    *,
    label: str,
    help: str,  # noqa: A002
    env: tuple[str, ...] = (),
    secret: bool = False,
    role: Literal["required", "optional", "setting"] = "required",
    aliases: tuple[str, ...] = (),
    read: Callable[[str], Any] = str,
) -> Any:
    """A dataclass field, declared once for the environment, ``creds=``, forms, ``repr`` and the README."""
    declaration = Declaration(label, help, env, secret, role, aliases, Secret if secret else read)
    if role == "required":
        return field(metadata={"credential": declaration})
    return field(default=None, metadata={"credential": declaration})


def declarations(kind: type[C]) -> dict[str, Declaration]:
    """Field name to declaration, in order; fields that are not declared with `credential` are left out."""
    return {f.name: f.metadata["credential"] for f in fields(kind) if "credential" in f.metadata}


class Word(str):
    """Text given as ``creds=``: a word, a path or, by mistake, a key; ``repr`` hides it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "***"


def sealed(creds: Any) -> Any:
    """A ``creds=`` dictionary with its texts as `Secret`, so that no frame of a traceback shows them.

    A dictionary may come as JSON text; other text is a `Word` then, and anything else passes as it is. Callers that
    hold what a user gave rebind their variable to this at once. It never raises, as their frames still hold the text.
    """
    if creds is None:
        return None
    if isinstance(creds, str):
        creds = _json_object(creds) or Word(creds)
    return _sealed_parts(creds) if isinstance(creds, Mapping) else creds


def _sealed_parts(value: Any) -> Any:
    if isinstance(value, str):
        return Secret(value)
    if isinstance(value, bytes):
        return Secret(value.decode(errors="replace"))
    if isinstance(value, Mapping):
        return {key: _sealed_parts(part) for key, part in value.items()}
    return [_sealed_parts(part) for part in value] if isinstance(value, list | tuple) else value


def _json_object(text: str) -> Any:
    """The object that the text is in JSON; ``None`` if it is none."""
    if not text.lstrip().startswith("{"):
        return None
    import json

    try:
        return json.loads(text)
    except ValueError:
        return None


def given(kind: type[C], creds: Mapping[str, object]) -> dict[str, Any]:
    """What a ``creds=`` dictionary holds, by field name; ``None`` and empty text count as not given.

    Values are text, or text as bytes; a time may be a ``datetime`` too.

    Raises:
        CredentialsError: an unknown key, or a value that is no text or cannot be read.
    """
    known = declarations(kind)
    names = {name: name for name in known} | {alias: name for name, d in known.items() for alias in d.aliases}
    values: dict[str, Any] = {}
    for key, value in sealed(creds).items():
        if key not in names:
            hint = did_you_mean(str(key).lower(), names)
            raise CredentialsError(f"creds has no key {key!r}{hint}; known: {', '.join(known)}")
        if isinstance(value, datetime):
            value = Secret(value.isoformat())  # noqa: PLW2901
        if value is not None and not isinstance(value, Secret):
            raise CredentialsError(f"creds[{key!r}] must be text, not {type(value).__name__}")
        if value is not None and value.reveal().strip():
            values[names[key]] = _read(known[names[key]], value, f"creds[{key!r}]")
    return values


def from_environ(kind: type[C], environ: Mapping[str, str]) -> dict[str, Any]:
    """What the environment holds, by field name; an empty variable counts as not set.

    Raises:
        CredentialsError: a value cannot be read.
    """
    values: dict[str, Any] = {}
    for name, declaration in declarations(kind).items():
        for variable in declaration.env:
            if environ.get(variable, "").strip():
                values[name] = _read(declaration, Secret(environ[variable]), variable)
                break
    return values


def _read(declaration: Declaration, text: Secret, where: str) -> Any:
    try:
        return declaration.read(text.reveal().strip())
    except ValueError as error:
        reason = str(error)
    raise CredentialsError(f"{where} cannot be read: {reason}")  # out here it drags no frame with the text along


def is_complete(kind: type[C], values: Mapping[str, object], source: str) -> bool:
    """Whether the values identify somebody.

    Raises:
        PartialCredentialsError: some of the set are there and some are not.
    """
    by_role = {name: d.role for name, d in declarations(kind).items()}
    required = [name for name, role in by_role.items() if role == "required"]
    missing = [name for name in required if name not in values]
    there = [name for name in values if by_role.get(name) in ("required", "optional")]
    if missing and there:
        raise PartialCredentialsError(
            f"{source} has {', '.join(there)} but not {', '.join(missing)}: give all of {', '.join(required)}, or none"
        )
    return not missing


def read_endpoint(text: str) -> str:
    """Text that is an http(s) address without a user; anything else raises ValueError."""
    from deeplake_nb.urls import parse

    try:
        url = parse(text)
    except UrlError as error:
        raise ValueError(str(error)) from None
    if not url.scheme.startswith("http") or "@" in url.authority:
        raise ValueError("expected http://host:port or https://host, without a user")
    return text


def read_time(text: str) -> datetime:
    """ISO text as an aware time, UTC where it names no zone; anything else raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def read_yes(text: str) -> bool:
    """True for ``yes``, ``true`` and ``1``; anything else raises ValueError."""
    if text.lower() not in {"yes", "true", "1"}:
        raise ValueError("expected 'yes', or leave it out")
    return True


class CredentialProvider(Protocol):
    """A source of credentials. Storage calls it for every request, so an answer must cost microseconds once known."""

    @property
    def name(self) -> str:
        """What it is called in messages: ``environment``."""
        ...

    @property
    def absent(self) -> str:
        """Why it has none, when it has none: ``AWS_ACCESS_KEY_ID unset``."""
        ...

    def __call__(self) -> Credentials | None:
        """The credentials in force now, or ``None`` if this source has none.

        Raises:
            CredentialsError: the source has something that cannot be used; that is no miss.
        """
        ...


class Static(Generic[C]):
    """What the caller gave."""

    absent = "none given"

    def __init__(self, kind: type[C], values: Mapping[str, Any], name: str = "argument") -> None:
        self.name = name
        self._found = kind(**values, source=name) if is_complete(kind, values, name) else None

    def __call__(self) -> C | None:
        """The same value each time."""
        return self._found


class Env(Generic[C]):
    """What the environment holds at the time of asking."""

    name = "environment"

    def __init__(self, kind: type[C], environ: Mapping[str, str]) -> None:
        self._kind = kind
        self._environ = environ
        variables = [d.env[0] for d in declarations(kind).values() if d.role == "required" and d.env]
        self.absent = f"{', '.join(variables)} unset"

    def __call__(self) -> C | None:
        """A value if the variables are set."""
        values = from_environ(self._kind, self._environ)
        return self._kind(**values, source=self.name) if is_complete(self._kind, values, "the environment") else None


def without_frames(error: BaseException) -> BaseException:
    """An SDK's error as a cause, without what holds secrets: local variables of its frames, and answers."""
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        current = pending.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        current.__traceback__ = None
        pending += [current.__cause__, current.__context__]
        if isinstance(answer := getattr(current, "response", None), dict) and "Error" in answer:
            answer["Error"] = {name: answer["Error"].get(name, "") for name in ("Code", "Message")}
        if type(current).__name__ == "ResponseParserError":  # botocore's has the whole answer in its text
            current.args = ("the answer is not what it should be",)
    return error
