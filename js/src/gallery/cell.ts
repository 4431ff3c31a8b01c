// One tile on the page: picture or words, caption, and what a screen reader says of it.

import { element, plural } from "../shared/dom.ts";
import { type Overlays, paint } from "../shared/paint.ts";
import type { Tile } from "./tiles.ts";

export class Cell {
  readonly root = element("div", "dl-cell", { role: "gridcell", tabindex: -1 });
  readonly #face = element("div", "dl-face");
  readonly #canvas = element("canvas", "dl-canvas", { "aria-hidden": "true" });
  readonly #words = element("div", "dl-words");
  readonly #count = element("span", "dl-count");
  readonly #labels = element("span", "dl-labels");
  readonly #number = element("span", "dl-number");
  row = -1;

  constructor() {
    this.#face.append(this.#canvas, this.#words, this.#count);
    this.root.append(this.#face, element("div", "dl-caption", {}, this.#labels, this.#number));
  }

  /** Stand for a row; `tile` is undefined while it is on its way. */
  show(row: number, tile: Tile | undefined, size: number, overlays: Overlays): void {
    this.row = row;
    this.root.dataset.row = String(row);
    this.root.hidden = row < 0;
    if (row < 0) return;
    this.#face.style.height = `${size}px`;
    this.#number.textContent = row.toLocaleString("en-US");
    const message = tile?.message;
    const words = message?.error ?? (tile && !tile.picture ? (message?.preview?.text ?? "") : "");
    this.#words.textContent = words;
    this.#words.hidden = !words;
    this.#canvas.hidden = !tile?.picture;
    this.root.classList.toggle("dl-waiting", tile === undefined);
    this.root.classList.toggle("dl-failed", message?.error !== undefined);
    this.root.setAttribute("aria-busy", String(tile === undefined));
    this.root.title = message?.error ?? message?.notes.join("\n") ?? "";
    this.#count.textContent = message && message.count > 1 ? plural(message.count, "item") : "";
    this.#labels.replaceChildren();
    if (overlays.labels && message?.labels.length) {
      const first = message.labels[0];
      const dot = element("span", "dl-dot");
      dot.style.background = first?.[1] ?? "";
      this.#labels.append(dot, message.labels.map(([name]) => name).join(", "));
    }
    this.root.setAttribute("aria-label", spoken(row, tile));
    if (tile?.picture) paint(this.#canvas, tile.picture, size, size, overlays);
  }
}

/** What a screen reader says of a tile. */
export function spoken(row: number, tile: Tile | undefined): string {
  const name = `Row ${row.toLocaleString("en-US")}`;
  if (tile === undefined) return `${name}, loading`;
  const { message } = tile;
  if (message.error !== undefined) return `${name} cannot be shown: ${message.error}`;
  const parts = [name];
  if (message.labels.length) parts.push(message.labels.map(([label]) => label).join(", "));
  if (message.boxes.length) parts.push(plural(message.boxes.length, "box").replace("boxs", "boxes"));
  if (message.masks.length) parts.push("with a mask");
  if (message.width) parts.push(`${message.width} by ${message.height} pixels`);
  if (!tile.picture && message.preview?.text) parts.push(message.preview.text.slice(0, 100));
  return parts.join(", ");
}
