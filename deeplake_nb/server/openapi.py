"""The OpenAPI document of ``/api/v1``: what the table of routes and the types of the protocol say, as JSON."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from deeplake_nb.hub import routes
from deeplake_nb.hub.names import PATTERN
from deeplake_nb.hub.wire import schema

_QUERY_LENGTH = 1000

_ERRORS = {
    400: "something that was given cannot be understood",
    401: "no token, or one that is refused",
    403: "the role or the token does not allow it",
    404: "there is none that the user may see",
    408: "it took too long",
    409: "it contradicts what is there",
    413: "the request is too large",
    422: "a key is incomplete, unfit or refused",
    429: "too many requests: come back after Retry-After",
    502: "a storage failed",
    503: "the hub failed for now: come back after Retry-After",
}
_ERROR = {
    "type": "object",
    "description": "What failed, and what to do",
    "properties": {"kind": {"type": "string"}, "description": {"type": "string"}},
    "required": ["kind", "description"],
}


def document() -> dict[str, Any]:
    """The document, as OpenAPI 3.1 has it."""
    schemas: dict[str, Any] = {"Error": _ERROR}
    paths: dict[str, Any] = {}
    for method, row in routes.ROUTES.items():
        paths.setdefault(routes.BASE + row.path, {})[row.verb.lower()] = _operation(method, row, schemas)
    refused = {"description": "", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Deep Lake hub", "version": version("deeplake-nb")},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas,
            "responses": {f"E{status}": refused | {"description": says} for status, says in _ERRORS.items()},
        },
    }


def _operation(method: str, row: routes.Route, schemas: dict[str, Any]) -> dict[str, Any]:
    known = routes.parameters(method)
    in_query = row.verb in {"GET", "DELETE"}
    shapes = {name: _shape(name, parameter, schemas) for name, parameter in known.items()}
    rest = [name for name in known if name not in row.in_path]
    operation: dict[str, Any] = {
        "operationId": method,
        "summary": row.says,
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": f"^{PATTERN}$"}}
            for name in row.in_path
        ]
        + [
            {"name": name, "in": "query", "required": known[name].is_required, "schema": _plain(shapes[name])}
            for name in (rest if in_query else ())
        ],
        "responses": _responses(routes.answer_of(method), schemas),
    }
    if rest and not in_query:
        required = [name for name in rest if known[name].is_required]
        body = {
            "type": "object",
            "properties": {name: shapes[name] for name in rest},
            "additionalProperties": False,
        } | ({"required": required} if required else {})
        operation["requestBody"] = {"required": bool(required), "content": {"application/json": {"schema": body}}}
    return operation


def _responses(hint: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    refusals = {str(status): {"$ref": f"#/components/responses/E{status}"} for status in _ERRORS}
    if hint is type(None):
        return {"204": {"description": "done"}} | refusals
    return {
        "200": {"description": "done", "content": {"application/json": {"schema": schema(hint, schemas)}}}
    } | refusals


def _shape(name: str, parameter: routes.Parameter, schemas: dict[str, Any]) -> dict[str, Any]:
    shape = schema(parameter.hint, schemas)
    if name in routes.BOUNDS:
        bounds = dict(zip(("minimum", "maximum"), routes.BOUNDS[name], strict=True))
        parts = [part | bounds if part.get("type") == "integer" else part for part in shape.get("anyOf", [shape])]
        shape = {"anyOf": parts} if "anyOf" in shape else parts[0]
    return shape if parameter.is_required else shape | {"default": parameter.default}


def _plain(shape: dict[str, Any]) -> dict[str, Any]:
    """A shape without its null: in a query, what is not given is left out."""
    kept = [one for one in shape.get("anyOf", [shape]) if one.get("type") != "null"]
    default = {"default": shape["default"]} if shape.get("default") is not None else {}
    longest = {"maxLength": _QUERY_LENGTH} if kept[0].get("type") == "string" else {}
    return {**kept[0], **default, **longest}
