"""Records go through JSON and come back, and the schema says the same as the reader."""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, get_args, get_type_hints

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeplake_nb.credentials.provider import Secret
from deeplake_nb.hub import protocol, routes
from deeplake_nb.hub.protocol import DatasetEntry, Lent, Page, Resolved
from deeplake_nb.hub.wire import from_json, schema, to_json

RECORDS = [getattr(protocol, name) for name in ("Identity", "DatasetEntry", "Trial", "ManagedKey", "Storage", "Token")]
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
TIMES = st.datetimes(timezones=st.just(UTC))


def values(hint):
    """Values of a type, as the protocol has them."""
    st.register_type_strategy(datetime, TIMES)
    st.register_type_strategy(str, TEXTS)
    st.register_type_strategy(int, st.integers(-(2**63), 2**63 - 1))
    return st.from_type(hint)


@pytest.mark.parametrize("kind", [*RECORDS, protocol.AuditEntry], ids=lambda kind: kind.__name__)
def test_a_record_comes_back_as_it_was_and_fits_its_schema(kind):
    known = {}
    described = {**schema(kind, known), "components": {"schemas": known}}

    @given(values(kind))
    def check(record):
        text = json.dumps(to_json(record))
        assert from_json(kind, json.loads(text)) == record
        jsonschema.validate(json.loads(text), described)

    check()


@given(st.lists(values(DatasetEntry), max_size=3), st.none() | TEXTS)
def test_a_page_of_records(entries, after):
    page = Page(tuple(entries), after)
    assert from_json(Page[DatasetEntry], json.loads(json.dumps(to_json(page)))) == page


def test_credentials_are_revealed_to_the_wire_and_sealed_by_who_reads_it():
    lent = Lent(
        {"token": Secret("s3cret"), "endpoint_url": "http://e", "nested": {"a": "b"}},
        datetime(2030, 1, 1, tzinfo=UTC),
        ("s3://b/p",),
    )
    sent = json.loads(json.dumps(to_json(lent)))
    assert sent["creds"] == {"token": "s3cret", "endpoint_url": "http://e", "nested": {"a": "b"}}
    got = from_json(Lent, sent)
    assert "s3cret" not in repr(got.creds)
    assert got.creds == {"token": Secret("s3cret"), "endpoint_url": "http://e", "nested": {"a": Secret("b")}}
    assert (got.expires_at, got.prefixes) == (lent.expires_at, lent.prefixes)


def test_what_a_newer_server_adds_is_passed_over_and_what_an_older_one_lacks_has_its_default():
    sent = {"org": "o", "name": "n", "url": "u", "creds": {}, "mode": "r", "colour": "green"}
    assert from_json(Resolved, sent) == Resolved("o", "n", "u", {}, "r")


WRONG = [
    (int, True),
    (int, 1.5),
    (int, "1"),
    (int, 2**63),
    (str, 1),
    (str, "a\0b"),
    (str, "\ud800"),
    (str, "x" * 100_001),
    (bool, 1),
    (datetime, "2030-01-01T00:00:00"),
    (datetime, "soon"),
    (type(None), 0),
    (Literal["r", "w"], 1),
    (Literal["r", "w"], None),
    (Mapping[str, int], []),
    (Mapping[str, int], {"a": "b"}),
    (Sequence[int], {}),
    (tuple[str, int], ["a"]),
    (tuple[str, ...], ["a", None]),
    (DatasetEntry, []),
    (DatasetEntry, {"org": "o"}),
    (str | None, 1),
    (Any, {"a": ["\0"]}),
]


@pytest.mark.parametrize(("hint", "value"), WRONG, ids=str)
def test_anything_else_is_refused_with_its_place(hint, value):
    with pytest.raises(ValueError, match=r"^what(\W.*)?: expected"):
        from_json(hint, value, "what")


def test_a_message_never_has_the_value():
    with pytest.raises(ValueError) as refused:
        from_json(Mapping[str, int], {"secret_key": "c4nary"}, "fields")
    assert "c4nary" not in "".join(traceback.format_exception_only(refused.value))


def test_what_is_too_deep_is_refused():
    deep = "x"
    for _ in range(50):
        deep = [deep]
    with pytest.raises(ValueError, match="levels"):
        from_json(Any, deep, "what")


def test_every_method_of_the_protocol_has_a_route_and_every_route_a_method():
    methods = {name for name, member in vars(protocol.Hub).items() if callable(member) and not name.startswith("_")} - {
        "url"
    }
    assert set(routes.ROUTES) == methods
    assert len({(row.verb, row.path) for row in routes.ROUTES.values()}) == len(routes.ROUTES)
    for method, row in routes.ROUTES.items():
        assert set(row.in_path) <= set(routes.parameters(method)), method
        assert routes.answer_of(method) is get_type_hints(getattr(protocol.Hub, method))["return"] or get_args(
            routes.answer_of(method)
        )
