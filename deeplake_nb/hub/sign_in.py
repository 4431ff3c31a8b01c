"""Where the token for a hub server comes from: the environment, or what ``deeplake-nb login`` kept.

It is kept in the system's keyring where there is a real one, else in a file that only its owner may read.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from typing import TYPE_CHECKING, Any

from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import HubTokenError
from deeplake_nb.hub.master_keys import system_keyring

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

VARIABLES = ("DEEPLAKE_NB_TOKEN", "ACTIVELOOP_TOKEN")
_SERVICE = "deeplake_nb token"


def token_for(url: str, environ: Mapping[str, str]) -> Secret:
    """The token for the hub at ``url``: the first source that has one.

    Raises:
        HubTokenError: none has; names them all. Or the file may be read by others.
    """
    for name in VARIABLES:
        if environ.get(name, "").strip():
            return Secret(environ[name].strip())
    kept = kept_token(url, environ)
    if kept is None:
        raise HubTokenError(
            f"no token for the hub at {url}: {' and '.join(VARIABLES)} are unset, and nobody has logged in here: "
            f"run `deeplake-nb login {url}`"
        )
    return kept


def kept_token(url: str, environ: Mapping[str, str], keyring: Callable[[], Any] = system_keyring) -> Secret | None:
    """What ``login`` kept for the hub at ``url``.

    Raises:
        HubTokenError: the file may be read by others, or is none of ours.
    """
    backend = keyring()
    if backend is not None:
        from keyring.errors import KeyringError

        try:
            text = backend.get_password(_SERVICE, url)
        except KeyringError:
            text = None  # locked: the file may have it
        if text:
            return Secret(text)
    return _read(_file(environ)).get(url)


def keep_token(url: str, token: Secret, environ: Mapping[str, str], keyring: Callable[[], Any] = system_keyring) -> str:
    """Keep a token for later sessions, in place of the one before; gives where it is."""
    backend, path = keyring(), _file(environ)
    if backend is not None:
        from keyring.errors import KeyringError

        try:
            backend.set_password(_SERVICE, url, token.reveal())
        except KeyringError:
            pass  # locked, and nobody is there to open it: the file will do
        else:
            _write(path, {other: one for other, one in _read(path).items() if other != url})
            return "the system's keyring"
    _write(path, _read(path) | {url: token})
    return str(path)


def forget_token(url: str, environ: Mapping[str, str], keyring: Callable[[], Any] = system_keyring) -> bool:
    """Forget what was kept for the hub at ``url``; whether there was something.

    Raises:
        HubTokenError: the keyring is locked.
    """
    backend, was_there = keyring(), False
    if backend is not None:
        from keyring.errors import KeyringError

        try:
            was_there = backend.get_password(_SERVICE, url) is not None
            if was_there:
                backend.delete_password(_SERVICE, url)
        except KeyringError as error:
            reason = type(error).__name__
            raise HubTokenError(f"the system's keyring does not let its token go ({reason}): unlock it first") from None
    path = _file(environ)
    kept = _read(path)
    if url in kept:
        _write(path, {other: one for other, one in kept.items() if other != url})
        was_there = True
    return was_there


def _file(environ: Mapping[str, str]) -> Path:
    from deeplake_nb.hub.folders import data_folder

    return data_folder(environ) / "tokens.json"


def _read(path: Path) -> dict[str, Secret]:
    try:
        with path.open(encoding="utf-8") as file:
            if os.name == "posix" and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise HubTokenError(f"{path} may be read by others: run `chmod 600 {path}`, and replace its tokens")
            return {str(url): Secret(str(token)) for url, token in json.load(file).items()}
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError):
        pass
    raise HubTokenError(f"{path} holds no tokens: delete it, and run `deeplake-nb login` again")


def _write(path: Path, tokens: Mapping[str, Secret]) -> None:
    """Replace the file at once; no reader sees half of it, and nobody else ever sees any."""
    if not tokens:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        json.dump({url: token.reveal() for url, token in tokens.items()}, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
