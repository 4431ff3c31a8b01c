"""The form that signs in to Google, beyond JupyterLab: VS Code and Colab (imitated), marimo."""

from __future__ import annotations

import pytest

from tests.browser.hosts.imitated import Colab, VSCode
from tests.browser.hosts.marimo import Marimo
from tests.browser.test_gcs_sign_in import (  # noqa: F401 - fixtures
    consent,
    consent_elsewhere,
    environ,
    google,
    storage,
)

PREPARE = """
import deeplake_nb
from deeplake_nb import session
from deeplake_nb.widgets import keys
"""
FORM = 'keys.sign_in(session.default(), "gcs://bucket/{}")'
SIGNED_IN = "deeplake_nb.exists('gcs://bucket/{}/none')"
HOSTS = {"vscode": VSCode, "colab": Colab}
HERE, ELSEWHERE = "here", "elsewhere"


def cells():
    return [PREPARE, *(FORM.format(place) for place in (HERE, ELSEWHERE))]


def opened(host, browser, folder, environ):  # noqa: F811
    if host == "marimo":
        running = Marimo(
            folder, browser, cells(), [SIGNED_IN.format(place) for place in (HERE, ELSEWHERE)], env=environ
        )
        return running, running.open()
    running = HOSTS[host](folder, browser, environ)
    try:
        page = running.open(cells())
        page.run_all()
    except BaseException:
        running.close()
        raise
    return running, page


@pytest.fixture(scope="module", params=[*HOSTS, "marimo"])
def notebook(request, browser, environ, tmp_path_factory):  # noqa: F811
    running, page = opened(request.param, browser, tmp_path_factory.mktemp(request.param), environ)
    page.name = request.param
    yield page
    assert page.errors == []
    assert page.foreign == []
    running.close()


def begun(notebook, index):
    """The form of a cell, with a sign-in under way, and the link to the page that asks for consent."""
    form = notebook.output(index).locator(".deeplake-nb-form")
    form.get_by_role("button", name="Sign in with Google").click()
    return form, form.get_by_role("link", name="Open the sign-in page")


def is_signed_in(notebook, form, place):
    form.locator(".dl-said", has_text="Signed in; kept on this machine").wait_for()
    form.locator(".dl-said", has_text="This works: list, read, write.").wait_for()
    assert notebook.ask(SIGNED_IN.format(place)) == "False"


def test_the_link_opens_a_page_whose_answer_the_kernel_receives(notebook):
    form, link = begun(notebook, 1)
    with notebook.page.context.expect_page() as opening:
        link.click()
    asked = opening.value
    asked.get_by_role("button", name="Allow", exact=True).click()
    asked.get_by_text("Received: you can close this page").wait_for()
    asked.close()
    is_signed_in(notebook, form, HERE)
    notebook.screenshot(f"sign-in-{notebook.name}")


def test_the_address_of_a_page_that_cannot_load_is_pasted(notebook, browser, google):  # noqa: F811
    form, link = begun(notebook, 2)
    address = consent_elsewhere(browser, link.get_attribute("href"))
    pasted = form.get_by_label("Address of the page on which the browser ended")
    pasted.fill("http://127.0.0.1/?code=x&state=y")
    pasted.press("Enter")
    form.locator(".dl-said", has_text="Not taken: this belongs to another sign-in").wait_for()
    pasted.fill(address)
    form.get_by_role("button", name="Use this address").click()
    is_signed_in(notebook, form, ELSEWHERE)
    for frame in notebook.page.frames:
        content = frame.content()
        assert [secret for secret in (*google.given, *google.storage.tokens) if secret in content] == []
