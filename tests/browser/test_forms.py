"""Forms in a real JupyterLab: filled in by keyboard, tested, saved; and what is typed is found nowhere afterwards."""

from __future__ import annotations

import io
import json
import re
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError
from playwright.sync_api import expect

from tests.browser import traces
from tests.browser.lab import FRONT_END
from tests.eventually import eventually
from tests.fakes import moto
from tests.fakes.cars import cars
from tests.test_js import JS, node_modules  # noqa: F401 - a fixture: axe comes with the front end's own tools

WRONG = "wR0ngCanary/5ecret+KeYthatNobodyMaySee123"
TOKEN = "t0kenCanary-thatNobodyMaySee-98765432100"
ROTATED = "r0tatedCanary/5ecret+KeyThatNobodyMaySee"
IN_WIZARD = "w1zardCanary/5ecret+KeyThatNobodyMaySee0"

CELLS = [
    "%load_ext deeplake_nb",
    "%lake creds add",
    "cars = %lake load s3://bucket/cars",
    "(len(cars), cars.x.numpy().ravel().tolist())",
    "%lake creds",
    "%lake creds add https://files.example/data",
    "%lake connect s3://bucket/cars",
    "%lake new ./made as made",
    "%lake link made s3://bucket/raw",
    "%lake storage",
]


@pytest.fixture(scope="module")
def store():
    """A storage that speaks S3 whose signatures count, with a dataset in it."""
    with moto.closed("bucket", cars, owner=moto.EVERYTHING) as users:
        yield users["owner"]


class TalkativeLab(FRONT_END):
    """A server and kernels that log all they can."""

    def _start(self):
        config = Path(self.env["JUPYTER_CONFIG_DIR"], "jupyter_server_config.json")
        config.write_text(json.dumps({"ServerApp": {"log_level": "DEBUG"}}))
        profile = Path(self.env["IPYTHONDIR"], "profile_default")
        profile.mkdir()
        (profile / "ipython_kernel_config.py").write_text("get_config().IPKernelApp.log_level = 10\n")
        super()._start()


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    env = {"DEEPLAKE_NB_DATA": str(folder / "data"), "AWS_EC2_METADATA_DISABLED": "true"}
    running = TalkativeLab(folder, browser, env)
    yield running
    running.close()


@pytest.fixture(scope="module")
def notebook(lab):
    page = lab.open(CELLS, name="forms.ipynb")
    page.console = []
    page.page.on("console", lambda message: page.console.append(message.text))
    page.run(0)
    return page


def form(notebook, cell):
    shown = notebook.output(cell).locator(".deeplake-nb-form")
    shown.wait_for()
    shown.scroll_into_view_if_needed()
    return shown


def field(shown, label):
    """The field of that label; those that may stay empty say so behind it."""
    return shown.get_by_label(re.compile(rf"^{label}( \(optional\))?$"))


def fill(shown, store, *, secret, place="s3://bucket/cars"):
    """Fill in a key of the storage, with this secret."""
    shown.get_by_label("S3-compatible").check()
    field(shown, "Place").fill(place)
    field(shown, "Endpoint").fill(store["endpoint_url"])
    field(shown, "Access key id").fill(store["aws_access_key_id"])
    field(shown, "Secret access key").fill(secret)


def ended(notebook):
    """Wait for the end of the cell that was started; the kernel calls itself idle after each answer to the page."""
    notebook.page.wait_for_function("() => window.lakeRan")


def said(shown, text):
    shown.locator(".dl-said", has_text=text).wait_for()


def test_the_form_offers_all_providers_and_checks_as_one_types(notebook):
    notebook.run(1)
    shown = form(notebook, 1)
    expect(shown.get_by_role("radio")).to_have_count(9)
    notebook.screenshot("form-empty-light")
    shown.get_by_label("S3-compatible").check()
    field(shown, "Endpoint").fill("nonsense")
    shown.get_by_text("expected http://host:port or https://host").wait_for()
    field(shown, "Place").fill("gcs://elsewhere")
    shown.get_by_text("expected s3://…").wait_for()
    notebook.screenshot("form-problems-light")


