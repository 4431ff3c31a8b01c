// The grid of tiles: lines of cells that are used again and again while one scrolls.

import { element } from "../shared/dom.ts";
import type { Overlays } from "../shared/paint.ts";
import { Cell } from "./cell.ts";
import { clamped, fromBar, type Layout, layout, moved, reveal, rowsOf, seen, toBar } from "./layout.ts";
import type { Tile } from "./tiles.ts";

const EDGE = 10;

interface Line {
  readonly root: HTMLElement;
  readonly cells: Cell[];
  at: number;
}

export interface GridSource {
  tile(row: number): Tile | undefined;
  want(rows: readonly number[]): void;
  open(row: number): void;
  focused(row: number): void;
}

export class Grid {
  readonly root = element("div", "dl-scroll", { tabindex: -1 });
  readonly #tall = element("div", "dl-tall");
  readonly #stage = element("div", "dl-stage", {
    role: "grid",
    "aria-label": "Rows",
    "aria-readonly": "true",
  });
  readonly #inner = element("div", "dl-inner", { role: "presentation" });
  readonly #lines: Line[] = [];
  readonly #resize = new ResizeObserver(() => this.measure());
  #layout: Layout;
  #offset = 0;
  #bar = 0;
  #current = 0;
  #frame = 0;
  overlays: Overlays = { boxes: true, masks: true, labels: true };

  constructor(
    readonly source: GridSource,
    readonly length: number,
    private wanted: number,
  ) {
    this.#layout = layout(length, 600, wanted);
    this.#stage.append(this.#inner);
    this.#tall.append(this.#stage);
    this.root.append(this.#tall);
    this.root.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.root.addEventListener("wheel", (event) => this.#wheeled(event), { passive: false });
    this.#inner.addEventListener("click", (event) => this.#clicked(event));
    this.#inner.addEventListener("keydown", (event) => this.#pressed(event));
    this.#resize.observe(this.root);
  }

  /** Adapt to the width there is; the first row in sight stays in sight. */
  measure(wanted = this.wanted): void {
    this.wanted = wanted;
    const width = this.#stage.clientWidth;
    if (width === 0) return;
    const top = Math.floor(this.#offset / this.#layout.line) * this.#layout.columns;
    this.#layout = layout(this.length, width, wanted);
    this.#tall.style.height = `${this.#layout.height}px`;
    this.#stage.setAttribute("aria-rowcount", String(this.#layout.lines));
    this.#stage.setAttribute("aria-colcount", String(this.#layout.columns));
    for (const line of this.#lines) line.at = -1;
    this.#go(Math.floor(top / this.#layout.columns) * this.#layout.line);
  }

  /** Height of all lines, with the space above and below them. */
  get height(): number {
    return this.#layout.natural + 2 * EDGE;
  }

  /** Bring a row into sight and, if asked, the keyboard with it. */
  reveal(row: number, withFocus: boolean): void {
    this.#current = Math.min(Math.max(row, 0), this.length - 1);
    this.#go(reveal(this.#layout, this.#view, this.#offset, this.#current));
    if (withFocus) this.#cell(this.#current)?.root.focus({ preventScroll: true });
    this.source.focused(this.#current);
  }

  /** A row's tile has come. */
  arrived(row: number): void {
    const cell = this.#cell(row);
    cell?.show(row, this.source.tile(row), this.#layout.tile, this.overlays);
  }

  repaint(): void {
    for (const line of this.#lines) line.at = -1;
    this.#draw();
  }

  close(): void {
    this.#resize.disconnect();
    cancelAnimationFrame(this.#frame);
  }

  get #view(): number {
    return this.root.clientHeight;
  }

  get #isScaled(): boolean {
    return this.#layout.height < this.#layout.natural;
  }

  #go(offset: number): void {
    this.#offset = clamped(this.#layout, this.#view, offset);
    this.#bar = toBar(this.#layout, this.#view, this.#offset);
    this.root.scrollTop = this.#bar;
    this.#bar = this.root.scrollTop; // browsers round it
    this.#draw();
  }

  #scrolled(): void {
    if (Math.abs(this.root.scrollTop - this.#bar) < 1) return; // our own doing
    this.#bar = this.root.scrollTop;
    this.#offset = fromBar(this.#layout, this.#view, this.#bar);
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
    const there = new Set(this.#lines.filter((line) => !free.includes(line)).map((line) => line.at));
    for (let number = first; number < last; number += 1) {
      if (there.has(number)) continue;
      const line = free.shift();
      if (line !== undefined) this.#fill(line, number);
    }
    for (const line of free) {
      line.at = -1;
      line.root.hidden = true;
    }
    for (const line of this.#lines) {
      if (line.at >= 0) line.root.style.transform = `translateY(${line.at * at.line - this.#offset}px)`;
    }
    this.#rove();
    // What is in sight first, then the lines just out of it.
    const inSight = seen(at, this.#view, this.#offset);
    this.source.want([
      ...rowsOf(at, inSight),
      ...rowsOf(at, [inSight[1], last]),
      ...rowsOf(at, [first, inSight[0]]),
    ]);
  }

  #newLine(): Line {
    const root = element("div", "dl-line", { role: "row" });
    this.#inner.append(root);
    return { root, cells: [], at: -1 };
  }

  #fill(line: Line, number: number): void {
    const { columns, tile, length } = this.#layout;
    line.at = number;
    line.root.hidden = false;
    line.root.setAttribute("aria-rowindex", String(number + 1));
    line.root.style.gridTemplateColumns = `repeat(${columns}, ${tile}px)`;
    while (line.cells.length < columns) {
      const cell = new Cell();
      line.cells.push(cell);
      line.root.append(cell.root);
    }
    line.cells.forEach((cell, column) => {
      const row = number * columns + column;
      const isThere = column < columns && row < length;
      cell.root.setAttribute("aria-colindex", String(column + 1));
      cell.show(isThere ? row : -1, isThere ? this.source.tile(row) : undefined, tile, this.overlays);
    });
  }

  #cell(row: number): Cell | undefined {
    const number = Math.floor(row / this.#layout.columns);
    return this.#lines.find((line) => line.at === number)?.cells[row % this.#layout.columns];
  }

  /** One cell takes part in the page's tab order: the current one, or the first in sight. */
  #rove(): void {
    const [first] = seen(this.#layout, this.#view, this.#offset);
    const row = this.#cell(this.#current) ? this.#current : first * this.#layout.columns;
    for (const line of this.#lines) {
      for (const cell of line.cells) cell.root.tabIndex = cell.row === row ? 0 : -1;
    }
  }

  #rowOf(event: Event): number {
    const cell = (event.target as Element).closest<HTMLElement>(".dl-cell");
    return cell === null ? -1 : Number(cell.dataset.row);
  }

  #clicked(event: Event): void {
    const row = this.#rowOf(event);
    if (row < 0) return;
    this.reveal(row, true);
    this.source.open(row);
  }

  #pressed(event: KeyboardEvent): void {
    const row = this.#rowOf(event);
    if (row < 0 || event.altKey || event.metaKey) return;
    if (event.key === "Enter" || event.key === " ") {
      this.source.open(row);
    } else {
      const to = moved(this.#layout, this.#view, row, event.key, event.ctrlKey);
      if (to === null) return;
      this.reveal(to, true);
    }
    event.preventDefault();
    event.stopPropagation();
  }
}
