// The bar above the grid: what is shown, how large, and where.

import type { Model } from "../channel.ts";
import { button, element, plural } from "../shared/dom.ts";
import { ALL_OVERLAYS, type Overlays } from "../shared/paint.ts";
import type { Waiting } from "../shared/waiting.ts";
import { read } from "./traits.ts";

const SMALLEST = 72;
const LARGEST = 320;
const KINDS = ["boxes", "masks", "shapes", "labels"] as const;

export interface ToolbarEvents {
  tensor(name: string): void;
  overlays(changed: Partial<Overlays>): void;
  size(px: number): void;
  goTo(row: number): void;
  /** Open or close the filters; whether they are open now. */
  filter(): boolean;
  copy(): void;
}

export class Toolbar {
  readonly root = element("div", "dl-bar dl-toolbar", { role: "toolbar", "aria-label": "Gallery" });
  readonly #count = element("span", "dl-title", { role: "status" });
  /** Lies over what is below, so that nothing moves when it comes. */
  readonly busy = element("span", "dl-busy", { role: "status" });
  readonly #waiting = new Set<string>();
  readonly #goTo = element("input", "dl-goto", {
    type: "number",
    min: 0,
    placeholder: "row",
    "aria-label": "Go to row",
  });
  #select: HTMLSelectElement | undefined;

  constructor(
    readonly model: Model,
    readonly events: ToolbarEvents,
  ) {
    this.root.append(this.#count, this.#tensor(), ...this.#switches());
    this.root.append(element("span", "dl-space"));
    const filter = button("Filter, sort and sample rows", "filter", () => {
      filter.setAttribute("aria-expanded", String(events.filter()));
    });
    filter.setAttribute("aria-expanded", "false");
    const copy = button("Copy as code: Python for the rows selected or shown", "code", () => events.copy());
    this.root.append(filter, copy, this.#goTo, this.#size());
    this.#goTo.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || this.#goTo.value === "") return;
      events.goTo(Number(this.#goTo.value));
      event.preventDefault();
    });
    this.count();
  }

  /** How many rows are shown. */
  count(): void {
    const [length, total] = [read(this.model, "length"), read(this.model, "total")];
    const of = length === total ? "" : ` of ${total.toLocaleString("en-US")}`;
    this.#count.textContent = of ? `${length.toLocaleString("en-US")}${of} rows` : plural(length, "row");
    this.#goTo.max = String(Math.max(0, length - 1));
  }

  /** Whether tiles, or what a viewer shows, are being waited for. */
  say(what: "tiles" | "sample", state: Waiting): void {
    if (what === "tiles") this.root.classList.toggle("dl-loading", state !== "no");
    if (state === "long") this.#waiting.add(what);
    else this.#waiting.delete(what);
    const words = this.#waiting.size > 0 ? "kernel busy" : "";
    if (this.busy.textContent !== words) this.busy.textContent = words;
  }

  /** Another tensor is shown. */
  choose(tensor: string): void {
    if (this.#select !== undefined) this.#select.value = tensor;
  }

  #tensor(): HTMLElement {
    const [names, shown] = [read(this.model, "tensors"), read(this.model, "tensor")];
    if (names.length < 2) return element("span", "dl-htype", {}, shown);
    const select = element("select", "dl-select", { "aria-label": "Tensor shown" });
    select.append(
      ...names.map((name) => element("option", "", { value: name, selected: name === shown }, name)),
    );
    select.addEventListener("change", () => this.events.tensor(select.value));
    this.#select = select;
    return select;
  }

  *#switches(): Generator<HTMLElement> {
    const there = new Set(read(this.model, "overlays"));
    for (const name of KINDS) {
      if (!there.has(name)) continue;
      const box = element("input", "", { type: "checkbox", checked: true });
      box.addEventListener("change", () => this.events.overlays({ [name]: box.checked }));
      yield element("label", "dl-toggle", {}, box, name);
    }
    if (!there.has("masks")) return;
    const opacity = element("input", "dl-size dl-opacity", {
      type: "range",
      min: 0,
      max: 100,
      value: ALL_OVERLAYS.opacity * 100,
      "aria-label": "Opacity of masks",
      title: "Opacity of masks",
    });
    opacity.addEventListener("input", () => this.events.overlays({ opacity: Number(opacity.value) / 100 }));
    yield opacity;
  }

  #size(): HTMLElement {
    const size = element("input", "dl-size", {
      type: "range",
      min: SMALLEST,
      max: LARGEST,
      value: read(this.model, "tile_px"),
      "aria-label": "Tile size",
      title: "Tile size",
    });
    size.addEventListener("input", () => this.events.size(Number(size.value)));
    return size;
  }
}
