"""axe, by which a page is looked over for what keeps people from using it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.test_js import JS

if TYPE_CHECKING:
    from playwright.sync_api import Locator

_SCRIPT = JS / "node_modules" / "axe-core" / "axe.min.js"
_RUN = """async (root) => {
    const { violations, passes } = await axe.run(root);
    return [passes.length, violations.flatMap(({ id, impact, nodes }) =>
        nodes.map(({ html, failureSummary }) => [impact, id, html.slice(0, 160), failureSummary]))];
}"""


def serious(root: Locator) -> list[list[str]]:
    """What axe finds serious or critical within an element, also in a frame. It needs the fixture ``node_modules``."""
    handle = root.element_handle()
    frame = handle.owner_frame()
    if not frame.evaluate("() => 'axe' in window"):
        frame.add_script_tag(path=str(_SCRIPT))
    passed, violations = frame.evaluate(_RUN, handle)
    assert passed > 5, "there is something to look at"
    return [found for found in violations if found[0] in {"serious", "critical"}]
