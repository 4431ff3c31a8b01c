// Where tiles are, for any number of rows. Pure.

/** Browsers stop laying out elements a little above this height (Firefox 17.9 million pixels, Chromium 33). */
export const MAX_HEIGHT = 10_000_000;
export const GAP = 8;
export const CAPTION = 22;

export interface Layout {
  readonly length: number;
  readonly columns: number;
  /** Width and height of a tile's picture. */
  readonly tile: number;
  /** From the top of a line of tiles to the top of the next. */
  readonly line: number;
  readonly lines: number;
  /** Height of all lines. */
  readonly natural: number;
  /** Height of the scrolled element: natural, or the most a browser can do. */
  readonly height: number;
}

export function layout(length: number, width: number, wantedTile: number): Layout {
  const columns = Math.max(1, Math.round((width + GAP) / (wantedTile + GAP)));
  const tile = Math.max(24, Math.floor((width + GAP) / columns) - GAP);
  const line = tile + CAPTION + GAP;
  const lines = Math.ceil(length / columns);
  const natural = lines * line;
  return { length, columns, tile, line, lines, natural, height: Math.min(natural, MAX_HEIGHT) };
}

/** How far the scroll bar can go, and how far the lines can. */
function travels(at: Layout, view: number): { bar: number; lines: number } {
  return { bar: Math.max(0, at.height - view), lines: Math.max(0, at.natural - view) };
}

/** The offset into the lines that a position of the scroll bar stands for. */
export function fromBar(at: Layout, view: number, scrollTop: number): number {
  const far = travels(at, view);
  if (far.bar === 0) return 0;
  return Math.min(1, Math.max(0, scrollTop / far.bar)) * far.lines;
}

/** The position of the scroll bar for an offset into the lines. */
export function toBar(at: Layout, view: number, offset: number): number {
  const far = travels(at, view);
  return far.lines === 0 ? 0 : (clamped(at, view, offset) / far.lines) * far.bar;
}

export function clamped(at: Layout, view: number, offset: number): number {
  return Math.min(Math.max(0, offset), travels(at, view).lines);
}

/** The half-open range of lines of which something is seen, with `spare` more on both sides. */
export function seen(at: Layout, view: number, offset: number, spare = 0): readonly [number, number] {
  const first = Math.floor(offset / at.line) - spare;
  const last = Math.ceil((offset + view) / at.line) + spare;
  return [Math.max(0, first), Math.min(at.lines, last)];
}

/** The rows of a range of lines. */
export function rowsOf(at: Layout, [first, last]: readonly [number, number]): readonly number[] {
  const start = first * at.columns;
  const stop = Math.min(at.length, last * at.columns);
  return Array.from({ length: Math.max(0, stop - start) }, (_, index) => start + index);
}

/** The nearest offset at which a row is wholly seen. */
export function reveal(at: Layout, view: number, offset: number, row: number): number {
  const top = Math.floor(row / at.columns) * at.line;
  if (top < offset) return clamped(at, view, top);
  if (top + at.line > offset + view) return clamped(at, view, top + at.line - view);
  return offset;
}

/** The row a key leads to, or null for a key that does not move. */
export function moved(at: Layout, view: number, row: number, key: string, ctrl: boolean): number | null {
  const page = Math.max(1, Math.floor(view / at.line)) * at.columns;
  const lineStart = row - (row % at.columns);
  const steps: Record<string, number> = {
    ArrowLeft: row - 1,
    ArrowRight: row + 1,
    ArrowUp: row - at.columns,
    ArrowDown: row + at.columns,
    PageUp: row - page,
    PageDown: row + page,
    Home: ctrl ? 0 : lineStart,
    End: ctrl ? at.length - 1 : lineStart + at.columns - 1,
  };
  const to = steps[key];
  if (to === undefined) return null;
  if (to >= 0 && to < at.length) return to;
  if (key === "ArrowUp" || key === "ArrowDown") return row;
  return Math.min(Math.max(to, 0), at.length - 1);
}
