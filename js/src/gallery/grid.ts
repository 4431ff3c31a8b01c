// The grid of tiles: lines of cells that are used again and again while one scrolls.
//
// A frame only writes: it moves lines by transforms and fills those that came into sight. Sizes are read when they
// change. Pictures are painted from a queue within a budget, so that a batch of tiles costs no frame.

import { element } from "../shared/dom.ts";
import { ALL_OVERLAYS, type Overlays } from "../shared/paint.ts";
import type { Cell } from "./cell.ts";
import { clamped, fromBar, type Layout, layout, moved, reveal, rowsOf, seen, toBar } from "./layout.ts";
import { Line } from "./line.ts";
import type { Tile } from "./tiles.ts";

const EDGE = 10;
/** Rows that fly by faster than that many views a second are not asked for: nobody sees them. */
const FLYING_VIEWS = 6;
const REST_MS = 90;
/** Lines asked for ahead of where one scrolls. */
const AHEAD = 2;
/** Of a frame while one scrolls, and at rest, when nothing is late but the pictures. */
const PAINT_MS = { moving: 5, resting: 30 } as const;

export interface GridSource {
  tile(row: number): Tile | undefined;
  /** Rows in sight and those near, most wanted first; `isFlying` when they are passed too fast to be seen. */
  want(inSight: readonly number[], near: readonly number[], isFlying: boolean): void;
  isSelected(row: number): boolean;
  open(row: number): void;
  /** Put a row into the selection or take it out, or all rows `from` another one to it. */
  select(row: number, from: number): void;
  focused(row: number): void;
}

