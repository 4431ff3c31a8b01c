"""The rules over SQLite: the suite, what time does, and what comes of tampering."""

from __future__ import annotations

import logging
import re
import traceback
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, update

from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import HubError, HubTokenError, LakeError, UrlError
from deeplake_nb.hub import audit
from deeplake_nb.hub.domain import HubCore
from deeplake_nb.hub.master_keys import fresh
from deeplake_nb.hub.names import checked
from deeplake_nb.hub.rotation import rewrap_all
from deeplake_nb.hub.store import Store
from deeplake_nb.hub.tables import AUDIT, AUDIT_HEADS, DATASETS, KEYS, ORGS
from deeplake_nb.hub.vault import Vault
from tests.hub.hubs import Arriving, Clock, core_at
from tests.suites.hub import CANARY, HubSuite
from tests.suites.hub import KEYS as FIELDS


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    core = core_at(tmp_path_factory.mktemp("hub") / "hub.db")
    yield core
    core.store.close()


class TestSqlite(HubSuite):
    pass


@pytest.fixture
def clock():
    return Clock(datetime(2030, 1, 1, tzinfo=UTC))


@pytest.fixture
def timed(tmp_path, clock):
    """A hub that stands still, with an organisation of ada's (an admin) and rita's (a reader)."""
    core = core_at(tmp_path / "hub.db", clock=clock)
    core.add_user("ada", is_administrator=True)
    core.add_user("rita")
    ada = core.acting(core.local_user("ada"))
    ada.create_org("lab")
    ada.set_member("lab", "rita", "reader")
    ada.set_default_storage("lab", "s3://bucket/lab")
    ada.add_key("lab", "k", "aws-keys", FIELDS, lends_itself=True)
    ada.connect("s3://bucket/keyed", "lab", creds_key="k")
    yield core
    core.store.close()


@pytest.fixture
def ada(timed):
    return timed.acting(timed.local_user("ada"))


def done(hub, action):
    return [(entry.who, entry.subject, entry.mode) for entry in hub.audit("lab") if entry.action == action]


# ---------------------------------------------------------------------- time


def test_a_promise_holds_for_an_hour(ada, clock):
    promised = ada.resolve("lab", "cars", "w")
    ada.set_default_storage("lab", "s3://new/place")
    clock += 59
    assert ada.resolve("lab", "cars", "w").url == promised.url  # and is renewed
    clock += 59
    assert ada.resolve("lab", "cars", "r").url == promised.url
    clock += 2
    assert ada.resolve("lab", "cars", "r").url == "s3://new/place/cars"
    assert ada.create("lab", "cars").url == "s3://new/place/cars"


def test_a_loan_is_kept_for_three_quarters_of_its_life(ada, clock):
    first = ada.resolve("lab", "keyed", "w")
    assert first.expires_at == clock() + timedelta(hours=1)
    clock += 44
    assert ada.resolve("lab", "keyed", "w") == first
    clock += 2
    later = ada.resolve("lab", "keyed", "w")
    assert later.expires_at == clock() + timedelta(hours=1)
    assert ada.resolve("lab", "keyed", "w", fresh=True).expires_at == later.expires_at
    assert done(ada, "vend") == [("ada", "keyed", "w")] * 3


def test_every_loan_is_on_record_for_the_one_who_got_it(timed, ada):
    rita = timed.acting(timed.local_user("rita"))
    for _ in range(3):
        ada.resolve("lab", "keyed", "w")
        ada.resolve("lab", "keyed", "r")
        rita.resolve("lab", "keyed")
        rita.presign("lab", "keyed", "GET", "a")
        rita.presign("lab", "keyed", "GET", "b")
    assert done(ada, "vend") == [("ada", "keyed", "w"), ("ada", "keyed", "r"), ("rita", "keyed", "r")]
    assert done(ada, "presign") == [("rita", "keyed", "r")]


def test_the_end_of_temporary_keys_is_told_early(ada, clock):
    ends = clock() + timedelta(minutes=30)
    ada.rotate_key("lab", "k", {**FIELDS, "aws_session_token": "t", "expires_at": ends.isoformat()})
    assert ada.keys("lab")[0].expires_at == ends
    assert ada.resolve("lab", "keyed").expires_at == ends - timedelta(seconds=90)