def test_keys_typed_in_a_form_stay_there(notebook):
    """The notebook's own shortcuts are single letters: d d deletes a cell, a adds one."""
    before = len(notebook)
    shown = form(notebook, 1)
    place = field(shown, "Place")
    place.fill("")
    place.focus()
    for key in "ddabxyzm":
        notebook.page.keyboard.press(key)
    expect(place).to_have_value("ddabxyzm")
    assert len(notebook) == before


def test_a_wrong_secret_fails_at_the_step_that_tells(notebook, store):
    shown = form(notebook, 1)
    fill(shown, store, secret=WRONG)
    secret = field(shown, "Secret access key")
    shown.get_by_role("button", name="Test").click()
    said(shown, "This fails at: signed")
    expect(secret).to_have_value("")
    expect(secret).to_have_attribute("placeholder", "received; type to replace it")
    expect(shown.locator(".dl-steps")).to_contain_text("signature", ignore_case=True)
    notebook.screenshot("form-failed-light")


def test_a_refused_load_can_be_given_up(notebook):
    notebook.start(2)
    shown = form(notebook, 2)
    assert notebook.is_running(2), "the cell waits"
    shown.get_by_role("button", name="Not now").click()
    said(shown, "Nothing was kept.")
    ended(notebook)
    (error,) = [output for output in notebook.outputs(2) if output["output_type"] == "error"]
    assert error["ename"] == "MissingCredentialsError"
    assert "tried argument" in error["evalue"]


def test_a_refused_load_is_interrupted_as_any_cell(notebook):
    notebook.start(2)
    form(notebook, 2)
    notebook.page.evaluate("() => window.jupyterapp.commands.execute('notebook:interrupt-kernel')")
    ended(notebook)
    assert notebook.outputs(2)[-1]["ename"] == "KeyboardInterrupt"
    notebook.output(2).locator(".deeplake-nb-form").wait_for(state="detached")


def test_a_load_that_is_refused_asks_and_goes_on_by_itself(notebook, store):
    notebook.start(2)
    shown = form(notebook, 2)
    expect(shown.locator(".dl-title")).to_contain_text("s3://bucket/cars")
    expect(shown.locator(".dl-intro")).to_contain_text("No credentials for s3://bucket/cars were found")
    shown.get_by_text("What was tried: argument, session key").click()
    shown.get_by_text("AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY unset").wait_for()
    expect(field(shown, "Place")).to_have_value("s3://bucket/cars")
    notebook.screenshot("form-refused-light")
    fill(shown, store, secret=WRONG)
    shown.get_by_role("button", name="Save").click()
    said(shown, "Nothing was kept. This fails at: signed. Save once more to keep it all the same.")
    expect(shown.get_by_role("button", name="Save")).to_be_focused()
    notebook.screenshot("form-not-kept-light")
    notebook.set_theme("dark")
    notebook.screenshot("form-not-kept-dark")
    notebook.set_theme("light")
    assert notebook.is_running(2), "others can be given"
    fill(shown, store, secret=store["aws_secret_access_key"])
    shown.get_by_role("button", name="Test").click()
    said(shown, "This works")
    notebook.screenshot("form-tested-light")
    shown.get_by_role("button", name="Save").click()
    said(shown, "Loaded s3://bucket/cars")
    ended(notebook)
    expect(shown.get_by_role("button")).to_have_count(0)
    assert [output["output_type"] for output in notebook.outputs(2)] == ["display_data"], "no error is left"
    notebook.run(3)
    assert notebook.text(3) == "(3, [1, 2, 3])"


def test_a_refused_load_goes_on_below_its_form_where_no_cell_can_wait(lab, store):
    """A front end that answers no requests of a page while a cell runs."""
    settings = Path(lab.env["JUPYTERLAB_SETTINGS_DIR"], "@jupyterlab", "apputils-extension")
    settings.mkdir(parents=True, exist_ok=True)
    kernels = settings / "kernels-settings.jupyterlab-settings"
    kernels.write_text('{"commsOverSubshells": "disabled"}')
    try:
        page = lab.open(["%load_ext deeplake_nb", "%lake load s3://bucket/cars as cars", "len(cars)"], name="old.ipynb")
    finally:
        kernels.unlink()
    page.run(0)
    *_, error = page.run(1)
    assert error["evalue"].startswith("this cell stopped here: the form above asks for credentials")
    shown = form(page, 1)
    fill(shown, store, secret=store["aws_secret_access_key"])
    shown.get_by_role("button", name="Save").click()
    said(shown, "Loaded s3://bucket/cars, as cars.")
    page.output(1).get_by_text("[3]", exact=True).wait_for()
    page.screenshot("form-went-on-light")
    page.run(2)
    assert page.text(2) == "3"


