// What came of an action: one sentence, the steps of a test, a text to take away.

import { button, element } from "../shared/dom.ts";
import type { LineMessage, OutcomeMessage } from "./messages.ts";

const MARKS: Readonly<Record<string, string>> = {
  ok: "✓",
  "in force": "✓",
  failed: "✗",
  unknown: "?",
  skipped: "–",
  none: "–",
};

export function report(outcome: OutcomeMessage): HTMLElement {
  const root = element("div", "dl-outcome");
  if (outcome.lines.length > 0) root.append(steps(outcome.lines, "What was found"));
  if (outcome.copies !== "") root.append(takeAway(outcome.copies));
  return root;
}

/** What was tried before, folded away. */
export function tried(lines: readonly LineMessage[]): HTMLElement {
  const names = lines.map(([, name]) => name).join(", ");
  const summary = element("summary", "", {}, "What was tried: ", element("span", "dl-faint", {}, names));
  return element("details", "dl-tried", {}, summary, steps(lines, "What was tried"));
}

function steps(lines: readonly LineMessage[], label: string): HTMLElement {
  const list = element("ol", "dl-steps", { "aria-label": label });
  for (const [state, name, said, advice] of lines) {
    const kind =
      state === "failed" ? "dl-bad" : state === "ok" || state === "in force" ? "dl-good" : "dl-faint";
    const mark = element("span", `dl-mark ${kind}`, { "aria-hidden": "true" }, MARKS[state] ?? "·");
    const step = element("strong", "", {}, element("span", "dl-only-read", {}, `${state}: `), name);
    const words = element("div", "", {}, said);
    if (advice !== "") words.append(element("div", "dl-advice", {}, `→ ${advice}`));
    list.append(element("li", "", {}, mark, step, words));
  }
  return list;
}

function takeAway(text: string): HTMLElement {
  const code = element("code", "dl-take", { tabindex: 0 }, text);
  const said = element("span", "dl-faint", { role: "status" });
  const copy = button(`Copy ${text}`, "Copy", () => {
    navigator.clipboard.writeText(text).then(
      () => {
        said.textContent = "copied";
      },
      () => {
        getSelection()?.selectAllChildren(code); // a page that is not served securely may not
        said.textContent = "press Ctrl+C to copy";
      },
    );
  });
  return element("div", "dl-row", {}, code, copy, said);
}
