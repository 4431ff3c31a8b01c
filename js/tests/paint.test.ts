import { describe, expect, it } from "vitest";
import { fitted, freeTop, placed } from "../src/shared/paint.ts";

describe("paint", () => {
  it("fits a picture into the middle of its room", () => {
    const room = { left: 0, top: 0, width: 100, height: 100 };
    expect(fitted(200, 100, room)).toEqual({ left: 0, top: 25, width: 100, height: 50 });
    expect(fitted(10, 20, room)).toEqual({ left: 25, top: 0, width: 50, height: 100 });
    expect(fitted(10, 20, room, 1)).toEqual({ left: 45, top: 40, width: 10, height: 20 });
  });

  it("places boxes by fractions of the picture, also beyond its edges", () => {
    const at = { left: 10, top: 20, width: 100, height: 50 };
    expect(placed([0.25, 0.5, 0.75, 1, "", ""], at)).toEqual({ left: 35, top: 45, width: 50, height: 25 });
    expect(placed([-0.5, 0, 1.5, 1, "", ""], at)).toEqual({ left: -40, top: 20, width: 200, height: 50 });
  });
});

describe("where a name goes", () => {
  const chip = (left: number, top: number) => ({ left, top, width: 40, height: 15 });

  it("stays where nothing is in its way", () => {
    expect(freeTop(chip(0, 20), [chip(40, 20), chip(0, 35)], 100)).toBe(20);
  });

  it("moves just below or above the names that it would cover", () => {
    expect(freeTop(chip(10, 24), [chip(0, 20)], 100)).toBe(35);
    expect(freeTop(chip(10, 16), [chip(0, 20)], 100)).toBe(5);
    expect(freeTop(chip(10, 24), [chip(0, 20), chip(5, 35)], 100)).toBe(5);
  });

  it("does not leave the picture, and stays where all of it is full", () => {
    expect(freeTop(chip(0, 2), [chip(0, 5)], 100)).toBe(20);
    expect(freeTop(chip(0, 2), [chip(0, 0)], 20)).toBe(2);
  });
});