def test_an_overlap_ends_and_the_former_key_is_forgotten(timed, ada, clock):
    def kept():
        with timed.store.read() as connection:
            return connection.execute(select(KEYS.c.former_fields)).scalar_one()

    until = ada.rotate_key("lab", "k", FIELDS, overlap_seconds=600).overlaps_until
    assert until == clock() + timedelta(minutes=10)
    ada.resolve("lab", "keyed")
    assert kept() is not None
    clock += 11
    assert ada.keys("lab")[0].overlaps_until is None
    ada.resolve("lab", "keyed", fresh=True)
    assert kept() is None


def test_tokens_end_and_their_use_is_noted_each_minute(timed, ada, clock):
    text, token = ada.create_token("x", ttl_seconds=600)
    jwt = ada.create_token("y", as_jwt=True)[0]
    used = []
    for _ in range(4):
        timed.authenticate(Secret(text))
        used.append(next(entry.used_at for entry in ada.tokens() if entry.id == token.id))
        clock += 0.5
    assert [moment - token.created_at for moment in used] == [timedelta(seconds=s) for s in (0, 0, 0, 90)]
    clock += 8
    with pytest.raises(HubTokenError, match="'x' expired at 2030-01-01 00:10"):
        timed.authenticate(Secret(text))
    clock += 60 * 24 * 365
    with pytest.raises(HubTokenError, match="'y' expired"):
        timed.authenticate(Secret(jwt))


def test_a_jwt_says_what_the_original_client_reads(timed, ada, clock):
    import base64
    import json

    text, token = ada.create_token("old", as_jwt=True)
    head, claims, _ = (json.loads(base64.urlsafe_b64decode(part + "==") or "0") for part in [*text.split(".")[:2], ""])
    assert head == {"alg": "HS256", "typ": "JWT"}
    assert claims.pop("dlnb")
    assert claims == {
        "id": "ada",
        "iat": int(clock().timestamp()),
        "exp": int(token.expires_at.timestamp()),
        "jti": token.id,
    }
    unsigned = ".".join([base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("="), text.split(".")[1], ""])
    for forged in (unsigned, text.rpartition(".")[0] + ".", text[:-2] + "AA", text.replace(".", ".A", 1)):
        with pytest.raises(HubTokenError):
            timed.authenticate(Secret(forged))


# ---------------------------------------------------------------------- names and pages


@given(st.text() | st.from_regex(r"[A-Za-z0-9_.-]{1,130}", fullmatch=True) | st.sampled_from(["queries", "QUERIES"]))
def test_names_are_as_the_grammar_says(name):
    is_good = (
        0 < len(name) <= 128
        and all(letter.isascii() and (letter.isalnum() or letter in "_-.") for letter in name)
        and not name.startswith(".")
        and name.lower() != "queries"
    )
    if is_good:
        assert checked(name, "a dataset") == name
    else:
        with pytest.raises(UrlError):
            checked(name, "a dataset")


