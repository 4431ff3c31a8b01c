// A picture with its masks, boxes, points and labels, drawn on a canvas.

import type { BoxMessage, ShapeMessage } from "../messages.ts";

export interface Overlays {
  readonly boxes: boolean;
  readonly masks: boolean;
  readonly shapes: boolean;
  readonly labels: boolean;
  /** Of masks, 0 to 1. */
  readonly opacity: number;
}

export const ALL_OVERLAYS: Overlays = { boxes: true, masks: true, shapes: true, labels: true, opacity: 0.5 };

export interface Picture {
  readonly image: ImageBitmap;
  readonly masks: readonly ImageBitmap[];
  readonly boxes: readonly BoxMessage[];
  readonly shapes: readonly ShapeMessage[];
}

export interface Rect {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

const MAGNIFIED = 2;
const CORNER = 6;
/** With more boxes than that, only those wide enough for their name are named. */
const FEW_BOXES = 6;
/** Names that a further one makes room for. */
const MANY_NAMES = 40;
const INK = "#101418";
const ALL_ROUND = 2 * Math.PI;

/** The largest rectangle of the picture's shape in the middle of a room; magnified at most `limit` times. */
export function fitted(width: number, height: number, room: Rect, limit = Infinity): Rect {
  const zoom = Math.min(room.width / Math.max(width, 1), room.height / Math.max(height, 1), limit);
  const size = { width: Math.max(1, width * zoom), height: Math.max(1, height * zoom) };
  return {
    left: room.left + (room.width - size.width) / 2,
    top: room.top + (room.height - size.height) / 2,
    ...size,
  };
}

/** Where a box given in fractions of the picture lies. */
export function placed([left, top, right, bottom]: BoxMessage, at: Rect): Rect {
  return {
    left: at.left + left * at.width,
    top: at.top + top * at.height,
    width: (right - left) * at.width,
    height: (bottom - top) * at.height,
  };
}

/** The same rectangle on whole pixels, where lines of even width are crisp. */
function snapped({ left, top, width, height }: Rect): Rect {
  const right = Math.round(left + width);
  const bottom = Math.round(top + height);
  return {
    left: Math.round(left),
    top: Math.round(top),
    width: right - Math.round(left),
    height: bottom - Math.round(top),
  };
}

/** A pen for a canvas of `width` x `height` CSS pixels, which has more on a dense screen. What is there stays. */
export function sized(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
): CanvasRenderingContext2D | null {
  const dense = Math.max(1, globalThis.devicePixelRatio || 1);
  const [across, down] = [Math.round(width * dense), Math.round(height * dense)];
  if (canvas.width !== across) canvas.width = across;
  if (canvas.height !== down) canvas.height = down;
  const pen = canvas.getContext("2d");
  pen?.setTransform(dense, 0, 0, dense, 0, 0);
  return pen;
}

/** Draw a picture with its overlays into a square, as large as it fits, with round corners. */
export function paint(pen: CanvasRenderingContext2D, picture: Picture, room: Rect, overlays: Overlays): void {
  pen.save();
  pen.beginPath();
  pen.roundRect(room.left, room.top, room.width, room.height, CORNER);
  pen.clip();
  pen.translate(room.left, room.top);
  const { width, height } = room;
  const at = fitted(picture.image.width, picture.image.height, { left: 0, top: 0, width, height });
  // A few pixels stay squares when magnified, as in the static picture.
  drawImage(pen, picture.image, at, at.width / picture.image.width >= MAGNIFIED);
  drawOverlays(pen, picture, at, width, height, overlays);
  pen.restore();
}

/** Draw an image, with sharp pixels or smoothly. */
export function drawImage(
  pen: CanvasRenderingContext2D,
  image: ImageBitmap,
  at: Rect,
  isSharp: boolean,
): void {
  pen.imageSmoothingQuality = "high";
  pen.imageSmoothingEnabled = !isSharp;
  pen.drawImage(image, at.left, at.top, at.width, at.height);
}

/** Draw what lies over a picture at `at` in a canvas of `width` x `height`. */
export function drawOverlays(
  pen: CanvasRenderingContext2D,
  picture: Picture,
  at: Rect,
  width: number,
  height: number,
  overlays: Overlays,
): void {
  if (overlays.masks) {
    pen.imageSmoothingEnabled = false;
    pen.globalAlpha = overlays.opacity;
    for (const mask of picture.masks) pen.drawImage(mask, at.left, at.top, at.width, at.height);
    pen.globalAlpha = 1;
  }
  if (overlays.shapes) drawShapes(pen, picture.shapes, at, overlays.opacity);
  if (overlays.boxes) drawBoxes(pen, picture.boxes, at, width, height, overlays.labels);
}

/** Polygons are outlined and lightly filled, lines drawn, points dotted. */
function drawShapes(
  pen: CanvasRenderingContext2D,
  shapes: readonly ShapeMessage[],
  at: Rect,
  opacity: number,
): void {
  for (const [kind, points, , color] of shapes) {
    const path = new Path2D();
    for (let index = 0; index + 1 < points.length; index += 2) {
      const x = at.left + (points[index] ?? 0) * at.width;
      const y = at.top + (points[index + 1] ?? 0) * at.height;
      if (kind !== "points") path.lineTo(x, y);
      else {
        path.moveTo(x + 2.5, y);
        path.arc(x, y, 2.5, 0, ALL_ROUND);
      }
    }
    if (kind === "polygon") path.closePath();
    pen.fillStyle = color;
    if (kind === "polygon") {
      pen.globalAlpha = opacity / 2;
      pen.fill(path);
      pen.globalAlpha = 1;
    }
    pen.strokeStyle = INK;
    pen.lineWidth = 3;
    pen.stroke(path);
    if (kind === "points") pen.fill(path);
    else {
      pen.strokeStyle = color;
      pen.lineWidth = 1.5;
      pen.stroke(path);
    }
  }
}

function drawBoxes(
  pen: CanvasRenderingContext2D,
  boxes: readonly BoxMessage[],
  at: Rect,
  width: number,
  height: number,
  withLabels: boolean,
): void {
  for (const box of boxes) {
    const edge = snapped(placed(box, at));
    pen.strokeStyle = INK;
    pen.lineWidth = 3;
    pen.strokeRect(edge.left, edge.top, edge.width, edge.height);
    pen.strokeStyle = box[5];
    pen.lineWidth = 2;
    pen.strokeRect(edge.left, edge.top, edge.width, edge.height);
  }
  if (!withLabels) return;
  pen.font = "500 10.5px system-ui, sans-serif";
  pen.textBaseline = "middle";
  const taken: Rect[] = [];
  for (const box of boxes) {
    if (!box[4]) continue;
    const edge = placed(box, at);
    if (edge.left > width || edge.top > height || edge.left + edge.width < 0 || edge.top + edge.height < 0)
      continue;
    const chip = { width: Math.min(pen.measureText(box[4]).width + 8, width), height: 15 };
    if (boxes.length > FEW_BOXES && chip.width > edge.width) continue;
    const left = Math.min(Math.max(edge.left - 1, 0), width - chip.width);
    const above = edge.top >= chip.height ? edge.top - chip.height : edge.top;
    const wanted = Math.min(Math.max(above, 0), height - chip.height);
    // Among many names that would take long, and there is no room.
    const top = taken.length >= MANY_NAMES ? wanted : freeTop({ left, top: wanted, ...chip }, taken, height);
    taken.push({ left, top, ...chip });
    pen.fillStyle = box[5];
    pen.fillRect(left, top, chip.width, chip.height);
    pen.fillStyle = INK;
    pen.fillText(box[4], left + 4, top + chip.height / 2 + 0.5, chip.width - 8);
  }
}

/** The top nearest to the one wanted at which a chip covers none of those drawn; the one wanted where all is full. */
export function freeTop(chip: Rect, taken: readonly Rect[], height: number): number {
  const beside = taken.filter(
    (other) => other.left < chip.left + chip.width && chip.left < other.left + other.width,
  );
  const tops = [
    chip.top,
    ...beside.flatMap((other) => [other.top + other.height, other.top - chip.height]),
  ].filter((top) => top === chip.top || (top >= 0 && top + chip.height <= height));
  const free = tops.filter((top) =>
    beside.every((other) => top >= other.top + other.height || top + chip.height <= other.top),
  );
  return free.sort((one, two) => Math.abs(one - chip.top) - Math.abs(two - chip.top))[0] ?? chip.top;
}
