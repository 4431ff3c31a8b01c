"""A refused load whose form is the first widget of its page: JupyterLab has no subshell for widgets before that."""

from __future__ import annotations

import pytest

from tests.browser.lab import FRONT_END


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory):
    running = FRONT_END(tmp_path_factory.mktemp("lab"), browser, {"AWS_EC2_METADATA_DISABLED": "true"})
    yield running
    running.close()


def test_the_cell_waits_for_the_first_form_of_a_page_too(lab):
    notebook = lab.open(["%load_ext deeplake_nb", "cars = %lake load s3://bucket/cars"])
    notebook.run(0)
    notebook.start(1)
    shown = notebook.output(1).locator(".deeplake-nb-form")
    shown.wait_for()
    assert notebook.is_running(1), "the form came when the cell had given up"
    shown.get_by_role("button", name="Not now").click()
    shown.locator(".dl-said", has_text="Nothing was kept.").wait_for()
    notebook.page.wait_for_function("() => window.lakeRan")
    assert notebook.outputs(1)[-1]["ename"] == "MissingCredentialsError"
    assert notebook.errors == []
