// The picture of the viewer: zoomed and panned to single pixels, with the stored value of the one under the pointer.
// What the browser was sent may be smaller than the image: the part in sight is asked for at its full resolution.

import type { Channel, Request } from "../channel.ts";
import { type Item, type Pair, type Region, spokenError } from "../messages.ts";
import { bitmap, close } from "../shared/bitmap.ts";
import { element } from "../shared/dom.ts";
import { drawImage, drawOverlays, type Overlays, type Picture, sized } from "../shared/paint.ts";
import {
  type Camera,
  panned,
  pixelAt,
  placedPart,
  SHARP,
  type Size,
  seenPart,
  whole,
  zoomed,
} from "./camera.ts";

const PART_PX = 2048;
const PART_MS = 120;
const VALUE_MS = 60;
const WHEEL = 0.0018;
const STEP = 1.5;
const CLICK_ZOOM = 4;

interface Sharp {
  readonly image: ImageBitmap;
  readonly region: Region;
}

export class Stage {
  readonly root = element("div", "dl-frame");
  readonly #canvas = element("canvas", "dl-large", {
    role: "img",
    tabindex: 0,
    hidden: true,
    "aria-keyshortcuts": "Shift+ArrowLeft Shift+ArrowRight Shift+ArrowUp Shift+ArrowDown",
  });
  readonly #words = element("div", "dl-words dl-large-words", { hidden: true });
  readonly #readout = element("output", "dl-readout", { hidden: true, "aria-live": "off" });
  readonly #resize = new ResizeObserver(() => this.#resized());
  readonly #pointers = new Map<number, Pair>();
  #stage: Size = { width: 0, height: 0 };
  #image: Size = { width: 1, height: 1 };
  #camera: Camera = { zoom: 1, left: 0, top: 0 };
  #isWhole = true;
  #picture: Picture | null = null;
  #sharp: Sharp | null = null;
  #item: Item | null = null;
  #window: Pair | null = null;
  #hasValues = false;
  #frame = 0;
  #partTimer: ReturnType<typeof setTimeout> | undefined;
  #part: Request<"part"> | undefined;
  #valueTimer: ReturnType<typeof setTimeout> | undefined;
  #value: Request<"values"> | undefined;
  /** Where the pointer is on the stage, and the pixel of the image that is there. */
  #pointer: Pair | null = null;
  #under: readonly [number, number] | null = null;

  constructor(
    readonly channel: Channel,
    readonly overlays: () => Overlays,
    readonly looked: (camera: Camera, isWhole: boolean) => void = () => {},
  ) {
    this.root.append(this.#canvas, this.#words, this.#readout);
    this.#canvas.addEventListener("wheel", (event) => this.#wheeled(event), { passive: false });
    this.#canvas.addEventListener("dblclick", (event) => this.#doubleClicked(event));
    this.#canvas.addEventListener("pointerdown", (event) => this.#pressed(event));
    this.#canvas.addEventListener("pointermove", (event) => this.#moved(event));
    for (const name of ["pointerup", "pointercancel"] as const) {
      this.#canvas.addEventListener(name, (event) => this.#pointers.delete(event.pointerId));
    }
    this.#canvas.addEventListener("pointerleave", () => {
      this.#pointer = null;
      this.#point(null);
    });
    this.#resize.observe(this.root);
  }

  /** Show a picture of an image of `size` pixels, or words where there is none. */
  show(item: Item | null, picture: Picture | null, size: Size, words: string, label: string): void {
    const isSame =
      item?.tensor === this.#item?.tensor &&
      size.width === this.#image.width &&
      size.height === this.#image.height;
    this.#forget();
    this.#item = item;
    this.#picture = picture;
    this.#image = size;
    this.#hasValues = item !== null && size.width > 0;
    this.#words.textContent = words;
    this.#words.hidden = !words;
    this.#canvas.hidden = picture === null;
    this.#canvas.setAttribute("aria-label", label);
    if (!isSame || this.#isWhole) this.showWhole();
    else this.#look(this.#camera);
    if (this.#window !== null) this.#askPart();
  }

  /** Show values from `window[0]` as black to `window[1]` as white; null: as they came. */
  set window(window: Pair | null) {
    this.#window = window;
    if (window === null) this.#blur();
    this.#askPart();
  }

  /** Look at the same part as another stage. */
  follow(camera: Camera, isWhole: boolean): void {
    this.#isWhole = isWhole;
    this.#camera = camera;
    this.#looked();
  }

  get size(): Size {
    return this.#image;
  }

  showWhole(): void {
    this.#isWhole = true;
    this.#look(whole(this.#image, this.#stage));
  }

  /** Zoom about the middle. */
  zoom(direction: 1 | -1): void {
    this.#zoomAt(STEP ** direction, this.#stage.width / 2, this.#stage.height / 2);
  }

  pan(x: number, y: number): void {
    this.#look(panned(this.#camera, this.#image, this.#stage, x * 80, y * 80));
  }

  /** Read the pixel that is so many further than the last one, or than the middle; for the keyboard. */
  step(x: number, y: number): void {
    if (this.#picture === null || !this.#hasValues) return;
    const [left, top, right, bottom] = seenPart(this.#camera, this.#image, this.#stage);
    const [column, line] = this.#under ?? [(left + right) >> 1, (top + bottom) >> 1];
    const moved = (from: number, by: number, length: number) => Math.min(Math.max(from + by, 0), length - 1);
    const to = [moved(column, x, this.#image.width), moved(line, y, this.#image.height)] as const;
    const at = placedPart(this.#camera, [to[0], to[1], to[0] + 1, to[1] + 1]);
    const inSight = (start: number, length: number, room: number) =>
      Math.max(-start, 0) || Math.min(room - start - length, 0);
    const [across, down] = [
      inSight(at.left, at.width, this.#stage.width),
      inSight(at.top, at.height, this.#stage.height),
    ];
    if (across || down) this.#look(panned(this.#camera, this.#image, this.#stage, across, down));
    this.#readout.setAttribute("aria-live", "polite");
    this.#pointer = [at.left + across + at.width / 2, at.top + down + at.height / 2];
    this.#pointAgain();
  }

  get isZoomed(): boolean {
    return !this.#isWhole;
  }

  repaint(): void {
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#paint();
    });
  }

  dispose(): void {
    this.#forget();
    this.#resize.disconnect();
    cancelAnimationFrame(this.#frame);
  }

  #forget(): void {
    clearTimeout(this.#partTimer);
    clearTimeout(this.#valueTimer);
    this.#value?.cancel();
    this.#blur();
    close(this.#picture);
    this.#picture = null;
    this.#point(null);
  }

  #blur(): void {
    this.#part?.cancel();
    this.#sharp?.image.close();
    this.#sharp = null;
    this.repaint();
  }

  #resized(): void {
    this.#stage = { width: this.root.clientWidth, height: this.root.clientHeight };
    if (this.#isWhole) this.showWhole();
    else this.#look(panned(this.#camera, this.#image, this.#stage, 0, 0));
  }

  #look(camera: Camera): void {
    this.#camera = camera;
    this.#looked();
    this.looked(camera, this.#isWhole);
  }

  #looked(): void {
    const camera = this.#camera;
    this.root.dataset.zoom = camera.zoom.toFixed(3);
    this.repaint();
    this.#askPart();
    this.#pointAgain();
  }

  #zoomAt(factor: number, x: number, y: number): void {
    if (this.#picture === null) return;
    const to = zoomed(this.#camera, this.#image, this.#stage, factor, x, y);
    this.#isWhole = to.zoom <= whole(this.#image, this.#stage).zoom * 1.001 && factor < 1;
    this.#look(this.#isWhole ? whole(this.#image, this.#stage) : to);
  }

  /** Where the part in sight has fewer pixels than the image, or another window is wanted: ask for it. */
  #askPart(): void {
    clearTimeout(this.#partTimer);
    const { zoom } = this.#camera;
    const there = (this.#picture?.image.width ?? 0) / Math.max(1, this.#image.width);
    const isEnough = there >= 0.999 || there >= zoom * (globalThis.devicePixelRatio || 1);
    if (this.#item === null || this.#picture === null || !this.#hasValues) return;
    if (isEnough && this.#window === null) return;
    this.#partTimer = setTimeout(() => void this.#fetchPart(), PART_MS);
  }

  async #fetchPart(): Promise<void> {
    const item = this.#item;
    if (item === null) return;
    const region = seenPart(this.#camera, this.#image, this.#stage);
    this.#part?.cancel();
    const request = this.channel.ask("part", { ...item, region, window: this.#window, box: PART_PX });
    this.#part = request;
    try {
      const { content, buffers } = await request.reply;
      const image = await bitmap(content.preview, buffers);
      if (image === null || this.#part !== request) return;
      this.#sharp?.image.close();
      this.#sharp = { image, region: content.region };
      this.repaint();
    } catch (error) {
      if (this.#part === request) this.#say(spokenError(error));
    }
  }

  #paint(): void {
    const { width, height } = this.#stage;
    if (this.#picture === null || !width || !height) return;
    const pen = sized(this.#canvas, width, height);
    if (pen === null) return;
    pen.clearRect(0, 0, width, height);
    const { zoom } = this.#camera;
    const at = placedPart(this.#camera, [0, 0, this.#image.width, this.#image.height]);
    drawImage(pen, this.#picture.image, at, at.width / this.#picture.image.width > SHARP);
    if (this.#sharp !== null) {
      drawImage(pen, this.#sharp.image, placedPart(this.#camera, this.#sharp.region), zoom > SHARP);
    }
    drawOverlays(pen, this.#picture, at, width, height, this.overlays());
    if (this.#under !== null && zoom >= 8) {
      const [x, y] = this.#under;
      const square = placedPart(this.#camera, [x, y, x + 1, y + 1]);
      pen.strokeStyle = "#fff";
      pen.lineWidth = 2;
      pen.strokeRect(square.left, square.top, square.width, square.height);
      pen.strokeStyle = "#101418";
      pen.lineWidth = 1;
      pen.strokeRect(square.left - 1, square.top - 1, square.width + 2, square.height + 2);
    }
  }

  // ---------------------------------------------------------------- pointer

  #at(event: MouseEvent): Pair {
    const { left, top } = this.#canvas.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }

  #wheeled(event: WheelEvent): void {
    event.preventDefault(); // also the pinch of a trackpad, which comes as a wheel with ctrl
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    this.#zoomAt(Math.exp(-event.deltaY * unit * WHEEL * (event.ctrlKey ? 5 : 1)), ...this.#at(event));
  }

  #doubleClicked(event: MouseEvent): void {
    if (this.#isWhole) this.#zoomAt(CLICK_ZOOM, ...this.#at(event));
    else this.showWhole();
  }

  #pressed(event: PointerEvent): void {
    this.#canvas.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, this.#at(event));
  }

  #moved(event: PointerEvent): void {
    const to = this.#at(event);
    const from = this.#pointers.get(event.pointerId);
    this.#pointer = to;
    this.#readout.setAttribute("aria-live", "off");
    if (from === undefined) {
      this.#pointAgain();
      return;
    }
    const other = [...this.#pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.#pointers.set(event.pointerId, to);
    if (other === undefined) {
      this.#look(panned(this.#camera, this.#image, this.#stage, to[0] - from[0], to[1] - from[1]));
    } else {
      const apart = ([x, y]: Pair) => Math.hypot(x - other[0], y - other[1]);
      this.#zoomAt(apart(to) / Math.max(1, apart(from)), (to[0] + other[0]) / 2, (to[1] + other[1]) / 2);
    }
  }

  /** What is under the pointer may be another pixel, or another image's. */
  #pointAgain(): void {
    if (this.#pointer !== null) this.#point(pixelAt(this.#camera, this.#image, ...this.#pointer));
  }

  /** Say where the pointer is at once, and what is stored there as soon as the kernel has said it. */
  #point(pixel: readonly [number, number] | null): void {
    if (pixel?.[0] === this.#under?.[0] && pixel?.[1] === this.#under?.[1]) return;
    this.#under = pixel;
    this.repaint();
    clearTimeout(this.#valueTimer);
    this.#value?.cancel();
    if (pixel === null || !this.#hasValues) {
      this.#readout.hidden = true;
      return;
    }
    this.#say(`${pixel[0]}, ${pixel[1]}`);
    this.#valueTimer = setTimeout(() => void this.#askValue(pixel), VALUE_MS);
  }

  async #askValue([x, y]: readonly [number, number]): Promise<void> {
    if (this.#item === null) return;
    const request = this.channel.ask("values", { ...this.#item, x, y });
    this.#value = request;
    try {
      const { values } = (await request.reply).content;
      if (this.#value !== request) return;
      const [first, ...others] = values.map(([name, words]) => [name, words] as const);
      this.#say(
        [`${x}, ${y}  ${first?.[1] ?? ""}`, ...others.map(([name, words]) => `${name} ${words}`)].join("\n"),
      );
    } catch (error) {
      if (this.#value === request) this.#say(`${x}, ${y}  ${spokenError(error)}`);
    }
  }

  #say(words: string): void {
    this.#readout.textContent = words;
    this.#readout.hidden = false;
  }
}
