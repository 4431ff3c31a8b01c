import { describe, expect, it } from "vitest";
import { Channel } from "../src/channel.ts";
import { classFilter } from "../src/gallery/filters.ts";
import { Selection } from "../src/gallery/selection.ts";
import { reduced } from "../src/shared/bitmap.ts";
import { FakeModel } from "./fake-model.ts";

function made() {
  const model = new FakeModel({ selection: [] });
  const moved: number[] = [];
  let changes = 0;
  const selection = new Selection(new Channel(model), {
    changed: () => {
      changes += 1;
    },
    moved: (position) => moved.push(position),
  });
  return { model, selection, moved, changes: () => changes };
}

const settled = () => new Promise((done) => setTimeout(done, 0));

describe("selection", () => {
  it("takes rows in and out, and tells Python", () => {
    const { model, selection } = made();
    selection.toggle(7);
    selection.toggle(3);
    selection.toggle(7);
    expect(model.get("selection")).toEqual([3]);
    expect([selection.has(3), selection.has(7), selection.has(undefined)]).toEqual([true, false, false]);
    selection.clear();
    expect(model.get("selection")).toEqual([]);
  });

  it("extends by the rows that stand between, in whichever direction", async () => {
    const { model, selection } = made();
    selection.toggle(90);
    const done = selection.extend(5, 2);
    expect(model.sent.at(-1)).toMatchObject({ kind: "rows", start: 2, stop: 6 });
    model.receive({ v: 1, id: 1, kind: "rows.ok", rows: [90, 80, 70, 60] });
    await done;
    expect(model.get("selection")).toEqual([90, 80, 70, 60]);
  });

  it("shows where the first row stands that Python selected, and ignores its own echo", async () => {
    const { model, selection, moved, changes } = made();
    selection.toggle(1);
    const before = changes();
    model.change("selection", [1]);
    await settled();
    expect(changes()).toBe(before);
    model.change("selection", [42, 1]);
    await settled();
    expect(model.sent.at(-1)).toMatchObject({ kind: "position", row: 42 });
    model.receive({ v: 1, id: 1, kind: "position.ok", position: 12 });
    await settled();
    expect(moved).toEqual([12]);
    model.change("selection", [9]);
    await settled();
    model.receive({ v: 1, id: 2, kind: "position.ok", position: -1 });
    await settled();
    expect(moved).toEqual([12]);
  });
});

describe("beside it", () => {
  it("writes a class into a filter as Python reads it", () => {
    expect(classFilter("labels", 'a "b" \\ c')).toBe('labels == "a \\"b\\" \\\\ c"');
  });

  it("decodes pictures no larger than they are shown", () => {
    expect(reduced(100, 50, 256)).toEqual({});
    expect(reduced(4000, 3000, 256)).toMatchObject({ resizeWidth: 256, resizeHeight: 192 });
    expect(reduced(10_000, 1, 256)).toMatchObject({ resizeWidth: 256, resizeHeight: 1 });
  });
});
