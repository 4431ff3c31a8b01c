"""Signing in to Google Cloud Storage with a real browser: on the kernel's machine, and on another one."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.sync_api import Error, expect

from deeplake_nb.credentials import gcs_sign_in
from deeplake_nb.errors import CredentialsError, PermissionDeniedError
from deeplake_nb.session import Session
from tests.browser import chromium, traces
from tests.browser.lab import FRONT_END
from tests.fakes import gcs, oauth


@pytest.fixture(scope="module")
def storage():
    with gcs.emulator() as storage:
        yield storage


@pytest.fixture(scope="module")
def google(storage):
    with oauth.google(storage) as google:
        yield google


@pytest.fixture(scope="module")
def environ(google, tmp_path_factory):
    """What a user has set: an OAuth client of their own, and here an emulator."""
    client = tmp_path_factory.mktemp("client") / "client.json"
    client.write_text(json.dumps(google.client_file()))
    return {
        "DEEPLAKE_NB_GCS_CLIENT": str(client),
        "STORAGE_EMULATOR_HOST": google.storage.endpoint,
        "OAUTHLIB_INSECURE_TRANSPORT": "1",  # there is no https here
    }


@pytest.fixture
def signing_in(environ, monkeypatch):
    for name, value in environ.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def page(browser):
    """A browser of its own, as if on somebody's desk."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


def consent(page, url, button="Allow"):
    page.goto(url)
    page.get_by_role("button", name=button, exact=True).click()


def consent_elsewhere(browser, url):
    """Sign in with a browser on another machine: there the kernel's port is a dead one. What its address bar shows."""
    port = redirect_of(url).port
    flags = [flag for flag in chromium.FLAGS if "host-resolver" not in flag]
    rule = f"--host-resolver-rules=MAP 127.0.0.1:{port} 127.0.0.1:9"
    elsewhere = browser.browser_type.launch(executable_path=chromium.executable(), args=[*flags, rule])
    page = elsewhere.new_page()
    with page.expect_event("requestfailed", lambda request: f":{port}/" in request.url) as failed:
        consent(page, url)
    assert "ERR_CONNECTION_REFUSED" in failed.value.failure
    page.wait_for_url("chrome-error://**")
    history = page.context.new_cdp_session(page).send("Page.getNavigationHistory")
    shown = history["entries"][history["currentIndex"]]["url"]
    elsewhere.close()
    assert shown.startswith(f"http://127.0.0.1:{port}/?")
    return shown


def redirect_of(url):
    return urlsplit(parse_qs(urlsplit(url).query)["redirect_uri"][0])


# the object


def test_a_browser_on_this_machine(page, signing_in):
    with gcs_sign_in.begin(os.environ) as under_way:
        consent(page, under_way.url)
        page.get_by_text("Received: you can close this page. The sign-in goes on where you started it.").wait_for()
        assert under_way.wait(60)
    storage = Session().storage("gcs://bucket/x", "cache")
    storage.put("k", b"written after signing in")
    assert bytes(storage.get("k")) == b"written after signing in"


def test_a_browser_that_asks_for_more_than_the_answer(page, signing_in):
    with gcs_sign_in.begin(os.environ) as under_way:
        place = redirect_of(under_way.url).geturl()
        assert page.goto(place).status == 400
        assert page.goto(f"{place}favicon.ico").status == 404
        assert page.goto(f"{place}?code=x&state=wrong").status == 400
        expect(page.locator("body")).to_contain_text("This is no answer to the sign-in")
        assert not under_way.is_answered
        consent(page, under_way.url)
        assert under_way.wait(60)
        page.get_by_text("Received").wait_for()


def test_a_browser_on_another_machine(signing_in, browser):
    with gcs_sign_in.begin(os.environ) as under_way:
        address = consent_elsewhere(browser, under_way.url)
        assert not under_way.is_answered
        under_way.paste(address)
        assert under_way.wait(60)
    assert list(Session().storage("gcs://bucket/y", "cache").list()) == []


def test_a_consent_that_is_refused(page, signing_in):
    with gcs_sign_in.begin(os.environ) as under_way:
        consent(page, under_way.url, "Deny")
        with pytest.raises(CredentialsError, match=r"refused \(access_denied\)"):
            under_way.wait(60)


def test_a_consent_to_something_else(page, signing_in):
    with gcs_sign_in.begin(os.environ) as under_way:
        consent(page, under_way.url, "Allow, but not storage")
        with pytest.raises(CredentialsError, match="storage was not allowed"):
            under_way.wait(60)


# a notebook


WRITE = """
import deeplake_nb as deeplake
ds = deeplake.empty("gcs://bucket/signed-in", creds="browser", overwrite=True)
ds.create_tensor("x")
ds.x.extend([1, 2, 3])
ds.flush()
"""
READ = """
ds = deeplake.load("gcs://bucket/signed-in", creds="cache")
ds.x.numpy().ravel().tolist()
"""


@pytest.fixture(scope="module")
def lab(browser, environ, tmp_path_factory):
    running = FRONT_END(tmp_path_factory.mktemp("lab"), browser, environ)
    yield running
    running.close()


