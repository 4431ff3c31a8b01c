// Tiles by row: asked of the kernel in batches, kept while there is room, and not waited for once out of sight.

import type { Channel, Request } from "../channel.ts";
import { KernelError, type TileMessage } from "../messages.ts";
import { close, picture } from "../shared/bitmap.ts";
import type { Picture } from "../shared/paint.ts";

const BATCH = 12;
const KEPT = 400;
const SETTLE_MS = 40;
const BUSY_MS = 900;

export interface Tile {
  readonly message: TileMessage;
  readonly picture: Picture | null;
}

interface Batch {
  readonly rows: readonly number[];
  readonly request: Request<"tiles">;
}

export interface TilesEvents {
  /** A row has come, or has failed. */
  arrived(row: number, tile: Tile): void;
  /** Whether the kernel lets us wait. */
  busy(isBusy: boolean): void;
}

export class Tiles {
  readonly #kept = new Map<number, Tile>();
  readonly #batches = new Set<Batch>();
  #wanted: readonly number[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #busyTimer: ReturnType<typeof setTimeout> | undefined;
  #asked = -Infinity;
  #isClosed = false;

  constructor(
    readonly channel: Channel,
    readonly tensor: string,
    readonly box: number,
    readonly events: TilesEvents,
  ) {}

  get(row: number): Tile | undefined {
    const tile = this.#kept.get(row);
    if (tile !== undefined) {
      this.#kept.delete(row); // to the end of the line: the first ones go first
      this.#kept.set(row, tile);
    }
    return tile;
  }

  /** The rows in sight, most wanted first. What is under way for other rows is cancelled. */
  want(rows: readonly number[]): void {
    this.#wanted = rows;
    const inSight = new Set(rows);
    for (const batch of [...this.#batches]) {
      if (!batch.rows.some((row) => inSight.has(row))) {
        batch.request.cancel();
        this.#batches.delete(batch);
      }
    }
    if (this.#batches.size === 0) this.#watch();
    // At rest ask at once; while scrolling wait for a moment of rest, so that rows flown over are not asked for.
    const now = performance.now();
    const pause = now - this.#asked < SETTLE_MS ? SETTLE_MS : 0;
    this.#asked = now;
    clearTimeout(this.#timer);
    if (pause === 0) this.#ask();
    else this.#timer = setTimeout(() => this.#ask(), pause);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#busyTimer);
    for (const batch of this.#batches) batch.request.cancel();
    this.#batches.clear();
    for (const tile of this.#kept.values()) close(tile.picture);
    this.#kept.clear();
  }

  #ask(): void {
    const underWay = new Set([...this.#batches].flatMap((batch) => batch.rows));
    const missing = this.#wanted.filter((row) => !this.#kept.has(row) && !underWay.has(row));
    for (let start = 0; start < missing.length; start += BATCH) {
      const rows = missing.slice(start, start + BATCH);
      const request = this.channel.ask("tiles", { tensor: this.tensor, rows, box: this.box });
      const batch = { rows, request };
      this.#batches.add(batch);
      void this.#receive(batch);
    }
    this.#watch();
  }

  async #receive(batch: Batch): Promise<void> {
    try {
      const { content, buffers } = await batch.request.reply;
      await Promise.all(
        content.tiles.map(async (message) => {
          let shown: Picture | null = null;
          let told = message;
          try {
            shown = await picture(message, buffers);
          } catch {
            told = { ...message, error: "The browser cannot decode this picture." };
          }
          this.#keep(message.row, { message: told, picture: shown });
        }),
      );
    } catch (error) {
      const words = error instanceof KernelError ? error.message : String(error);
      for (const row of batch.rows) this.#keep(row, { message: failed(row, words), picture: null });
    }
    this.#batches.delete(batch);
    this.#watch();
  }

  #keep(row: number, tile: Tile): void {
    if (this.#isClosed) {
      close(tile.picture);
      return;
    }
    this.#kept.set(row, tile);
    for (const [old, dropped] of this.#kept) {
      if (this.#kept.size <= KEPT) break;
      close(dropped.picture);
      this.#kept.delete(old);
    }
    this.events.arrived(row, tile);
  }

  #watch(): void {
    clearTimeout(this.#busyTimer);
    if (this.#batches.size === 0) this.events.busy(false);
    else this.#busyTimer = setTimeout(() => this.events.busy(true), BUSY_MS);
  }
}

export function failed(row: number, error: string): TileMessage {
  return { row, width: 0, height: 0, boxes: [], masks: [], labels: [], notes: [], count: 1, error };
}
