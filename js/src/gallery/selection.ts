// Which rows are selected: marked in the page and known to Python as `gallery.selection`.

import type { Channel } from "../channel.ts";
import { read, watch, write } from "./traits.ts";

export interface SelectionEvents {
  changed(rows: ReadonlySet<number>): void;
  /** Python selected rows: show where the first one stands. */
  moved(position: number): void;
}

export class Selection {
  #rows: ReadonlySet<number>;
  readonly #unwatch: () => void;

  constructor(
    readonly channel: Channel,
    readonly events: SelectionEvents,
  ) {
    this.#rows = new Set(read(channel.model, "selection"));
    this.#unwatch = watch(channel.model, "selection", () => void this.#arrived());
  }

  has(row: number | undefined): boolean {
    return row !== undefined && this.#rows.has(row);
  }

  get rows(): ReadonlySet<number> {
    return this.#rows;
  }

  /** Put a row in, or take it out if it is in. */
  toggle(row: number): void {
    const rows = new Set(this.#rows);
    if (!rows.delete(row)) rows.add(row);
    this.#set(rows);
  }

  /** Add the rows that stand from one place to another, both included. */
  async extend(from: number, to: number): Promise<void> {
    const [start, stop] = [Math.min(from, to), Math.max(from, to) + 1];
    const { content } = await this.channel.ask("rows", { start, stop }).reply;
    this.#set(new Set([...this.#rows, ...content.rows]));
  }

  clear(): void {
    this.#set(new Set());
  }

  close(): void {
    this.#unwatch();
  }

  #set(rows: ReadonlySet<number>): void {
    this.#rows = rows;
    write(this.channel.model, "selection", [...rows]);
    this.events.changed(rows);
  }

  async #arrived(): Promise<void> {
    const rows = read(this.channel.model, "selection");
    if (rows.length === this.#rows.size && rows.every((row) => this.#rows.has(row))) return; // our own doing
    this.#rows = new Set(rows);
    this.events.changed(this.#rows);
    const [first] = rows;
    if (first === undefined) return;
    const { content } = await this.channel.ask("position", { row: first }).reply;
    if (content.position >= 0) this.events.moved(content.position);
  }
}