@given(
    names=st.sets(st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,3}", fullmatch=True), max_size=15),
    limit=st.integers(-1, 20),
)
def test_pages_have_every_name_once_and_in_order(core, names, limit):
    hub = core.acting(core.local_user("pages"))
    org = f"o{hash((frozenset(names), limit)) & 0xFFFFFFFFFFFF:x}"
    with core.store.write(org) as connection:
        made = insert(ORGS).values(name=org, created_by="x", created_at=core.clock())
        number = connection.execute(made.returning(ORGS.c.id)).scalar_one()
        row = {"org_id": number, "url": "s3://b/x", "is_public": True, "is_connected": True, "created_by": "x"}
        rows = [row | {"name": name, "created_at": core.clock()} for name in names]
        if rows:
            connection.execute(insert(DATASETS), rows)
    found, after, pages = [], None, 0
    while pages == 0 or after is not None:
        page = hub.datasets(org, after=after, limit=limit)
        found += [entry.name for entry in page.entries]
        after, pages = page.after, pages + 1
    assert found == sorted(names)
    assert pages == max(1, -(-len(names) // max(1, limit)))
    with core.store.write(org) as connection:
        connection.execute(delete(DATASETS).where(DATASETS.c.org_id == number))
        connection.execute(delete(ORGS).where(ORGS.c.id == number))


def test_places_do_not_collide_where_case_does_not_count(ada):
    urls = [ada.create("lab", name).url for name in ("cars", "Cars", "CARS")]
    assert urls == ["s3://bucket/lab/cars", "s3://bucket/lab/Cars-2", "s3://bucket/lab/CARS-3"]
    ada.set_default_storage("lab", "s3://bucket/ÀÉ")
    ada.create("lab", "vans")
    ada.rename("lab", "vans", "trucks")
    assert ada.resolve("lab", "vans", "w", anew=True).url == "s3://bucket/ÀÉ/vans-2"


# ---------------------------------------------------------------------- tampering


@pytest.mark.parametrize("column", ["at", "who", "action", "subject", "prefix", "mode", "digest"])
def test_an_entry_that_was_changed_is_noticed(timed, ada, column):
    assert timed.check_record()["lab"] == len(ada.audit("lab"))
    value = timed.clock() if column == "at" else "other"
    with timed.store.write() as connection:
        shift = {column: value + timedelta(microseconds=1) if column == "at" else value}
        connection.execute(update(AUDIT).where(AUDIT.c.org == "lab", AUDIT.c.number == 3).values(shift))
    with pytest.raises(HubError, match="tampered with: entry 3 does not follow"):
        timed.check_record()
    with pytest.raises(HubError, match="entry 3"):
        audit.verify(ada.audit("lab"))


@pytest.mark.parametrize("number", [1, 3])
def test_an_entry_that_was_taken_out_is_noticed(timed, number):
    with timed.store.write() as connection:
        connection.execute(delete(AUDIT).where(AUDIT.c.org == "lab", AUDIT.c.number == number))
    with pytest.raises(HubError, match=f"entry {number + 1} does not follow"):
        timed.check_record()


def test_an_end_that_was_cut_off_is_noticed(timed, ada):
    last = ada.audit("lab")[-1].number
    with timed.store.write() as connection:
        connection.execute(delete(AUDIT).where(AUDIT.c.org == "lab", AUDIT.c.number == last))
    with pytest.raises(HubError, match=f"ends at entry {last - 1}, and should at {last}"):
        timed.check_record()


def test_an_entry_that_was_put_in_is_noticed(timed, ada):
    last = ada.audit("lab")[-1]
    row = {name: getattr(last, name) for name in AUDIT.c.keys()} | {"number": last.number + 1}  # noqa: SIM118
    with timed.store.write() as connection:
        connection.execute(insert(AUDIT), row)
    with pytest.raises(HubError, match="tampered"):
        timed.check_record()
    with timed.store.write() as connection:
        connection.execute(update(AUDIT_HEADS).where(AUDIT_HEADS.c.org == "lab").values(number=last.number + 1))
    with pytest.raises(HubError, match="tampered"):
        timed.check_record()


def test_secrets_that_were_swapped_do_not_open(timed, ada):
    ada.add_key("lab", "k2", "aws-keys", {**FIELDS, "aws_access_key_id": "AKIAOTHER"}, lends_itself=True)
    with timed.store.write() as connection:
        sealed = dict(connection.execute(select(KEYS.c.name, KEYS.c.fields)).all())
        connection.execute(update(KEYS).where(KEYS.c.name == "k").values(fields=sealed["k2"]))
    with pytest.raises(HubError, match="moved"):
        ada.resolve("lab", "keyed")
    assert ada.keys("lab")  # what is shown needs no secret


# ---------------------------------------------------------------------- keys of keys


def test_master_keys_are_rotated(tmp_path):
    old, new = fresh(), fresh()
    store = Store.at(tmp_path / "hub.db")
    store.upgrade()
    core = HubCore(store, Vault([old]))
    text = core.add_user("ada", is_administrator=True)[0]
    ada = Arriving(core, text)
    ada.create_org("lab")
    ada.add_key("lab", "k", "aws-keys", FIELDS, lends_itself=True, prefixes=["s3://bucket"])
    ada.rotate_key("lab", "k", FIELDS, overlap_seconds=60)
    jwt = ada.create_token("j", as_jwt=True)[0]

    assert rewrap_all(store, Vault([new, old])) == 4  # two of the key, and two that keep the tokens
    assert rewrap_all(store, Vault([new, old])) == 0
    later = HubCore(store, Vault([new]))
    for shown in (text, jwt):
        assert Arriving(later, shown).whoami().name == "ada"
    assert Arriving(later, text).lend("lab", "k").creds["aws_secret_access_key"] == Secret(CANARY)
    with pytest.raises(HubError, match=f"under master key '{new.id}'"):
        HubCore(store, Vault([old])).authenticate(Secret(text))
    store.close()


# ---------------------------------------------------------------------- canary


def frames(error):
    """What our own frames hold when an error comes out."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    pending, lines = [shown], []
    while pending:
        current = pending.pop()
        lines += [f"{frame.locals}" for frame in current.stack if "/deeplake_nb/" in frame.filename]
        lines.append(str(current))
        pending += [part for part in (current.__cause__, current.__context__) if part is not None]
    return "\n".join(lines)


def test_a_secret_comes_out_nowhere_but_to_whom_it_is_lent(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("sqlalchemy.engine", "sqlalchemy.pool"):
        caplog.set_level(logging.DEBUG, logger=name)
    core = core_at(tmp_path / "hub.db")
    text = core.add_user("ada", is_administrator=True)[0]
    hub, said = core.acting(core.authenticate(Secret(text))), []
    jwt = hub.create_token("j", as_jwt=True)[0]
    hub.create_org("lab")
    hub.set_default_storage("lab", "s3://bucket/lab")
    kept = {"url": "s3://bucket/x", "prefixes": ["s3://bucket"], "lends_itself": True}
    del kept["url"]
    for ask in (
        lambda: hub.add_key("lab", "k", "aws-keys", FIELDS, **kept),
        lambda: hub.add_key("lab", "k", "aws-keys", FIELDS, **kept),
        lambda: hub.add_key("lab", "..", "aws-keys", FIELDS),
        lambda: hub.add_key("lab", "bad", "aws-keys", {**FIELDS, "aws_region_": CANARY}),
        lambda: hub.add_key("lab", "bad", "aws-keys", {**FIELDS, "endpoint_url": CANARY}),
        lambda: hub.add_key("lab", "sas", "azure-sas", {"sas_token": f"sv=1&sig={CANARY}", "account_name": "a"}),
        lambda: hub.rotate_key("lab", "k", FIELDS, overlap_seconds=60),
        lambda: hub.rotate_key("lab", "k", {"aws_secret_access_key": CANARY}),
        lambda: hub.rotate_key("lab", "nokey", FIELDS),
        lambda: hub.connect("s3://bucket/keyed", "lab", creds_key="k"),
        lambda: hub.connect(f"https://me:{CANARY}@host/x", "lab", "x"),
        lambda: hub.connect(f"https://host/x?sig={CANARY}", "lab", "x"),
        lambda: hub.resolve("lab", "keyed"),
        lambda: hub.lend("lab", "k"),
        lambda: hub.try_key("lab", "k"),
        lambda: hub.keys("lab"),
        hub.tokens,
        lambda: hub.audit("lab"),
        lambda: core.authenticate(Secret(text[:-1])),
        lambda: core.authenticate(Secret(jwt[:-1])),
        lambda: core.authenticate(Secret(jwt + "x")),
    ):
        try:
            said.append(repr(ask()))
        except LakeError as error:
            said.append(frames(error))
    said += [repr(core), repr(hub), repr(vars(core)), repr(vars(core.lender)), caplog.text]
    with core.store.read() as connection:
        assert connection.execute(select(KEYS.c.name)).scalars().all()
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"AKIAEXAMPLE" in content
    assert "sqlalchemy.engine" in caplog.text
    for secret in (CANARY, text, jwt, text[15:-6], jwt.rpartition(".")[2]):
        assert [line for line in said if secret in line] == []
        assert secret.encode() not in content
    assert re.search(r"7zQk", "".join(said))  # the last four are shown
    core.store.close()
