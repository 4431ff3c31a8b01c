// The line below the grid: what makes these the rows shown, and how many are selected, each with a way back.

import type { ViewMessage } from "../messages.ts";
import { button, element } from "../shared/dom.ts";

export interface FooterEvents {
  /** Show all rows. */
  all(): void;
  deselect(): void;
}

export class Footer {
  readonly root = element("div", "dl-footer", { hidden: true });
  readonly #view: HTMLButtonElement;
  readonly #selected: HTMLButtonElement;

  constructor(events: FooterEvents) {
    this.#view = button("", "", () => events.all(), "dl-viewed");
    this.#selected = button("Select nothing", "", () => events.deselect(), "dl-selected");
    this.root.append(this.#view, this.#selected);
  }

  /** Which rows are shown. */
  view(view: ViewMessage): void {
    const words = viewWords(view);
    this.#view.hidden = !words;
    this.#view.replaceChildren(element("span", "", {}, words), "✕");
    this.#view.title = `${words}\nShow all rows`;
    this.#view.setAttribute("aria-label", `${words}: click for all rows`);
    this.#appear();
  }

  /** How many rows are selected. */
  select(count: number): void {
    this.#selected.hidden = count === 0;
    this.#selected.textContent = `${count.toLocaleString("en-US")} selected ✕`;
    this.#appear();
  }

  #appear(): void {
    this.root.hidden = this.#view.hidden && this.#selected.hidden;
  }
}

/** What a view does to the rows, in words; nothing where it shows all in their order. */
export function viewWords({ where, sort, descending, sample }: ViewMessage): string {
  return [
    where,
    sort && `sorted by ${sort}${descending ? ", descending" : ""}`,
    sample && `sample of ${sample.toLocaleString("en-US")}`,
  ]
    .filter(Boolean)
    .join(" · ");
}