def link_in(notebook, index):
    notebook.page.wait_for_function(
        f"() => {{ const panel = window.jupyterapp.shell.currentWidget;"
        f"return JSON.stringify(panel.content.widgets[{index}].model.outputs.toJSON()).includes('state=') }}"
    )
    [line] = [line for line in notebook.text(index).splitlines() if line.startswith("http")]
    return line


def type_in(notebook, text):
    """Answer the question of a running cell, and wait until its box is gone: it lingers for a moment."""
    expect(notebook.page.locator(".jp-Stdin-input")).to_have_attribute("type", "password")
    box = notebook.page.wait_for_selector(".jp-Stdin-input")
    box.fill(text)
    box.press("Enter")
    notebook.page.wait_for_function("(box) => !box.isConnected", arg=box)


@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_browser_in_a_notebook(lab, browser, page, google, where):
    notebook = lab.open([WRITE, READ])
    notebook.start(0)
    link = link_in(notebook, 0)
    if where == "here":
        type_in(notebook, "")  # too early: it asks again
        notebook.page.locator(".jp-Stdin-prompt", has_text="No answer has come from the browser yet.").wait_for()
        consent(page, link)
        page.get_by_text("Received").wait_for()
        type_in(notebook, "")
    else:
        address = consent_elsewhere(browser, link)
        type_in(notebook, "http://127.0.0.1/?code=x&state=y")
        notebook.page.locator(".jp-Stdin-prompt", has_text="Not taken: this belongs to another sign-in").wait_for()
        type_in(notebook, address)
    notebook.wait_idle()
    notebook.run(1)
    assert notebook.text(1) == "[1, 2, 3]"
    notebook.save()
    saved = notebook.path.read_text()
    assert "open this link in a browser" in saved
    secrets = (*google.given, *google.users, *google.storage.tokens)
    assert len(secrets) >= 3
    assert [secret for secret in secrets if secret in saved or quote(secret, safe="") in saved] == []


def test_a_notebook_that_nobody_watches(lab, environ, tmp_path):
    import nbformat

    cell = "from deeplake_nb import load; load('gcs://bucket/x', creds='browser')"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    nbformat.write(notebook, tmp_path / "unattended.ipynb")
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--allow-errors", "--output=done"]
    subprocess.run([*command, str(tmp_path / "unattended.ipynb")], env=lab.env, check=True, capture_output=True)
    [output] = [
        output for output in nbformat.read(tmp_path / "done.ipynb", 4).cells[0].outputs if output.output_type == "error"
    ]
    assert output.ename == "CredentialsError"
    assert "set GOOGLE_APPLICATION_CREDENTIALS to the path of a key file" in output.evalue


# a form


def signing_in_by_form(lab):
    notebook = lab.open(["%load_ext deeplake_nb", "%lake signin gcs://bucket/signed-in"])
    notebook.run(0)
    notebook.run(1)
    shown = notebook.output(1).locator(".deeplake-nb-form")
    shown.get_by_role("button", name="Sign in with Google").click()
    return notebook, shown, shown.get_by_role("link", name="Open the sign-in page").get_attribute("href")


@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_a_form_signs_in_while_the_kernel_is_free(lab, browser, page, google, where, tmp_path):  # noqa: PLR0917
    notebook, shown, link = signing_in_by_form(lab)
    shown.get_by_text(re.compile(r"[45]:\d\d left")).wait_for()
    index = notebook.append("6 * 7")
    notebook.run(index)
    assert notebook.text(index) == "42"
    if where == "here":
        consent(page, link)
    else:
        address = consent_elsewhere(browser, link)
        pasted = shown.get_by_label("Address of the page on which the browser ended")
        pasted.fill("http://127.0.0.1/?code=x&state=y")
        pasted.press("Enter")
        shown.locator(".dl-said", has_text="Not taken: this belongs to another sign-in").wait_for()
        notebook.screenshot("sign-in-light")
        pasted.fill(address)
        pasted.press("Enter")
    shown.locator(".dl-said", has_text="Signed in; kept on this machine").wait_for()
    shown.locator(".dl-said", has_text="This works: list, read, write.").wait_for()
    notebook.screenshot("signed-in-light")
    index = notebook.append("import deeplake_nb; deeplake_nb.exists('gcs://bucket/signed-in/none')")
    notebook.run(index)
    assert notebook.text(index) == "False"
    index = notebook.append("%lake signin gcs://bucket/signed-in")
    notebook.run(index)
    notebook.output(index).get_by_text("There are credentials already, from session key").wait_for()
    secrets = (*google.given, *google.storage.tokens)  # the refresh tokens are kept in the user's own folder
    places = traces.all_of(lab, notebook, tmp_path)
    assert traces.found(places, secrets) == set()
    kept = {name for name, content in places.items() for token in google.users if token.encode() in content}
    assert all(name.startswith("home/.config/deeplake-nb/") for name in kept)


