import { describe, expect, it } from "vitest";
import {
  clamped,
  fromBar,
  layout,
  MAX_HEIGHT,
  moved,
  reveal,
  rowsOf,
  seen,
  toBar,
} from "../src/gallery/layout.ts";

const VIEW = 440;

describe("layout", () => {
  it("fills the width with tiles of about the wanted size", () => {
    for (const width of [200, 599, 840, 1600]) {
      const at = layout(1000, width, 148);
      expect(at.columns * at.tile + (at.columns - 1) * 8).toBeLessThanOrEqual(width);
      expect(Math.abs(at.tile - 148)).toBeLessThan(80);
    }
  });

  it("never makes an element higher than a browser can lay out", () => {
    for (const length of [0, 1, 1_000_000, 10_000_000, 2_000_000_000]) {
      expect(layout(length, 840, 148).height).toBeLessThanOrEqual(MAX_HEIGHT);
    }
    expect(layout(1000, 840, 148).height).toBe(layout(1000, 840, 148).natural);
  });

  it("reaches every row from the ends of the scroll bar", () => {
    for (const length of [1, 7, 1000, 1_000_000, 10_000_000]) {
      const at = layout(length, 840, 148);
      expect(rowsOf(at, seen(at, VIEW, fromBar(at, VIEW, 0)))[0]).toBe(0);
      const end = fromBar(at, VIEW, Math.max(0, at.height - VIEW));
      expect(rowsOf(at, seen(at, VIEW, end)).at(-1)).toBe(length - 1);
    }
  });

  it("takes a position of the lines to the bar and back", () => {
    const at = layout(10_000_000, 840, 148);
    expect(at.height).toBeLessThan(at.natural);
    for (const offset of [0, 12_345, 98_765_432, at.natural - VIEW]) {
      expect(fromBar(at, VIEW, toBar(at, VIEW, offset))).toBeCloseTo(offset, 3);
    }
    expect(clamped(at, VIEW, -5)).toBe(0);
    expect(clamped(at, VIEW, at.natural * 2)).toBe(at.natural - VIEW);
  });

  it("asks for what is seen and no more", () => {
    const at = layout(1_000_000, 840, 148);
    const rows = rowsOf(at, seen(at, VIEW, (900_000 * at.line) / at.columns));
    expect(rows.length).toBeLessThanOrEqual(at.columns * (Math.ceil(VIEW / at.line) + 1));
    expect(rows).toEqual([...rows].sort((a, b) => a - b));
    expect(rowsOf(layout(0, 840, 148), [0, 0])).toEqual([]);
  });

  it("brings a row into sight with the shortest move", () => {
    const at = layout(1000, 840, 148);
    const far = reveal(at, VIEW, 0, 999);
    expect(rowsOf(at, seen(at, VIEW, far))).toContain(999);
    expect(reveal(at, VIEW, far, 999)).toBe(far);
    expect(reveal(at, VIEW, far, 0)).toBe(0);
  });

  it("moves by keys and stays within the rows", () => {
    const at = layout(98, 840, 148);
    const { columns } = at;
    expect(moved(at, VIEW, 0, "ArrowLeft", false)).toBe(0);
    expect(moved(at, VIEW, 0, "ArrowRight", false)).toBe(1);
    expect(moved(at, VIEW, columns, "ArrowUp", false)).toBe(0);
    expect(moved(at, VIEW, 1, "ArrowUp", false)).toBe(1);
    expect(moved(at, VIEW, 97, "ArrowDown", false)).toBe(97);
    expect(moved(at, VIEW, columns + 2, "Home", false)).toBe(columns);
    expect(moved(at, VIEW, 2, "End", false)).toBe(columns - 1);
    expect(moved(at, VIEW, 50, "Home", true)).toBe(0);
    expect(moved(at, VIEW, 0, "End", true)).toBe(97);
    expect(moved(at, VIEW, 0, "PageDown", false)).toBe(2 * columns);
    expect(moved(at, VIEW, 90, "PageDown", false)).toBe(97);
    expect(moved(at, VIEW, 0, "x", false)).toBeNull();
  });
});
