"""The routes of the original client (3.9), unmodified: its paths, its statuses, and what it cannot bear.

It retries for ever what is refused at connection, takes a 404 on credentials for a failure of ``exists()``, and takes
anything but 200 and 404 on a managed key for a corrupt dataset which it advises to reset. So: a place where a dataset
would be is 200, what may not be seen is 403 there, and a managed key that may not be had is always 404. 409 it does
not know: a conflict is 400.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from deeplake_nb.errors import (
    CommandError,
    DatasetNotFoundError,
    HubNotFoundError,
    PermissionDeniedError,
    UrlError,
)
from deeplake_nb.hub.routes import ANONYMOUS
from deeplake_nb.server import translation
from deeplake_nb.server.answers import answer, failure
from deeplake_nb.server.outgoing import addresses
from deeplake_nb.server.queries import Queries
from deeplake_nb.server.requests import bearer, body_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from deeplake_nb.hub.protocol import Hub, Mode
    from deeplake_nb.server.outgoing import Outgoing
    from deeplake_nb.server.requests import Acting

_PUBLIC = {"_id": "public", "name": "public", "organizations": ["public"]}
_MODES: dict[str, Mode] = {"r": "r", "a": "w", "w": "w"}  # who adds rows takes a lock, and so deletes it
_DATASET = "/api/org/{org}/ds/{name}"
_TTL_SECONDS = (1, 12 * 3600)


def compat(acting: Acting, outgoing: Outgoing) -> list[Route]:
    """The routes."""
    conflict = {409: 400}
    all_missing = dict.fromkeys((400, 403, 409, 422, 500, 502, 503), 404)
    rows: tuple[tuple[str, str, Callable[[Request], Awaitable[Any]], dict[int, int]], ...] = (
        ("GET", "/api/user/profile", _Profile(acting), {}),
        ("GET", f"{_DATASET}/creds", _ask(acting, _credentials), conflict | {404: 422}),
        ("GET", f"{_DATASET}/chunks/url/presigned", _ask(acting, _presigned), conflict),
        ("POST", "/api/dataset/create", _ask(acting, _create), conflict),
        ("PUT", "/api/org/{org}/dataset/{name}", _ask(acting, _update), conflict),
        ("DELETE", "/api/dataset/{org}/{name}", _ask(acting, _delete), conflict),
        ("POST", "/api/dataset/connect", _ask(acting, _Connect(outgoing)), conflict | {403: 400}),
        ("GET", "/api/org/{org}/storage/name", _ask(acting, _managed_key), all_missing),
        ("GET", "/api/org/{org}/managed-credentials/blob/url/presigned", _ask(acting, _presigned_link), conflict),
        ("POST", "/api/event", _ask(acting, _nothing), {}),
        ("POST", "/api/organization/{org}/dataset/{name}/agree", _ask(acting, _nothing), {}),
        ("POST", "/api/organization/{org}/dataset/{name}/disagree", _ask(acting, _nothing), {}),
        ("POST", "/api/query/dataset/{org}/{name}", _ask(acting, _Query(outgoing)), conflict),
        ("GET", "/api/organizations/{org}/features/{feature}", _ask(acting, _feature), {}),
    )
    return [Route(path, _endpoint(work, statuses), methods=[verb]) for verb, path, work, statuses in rows]


def _endpoint(
    work: Callable[[Request], Awaitable[Any]], statuses: dict[int, int]
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return answer(await work(request))
        except Exception as error:  # noqa: BLE001 - every failure has an answer, and a number in the log
            return failure(error, statuses)

    return endpoint


class _Asked:
    """What the original said: its path, its query and its body, as text until read."""

    def __init__(self, request: Request, body: dict[str, Any]) -> None:
        self._given = {**request.query_params, **body, **request.path_params}

    def text(self, name: str) -> str:
        """A text that must be there."""
        found = self.maybe(name)
        if not found:
            raise CommandError(f"{name} is missing, or no text")
        return found

    def maybe(self, name: str) -> str | None:
        """A text, or None."""
        found = self._given.get(name)
        if found is not None and (not isinstance(found, str) or "\0" in found or not _is_unicode(found)):
            raise CommandError(f"{name} must be text")
        return found or None

    def says(self, name: str) -> bool | None:
        """A yes or a no; None where neither is said."""
        found = self._given.get(name)
        return found if isinstance(found, bool) else {"true": True, "false": False}.get(str(found).lower())

    def seconds(self, name: str) -> int:
        """A time that must be sensible; an hour unless it is given."""
        text = str(self._given.get(name, 3600))
        least, most = _TTL_SECONDS
        if not (text.isascii() and text.isdecimal() and len(text) < 10 and least <= int(text) <= most):  # noqa: PLR2004
            raise CommandError(f"{name} must be from {least} to {most} seconds")
        return int(text)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _ask(acting: Acting, work: Callable[[Hub, _Asked], Any]) -> Callable[[Request], Awaitable[Any]]:
    async def asked(request: Request) -> Any:
        said = _Asked(request, await body_of(request))
        return await acting.run(request, lambda hub: work(hub, said))

    return asked


class _Profile:
    """Who the token stands for; asked at every turn."""

    def __init__(self, acting: Acting) -> None:
        self._acting = acting

    async def __call__(self, request: Request) -> dict[str, Any]:
        if bearer(request).reveal().startswith(ANONYMOUS):
            return _PUBLIC
        who = await self._acting.run(request, lambda hub: hub.whoami())
        return {"_id": who.name, "name": who.name, "organizations": list(who.orgs)}


def _credentials(hub: Hub, asked: _Asked) -> dict[str, Any]:
    org, name, wanted = asked.text("org"), asked.text("name"), asked.maybe("mode")
    if wanted is not None and wanted not in _MODES:
        raise CommandError("mode must be r, a or w")
    if translation.is_local_entry(name):
        _member(hub, org)
        return {"path": translation.local_path(name), "creds": None, "mode": wanted or "w", "repository": None}
    try:
        found = hub.resolve(org, name, _MODES[wanted] if wanted else None, fresh=bool(asked.says("no_cache")))
    except (DatasetNotFoundError, HubNotFoundError) as error:
        raise PermissionDeniedError(str(error)) from error
    answered = translation.resolved(found)
    return answered | ({"mode": "a"} if wanted == "a" else {})


def _presigned(hub: Hub, asked: _Asked) -> dict[str, str]:
    place = asked.text("org"), asked.text("name")
    return {"data": hub.presign(*place, "GET", asked.text("chunk_path"), ttl_seconds=asked.seconds("expiration"))}


def _create(hub: Hub, asked: _Asked) -> dict[str, str]:
    org, slash, name = asked.text("tag").partition("/")
    if not slash:
        raise UrlError("tag must be org/name")
    if not translation.is_local_entry(name):
        hub.create(org, name, is_public=bool(asked.says("public")))
    return {"tag": f"{org}/{name}"}


def _update(hub: Hub, asked: _Asked) -> dict[str, str]:
    org, name = asked.text("org"), asked.text("name")
    new_name, is_public = asked.maybe("basename"), asked.says("public")
    if new_name is not None:
        name = hub.rename(org, name, new_name).name
    if is_public is not None:
        hub.set_public(org, name, is_public)
    return {"tag": f"{org}/{name}"}


def _delete(hub: Hub, asked: _Asked) -> dict[str, str]:
    org, name = asked.text("org"), asked.text("name")
    if not translation.is_local_entry(name):
        hub.delete(org, name)
    return {"tag": f"{org}/{name}"}


class _Connect:
    """Give a place a name."""

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing

    def __call__(self, hub: Hub, asked: _Asked) -> dict[str, str]:
        org, place = asked.text("org_id"), asked.text("src_path")
        if "://" not in place:  # of the machine that asks: never read here
            _member(hub, org)
            return {"generated_id": f"{org}/{translation.local_entry(place)}"}
        for address in addresses(place):
            self._outgoing.check(address)
        try:
            made = hub.connect(place, org, asked.maybe("ds_name"), asked.maybe("creds_key"))
        except HubNotFoundError as error:
            raise PermissionDeniedError(str(error)) from error
        return {"generated_id": f"{made.org}/{made.name}"}


def _managed_key(hub: Hub, asked: _Asked) -> dict[str, Any]:
    return {"creds": translation.lent(hub.lend(asked.text("org"), asked.text("query")))}


def _presigned_link(hub: Hub, asked: _Asked) -> dict[str, str]:
    key, place = asked.text("creds_key"), asked.text("blob_path")
    return {"data": hub.presign_link(asked.text("org"), key, place, ttl_seconds=asked.seconds("expiration"))}


def _nothing(hub: Hub, asked: _Asked) -> dict[str, Any]:
    """What is reported is not kept; terms are not asked for."""
    del hub, asked
    return {}


class _Query:
    """Run a query in the dataset's own data; ``version`` is ours."""

    def __init__(self, outgoing: Outgoing) -> None:
        self._queries = Queries(outgoing)

    def __call__(self, hub: Hub, asked: _Asked) -> dict[str, Any]:
        place = asked.text("org"), asked.text("name")
        return self._queries.run(hub, *place, asked.text("query"), asked.maybe("version"))


def _feature(hub: Hub, asked: _Asked) -> dict[str, bool]:
    del hub
    return {"available": asked.text("feature") == "dataset_query"}


def _member(hub: Hub, org: str) -> None:
    if org not in hub.whoami().orgs:
        raise PermissionDeniedError(f"you are no member of {org!r}")