def test_the_manager_adds_and_forgets(notebook, store):
    notebook.run(4)
    shown = form(notebook, 4)
    row = shown.locator("tr[data-row='s3://bucket/cars']")
    row.wait_for()
    shown.get_by_role("button", name="Add a key").click()
    fill(shown, store, secret=store["aws_secret_access_key"])
    field(shown, "Keep").select_option("me")
    field(shown, "Name of the key").fill("cars_key")
    shown.get_by_role("button", name="Save").click()
    said(shown, "Kept as the managed key 'cars_key' of me")
    managed = shown.locator("tr[data-row='me/cars_key']")
    managed.get_by_role("button", name="Test").click()
    said(shown, "me/cars_key: This works: list, read, write.")
    expect(shown.locator(".dl-steps").get_by_text("kept by the hub as 'cars_key'")).to_be_visible()
    expect(managed).to_contain_text(store["aws_secret_access_key"][-4:])
    assert store["aws_secret_access_key"] not in shown.inner_html()
    notebook.screenshot("keys-light")
    for secret in (ROTATED, store["aws_secret_access_key"]):
        managed.get_by_role("button", name="Rotate").click()
        shown.get_by_role("heading", name="Rotate cars_key of me").wait_for()
        new = field(shown, "Secret access key")
        new.fill(secret)
        field(shown, "Overlap").fill("a while")
        shown.get_by_role("button", name="Rotate", exact=True).click()
        said(shown, "Some fields need another look")
        expect(new).to_have_value("")
        notebook.screenshot("rotate-light")
        field(shown, "Overlap").fill("0")
        shown.get_by_role("button", name="Rotate", exact=True).click()
        said(shown, "cars_key has new secrets.")
        managed.get_by_role("button", name="Test").click()
        said(shown, "This works: list, read, write." if secret != ROTATED else "This fails at: signed.")
    managed.get_by_role("button", name="Rename").click()
    shown.get_by_role("heading", name="Rename me/cars_key").wait_for()
    shown.get_by_role("button", name="Back").click()
    for _ in range(5):  # a page that is slow may take its question back before it is answered
        row.get_by_role("button", name="Delete").click()
        with suppress(PlaywrightTimeoutError):
            row.get_by_role("button", name="Really delete").click(timeout=3000)
            break
    row.wait_for(state="detached")
    said(shown, "forgotten")


def test_a_token_for_a_place_that_cannot_be_reached(notebook):
    notebook.run(5)
    shown = form(notebook, 5)
    secret = field(shown, "Bearer token")
    secret.fill(TOKEN)
    shown.get_by_role("button", name="Test").click()
    said(shown, "This fails at: reached")
    expect(secret).to_have_value("")
    secret.fill(f"{TOKEN}-again")


# Of each provider: the field that is secret, and what is typed there.
REFUSED = {
    "AWS keys": ("Session token", "s3ssionCanary-thatNobodyMaySee-0123456789"),
    "Azure key": ("Account key", "acc0untCanaryThatNobodyMaySee0123456789aa=="),
    "Azure SAS": ("SAS token", "sv=2024-01-01&sig=s4sCanaryThatNobodyMaySee0123456789"),
    "Azure service principal": ("Client secret", "cl1entCanary-thatNobodyMaySee-0123456789"),
    "GCS service account": ("Key", '{"type": "service_account", "private_key": "k3yCanaryThatNobodyMaySee"'),
    "HTTP token": ("Bearer token", "b3arerCanary-thatNobodyMaySee-0123456789"),
}
PLACES = {
    "AWS": "s3://bucket/x",
    "Azure": "azure://account/box/x",
    "GCS": "gcs://bucket/x",
    "HTTP": "http://127.0.0.1:9/x",
}


