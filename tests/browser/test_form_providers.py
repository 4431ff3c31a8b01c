"""**Test** in the form, for every provider, against a server of its own: good, and failing at each step that can."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from azure.storage.blob import generate_container_sas
from playwright.sync_api import expect

from tests.browser import traces
from tests.browser.lab import FRONT_END
from tests.fakes import azurite, entra, gcs, moto, oauth, tls
from tests.fakes.web import send, web_server
from tests.test_js import JS, node_modules  # noqa: F401 - a fixture: axe comes with the front end's own tools

WRONG = "wR0ngCanary/5ecret+KeyThatNobodyMaySee12"
WRONG_KEY = "d3JvbmdDYW5hcnlrZXl3cm9uZ0NhbmFyeWtleQ=="
TOKEN = "t0kenCanary-thatOpensTheFilesOfTheWebServer"
STEPS = ["found", "parsed", "reached", "clock", "signed", "identity", "list", "read", "write", "expiry"]


def rule(*actions):
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*"}


@pytest.fixture(scope="module")
def s3():
    with moto.moto_server() as endpoint:
        moto.client(endpoint).create_bucket(Bucket="bucket")
        users = {
            "owner": moto.user(endpoint, "owner", [rule("*")]),
            "reader": moto.user(endpoint, "reader", [rule("s3:GetObject", "s3:ListBucket")]),
            "lister": moto.user(endpoint, "lister", [rule("s3:ListBucket")]),
            "nobody": moto.user(endpoint, "nobody", [rule("ec2:*")]),
            "session": moto.role(endpoint, "writer", [rule("s3:*")]),
        }
        moto.role(endpoint, "looker", [rule("s3:GetObject", "s3:ListBucket")])
        moto.client(endpoint).put_object(Bucket="bucket", Key="x/k", Body=b"stored")
        moto.close_doors(endpoint)
        yield SimpleNamespace(endpoint=endpoint, **users)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return tls.certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def azure(certificate):
    with azurite.azurite(certificate) as endpoint, entra.identities(certificate) as identities:
        azurite.behind(endpoint, "box", connection_verify=str(certificate)).close()
        yield SimpleNamespace(endpoint=endpoint, authority=identities)


@pytest.fixture(scope="module")
def google():
    with gcs.emulator() as storage, oauth.google(storage) as google:
        yield google


@pytest.fixture(scope="module")
def web():
    """Files for those who have the token; a listing of nothing; and a server whose clock is an hour behind."""

    def guarded(handler):
        is_known = handler.headers.get("Authorization") == f"Bearer {TOKEN}"
        send(handler, 404 if is_known else 401, b"", {} if is_known else {"WWW-Authenticate": "Bearer"})

    class Guarded(dict):
        def get(self, path, default=None):
            return forbidden if path.startswith("/forbidden/") else guarded

    def forbidden(handler):
        send(handler, 403, b"")

    def late(handler):
        handler.send_response_only(404)
        hour_ago = datetime.now(UTC) - timedelta(hours=1)
        handler.send_header("Date", f"{hour_ago:%a, %d %b %Y %H:%M:%S} GMT")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    class Late(dict):
        def get(self, path, default=None):
            return late

    with web_server() as server, web_server() as behind:
        server.pages, behind.pages = Guarded(), Late()
        yield SimpleNamespace(endpoint=server.endpoint, late=behind.endpoint)


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory, s3, azure, certificate):
    folder = tmp_path_factory.mktemp("lab")
    env = {
        "DEEPLAKE_NB_DATA": str(folder / "data"),
        "AZURE_AUTHORITY_HOST": azure.authority.endpoint,
        "REQUESTS_CA_BUNDLE": str(certificate),
        "SSL_CERT_FILE": str(certificate),
    } | {name.upper(): value for name, value in s3.owner.items()}  # who this machine is, for roles
    running = FRONT_END(folder, browser, env)
    yield running
    running.close()


@pytest.fixture(scope="module")
def notebook(lab):
    page = lab.open(["%load_ext deeplake_nb", "%lake creds add"], name="providers.ipynb", viewport=(1280, 1400))
    page.run(0)
    page.run(1)
    page.output(1).locator(".deeplake-nb-form").wait_for()
    return page


def pressed(notebook, provider, fields):
    """Fill in the form of this provider and press Test; state by step, and the form."""
    shown = notebook.output(1).locator(".deeplake-nb-form")
    shown.get_by_label("GCS browser", exact=True).check()  # another choice forgets what was typed for the last one
    shown.get_by_label(provider, exact=True).check()
    more = shown.locator("details.dl-more")
    if more.count() and not more.evaluate("(one) => one.open"):
        more.locator("summary").click()
    for name in ("Endpoint", "STS endpoint", "Account", "Region", "Session token", "Expires"):
        box = shown.get_by_label(re.compile(rf"^{name}( \(optional\))?$"))
        if box.count():
            box.fill("")
    for label, value in fields.items():
        if isinstance(value, Path):
            shown.get_by_label(f"{label}: choose its file").set_input_files(value)
            expect(shown.locator("textarea")).not_to_have_value("")
        else:
            shown.get_by_label(re.compile(rf"^{label}( \(optional\))?$")).fill(value)
    shown.get_by_role("button", name="Test", exact=True).click()
    shown.locator(".dl-said", has_text=re.compile("^This (works|fails)")).wait_for()
    states = {}
    for line in shown.locator(".dl-outcome .dl-steps li strong").all_inner_texts():
        state, name = re.fullmatch(r"(.*?):\s*(\w+)", line).groups()
        states[name] = state
    assert list(states) == [step for step in STEPS if step in states], "in the order in which they can fail"
    assert shown.locator("input[type=password], textarea").evaluate_all("(all) => all.every((one) => one.value === '')")
    return states, shown


def failing(states):
    return [name for name, state in states.items() if state == "failed"]


def keys_of(user):
    fields = {"Access key id": user["aws_access_key_id"], "Secret access key": user["aws_secret_access_key"]}
    return fields | ({"Session token": user["aws_session_token"]} if "aws_session_token" in user else {})


def test_s3_compatible(notebook, s3):
    place = {"Place": "s3://bucket/x", "Endpoint": s3.endpoint}
    states, shown = pressed(notebook, "S3-compatible", place | keys_of(s3.owner))
    assert states == dict.fromkeys(STEPS, "ok")
    notebook.screenshot("test-good-light")
    for user, fails in (("reader", ["write"]), ("lister", ["read", "write"]), ("nobody", ["list", "read", "write"])):
        states, shown = pressed(notebook, "S3-compatible", place | keys_of(getattr(s3, user)))
        assert failing(states) == fails
    assert "ask its owner for s3:ListBucket on the bucket" in shown.inner_text()
    assert "ask its owner for s3:PutObject on the bucket's objects" in shown.inner_text()
    notebook.screenshot("test-rights-light")
    for wrong, fails in (
        ({"Secret access key": WRONG}, ["signed"]),
        ({"Access key id": "AKIAIOSFODNN7NOBODY0"}, ["signed"]),
        ({"Place": "s3://no-such-bucket/x"}, ["list"]),
        ({"Endpoint": "http://127.0.0.1:9"}, ["reached"]),
    ):
        states, shown = pressed(notebook, "S3-compatible", place | keys_of(s3.owner) | wrong)
        assert failing(states) == fails
        assert list(states)[-1] in ("expiry", *fails), "nothing is said after the step that ends it"


def test_aws_keys_for_a_time(notebook, s3):
    """Where AWS is, is set in the environment, as a plain AWS form asks for no endpoint."""
    index = notebook.append(f"import os; os.environ['AWS_ENDPOINT_URL'] = {s3.endpoint!r}")
    notebook.run(index)
    soon = f"{datetime.now(UTC) + timedelta(minutes=30):%Y-%m-%dT%H:%M:%SZ}"
    typed = {"Place": "s3://bucket/x"} | keys_of(s3.session)
    states, shown = pressed(notebook, "AWS keys", typed | {"Expires": soon})
    assert states == dict.fromkeys(STEPS, "ok")
    assert re.search(r"expiry\s+\d{4}-\d\d-\d\d .* \(2\d min left\)", shown.inner_text())
    assert "assumed-role/writer" in shown.inner_text()
    states, shown = pressed(notebook, "AWS keys", typed | {"Expires": "2020-01-01T00:00:00Z"})
    assert failing(states) == ["expiry"]
    assert "sign in again, or get new ones" in shown.inner_text()
    states, _ = pressed(notebook, "AWS keys", typed | {"Session token": "altered" * 9})
    assert failing(states) == ["signed"]


def test_an_aws_role(notebook, s3):
    typed = {"Place": "s3://bucket/x", "Endpoint": s3.endpoint, "STS endpoint": s3.endpoint}
    role = "arn:aws:iam::123456789012:role/"
    states, shown = pressed(notebook, "AWS role", typed | {"Role": f"{role}writer"})
    assert states == dict.fromkeys(STEPS, "ok")
    assert "min left" in shown.inner_text()
    states, _ = pressed(notebook, "AWS role", typed | {"Role": f"{role}looker"})
    assert failing(states) == ["write"]
    index = notebook.append(
        "import os; kept = {name: os.environ.pop(name) for name in list(os.environ) if 'ACCESS_KEY' in name}"
    )
    notebook.run(index)
    states, shown = pressed(notebook, "AWS role", typed | {"Role": f"{role}writer"})
    assert failing(states) == ["found"]
    assert "tried argument" in shown.inner_text()
    notebook.run(notebook.append("os.environ.update(kept)"))


def sas(permission="rwdl", hours=1.0):
    end = datetime.now(UTC) + timedelta(hours=hours)
    start = datetime.now(UTC) - timedelta(days=2)
    return generate_container_sas(
        azurite.ACCOUNT, "box", account_key=azurite.KEY, permission=permission, start=start, expiry=end,
        version=azurite.VERSION,
    )  # fmt: skip


def test_azure_keys_and_sas_tokens(notebook, azure):
    place = {"Place": f"azure://{azurite.ACCOUNT}/box/x", "Account": azurite.ACCOUNT, "Endpoint": azure.endpoint}
    for provider, label, right, wrong in (
        (
            "Azure key", "Account key", azurite.KEY,
            [(WRONG_KEY, ["signed"]), ("no base64 at all!", ["parsed"])],
        ),
        (
            "Azure SAS", "SAS token", sas(),
            [(sas("rl"), ["write"]), (sas(hours=-1), ["expiry"]), ("no token", ["parsed"])],
        ),
    ):  # fmt: skip
        states, _ = pressed(notebook, provider, place | {label: right})
        assert states == dict.fromkeys(STEPS, "ok")
        for value, fails in wrong:
            states, shown = pressed(notebook, provider, place | {label: value})
            assert failing(states) == fails, value
    states, _ = pressed(notebook, "Azure key", place | {"Account key": azurite.KEY, "Place": "azure://lake/none/x"})
    assert failing(states) == ["list"]
    altered = re.sub(r"sig=[^&]+", "sig=YWx0ZXJlZGFsdGVyZWRhbHRlcmVkYWx0ZXJlZDEyMzQ%3D", sas())
    states, shown = pressed(notebook, "Azure SAS", place | {"SAS token": altered})
    assert failing(states) == ["list", "read", "write"]
    assert states["signed"] == "unknown", "this server says no more than that it is too little"
    assert "altered: make a new one" in shown.inner_text()


def test_an_azure_service_principal(notebook, azure):
    place = {"Place": f"azure://{azurite.ACCOUNT}/box/x", "Account": azurite.ACCOUNT, "Endpoint": azure.endpoint}
    who = {"Tenant id": entra.TENANT, "Client id": entra.CLIENT}
    states, shown = pressed(
        notebook, "Azure service principal", place | who | {"Client secret": azure.authority.secret}
    )
    assert states == dict.fromkeys(STEPS, "ok")
    assert entra.CLIENT in shown.inner_text()
    states, shown = pressed(notebook, "Azure service principal", place | who | {"Client secret": WRONG})
    assert failing(states) == ["signed"]
    assert "AADSTS7000215" in shown.inner_text()
    notebook.screenshot("test-refused-light")


def test_a_google_service_account_by_file_and_pasted(notebook, google, tmp_path):
    place = {"Place": "gcs://bucket/x", "Endpoint": google.storage.endpoint}
    key = google.service_account()
    file = tmp_path / "key.json"
    file.write_text(json.dumps(key))
    for given in (file, json.dumps(key)):
        states, shown = pressed(notebook, "GCS service account", place | {"Key": given})
        assert states == dict.fromkeys(STEPS, "ok")
        assert key["client_email"] in shown.inner_text()
    another = google.service_account("other@project.iam.gserviceaccount.com")
    for wrong, fails in (
        (json.dumps(key | {"private_key": another["private_key"]}), ["signed"]),
        (json.dumps({name: value for name, value in key.items() if name != "private_key"}), ["parsed"]),
        ("k3yCanary, and no JSON", ["parsed"]),
    ):
        states, shown = pressed(notebook, "GCS service account", place | {"Key": wrong})
        assert failing(states) == fails
    states, _ = pressed(notebook, "GCS service account", place | {"Place": "gcs://none/x", "Key": json.dumps(key)})
    assert failing(states) == ["list"]


def test_an_http_token(notebook, web):
    states, _ = pressed(notebook, "HTTP token", {"Place": f"{web.endpoint}/data", "Bearer token": TOKEN})
    assert states == dict.fromkeys(STEPS, "ok") | {"list": "skipped", "write": "skipped"}
    states, shown = pressed(notebook, "HTTP token", {"Place": f"{web.endpoint}/data", "Bearer token": WRONG})
    assert failing(states) == ["signed"]
    assert "get a new one" in shown.inner_text()
    states, _ = pressed(notebook, "HTTP token", {"Place": f"{web.endpoint}/forbidden/x", "Bearer token": TOKEN})
    assert (failing(states), states["signed"]) == (["read"], "unknown")
    states, shown = pressed(notebook, "HTTP token", {"Place": f"{web.late}/x", "Bearer token": TOKEN})
    assert failing(states) == ["clock"]
    assert "set this machine's clock" in shown.inner_text()
    states, _ = pressed(notebook, "HTTP token", {"Place": "http://127.0.0.1:9/x", "Bearer token": TOKEN})
    assert failing(states) == ["reached"]


FOCUSED = """(form) => {
    const one = document.activeElement;
    if (!form.contains(one)) return "";
    const label = one.labels?.[0]?.textContent ?? one.getAttribute("aria-label") ?? one.textContent;
    const outline = getComputedStyle(one).outlineStyle;
    return `${label.replace(" (optional)", "")}${outline === "none" ? ", unseen" : ""}`;
}"""


def test_every_choice_is_reached_by_keyboard(notebook):
    shown = notebook.output(1).locator(".deeplake-nb-form")
    keys = notebook.page.keyboard
    shown.get_by_label("AWS keys", exact=True).check()
    for provider in ("AWS keys", "AWS role", "S3-compatible", "Azure key", "Azure SAS", "Azure service principal",
                     "GCS service account", "GCS browser", "HTTP token"):  # fmt: skip
        expect(shown.get_by_label(provider, exact=True)).to_be_checked()
        shown.get_by_label(provider, exact=True).focus()
        keys.press("Tab")
        reached = []
        while label := notebook.page.evaluate(FOCUSED, shown.element_handle()):
            reached.append(label)
            assert len(reached) < 30
            keys.press("Tab")
        wanted = shown.locator(".dl-field:visible label").all_inner_texts()
        wanted = [label.replace("(optional)", "").strip() for label in wanted]
        assert [label for label in reached if label in wanted] == wanted
        buttons = shown.locator(".dl-buttons button").all_inner_texts()
        assert reached[-len(buttons) :] == buttons, "nothing comes after them, and each shows that it has the focus"
        shown.get_by_label(provider, exact=True).focus()
        keys.press("ArrowRight")  # to the next choice


@pytest.mark.usefixtures("node_modules")
@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 1280), ("light", 700), ("dark", 700)])
def test_axe_finds_nothing_serious_in_any_choice(notebook, theme, width):
    page = notebook.page
    notebook.set_theme(theme)
    page.locator("#jupyterlab-splash").wait_for(state="detached")
    page.set_viewport_size({"width": width, "height": 1400})
    page.add_script_tag(path=str(JS / "node_modules" / "axe-core" / "axe.min.js"))
    shown = notebook.output(1).locator(".deeplake-nb-form")
    for radio in shown.get_by_role("radio").all():
        radio.check()
        result = page.evaluate("(root) => axe.run(root)", shown.element_handle())
        serious = [
            (found["id"], node["html"][:160], node["failureSummary"])
            for found in result["violations"]
            if found["impact"] in ("serious", "critical")
            for node in found["nodes"]
        ]
        assert serious == []
        overflow = shown.evaluate("(one) => one.scrollWidth - one.clientWidth")
        assert overflow <= 0, "nothing sticks out"
    notebook.screenshot(f"choices-{theme}-{width}")
    page.set_viewport_size({"width": 1280, "height": 1400})
    notebook.set_theme("light")


def test_what_was_typed_is_nowhere(notebook, lab, s3, azure, tmp_path):
    places = traces.all_of(lab, notebook, tmp_path)
    secrets = {WRONG, WRONG_KEY, TOKEN, azurite.KEY, azure.authority.secret, s3.reader["aws_secret_access_key"]}
    secrets |= {"k3yCanary", "BEGIN PRIVATE"}
    assert traces.found(places, secrets) == set()
    assert notebook.errors == []
