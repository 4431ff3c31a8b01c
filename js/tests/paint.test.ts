import { describe, expect, it } from "vitest";
import { fitted, placed } from "../src/shared/paint.ts";

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
