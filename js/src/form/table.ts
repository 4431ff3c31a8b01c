// Rows one can do something with; what takes something away is asked twice.

import { button, element } from "../shared/dom.ts";
import type { TableMessage } from "./messages.ts";

const SURE_MS = 4000;
const TWICE = new Set(["delete"]);

export function table(
  content: TableMessage,
  label: string,
  act: (action: string, row: string) => void,
): HTMLElement {
  if (content.rows.length === 0) return element("p", "dl-empty", {}, content.empty);
  // Named as what they are: on a narrow page the rows are stacked, and would not be read as a table.
  const head = element(
    "tr",
    "",
    { role: "row" },
    ...content.columns.map((name) => element("th", "", { scope: "col", role: "columnheader" }, name)),
  );
  const last = element("span", "dl-only-read", {}, "Actions");
  head.append(element("th", "", { scope: "col", role: "columnheader" }, last));
  const body = element("tbody", "", { role: "rowgroup" });
  for (const [id, cells, actions] of content.rows) {
    const row = element("tr", "", { "data-row": id, role: "row" });
    cells.forEach((text, place) => {
      const of = content.columns[place] ?? "";
      row.append(
        place === 0
          ? element("th", "", { scope: "row", role: "rowheader" }, text)
          : element("td", "", { role: "cell", "data-of": of }, text),
      );
    });
    const buttons = element("td", "", { role: "cell" });
    for (const action of actions) {
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
    { role: "region", "aria-label": label, tabindex: 0 },
    element("table", "", { role: "table" }, element("thead", "", { role: "rowgroup" }, head), body),
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
