"""A refused load whose form is the first widget of its page: JupyterLab has no subshell for widgets before that."""

from __future__ import annotations

import re

import pytest

from tests.browser.lab import FRONT_END


class Late:
    """A browser whose pages hear of their subshell only after the first widget has asked for something."""

    def __init__(self, browser) -> None:
        self._browser = browser
        self.held = 0

    def new_context(self, **options):
        context = self._browser.new_context(**options)
        context.route_web_socket(re.compile("/channels"), self._hold)
        return context

    def _hold(self, page) -> None:
        kernel, late, asked = page.connect_to_server(), [], []

        def to_kernel(message) -> None:
            kernel.send(message)
            if "comm_msg" in _text(message) and '"open"' in _text(message):
                asked.append(message)
                while late:
                    page.send(late.pop())

        def to_page(message) -> None:
            if "create_subshell_reply" in _text(message) and not asked:
                self.held += 1
                late.append(message)
            else:
                page.send(message)

        page.on_message(to_kernel)
        kernel.on_message(to_page)


def _text(message: str | bytes) -> str:
    return message if isinstance(message, str) else message.decode(errors="replace")


@pytest.fixture(scope="module")
def late(browser):
    return Late(browser)


@pytest.fixture(scope="module")
def lab(late, tmp_path_factory):
    running = FRONT_END(tmp_path_factory.mktemp("lab"), late, {"AWS_EC2_METADATA_DISABLED": "true"})
    yield running
    running.close()


def test_the_cell_waits_for_the_first_form_of_a_page_too(lab, late):
    notebook = lab.open(["%load_ext deeplake_nb", "cars = %lake load s3://bucket/cars"])
    notebook.run(0)
    notebook.start(1)
    shown = notebook.output(1).locator(".deeplake-nb-form")
    shown.wait_for()
    assert late.held
    assert notebook.is_running(1), "the form came when the cell had given up"
    shown.get_by_role("button", name="Not now").click()
    shown.locator(".dl-said", has_text="Nothing was kept.").wait_for()
    notebook.page.wait_for_function("() => window.lakeRan")
    assert notebook.outputs(1)[-1]["ename"] == "MissingCredentialsError"
    assert notebook.errors == []
