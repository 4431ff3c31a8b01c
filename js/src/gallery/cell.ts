// One tile on the page: words, caption, and what a screen reader says of it. Its line paints the picture.
// Cells are used again for other rows, many times a second: only what changed is written.

import { advice } from "../messages.ts";
import { element, plural } from "../shared/dom.ts";
import type { Overlays, Picture } from "../shared/paint.ts";
import type { Tile } from "./tiles.ts";

export class Cell {
  readonly root = element("div", "dl-cell dl-waiting", {
    role: "gridcell",
    tabindex: -1,
    "aria-busy": "true",
    hidden: true,
  });
  readonly #face = element("div", "dl-face");
  readonly #words = element("div", "dl-words", { hidden: true });
  readonly #count = element("span", "dl-count", { hidden: true });
  readonly #labels = element("span", "dl-labels");
  readonly #number = document.createTextNode("");
  #isPainted = false;
  row = -1;
  #shown: Tile | undefined;
  #hasLabels = true;

  constructor(readonly column: number) {
    this.root.setAttribute("aria-colindex", String(column + 1));
    this.#face.append(this.#words, this.#count);
    const caption = element(
      "div",
      "dl-caption",
      {},
      this.#labels,
      element("span", "dl-number", {}, this.#number),
    );
    this.root.append(this.#face, caption);
  }

  /** Stand for a row (-1 for none). */
  show(row: number, tile: Tile | undefined, overlays: Overlays, isSelected: boolean): void {
    const number = row < 0 ? "" : (tile?.message.number ?? row).toLocaleString("en-US");
    if (number !== this.#number.data) this.#number.data = number;
    if (row !== this.row) {
      this.row = row;
      this.root.hidden = row < 0;
      this.root.dataset.row = String(row);
      this.root.setAttribute("aria-label", spoken(row, tile));
    }
    if (this.root.getAttribute("aria-selected") !== String(isSelected)) {
      this.root.setAttribute("aria-selected", String(isSelected));
    }
    if (tile === this.#shown && overlays.labels === this.#hasLabels) return;
    this.root.setAttribute("aria-label", spoken(row, tile));
    const wasWaiting = this.#shown === undefined;
    if (tile !== this.#shown) {
      this.#isPainted = false;
      this.root.classList.remove("dl-painted");
    }
    this.#shown = tile;
    this.#hasLabels = overlays.labels;
    const isWaiting = tile === undefined;
    if (isWaiting !== wasWaiting) this.root.classList.toggle("dl-waiting", isWaiting);
    this.#busy(isWaiting || (tile.picture !== null && !this.#isPainted));
    const message = tile?.message;
    const words = message?.error ?? (tile && !tile.picture ? (message?.preview?.text ?? "") : "");
    this.#words.textContent = words;
    this.#words.hidden = !words;
    this.root.classList.toggle("dl-failed", message?.error !== undefined);
    const origin = message?.origin ? [`from ${message.origin}`] : [];
    if (message?.error !== undefined && message.origin) origin.push(advice(message.origin));
    this.root.title = message
      ? [message.error ?? "", ...message.notes, ...origin].filter(Boolean).join("\n")
      : "";
    this.#count.hidden = !message || message.count <= 1;
    if (message && !this.#count.hidden) this.#count.textContent = plural(message.count, "item");
    this.#labels.replaceChildren();
    const first = message?.labels[0];
    if (overlays.labels && message && first) {
      const dot = element("span", "dl-dot");
      dot.style.background = first[1];
      this.#labels.append(dot, message.labels.map(([name]) => name).join(", "));
    }
  }

  get picture(): Picture | null {
    return this.#shown?.picture ?? null;
  }

  /** Whether its picture is on the canvas. */
  get isPainted(): boolean {
    return this.#isPainted;
  }

  painted(): void {
    this.#isPainted = true;
    this.root.classList.add("dl-painted");
    this.#busy(false);
  }

  /** Waiting for its tile, or for its turn to be painted. */
  #busy(isBusy: boolean): void {
    if (this.root.getAttribute("aria-busy") !== String(isBusy))
      this.root.setAttribute("aria-busy", String(isBusy));
  }
}

/** What a screen reader says of a tile. */
export function spoken(row: number, tile: Tile | undefined): string {
  const name = `Row ${(tile?.message.number ?? row).toLocaleString("en-US")}`;
  if (tile === undefined) return `${name}, loading`;
  const { message } = tile;
  if (message.error !== undefined) return `${name} cannot be shown: ${message.error}`;
  const parts = [name];
  if (message.labels.length) parts.push(message.labels.map(([label]) => label).join(", "));
  if (message.boxes.length) parts.push(plural(message.boxes.length, "box", "boxes"));
  if (message.shapes.length) parts.push(plural(message.shapes.length, "outline"));
  if (message.masks.length) parts.push("with a mask");
  if (message.preview?.text) parts.push(message.preview.text.slice(0, 100));
  else if (message.width) parts.push(`${message.width} by ${message.height} pixels`);
  return parts.join(", ");
}
