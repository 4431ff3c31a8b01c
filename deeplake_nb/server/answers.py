"""Answers: JSON, and every error with its status, its kind and what to do."""

from __future__ import annotations

import logging
import secrets
import traceback
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from deeplake_nb import errors
from deeplake_nb.hub.wire import to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger(__name__)

STATUSES: dict[type[errors.LakeError], int] = {
    errors.HubTokenError: 401,
    errors.PermissionDeniedError: 403,
    errors.HubNotFoundError: 404,
    errors.DatasetNotFoundError: 404,
    errors.MissingCredentialsError: 404,
    errors.HubConflictError: 409,
    errors.DatasetExistsError: 409,
    errors.CredentialsError: 422,
    errors.UnsupportedError: 422,
    errors.StorageError: 502,
    errors.HubError: 503,
    errors.LakeError: 400,
}
"""What each error is over HTTP; the first that an error is an instance of counts."""


def answer(value: Any, status: int = 200) -> Response:
    """A result as JSON; None is no content."""
    if value is None:
        return Response(status_code=204)
    return JSONResponse(to_json(value), status)


def refusal(status: int, description: str, headers: Mapping[str, str] | None = None, *, kind: str = "hub") -> Response:
    """An error: ``kind`` names its class, ``description`` is for the user."""
    return JSONResponse({"kind": kind, "description": description}, status, headers)


def failure(error: Exception, statuses: dict[int, int] | None = None) -> Response:
    """The answer to an error; one that nobody foresaw is logged under a number, without its message.

    Args:
        error: what was raised.
        statuses: statuses that a client cannot understand, and what to send instead.
    """
    if isinstance(error, HTTPException):
        return refusal(error.status_code, error.detail, error.headers)
    if not isinstance(error, errors.LakeError):
        number = secrets.token_hex(4)
        frames = "".join(traceback.format_tb(error.__traceback__))  # a database's message would show what was sent
        _log.error("failure %s: %s\n%s", number, type(error).__name__, frames)
        return refusal(
            (statuses or {}).get(500, 500),
            f"the hub failed: its administrator finds the reason in the log under {number}",
        )
    status = next(status for kind, status in STATUSES.items() if isinstance(error, kind))
    headers = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "1"}}.get(status, {})
    return refusal((statuses or {}).get(status, status), str(error), headers, kind=error.kind)
