"""The document says what the server does: it is asked by it, with what fits and with what does not, and never fails."""

from __future__ import annotations

import os
import warnings

import hypothesis
import jsonschema
import pytest

from deeplake_nb.hub import routes
from deeplake_nb.server.openapi import document
from tests.fakes.hub import hub_server

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import schemathesis
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        ignored_auth,
        negative_data_rejection,
        response_schema_conformance,
        status_code_conformance,
        unsupported_method,
    )

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
    ignored_auth,
    unsupported_method,
]
TOO_LARGE = 413  # is a refusal too, which the check does not know
EXAMPLES = 200 if os.environ.get("HYPOTHESIS_PROFILE") == "slow" else 8
DOCUMENT = document()
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS = [(path, verb) for path, verbs in DOCUMENT["paths"].items() for verb in verbs]


@pytest.fixture(scope="module")
def alone():
    """A server that anything may happen to, with something in it."""
    with hub_server(DEEPLAKE_NB_HUB_REACH="") as running:
        root = running.client()
        for org in ("0", "acme"):
            root.create_org(org)
            root.set_default_storage(org, f"s3://bucket/{org}")
            root.create(org, "0")
        yield running


def test_it_is_served_and_whole(alone):
    import json

    import urllib3

    served = json.loads(urllib3.request("GET", f"{alone.url}{routes.BASE}/openapi.json").data)
    assert served == json.loads(json.dumps(DOCUMENT))
    assert len(OPERATIONS) == len(routes.ROUTES)
    for name, shape in DOCUMENT["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(shape)
        assert shape["description"], name


@pytest.mark.parametrize(("path", "verb"), OPERATIONS, ids=lambda part: part)
def test_it_answers_as_it_says(alone, path, verb):
    headers = {"Authorization": f"Bearer {alone.token.reveal()}"}
    strategy = SCHEMA[path][verb].as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE)
    strategy |= SCHEMA[path][verb].as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)

    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        database=None,
    )
    @hypothesis.given(strategy)
    def ask(case):
        answer = case.call(base_url=alone.url, headers=headers)
        checks = [check for check in CHECKS if check is not negative_data_rejection or answer.status_code != TOO_LARGE]
        case.validate_response(answer, checks=checks, headers=headers)

    ask()
