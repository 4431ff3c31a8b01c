// Rows one can do something with; what takes something away is asked twice.

import { button, element } from "../shared/dom.ts";
import type { TableMessage } from "./messages.ts";

const SURE_MS = 4000;
const TWICE = new Set(["delete"]);

export function table(content: TableMessage, act: (action: string, row: string) => void): HTMLElement {
  if (content.rows.length === 0) return element("p", "dl-empty", {}, content.empty);
  const head = element(
    "tr",
    "",
    {},
    ...content.columns.map((name) => element("th", "", { scope: "col" }, name)),
  );
  head.append(element("th", "", { scope: "col" }, element("span", "dl-only-read", {}, "Actions")));
  const body = element("tbody");
  for (const [id, cells] of content.rows) {
    const row = element("tr", "", { "data-row": id });
    cells.forEach((text, place) => {
      row.append(place === 0 ? element("th", "", { scope: "row" }, text) : element("td", "", {}, text));
    });
    const buttons = element("td");
    for (const action of content.actions) {
      buttons.append(
        TWICE.has(action.name)
          ? surely(action.label, cells[0] ?? "", () => act(action.name, id))
          : button(`${action.label} ${cells[0] ?? ""}`, action.label, () => act(action.name, id)),
      );
    }
    row.append(buttons);
    body.append(row);
  }
  return element(
    "div",
    "dl-table",
    { role: "region", "aria-label": "Keys", tabindex: 0 },
    element("table", "", {}, element("thead", "", {}, head), body),
  );
}

function surely(label: string, of: string, act: () => void): HTMLButtonElement {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const name = `${label} ${of}`;
  const made = button(name, label, () => {
    if (timer === undefined) {
      made.textContent = `Really ${label.toLowerCase()}?`;
      made.setAttribute("aria-label", `Really ${name.toLowerCase()}?`);
      made.classList.add("dl-alarming");
      timer = setTimeout(calm, SURE_MS);
    } else {
      calm();
      act();
    }
  });
  const calm = () => {
    clearTimeout(timer);
    timer = undefined;
    made.textContent = label;
    made.setAttribute("aria-label", name);
    made.classList.remove("dl-alarming");
  };
  return made;
}
