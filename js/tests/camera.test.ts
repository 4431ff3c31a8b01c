import { describe, expect, it } from "vitest";
import { CLOSEST, panned, pixelAt, placedPart, seenPart, whole, zoomed } from "../src/viewer/camera.ts";
import { shareOf, valueAt } from "../src/viewer/levels.ts";

const IMAGE = { width: 4000, height: 3000 };
const STAGE = { width: 800, height: 400 };

describe("camera", () => {
  it("shows the whole image in the middle at first", () => {
    const camera = whole(IMAGE, STAGE);
    expect(camera.zoom).toBeCloseTo(400 / 3000);
    expect(placedPart(camera, [0, 0, 4000, 3000])).toMatchObject({ top: 0, height: 400 });
    expect(seenPart(camera, IMAGE, STAGE)).toEqual([0, 0, 4000, 3000]);
  });

  it("keeps the pixel under the pointer where it is while zooming", () => {
    const image = { width: 8000, height: 4000 }; // it fills the stage, so that nothing is centred
    let camera = whole(image, STAGE);
    const before = pixelAt(camera, image, 300.05, 200.05);
    for (let turn = 0; turn < 5; turn += 1) camera = zoomed(camera, image, STAGE, 1.5, 300.05, 200.05);
    expect(camera.zoom).toBeCloseTo(0.1 * 1.5 ** 5);
    expect(pixelAt(camera, image, 300.05, 200.05)).toEqual(before);
  });

  it("goes from the whole image to single pixels and no further", () => {
    let camera = whole(IMAGE, STAGE);
    for (let turn = 0; turn < 60; turn += 1) camera = zoomed(camera, IMAGE, STAGE, 1.5, 400, 200);
    expect(camera.zoom).toBe(CLOSEST);
    const [left, top, right, bottom] = seenPart(camera, IMAGE, STAGE);
    expect(right - left).toBeLessThanOrEqual(800 / CLOSEST + 2);
    expect(bottom - top).toBeLessThanOrEqual(400 / CLOSEST + 2);
    for (let turn = 0; turn < 60; turn += 1) camera = zoomed(camera, IMAGE, STAGE, 0.5, 400, 200);
    expect(camera.zoom).toBeCloseTo(whole(IMAGE, STAGE).zoom);
  });

  it("cannot be panned beyond the image", () => {
    const close = zoomed(whole(IMAGE, STAGE), IMAGE, STAGE, 20, 0, 0);
    expect(panned(close, IMAGE, STAGE, 1e6, 1e6)).toMatchObject({ left: 0, top: 0 });
    const far = panned(close, IMAGE, STAGE, -1e6, -1e6);
    expect(seenPart(far, IMAGE, STAGE).slice(2)).toEqual([4000, 3000]);
  });

  it("knows that there is no pixel beside the image", () => {
    const camera = whole({ width: 10, height: 10 }, STAGE);
    expect(pixelAt(camera, { width: 10, height: 10 }, 1, 200)).toBeNull();
    expect(pixelAt(camera, { width: 10, height: 10 }, 400, 200)).toEqual([5, 5]);
  });
});

describe("levels", () => {
  it("go from the least to the most value and back", () => {
    expect(valueAt([-100, 300], 0.5)).toBe(100);
    expect(shareOf([-100, 300], 100)).toBe(0.5);
    expect(shareOf([5, 5], 5)).toBe(0);
    expect(shareOf([0, 1], 7)).toBe(1);
  });
});