def test_a_form_is_cancelled_and_tried_again_and_signs_out(lab, page, google):
    notebook, shown, link = signing_in_by_form(lab)
    shown.get_by_role("button", name="Cancel the sign-in").click()
    shown.locator(".dl-said", has_text="The sign-in was cancelled").wait_for()
    shown.get_by_role("button", name="Sign in with Google").click()
    again = shown.get_by_role("link", name="Open the sign-in page").get_attribute("href")
    assert again != link
    consent(page, again, "Deny")
    shown.locator(".dl-said", has_text="the consent was refused").wait_for()
    shown.get_by_role("button", name="Sign in with Google").click()
    newest = shown.get_by_role("link", name="Open the sign-in page")
    consent(page, newest.get_attribute("href"))
    shown.locator(".dl-said", has_text="Signed in").wait_for()
    index = notebook.append("%lake signout")
    notebook.run(index)
    assert notebook.text(index).startswith("forgot ")


def test_a_form_that_nobody_answers_says_so_at_the_end_of_its_time_and_begins_anew(lab, page, google):
    notebook = lab.open(
        ["%load_ext deeplake_nb\n%config Lake.sign_in_seconds = 9", "%lake signin gcs://bucket/signed-in"]
    )
    notebook.run(0)
    notebook.run(1)
    shown = notebook.output(1).locator(".deeplake-nb-form")
    begin = shown.get_by_role("button", name="Sign in with Google")
    begin.click()
    left = shown.get_by_role("timer")
    link = shown.get_by_role("link", name="Open the sign-in page").get_attribute("href")
    expect(left).to_have_text(re.compile(r"0:0[1-9] left"))
    expect(left).not_to_have_text(left.inner_text())  # it counts
    notebook.screenshot("sign-in-ends-light")
    shown.get_by_label("Address of the page on which the browser ended").focus()
    shown.locator(".dl-said.dl-bad", has_text="nobody signed in within 9 s: sign in again").wait_for()
    expect(left).to_have_count(0)
    expect(shown.locator(".dl-title")).to_be_focused()  # the keyboard stays in the form
    expect(shown.get_by_role("link", name="Open the sign-in page")).to_have_count(0)
    notebook.screenshot("sign-in-over-light")
    notebook.set_theme("dark")
    notebook.screenshot("sign-in-over-dark")
    notebook.set_theme("light")
    page.goto(link)
    with pytest.raises(Error, match="ERR_CONNECTION_REFUSED"), page.expect_navigation(url=re.compile("127")):
        page.get_by_role("button", name="Allow", exact=True).click()  # too late: nobody listens there any more
    index = notebook.append("%config Lake.sign_in_seconds = 300")
    notebook.run(index)
    begin.click()
    again = shown.get_by_role("link", name="Open the sign-in page").get_attribute("href")
    assert again != link
    consent(page, again)
    shown.locator(".dl-said", has_text="Signed in; kept on this machine").wait_for()
    secrets = (*google.given, *google.storage.tokens)
    assert [secret for secret in secrets if secret in shown.inner_html()] == []


def test_without_an_oauth_client_the_form_says_what_to_set(browser, tmp_path):
    running = FRONT_END(tmp_path, browser)
    try:
        notebook = running.open(["%load_ext deeplake_nb", "%lake signin gcs://bucket/x"])
        notebook.run(0)
        notebook.run(1)
        shown = notebook.output(1).locator(".deeplake-nb-form")
        shown.get_by_role("button", name="Sign in with Google").click()
        shown.locator(".dl-said.dl-bad", has_text="set DEEPLAKE_NB_GCS_CLIENT to the JSON of your own").wait_for()
        notebook.screenshot("sign-in-no-client-light")
    finally:
        running.close()


# a terminal


SCRIPT = """
from deeplake_nb.session import Session
storage = Session().storage("gcs://bucket/terminal", "browser")
storage.put("k", b"x")
print("DONE", bytes(storage.get("k")))
"""


def test_browser_in_a_terminal(browser, environ):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", SCRIPT]
    program = subprocess.Popen(
        command, env=os.environ | environ, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    shown = ""
    try:
        while "paste the address" not in shown:
            shown += os.read(ours, 4096).decode()
        [link] = [line.strip() for line in shown.splitlines() if line.startswith("http")]
        address = consent_elsewhere(browser, link)
        os.write(ours, f"{address}\n".encode())
        while "DONE b'x'" not in shown:
            shown += os.read(ours, 4096).decode()
    finally:
        program.terminate()
        program.wait(20)
        os.close(ours)
    assert "DONE b'x'" in shown
    assert parse_qs(urlsplit(address).query)["code"][0] not in shown  # it is not echoed
    assert address not in shown


def test_a_process_without_a_terminal(environ):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=os.environ | environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "creds='browser' needs somebody to answer, and this process has no terminal" in done.stderr
    assert done.stdout == ""


def test_a_bad_token_is_refused(signing_in, page, google):
    """The last word is the storage's: a sign-in that allowed reading only does not write."""
    with gcs_sign_in.begin(os.environ) as under_way:
        consent(page, under_way.url)
        under_way.wait(60)
    for token in google.users:
        google.users[token] = oauth.READ_ONLY
    storage = Session().storage("gcs://bucket/x", "cache")
    list(storage.list())
    with pytest.raises(PermissionDeniedError, match="403 forbidden"):
        storage.put("k", b"x")
