// What of an image is seen, and how large: the image's own pixels on a stage of CSS pixels. Pure.

import type { Region } from "../messages.ts";
import { fitted, type Rect } from "../shared/paint.ts";

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** `zoom` CSS pixels per pixel of the image; the image's left top corner on the stage. */
export interface Camera {
  readonly zoom: number;
  readonly left: number;
  readonly top: number;
}

/** CSS pixels that one pixel of the image takes at most. */
export const CLOSEST = 64;
/** From here on pixels are drawn as squares. */
export const SHARP = 1;

/** The whole image in the middle of the stage; small ones are magnified so that they can be seen. */
export function whole(image: Size, stage: Size): Camera {
  const at = fitted(image.width, image.height, { left: 0, top: 0, ...stage }, CLOSEST);
  return { zoom: at.width / Math.max(1, image.width), left: at.left, top: at.top };
}

/** Zoomed by `factor` about a point of the stage, which stays where it is. */
export function zoomed(
  camera: Camera,
  image: Size,
  stage: Size,
  factor: number,
  x: number,
  y: number,
): Camera {
  const least = Math.min(whole(image, stage).zoom, 1);
  const zoom = Math.min(CLOSEST, Math.max(least, camera.zoom * factor));
  const by = zoom / camera.zoom;
  return kept({ zoom, left: x - (x - camera.left) * by, top: y - (y - camera.top) * by }, image, stage);
}

export function panned(camera: Camera, image: Size, stage: Size, x: number, y: number): Camera {
  return kept({ ...camera, left: camera.left + x, top: camera.top + y }, image, stage);
}

/** An image larger than the stage covers it; a smaller one is in its middle. */
function kept(camera: Camera, image: Size, stage: Size): Camera {
  const side = (at: number, length: number, room: number) =>
    length <= room ? (room - length) / 2 : Math.min(0, Math.max(room - length, at));
  return {
    zoom: camera.zoom,
    left: side(camera.left, image.width * camera.zoom, stage.width),
    top: side(camera.top, image.height * camera.zoom, stage.height),
  };
}

/** Where a part of the image lies on the stage. */
export function placedPart(camera: Camera, [left, top, right, bottom]: Region): Rect {
  return {
    left: camera.left + left * camera.zoom,
    top: camera.top + top * camera.zoom,
    width: (right - left) * camera.zoom,
    height: (bottom - top) * camera.zoom,
  };
}

/** The pixels of the image that are seen, half-open. */
export function seenPart(camera: Camera, image: Size, stage: Size): Region {
  const first = (at: number) => Math.max(0, Math.floor(-at / camera.zoom));
  const last = (at: number, room: number, length: number) =>
    Math.min(length, Math.ceil((room - at) / camera.zoom));
  return [
    first(camera.left),
    first(camera.top),
    last(camera.left, stage.width, image.width),
    last(camera.top, stage.height, image.height),
  ];
}

/** The pixel of the image under a point of the stage, or null beside it. */
export function pixelAt(camera: Camera, image: Size, x: number, y: number): readonly [number, number] | null {
  const [column, line] = [
    Math.floor((x - camera.left) / camera.zoom),
    Math.floor((y - camera.top) / camera.zoom),
  ];
  const isInside = column >= 0 && line >= 0 && column < image.width && line < image.height;
  return isInside ? [column, line] : null;
}
