"""What a request says: its token, its parameters; and the work it asks for, done in a thread."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from deeplake_nb.credentials.provider import Secret, sealed
from deeplake_nb.errors import CommandError, HubTokenError, UnsupportedError, UrlError, did_you_mean
from deeplake_nb.hub.wire import from_json
from deeplake_nb.server.lookout import lookout

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request

    from deeplake_nb.hub.domain import HubCore
    from deeplake_nb.hub.protocol import Hub
    from deeplake_nb.hub.routes import Parameter

T = TypeVar("T")

_SEALED = frozenset({"fields"})
_WORDS = {"true": True, "false": False}


class Acting:
    """Does what requests ask for as the users behind their tokens, in threads of its own.

    Args:
        core: the hub.
        threads: how many requests are at work at the same time; the others wait.
        seconds: what is asked of other machines after so long is ended, so that none of them keeps a thread.
    """

    def __init__(self, core: HubCore, threads: int, seconds: float) -> None:
        self.core = core
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="hub")

    async def run(self, request: Request, work: Callable[[Hub], T]) -> T:
        """What ``work`` gives when the request's user does it.

        Raises:
            HubTokenError: the request has no token, or one that is refused.
        """
        token = bearer(request)
        return await self.apart(lambda: work(self.core.acting(self.core.authenticate(token))))

    async def apart(self, work: Callable[[], T]) -> T:
        """What ``work`` gives, while others are served; when it takes too long, it is finished without us."""

        def in_time() -> T:
            with lookout().within(self._seconds):
                return work()

        return await asyncio.get_running_loop().run_in_executor(self._threads, in_time)


def bearer(request: Request) -> Secret:
    """The token of a request.

    Raises:
        HubTokenError: it has none.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise HubTokenError("this needs a token: send `Authorization: Bearer ...`.")
    return Secret(token.strip())


async def body_of(request: Request) -> dict[str, Any]:
    """The JSON object that came with a request; an empty body is an empty object.

    Raises:
        CommandError: it is something else.
    """
    text = await request.body()
    if not text:
        return {}
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise CommandError("the body must be JSON: send Content-Type: application/json")  # and so no form can ask
    try:
        found = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise CommandError("the body is no JSON object")
    return found


def _refuse(word: str) -> NoReturn:
    raise ValueError(word)


def read(known: Mapping[str, Parameter], given: Mapping[str, Any], bounds: Mapping[str, tuple[int, int]]) -> Any:
    """What was given, by name, as the parameters' types say; texts that hold secrets are sealed.

    Raises:
        CommandError: an unknown or a missing name.
        UrlError: a value of another type, or text that cannot be; never repeats it.
        UnsupportedError: a number out of its bounds.
    """
    for name in given:
        if name not in known:
            raise CommandError(f"no parameter {name[:50]!r}{did_you_mean(name, known)}; known: {', '.join(known)}")
    values = {}
    for name, parameter in known.items():
        if name not in given:
            if parameter.is_required:
                raise CommandError(f"{name} is missing")
            continue
        value = sealed(given[name]) if name in _SEALED else given[name]
        values[name] = _value(parameter, value, name)
        if isinstance(values[name], int) and name in bounds and not bounds[name][0] <= values[name] <= bounds[name][1]:
            raise UnsupportedError(f"{name} must be from {bounds[name][0]} to {bounds[name][1]}")
    return values


def _value(parameter: Parameter, value: Any, name: str) -> Any:
    try:
        return from_json(parameter.hint, value, name)
    except ValueError as error:
        reason = str(error)
    raise UrlError(reason)


def from_query(known: Mapping[str, Parameter], request: Request) -> dict[str, Any]:
    """The parameters in a request's query, numbers and words of yes or no read from their text.

    Raises:
        CommandError: a name is given twice, or text that is none.
    """
    found: dict[str, Any] = {}
    for name, text in request.query_params.multi_items():
        if name in found:
            raise CommandError(f"{name[:50]!r} is given twice")
        found[name] = text
        hint = known[name].hint if name in known else str
        if hint is bool:
            found[name] = _WORDS.get(text, text)
        elif hint is int and text.removeprefix("-").isascii() and text.removeprefix("-").isdecimal():
            found[name] = int(text) if len(text) < 20 else text  # noqa: PLR2004 - digits of a 64-bit number
    return found
