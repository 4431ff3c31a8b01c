"""``/api/v1``: the hub protocol, a route for each method, from the table that the client reads too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from deeplake_nb.hub import routes
from deeplake_nb.server.answers import answer, failure
from deeplake_nb.server.outgoing import check_given
from deeplake_nb.server.requests import body_of, from_query, read

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from deeplake_nb.hub.protocol import Hub
    from deeplake_nb.server.outgoing import Outgoing
    from deeplake_nb.server.requests import Acting


def api(acting: Acting, outgoing: Outgoing) -> list[Route]:
    """The routes, named as the methods."""
    return [
        Route(routes.BASE + row.path, _endpoint(method, row, acting, outgoing), methods=[row.verb], name=method)
        for method, row in routes.ROUTES.items()
    ]


def _endpoint(
    method: str, row: routes.Route, acting: Acting, outgoing: Outgoing
) -> Callable[[Request], Awaitable[Response]]:
    known = routes.parameters(method)
    rest = {name: parameter for name, parameter in known.items() if name not in row.in_path}

    async def endpoint(request: Request) -> Response:
        try:
            queried = from_query(rest, request)
            in_query = row.verb in {"GET", "DELETE"}
            read({}, {} if in_query else queried, {})  # nothing is in two places
            given = queried if in_query else await body_of(request)
            values = read(rest, given, routes.BOUNDS) | read(
                {name: known[name] for name in row.in_path}, request.path_params, {}
            )

            def work(hub: Hub) -> Any:
                check_given(outgoing, method, values)
                return getattr(hub, method)(**values)

            return answer(await acting.run(request, work))
        except Exception as error:  # noqa: BLE001 - every failure has an answer, and a number in the log
            return failure(error)

    return endpoint