export class Grid {
  readonly root = element("div", "dl-scroll", { tabindex: -1 });
  readonly #tall = element("div", "dl-tall");
  readonly #stage = element("div", "dl-stage", {
    role: "grid",
    "aria-label": "Rows",
    "aria-readonly": "true",
    "aria-multiselectable": "true",
  });
  readonly #inner = element("div", "dl-inner", { role: "presentation" });
  readonly #empty = element(
    "p",
    "dl-empty",
    { hidden: true },
    "No row fits: change the filter, or show all.",
  );
  readonly #lines: Line[] = [];
  readonly #unpainted = new Map<Cell, Line>();
  readonly #resize = new ResizeObserver(() => this.measure());
  #layout: Layout;
  #view = 0;
  #offset = 0;
  #bar = 0;
  #current = 0;
  #anchor = -1;
  #frame = 0;
  #rest: ReturnType<typeof setTimeout> | undefined;
  #drawn = { at: 0, offset: 0 };
  overlays: Overlays = ALL_OVERLAYS;

  constructor(
    readonly source: GridSource,
    private length: number,
    private wanted: number,
  ) {
    this.#layout = layout(length, 600, wanted);
    this.#stage.append(this.#inner);
    this.#tall.append(this.#stage);
    this.root.append(this.#tall, this.#empty);
    this.root.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.root.addEventListener("wheel", (event) => this.#wheeled(event), { passive: false });
    this.#inner.addEventListener("click", (event) => this.#clicked(event));
    this.#inner.addEventListener("keydown", (event) => this.#pressed(event));
    this.#resize.observe(this.root);
  }

  /** Adapt to the room there is; the first row in sight stays in sight. */
  measure(wanted = this.wanted): void {
    this.wanted = wanted;
    const width = this.#stage.clientWidth;
    this.#view = this.root.clientHeight;
    if (width === 0) return;
    const top = Math.floor(this.#offset / this.#layout.line) * this.#layout.columns;
    this.#layout = layout(this.length, width, wanted);
    this.#tall.style.height = `${this.#layout.height}px`;
    this.#stage.style.setProperty("--dl-tile", `${this.#layout.tile}px`);
    this.#empty.hidden = this.length > 0;
    this.#stage.setAttribute("aria-rowcount", String(this.#layout.lines));
    this.#stage.setAttribute("aria-colcount", String(this.#layout.columns));
    for (const line of this.#lines) line.at = -1; // so that each is arranged and filled again
    this.#go(Math.floor(top / this.#layout.columns) * this.#layout.line);
  }

  /** Other rows: from the first one on. */
  reset(length: number): void {
    this.length = length;
    this.#current = 0;
    this.#anchor = -1;
    this.#offset = 0;
    for (const line of this.#lines)
      for (const cell of line.cells) line.show(cell, -1, undefined, this.overlays, false);
    this.measure();
  }

  /** Width and height of a picture, in CSS pixels. */
  get tile(): number {
    return this.#layout.tile;
  }

  /** Height of all lines, with the space above and below them. */
  get height(): number {
    return this.#layout.natural + 2 * EDGE;
  }

  /** Where the keyboard is. */
  get current(): number {
    return this.#current;
  }

  /** The rows in sight, half-open. */
  get inSight(): readonly [number, number] {
    const rows = rowsOf(this.#layout, seen(this.#layout, this.#view, this.#offset));
    return [rows[0] ?? 0, (rows.at(-1) ?? -1) + 1];
  }

  /** Bring a row into sight and, if asked, the keyboard with it. */
  reveal(row: number, withFocus: boolean): void {
    if (this.length === 0) return;
    this.#current = Math.min(Math.max(row, 0), this.length - 1);
    this.#go(reveal(this.#layout, this.#view, this.#offset, this.#current));
    if (withFocus) this.#cell(this.#current)?.root.focus({ preventScroll: true });
    this.source.focused(this.#current);
  }

  /** A row's tile has come. */
  arrived(row: number): void {
    const line = this.#line(row);
    const cell = line?.cells[row % this.#layout.columns];
    if (line === undefined || cell?.row !== row) return;
    this.#show(line, cell, row);
    this.#drawSoon();
  }

  /** Overlays or the selection have changed. */
  repaint(): void {
    for (const line of this.#lines) {
      for (const cell of line.cells) {
        if (cell.row >= 0) this.#show(line, cell, cell.row);
      }
    }
    this.#drawSoon();
  }

  close(): void {
    this.#resize.disconnect();
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#rest);
  }

  get #isScaled(): boolean {
    return this.#layout.height < this.#layout.natural;
  }

  #show(line: Line, cell: Cell, row: number): void {
    line.show(cell, row, this.source.tile(row), this.overlays, this.source.isSelected(row));
    this.#unpainted.set(cell, line);
  }

  #go(offset: number): void {
    this.#offset = clamped(this.#layout, this.#view, offset);
    this.#bar = toBar(this.#layout, this.#view, this.#offset);
    this.root.scrollTop = this.#bar;
    this.#bar = this.root.scrollTop; // browsers round it
    this.#drawn = { at: 0, offset: this.#offset };
    this.#draw();
  }

  #scrolled(): void {
    const bar = this.root.scrollTop;
    if (Math.abs(bar - this.#bar) < 1) return; // our own doing
    this.#bar = bar;
    this.#offset = fromBar(this.#layout, this.#view, bar);
    this.#drawSoon();
  }

  /** With more lines than a browser has pixels, the wheel moves lines by pixels and the bar follows. */
  #wheeled(event: WheelEvent): void {
    if (!this.#isScaled || event.ctrlKey) return;
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    event.preventDefault();
    this.#offset = clamped(this.#layout, this.#view, this.#offset + event.deltaY * unit);
    this.#bar = toBar(this.#layout, this.#view, this.#offset);
    this.root.scrollTop = this.#bar;
    this.#bar = this.root.scrollTop;
    this.#drawSoon();
  }

  #drawSoon(): void {
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #draw(): void {
    if (this.#view === 0) return;
    const at = this.#layout;
    const [first, last] = seen(at, this.#view, this.#offset, 1);
    while (this.#lines.length < last - first) this.#lines.push(this.#newLine());
    const free = this.#lines.filter((line) => line.at < first || line.at >= last);
    const there = new Set(this.#lines.map((line) => line.at));
    for (let number = first; number < last; number += 1) {
      if (there.has(number)) continue;
      const line = free.shift();
      if (line !== undefined) this.#fill(line, number);
    }
    for (const line of free) {
      if (!line.root.hidden) line.root.hidden = true;
      line.at = -1;
    }
    for (const line of this.#lines) {
      if (line.at >= 0) line.root.style.transform = `translateY(${line.at * at.line - this.#offset}px)`;
    }
    this.#rove();
    const isMoving = this.#offset !== this.#drawn.offset;
    this.#want(first, last);
    this.#paint(PAINT_MS[isMoving ? "moving" : "resting"]);
  }

  /** Ask for what is in sight, then for what one scrolls towards, then for what is just behind. */
  #want(first: number, last: number): void {
    const at = this.#layout;
    const now = performance.now();
    const moved = this.#offset - this.#drawn.offset;
    const pace = Math.abs(moved) / Math.max(now - this.#drawn.at, 1);
    const isFlying = pace * 1000 > FLYING_VIEWS * this.#view;
    this.#drawn = { at: now, offset: this.#offset };
    clearTimeout(this.#rest);
    if (isFlying) this.#rest = setTimeout(() => this.#drawSoon(), REST_MS);
    const inSight = seen(at, this.#view, this.#offset);
    const after: [number, number] = [inSight[1], Math.min(at.lines, last + (moved >= 0 ? AHEAD : 0))];
    const before: [number, number] = [Math.max(0, first - (moved < 0 ? AHEAD : 0)), inSight[0]];
    const near = moved >= 0 ? [after, before] : [before, after];
    this.source.want(
      rowsOf(at, inSight),
      near.flatMap((lines) => [...rowsOf(at, lines)]),
      isFlying,
    );
  }

  #paint(budget: number): void {
    const begun = performance.now();
    for (const [cell, line] of this.#unpainted) {
      if (performance.now() - begun > budget) {
        this.#drawSoon();
        return;
      }
      this.#unpainted.delete(cell);
      if (cell.row >= 0) line.paint(cell, this.overlays);
    }
  }

  #newLine(): Line {
    const line = new Line();
    this.#inner.append(line.root);
    return line;
  }

  #fill(line: Line, number: number): void {
    const { columns, length, tile } = this.#layout;
    line.at = number;
    if (line.root.hidden) line.root.hidden = false;
    line.root.setAttribute("aria-rowindex", String(number + 1));
    line.arrange(columns, tile);
    for (const cell of line.cells) {
      const row = number * columns + cell.column;
      if (cell.column < columns && row < length) this.#show(line, cell, row);
      else line.show(cell, -1, undefined, this.overlays, false);
    }
  }

  #line(row: number): Line | undefined {
    const number = Math.floor(row / this.#layout.columns);
    return this.#lines.find((line) => line.at === number);
  }

  #cell(row: number): Cell | undefined {
    return this.#line(row)?.cells[row % this.#layout.columns];
  }

  /** One cell takes part in the page's tab order: the current one, or the first in sight. */
  #rove(): void {
    const [first] = seen(this.#layout, this.#view, this.#offset);
    const row =
      this.#cell(this.#current)?.row === this.#current ? this.#current : first * this.#layout.columns;
    for (const line of this.#lines) {
      for (const cell of line.cells) {
        const tab = line.at >= 0 && cell.row === row ? 0 : -1;
        if (cell.root.tabIndex !== tab) cell.root.tabIndex = tab;
      }
    }
  }

  #rowOf(event: Event): number {
    const cell = (event.target as Element).closest<HTMLElement>(".dl-cell");
    return cell === null ? -1 : Number(cell.dataset.row);
  }

  #clicked(event: MouseEvent): void {
    const row = this.#rowOf(event);
    if (row < 0) return;
    this.reveal(row, true);
    if (event.ctrlKey || event.metaKey || event.shiftKey) this.#select(row, event.shiftKey);
    else this.source.open(row);
  }

  #select(row: number, isRange: boolean): void {
    this.source.select(row, isRange && this.#anchor >= 0 ? this.#anchor : row);
    if (!isRange) this.#anchor = row;
  }

  #pressed(event: KeyboardEvent): void {
    const row = this.#rowOf(event);
    if (row < 0 || event.altKey || event.metaKey) return;
    if (event.key === "Enter") {
      this.source.open(row);
    } else if (event.key === " ") {
      this.#select(row, event.shiftKey);
    } else {
      const to = moved(this.#layout, this.#view, row, event.key, event.ctrlKey);
      if (to === null) return;
      this.reveal(to, true);
    }
    event.preventDefault();
    event.stopPropagation();
  }
}