def test_secrets_that_are_refused_are_gone_from_the_page_at_once(notebook):
    """Refused twice: for what else is missing, then by the test of the whole."""
    index = notebook.append("%lake creds add")
    notebook.run(index)
    shown = form(notebook, index)
    for provider, (label, canary) in REFUSED.items():
        shown.get_by_label(provider, exact=True).check()
        field(shown, "Place").fill("")
        secret = field(shown, label)
        secret.fill(canary)
        shown.get_by_role("button", name="Save").click()
        said(shown, "Some fields need another look")
        expect(secret).to_have_value("")
        expect(field(shown, "Place")).to_have_attribute("aria-invalid", "true")
        field(shown, "Place").fill(PLACES[provider.split()[0]])
        for other in ("Tenant id", "Client id", "Access key id"):
            if field(shown, other).count():
                field(shown, other).fill("00000000-0000-0000-0000-000000000000")
        if field(shown, "Secret access key").count():
            field(shown, "Secret access key").fill(WRONG)
        if provider in ("HTTP token", "GCS service account", "Azure key", "Azure SAS"):
            secret.fill(f"{canary}-again")
            shown.get_by_role("button", name="Test").click()
            shown.locator(".dl-said.dl-bad", has_not_text="Some fields").wait_for()
            expect(secret).to_have_value("")
            notebook.screenshot(f"refused-{provider.split()[0]}")
    expect(shown.get_by_role("button", name="Save")).to_be_enabled()


def test_the_wizard_makes_a_key_on_the_way_and_shows_the_path(notebook, store):
    notebook.run(6)
    shown = form(notebook, 6)
    expect(field(shown, "Dataset")).to_have_value("s3://bucket/cars")
    field(shown, "Name").fill("hub://me/autos")
    field(shown, "Key").select_option("+")
    shown.get_by_role("button", name="Connect").click()
    shown.get_by_role("heading", name="Credentials for s3://bucket/cars").wait_for()
    fill(shown, store, secret=IN_WIZARD)
    shown.get_by_role("button", name="Save").click()
    said(shown, "Some fields need another look")
    shown.get_by_role("button", name="Test").click()
    said(shown, "Some fields need another look")
    field(shown, "Name of the key").fill("wizards_key")
    shown.get_by_role("button", name="Test").click()
    said(shown, "This fails at: signed")
    field(shown, "Secret access key").fill(store["aws_secret_access_key"])
    notebook.screenshot("wizard-key-light")
    shown.get_by_role("button", name="Save").click()
    said(shown, "Choose Connect to go on")
    expect(field(shown, "Name")).to_have_value("hub://me/autos")
    expect(field(shown, "Key")).to_have_value("me/wizards_key")
    notebook.screenshot("wizard-back-light")
    shown.get_by_role("button", name="Connect").click()
    shown.get_by_text("hub://me/autos", exact=True).wait_for()
    notebook.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    shown.get_by_role("button", name="Copy hub://me/autos").click()
    shown.get_by_text("copied", exact=True).wait_for()
    eventually(lambda: notebook.page.evaluate("() => navigator.clipboard.readText()"), "hub://me/autos")
    notebook.screenshot("wizard-done-light")


def test_a_dataset_is_made_by_keyboard_alone(notebook):
    notebook.run(7)
    shown = form(notebook, 7)
    field(shown, "Tensor").focus()
    press = notebook.page.keyboard
    press.type("labels")
    press.press("Tab")
    press.type("class")  # a select takes the option that begins so
    press.press("Tab")
    press.press("Tab")
    press.press("Enter")
    said(shown, "labels is on the list")
    field(shown, "Tensor").fill("images")
    field(shown, "Kind").select_option("image")
    shown.get_by_role("button", name="Add tensor").click()
    said(shown, "images is on the list")
    notebook.screenshot("new-light")
    shown.get_by_role("button", name="Make the dataset").click()
    said(shown, "Made ")
    index = notebook.append("[(name, tensor.htype) for name, tensor in made.tensors.items()]")
    notebook.run(index)
    assert notebook.text(index) == "[('labels', 'class_label'), ('images', 'image')]"


