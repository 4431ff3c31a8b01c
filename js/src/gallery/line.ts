// A line of tiles. Its pictures share one canvas: browsers make a layer of every canvas there is, and to arrange hundreds
// of layers took more of a frame than everything else.

import { element } from "../shared/dom.ts";
import { type Overlays, paint, type Rect, sized } from "../shared/paint.ts";
import { Cell } from "./cell.ts";
import { GAP } from "./layout.ts";
import type { Tile } from "./tiles.ts";

export class Line {
  readonly root = element("div", "dl-line", { role: "row" });
  readonly cells: Cell[] = [];
  readonly #canvas = element("canvas", "dl-canvas", { "aria-hidden": "true" });
  #pen: CanvasRenderingContext2D | null = null;
  #tile = 0;
  /** Its number; -1 while it stands for none. */
  at = -1;

  constructor() {
    this.root.append(this.#canvas);
  }

  /** Have `columns` cells whose pictures take `tile` CSS pixels. */
  arrange(columns: number, tile: number): void {
    while (this.cells.length < columns) {
      const cell = new Cell(this.cells.length);
      this.cells.push(cell);
      this.root.append(cell.root);
    }
    const width = columns * (tile + GAP) - GAP;
    this.#tile = tile;
    this.#pen = sized(this.#canvas, width, tile);
    this.#canvas.style.width = `${width}px`;
    this.#canvas.style.height = `${tile}px`;
  }

  /** Let a cell stand for a row, -1 for none. Its picture is drawn by `paint`. */
  show(cell: Cell, row: number, tile: Tile | undefined, overlays: Overlays, isSelected: boolean): void {
    const wasPainted = cell.isPainted;
    cell.show(row, tile, overlays, isSelected);
    if (wasPainted && !cell.isPainted) this.#clear(cell); // a canvas keeps what it showed before
  }

  /** Draw a cell's picture, if there is one. */
  paint(cell: Cell, overlays: Overlays): void {
    if (this.#pen === null || cell.picture === null) return;
    this.#clear(cell);
    paint(this.#pen, cell.picture, this.#square(cell), overlays);
    cell.painted();
  }

  #clear(cell: Cell): void {
    const { left, top, width, height } = this.#square(cell);
    this.#pen?.clearRect(left, top, width, height);
  }

  #square({ column }: Cell): Rect {
    return { left: column * (this.#tile + GAP), top: 0, width: this.#tile, height: this.#tile };
  }
}
