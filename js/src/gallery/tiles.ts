// Tiles by row: asked of the kernel in batches, kept while there is room, and not waited for once out of sight.

import type { Channel, Request } from "../channel.ts";
import { KernelError, type TileMessage } from "../messages.ts";
import { close, nbytes, picture } from "../shared/bitmap.ts";
import type { Picture } from "../shared/paint.ts";
import { BUSY_MS, type Waiting } from "../shared/waiting.ts";

const BATCH = 12;
const KEPT = 1000;
/** Decoded pictures that are kept, whatever their size. */
const KEPT_NBYTES = 48e6;
/** After so long what the kernel sends unasked has got lost: not every host keeps messages for a page that starts. */
const LOST_MS = 1500;
/** While scrolling, rows are asked for that often; flying over rows, once there is that much rest. */
const PACE_MS = 50;
const SHORT_MS = 150;

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
  /** Whether rows in sight are being waited for. */
  waiting(state: Waiting): void;
}

export class Tiles {
  readonly #kept = new Map<number, Tile>();
  readonly #batches = new Set<Batch>();
  #inSight: readonly number[] = [];
  #near: readonly number[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #busyTimer: ReturnType<typeof setTimeout> | undefined;
  #isWatched = false;
  #asked = -Infinity;
  #nbytes = 0;
  #isClosed = false;

  constructor(
    readonly channel: Channel,
    readonly tensor: string,
    readonly box: number,
    readonly events: TilesEvents,
  ) {}

  /** A tile that is there, without making it one last looked at. */
  peek(row: number): Tile | undefined {
    return this.#kept.get(row);
  }

  get(row: number): Tile | undefined {
    const tile = this.#kept.get(row);
    if (tile !== undefined) {
      this.#kept.delete(row); // to the end of the line: the first ones go first
      this.#kept.set(row, tile);
    }
    return tile;
  }

  /** Rows that the kernel sends by itself; asked for after all if they do not come. */
  expect(rows: readonly number[], request: Request<"tiles">): void {
    this.#inSight = rows;
    const batch = { rows, request };
    this.#batches.add(batch);
    void this.#receive(batch);
    setTimeout(() => {
      if (!this.#isClosed && this.#batches.delete(batch)) this.#ask();
    }, LOST_MS);
  }

  /** The rows in sight and then those near, most wanted first. What is under way for other rows is cancelled. */
  want(inSight: readonly number[], near: readonly number[] = [], isFlying = false): void {
    [this.#inSight, this.#near] = [inSight, near];
    const wanted = this.#wanted;
    for (const batch of this.#batches) {
      if (batch.rows.some((row) => wanted.has(row))) continue;
      batch.request.cancel();
      this.#batches.delete(batch);
    }
    if (this.#batches.size === 0) this.#watch();
    const pause = isFlying ? PACE_MS : Math.max(0, this.#asked + PACE_MS - performance.now());
    clearTimeout(this.#timer);
    if (pause === 0) this.#ask();
    else this.#timer = setTimeout(() => this.#ask(), pause);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const batch of this.#batches) batch.request.cancel();
    this.#batches.clear();
    this.#watch();
    for (const row of [...this.#kept.keys()]) this.#drop(row);
  }

  get #wanted(): ReadonlySet<number> {
    return new Set([...this.#inSight, ...this.#near]);
  }

  /** Ask for what is in sight; for what is near once that is there. */
  #ask(): void {
    this.#asked = performance.now();
    const underWay = new Set([...this.#batches].flatMap((batch) => batch.rows));
    const isSeen = this.#inSight.every((row) => this.#kept.has(row));
    const missing = (isSeen ? this.#near : this.#inSight).filter(
      (row) => !this.#kept.has(row) && !underWay.has(row),
    );
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
            shown = await picture(message, buffers, this.box);
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
    if (this.#batches.size === 0 && !this.#isClosed) this.#ask();
    this.#isWatched = false; // who answers is not busy
    this.#watch();
  }

  #keep(row: number, tile: Tile): void {
    if (this.#isClosed) {
      close(tile.picture);
      return;
    }
    this.#drop(row);
    this.#kept.set(row, tile);
    this.#nbytes += nbytes(tile.picture);
    const wanted = this.#wanted;
    for (const old of this.#kept.keys()) {
      if (this.#kept.size <= KEPT && this.#nbytes <= KEPT_NBYTES) break;
      if (!wanted.has(old)) this.#drop(old);
    }
    this.events.arrived(row, tile);
  }

  #drop(row: number): void {
    const dropped = this.#kept.get(row);
    if (dropped === undefined) return;
    this.#nbytes -= nbytes(dropped.picture);
    close(dropped.picture);
    this.#kept.delete(row);
  }

  /** Tell how long nothing has come; asking for more rows meanwhile is no answer. */
  #watch(): void {
    const isWaiting = !this.#isClosed && this.#batches.size > 0;
    if (isWaiting && this.#isWatched) return;
    clearTimeout(this.#busyTimer);
    this.#isWatched = isWaiting;
    if (!isWaiting) {
      this.events.waiting("no");
      return;
    }
    this.#busyTimer = setTimeout(() => {
      this.events.waiting("short");
      this.#busyTimer = setTimeout(() => this.events.waiting("long"), BUSY_MS - SHORT_MS);
    }, SHORT_MS);
  }
}

export function failed(row: number, error: string): TileMessage {
  const nothing = {
    origin: "",
    width: 0,
    height: 0,
    boxes: [],
    shapes: [],
    masks: [],
    labels: [],
    notes: [],
  };
  return { row, number: row, count: 1, error, ...nothing };
}