def test_links_are_previewed(notebook, store):
    picture = io.BytesIO()
    Image.new("RGB", (96, 64), (220, 20, 30)).save(picture, "png")
    admin = {name: store[name] for name in ("aws_access_key_id", "aws_secret_access_key")}
    client = moto.client(store["endpoint_url"], **admin)
    client.put_object(Bucket="bucket", Key="raw/a.png", Body=picture.getvalue())
    keep = "import deeplake_nb; deeplake_nb.keep_creds('s3://bucket', lambda: deeplake_nb.hub().lend("
    index = notebook.append(f"{keep}'me', 'cars_key', url='s3://bucket/cars').creds)")
    notebook.run(index)
    notebook.run(8)
    shown = form(notebook, 8)
    field(shown, "Pattern").fill("*.png")
    field(shown, "Tensor").fill("linked")
    shown.get_by_role("button", name="Preview").click()
    said(shown, "1 file, ")
    shown.get_by_text("a.png is an image of 64 x 96 x 3").wait_for()
    notebook.screenshot("link-light")
    shown.get_by_role("button", name="Write the links").click()
    said(shown, "Wrote 1 link to linked.")


def test_the_default_storage_by_a_key_made_here(notebook, store):
    notebook.run(9)
    shown = form(notebook, 9)
    field(shown, "Folder").fill("s3://bucket/new")
    field(shown, "Key").select_option("me/wizards_key")
    shown.get_by_role("button", name="Save").click()
    shown.locator(".dl-said.dl-bad").wait_for()  # the key is for s3://bucket/cars only
    notebook.screenshot("storage-refused-light")
    field(shown, "Key").select_option("+")
    shown.get_by_role("button", name="Save").click()
    shown.get_by_role("heading", name="Credentials for s3://bucket/new").wait_for()
    fill(shown, store, secret=store["aws_secret_access_key"], place="s3://bucket/new")
    field(shown, "Name of the key").fill("new_key")
    shown.get_by_role("button", name="Save").click()
    said(shown, "Choose Save to go on.")
    shown.get_by_role("button", name="Save").click()
    said(shown, "New datasets of me go to: s3://bucket/new, by the key new_key.")


def test_the_dark_theme(notebook):
    notebook.set_theme("dark")
    notebook.page.locator("#jupyterlab-splash").wait_for(state="detached")
    for cell, name in ((1, "failed"), (4, "keys"), (5, "token"), (8, "link"), (9, "storage")):
        form(notebook, cell)
        notebook.screenshot(f"form-{name}-dark")


@pytest.mark.usefixtures("node_modules")
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing_serious(notebook, theme):
    notebook.set_theme(theme)
    page = notebook.page
    page.locator("#jupyterlab-splash").wait_for(state="detached")
    page.add_script_tag(path=str(JS / "node_modules" / "axe-core" / "axe.min.js"))
    for cell in (1, 2, 4, 5, 6, 7, 8, 9):
        result = page.evaluate("(root) => axe.run(root)", form(notebook, cell).element_handle())
        serious = [
            (found["id"], node["html"][:160], node["failureSummary"])
            for found in result["violations"]
            if found["impact"] in ("serious", "critical")
            for node in found["nodes"]
        ]
        assert serious == []
        assert len(result["passes"]) > 5


def test_nothing_that_was_typed_is_anywhere(notebook, lab, store, tmp_path):
    secrets = {store["aws_secret_access_key"], WRONG, TOKEN, ROTATED, IN_WIZARD, "k3yCanaryThatNobodyMaySee"}
    secrets |= {canary for _, canary in REFUSED.values()} | {"s4sCanaryThatNobodyMaySee0123456789"}
    places = traces.all_of(lab, notebook, tmp_path)
    assert b"comm_msg" in places["server.log"], "the log has every message"
    assert any(name.endswith("forms-checkpoint.ipynb") for name in places)
    assert any(name.startswith("data/") for name in places)
    assert b"run_line_magic('lake', 'creds add')" in places["history"]
    # typed, and not sent yet: its own field has it
    places["inputs"] = places["inputs"].replace(f"{TOKEN}-again".encode(), b"")
    assert traces.found(places, secrets) == set()


def test_the_console_was_quiet(notebook):
    assert [error for error in notebook.errors if "ename" not in error] == []
