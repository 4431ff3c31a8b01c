import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Channel } from "../src/channel.ts";
import { spoken } from "../src/gallery/cell.ts";
import { failed, type Tile, Tiles } from "../src/gallery/tiles.ts";
import { FakeModel } from "./fake-model.ts";

const words = (row: number) => ({ ...failed(row, ""), error: undefined, preview: { text: `words ${row}` } });

function made() {
  const model = new FakeModel();
  const arrived = new Map<number, Tile>();
  const waiting: string[] = [];
  const channel = new Channel(model);
  const tiles = new Tiles(channel, "images", 256, {
    arrived: (row, tile) => arrived.set(row, tile),
    waiting: (state) => waiting.push(state),
  });
  const asked = () => model.sent.filter((sent) => sent.kind === "tiles");
  const answer = (id: number, rows: readonly number[]) =>
    model.receive({ v: 1, id, kind: "tiles.ok", tiles: rows.map(words) });
  return { model, channel, tiles, arrived, waiting, asked, answer };
}

const rows = (start: number, stop: number) =>
  Array.from({ length: stop - start }, (_, index) => start + index);

describe("tiles", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("asks in batches, and not again for what is under way or there", async () => {
    const { tiles, asked, answer, arrived } = made();
    tiles.want(rows(0, 30));
    expect(asked().map((sent) => sent.rows?.length)).toEqual([12, 12, 6]);
    tiles.want(rows(0, 30));
    await vi.advanceTimersByTimeAsync(100);
    expect(asked().length).toBe(3);
    answer(1, rows(0, 12));
    await vi.advanceTimersByTimeAsync(0);
    expect(arrived.size).toBe(12);
    tiles.want(rows(0, 30));
    await vi.advanceTimersByTimeAsync(100);
    expect(asked().length).toBe(3);
  });

  it("cancels what was scrolled away, and keeps what is half in sight", async () => {
    const { model, tiles, asked } = made();
    tiles.want(rows(0, 24));
    tiles.want(rows(20, 30));
    expect(model.sent.filter((sent) => sent.kind === "cancel").map((sent) => sent.id)).toEqual([1]);
    await vi.advanceTimersByTimeAsync(100);
    expect(asked().at(-1)?.rows).toEqual(rows(24, 30));
  });

  it("asks for what is near only once all in sight is there", async () => {
    const { tiles, asked, answer } = made();
    tiles.want(rows(0, 14), rows(14, 20));
    await vi.advanceTimersByTimeAsync(100);
    answer(1, rows(0, 12));
    await vi.advanceTimersByTimeAsync(100);
    expect(asked().map((sent) => sent.rows)).toEqual([rows(0, 12), rows(12, 14)]);
    answer(2, rows(12, 14));
    await vi.advanceTimersByTimeAsync(100);
    expect(asked().at(-1)?.rows).toEqual(rows(14, 20));
  });

  it("does not ask for what the kernel sends by itself", async () => {
    const { model, channel, tiles, arrived, answer } = made();
    tiles.expect(rows(0, 24), channel.expect("tiles"));
    tiles.want(rows(0, 20));
    await vi.advanceTimersByTimeAsync(300);
    answer(0, rows(0, 24));
    await vi.advanceTimersByTimeAsync(5000);
    expect(arrived.size).toBe(24);
    expect(model.sent).toEqual([]);
  });

  it("asks after all when that is lost on the way", async () => {
    const { channel, tiles, asked } = made();
    tiles.expect(rows(0, 24), channel.expect("tiles"));
    await vi.advanceTimersByTimeAsync(1600);
    expect(asked().map((sent) => sent.rows)).toEqual([rows(0, 12), rows(12, 24)]);
  });

  it("does not ask for rows flown over", async () => {
    const { tiles, asked } = made();
    tiles.want(rows(0, 12));
    for (let start = 1000; start < 50_000; start += 1000) tiles.want(rows(start, start + 12), [], true);
    await vi.advanceTimersByTimeAsync(100);
    expect(asked().map((sent) => sent.rows?.[0])).toEqual([0, 49_000]);
  });

  it("shows the kernel's error in each tile of the batch", async () => {
    const { model, tiles, arrived } = made();
    tiles.want([3, 4]);
    model.receive({
      v: 1,
      id: 1,
      kind: "tiles.error",
      error: { code: "storage", message: "the disk is gone" },
    });
    await vi.advanceTimersByTimeAsync(0);
    expect(arrived.get(3)?.message.error).toBe("the disk is gone");
    expect(arrived.get(4)?.message.error).toBe("the disk is gone");
  });

  it("says that the kernel is busy when it lets us wait, and takes that back", async () => {
    const { tiles, waiting, answer } = made();
    tiles.want([0]);
    await vi.advanceTimersByTimeAsync(800);
    expect(waiting.at(-1)).toBe("short");
    await vi.advanceTimersByTimeAsync(200);
    expect(waiting.at(-1)).toBe("long");
    tiles.want([0]); // as when the page is laid out anew
    await vi.advanceTimersByTimeAsync(200);
    expect(waiting.at(-1)).toBe("long");
    answer(1, [0]);
    await vi.advanceTimersByTimeAsync(0);
    expect(waiting.at(-1)).toBe("no");
  });

  it("keeps a bounded number of tiles, the ones last looked at", async () => {
    const { tiles, asked, answer } = made();
    for (let start = 0; start < 1200; start += 12) {
      tiles.want(rows(start, start + 12));
      await vi.advanceTimersByTimeAsync(100);
      answer(asked().at(-1)?.id ?? 0, rows(start, start + 12));
      await vi.advanceTimersByTimeAsync(0);
      tiles.get(0);
    }
    expect(tiles.get(0)).toBeDefined();
    expect(tiles.get(12)).toBeUndefined();
    expect(tiles.get(1199)).toBeDefined();
  });
});

describe("what a screen reader says", () => {
  it("names the row, its classes, boxes and size", () => {
    const message = {
      ...words(1234),
      preview: { buffer: 0, media: "image/png" },
      width: 640,
      height: 480,
      labels: [["cat", "#fff"]] as const,
      boxes: [
        [0, 0, 1, 1, "cat", "#fff"],
        [0, 0, 1, 1, "cat", "#fff"],
      ] as const,
    };
    const picture = { image: {} as ImageBitmap, masks: [], boxes: [], shapes: [] };
    expect(spoken(1234, { message, picture } as unknown as Tile)).toBe(
      "Row 1,234, cat, 2 boxes, 640 by 480 pixels",
    );
    const sound = { ...words(3), preview: { buffer: 0, media: "image/png", text: "sound" }, width: 256 };
    expect(spoken(3, { message: sound, picture } as unknown as Tile)).toBe("Row 3, sound");
  });

  it("says why a row cannot be shown", () => {
    expect(spoken(7, { message: failed(7, "no such object"), picture: null })).toBe(
      "Row 7 cannot be shown: no such object",
    );
    expect(spoken(7, undefined)).toBe("Row 7, loading");
  });
});
