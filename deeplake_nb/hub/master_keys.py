"""Where the hub's master keys come from: the environment, the system's keyring, or a file that only its owner reads."""

from __future__ import annotations

import base64
import contextlib
import os
import re
import secrets
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import HubError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

VARIABLE = "DEEPLAKE_NB_HUB_KEYS"
_SERVICE, _ENTRY = "deeplake_nb hub", "master keys"
_NBYTES = 32
_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
# Backends of `keyring` that ask the system. Others keep plain text (keyrings.alt), nothing (null), or fail.
_REAL = frozenset(f"keyring.backends.{name}" for name in ("macOS", "Windows", "SecretService", "kwallet", "libsecret"))


@dataclass(frozen=True, slots=True)
class MasterKey:
    """One master key: 32 bytes, kept as base64 text."""

    id: str
    secret: Secret

    def key(self) -> bytes:
        """The bytes, for the one call that needs them."""
        return base64.b64decode(self.secret.reveal())


def fresh() -> MasterKey:
    """A new random key; its id says when nothing, only which."""
    return MasterKey(secrets.token_hex(4), Secret(base64.b64encode(os.urandom(_NBYTES)).decode()))


def read(text: Secret, source: str) -> tuple[MasterKey, ...]:
    """Keys as they are written: ``id:base64``, the newest first, with commas or white space between.

    Raises:
        HubError: one of them cannot be read; it is not shown.
    """
    keys: dict[str, MasterKey] = {}
    for number, entry in enumerate(re.split(r"[,\s]+", text.reveal().strip()), start=1):
        name, _, key = entry.partition(":")
        if not _ID.fullmatch(name) or not _is_key(key) or name in keys:
            reason = f"key {number} of {source} cannot be read: expected id:base64 of {_NBYTES} bytes, each id once"
            del text, entry, name, key, keys
            raise HubError(f"{reason}; `deeplake-nb hub keys new` makes one")
        keys[name] = MasterKey(name, Secret(key))
    return tuple(keys.values())


def written(keys: tuple[MasterKey, ...]) -> Secret:
    """Keys as text, for `read`."""
    return Secret("\n".join(f"{key.id}:{key.secret.reveal()}" for key in keys))


def _is_key(text: str) -> bool:
    with contextlib.suppress(ValueError):
        return len(base64.b64decode(text, validate=True)) == _NBYTES
    return False


def from_environ(environ: Mapping[str, str]) -> tuple[MasterKey, ...]:
    """Keys in ``DEEPLAKE_NB_HUB_KEYS``."""
    text = Secret(environ.get(VARIABLE, ""))
    return read(text, VARIABLE) if text.reveal().strip() else ()


def from_file(path: Path) -> tuple[MasterKey, ...]:
    """Keys in a file; none if it is not there.

    Raises:
        HubError: others may read the file, or what it holds are no keys.
    """
    try:
        with path.open() as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if os.name == "posix" and mode & 0o077:
                raise HubError(f"the key file {path} may be read by others (mode {mode:04o}): run `chmod 600 {path}`")
            return read(Secret(file.read()), str(path))
    except FileNotFoundError:
        return ()
    except OSError as error:
        if isinstance(error, HubError):
            raise
        raise HubError(f"the key file {path} cannot be read: {error.strerror}") from error


def make_file(path: Path) -> tuple[MasterKey, ...]:
    """The keys in the file; a new one where it is not there yet, also if several processes come at once."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(written((fresh(),)).reveal() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)  # complete from the first moment, and never over another one
    finally:
        draft.unlink()
    return from_file(path)


def system_keyring() -> Any | None:
    """The backend of ``keyring`` that the system itself provides; None where there is none."""
    import keyring
    from keyring.errors import KeyringError

    try:
        chosen = keyring.get_keyring()
    except (KeyringError, RuntimeError, OSError):
        return None
    for backend in [*getattr(chosen, "backends", ()), chosen]:  # a chain asks several
        if is_real(backend):
            return backend
    return None


def is_real(backend: object) -> bool:
    """Whether a keyring's backend keeps secrets where the system protects them."""
    return type(backend).__module__ in _REAL


def from_keyring(backend: Any | None, *, makes: bool = False) -> tuple[MasterKey, ...]:
    """Keys in the system's keyring; ``makes`` puts one there if it has none.

    Raises:
        HubError: the keyring is locked or failed.
    """
    if backend is None:
        return ()
    from keyring.errors import KeyringError

    try:
        text = backend.get_password(_SERVICE, _ENTRY)
        if text is None and makes:
            backend.set_password(_SERVICE, _ENTRY, written((fresh(),)).reveal())
            text = backend.get_password(_SERVICE, _ENTRY)  # another process may have been quicker
    except KeyringError as error:
        reason = type(error).__name__
    else:
        return read(Secret(text), "the system's keyring") if text else ()
    raise HubError(f"the system's keyring gave no key ({reason}): unlock it, or set {VARIABLE}")


def master_keys(environ: Mapping[str, str], path: Path | None, *, makes: bool = False) -> tuple[MasterKey, ...]:
    """All keys there are: of the environment, the keyring, the file; the first one seals.

    Args:
        environ: usually ``os.environ``.
        path: the key file.
        makes: where there is none at all, make one: in the keyring if the system has one, else in the file.

    Raises:
        HubError: no key anywhere, or one that cannot be read.
    """
    backend = system_keyring() if VARIABLE not in environ else None  # a server asks no desktop
    found = (*from_environ(environ), *from_keyring(backend), *(from_file(path) if path is not None else ()))
    if not found and makes:
        found = from_keyring(backend, makes=True) or (make_file(path) if path is not None else ())
    if not found:
        raise HubError(
            f"the hub has no master key: set {VARIABLE}=id:base64, or give it a key file of mode 0600;"
            " `deeplake-nb hub keys new` makes one"
        )
    return found
