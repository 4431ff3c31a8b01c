// One row, large: its picture with overlays, another tensor beside it on demand, and all its tensors listed.

import type { Channel, Request } from "../channel.ts";
import { type FieldMessage, type Item, type Pair, spokenError } from "../messages.ts";
import { picture } from "../shared/bitmap.ts";
import { button, element } from "../shared/dom.ts";
import type { Overlays } from "../shared/paint.ts";
import { BUSY_MS, type Waiting } from "../shared/waiting.ts";
import type { Camera } from "./camera.ts";
import { Fields } from "./fields.ts";
import { Levels } from "./levels.ts";
import { Stage } from "./stage.ts";

const BOX_PX = 1400;
const WAIT_MS = 150;
/** Shift and an arrow reads the next pixel. */
const PIXELS: Readonly<Record<string, Pair>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export interface ViewerEvents {
  /** Left with Escape or the button; where the row that was open stands. */
  closed(row: number): void;
  /** Whether a row is being waited for. */
  waiting(state: Waiting): void;
}

export class Viewer {
  readonly root = element("div", "dl-viewer", {
    role: "dialog",
    "aria-modal": "true",
    tabindex: -1,
    hidden: true,
  });
  readonly #title = element("h2", "dl-title");
  readonly #origin = element("p", "dl-origin");
  readonly #strip = element("input", "dl-strip", {
    type: "range",
    min: 0,
    "aria-label": "Item of the sequence",
  });
  readonly #stripBar = element("div", "dl-levels", { hidden: true });
  readonly #stripWords = element("output", "dl-about");
  readonly #levels = new Levels((window) => {
    this.#window = window;
    this.#stage.window = window;
  });
  readonly #stage: Stage;
  readonly #second: Stage;
  readonly #fields: Fields;
  #request: Request<"sample"> | undefined;
  #beside: Request<"sample"> | undefined;
  #besideTensor = "";
  #window: Pair | null = null;
  #row = -1;
  #item = 0;
  readonly #timers: ReturnType<typeof setTimeout>[] = [];

  constructor(
    readonly channel: Channel,
    readonly tensor: () => string,
    readonly length: () => number,
    overlays: () => Overlays,
    readonly events: ViewerEvents,
  ) {
    this.#stage = new Stage(channel, overlays, (...look) => this.#looked(this.#second, this.#stage, ...look));
    this.#second = new Stage(channel, overlays, (...look) =>
      this.#looked(this.#stage, this.#second, ...look),
    );
    this.#second.root.hidden = true;
    this.#fields = new Fields(channel, (tensor) => this.#toggleBeside(tensor));
    const bar = element(
      "div",
      "dl-bar",
      {},
      this.#title,
      button("Zoom out (-)", "−", () => this.#stage.zoom(-1)),
      button("Zoom in (+)", "+", () => this.#stage.zoom(1)),
      button("Whole picture (0)", "fit", () => this.#stage.showWhole()),
      button("Previous row (left arrow)", "‹", () => this.#step(-1)),
      button("Next row (right arrow)", "›", () => this.#step(1)),
      button("Close (Escape)", "✕", () => this.close()),
    );
    this.#strip.addEventListener("input", () => this.#load(Number(this.#strip.value)));
    this.#stripBar.append(this.#strip, this.#stripWords);
    const stages = element("div", "dl-stages", {}, this.#stage.root, this.#second.root);
    const left = element("div", "dl-left", {}, stages, this.#stripBar, this.#levels.root, this.#origin);
    this.root.append(bar, element("div", "dl-split", {}, left, this.#fields.root));
    this.root.addEventListener("keydown", (event) => this.#pressed(event));
  }

  get isOpen(): boolean {
    return !this.root.hidden;
  }

  open(row: number): void {
    this.#row = row;
    const last = this.length() - 1;
    this.#title.textContent = `Row ${row.toLocaleString("en-US")} of 0–${last.toLocaleString("en-US")}`;
    this.root.setAttribute("aria-label", this.#title.textContent);
    this.root.hidden = false;
    if (!this.root.contains(this.#focused)) this.root.focus({ preventScroll: true });
    this.#load(0);
  }

  close(): void {
    if (!this.isOpen) return;
    this.root.hidden = true;
    this.#request?.cancel();
    this.#wait(undefined);
    this.#closeBeside();
    this.#stage.show(null, null, { width: 0, height: 0 }, "", "");
    this.#fields.show([], [], [], null);
    this.events.closed(this.#row);
  }

  repaint(): void {
    this.#stage.repaint();
    this.#second.repaint();
  }

  dispose(): void {
    this.#request?.cancel();
    this.#wait(undefined);
    this.#beside?.cancel();
    this.#stage.dispose();
    this.#second.dispose();
  }

  #load(item: number): void {
    this.#item = item;
    this.#request?.cancel();
    const asked: Item = { tensor: this.tensor(), row: this.#row, item };
    const request = this.channel.ask("sample", { ...asked, box: BOX_PX });
    this.#request = request;
    this.#wait(request);
    void this.#receive(request, asked).finally(() => {
      if (this.#request === request) this.#wait(undefined);
    });
    if (this.#besideTensor) void this.#loadBeside();
  }

  /** Say so while a request is waited for; nothing is for none. */
  #wait(request: Request<"sample"> | undefined): void {
    for (const timer of this.#timers.splice(0)) clearTimeout(timer);
    if (request === undefined) {
      this.root.classList.remove("dl-waiting");
      this.events.waiting("no");
      return;
    }
    this.#timers.push(
      setTimeout(() => this.root.classList.add("dl-waiting"), WAIT_MS),
      setTimeout(() => this.events.waiting("long"), BUSY_MS),
    );
  }

  async #receive(request: Request<"sample">, asked: Item): Promise<void> {
    try {
      const { content, buffers } = await request.reply;
      const { tile, fields } = content;
      const isShown = await this.#showOn(
        this.#stage,
        request,
        asked,
        () => this.#request === request && this.isOpen,
      );
      if (!isShown) return;
      this.#origin.textContent = tile.origin && `from ${tile.origin}`;
      this.#levels.show(content.extent, content.window, this.#window !== null);
      if (content.window === undefined) this.#stage.window = null;
      this.#showStrip(
        Math.max(tile.count, ...fields.map((field) => (field.name === asked.tensor ? field.count : 1))),
      );
      this.#listed(tile.number, tile.notes, fields, buffers, asked);
    } catch (error) {
      if (this.#request !== request) return;
      this.#stage.show(null, null, { width: 0, height: 0 }, spokenError(error), "");
      this.#fields.show([], [], [], null);
    }
  }

  #listed(
    number: number,
    notes: readonly string[],
    fields: readonly FieldMessage[],
    buffers: readonly DataView[],
    asked: Item,
  ): void {
    const isElsewhere = number !== this.#row;
    const where = isElsewhere ? [`Row ${number.toLocaleString("en-US")} of the dataset.`] : [];
    this.#fields.show([...where, ...notes], fields, buffers, asked);
  }

  /** Put a reply on a stage, unless it is not wanted any more. */
  async #showOn(
    stage: Stage,
    request: Request<"sample">,
    asked: Item,
    isWanted: () => boolean,
  ): Promise<boolean> {
    const { content, buffers } = await request.reply;
    const { tile } = content;
    let words = tile.error ?? tile.preview?.text ?? "";
    const shown =
      tile.error === undefined
        ? await picture(tile, buffers).catch(() => {
            words = "The browser cannot decode this picture.";
            return null;
          })
        : null;
    if (!isWanted()) {
      shown?.image.close();
      return false;
    }
    const label = tile.labels.map(([name]) => name).join(", ") || `${asked.tensor} of row ${tile.number}`;
    const size = { width: tile.width, height: tile.height };
    stage.show(content.dtype === undefined ? null : asked, shown, size, shown ? "" : words, label);
    return true;
  }

  #toggleBeside(tensor: string): void {
    if (tensor === this.#besideTensor) {
      this.#closeBeside();
      return;
    }
    this.#besideTensor = tensor;
    void this.#loadBeside();
  }

  async #loadBeside(): Promise<void> {
    const asked: Item = { tensor: this.#besideTensor, row: this.#row, item: this.#item };
    this.#beside?.cancel();
    const request = this.channel.ask("sample", { ...asked, box: BOX_PX });
    this.#beside = request;
    this.#second.root.hidden = false;
    try {
      await this.#showOn(this.#second, request, asked, () => this.#beside === request && this.isOpen);
    } catch (error) {
      if (this.#beside !== request) return;
      this.#second.show(null, null, { width: 0, height: 0 }, spokenError(error), "");
    }
  }

  #closeBeside(): void {
    this.#beside?.cancel();
    this.#beside = undefined;
    this.#besideTensor = "";
    this.#second.root.hidden = true;
    this.#second.show(null, null, { width: 0, height: 0 }, "", "");
  }

  /** Two images of one size are looked at together. */
  #looked(other: Stage, one: Stage, camera: Camera, isWhole: boolean): void {
    if (this.#second.root.hidden) return;
    if (other.size.width === one.size.width && other.size.height === one.size.height)
      other.follow(camera, isWhole);
  }

  #showStrip(count: number): void {
    this.#stripBar.hidden = count <= 1;
    this.#strip.max = String(count - 1);
    this.#strip.value = String(this.#item);
    this.#stripWords.textContent = `item ${this.#item + 1} of ${count.toLocaleString("en-US")}`;
  }

  #step(by: number): void {
    const to = this.#row + by;
    if (to >= 0 && to < this.length()) this.open(to);
  }

  #pressed(event: KeyboardEvent): void {
    if (event.altKey || event.metaKey || event.ctrlKey) return;
    const isOnControl = (event.target as Element).matches("input, audio, video");
    const arrow = (x: number, y: number, step: number) => () => {
      if (this.#stage.isZoomed || !step) this.#stage.pan(x, y);
      else this.#step(step);
    };
    const acts: Record<string, () => void> = {
      Escape: () => this.close(),
      "+": () => this.#stage.zoom(1),
      "=": () => this.#stage.zoom(1),
      "-": () => this.#stage.zoom(-1),
      "0": () => this.#stage.showWhole(),
      ArrowLeft: arrow(1, 0, -1),
      ArrowRight: arrow(-1, 0, 1),
      PageUp: () => this.#step(-1),
      PageDown: () => this.#step(1),
    };
    if (this.#stage.isZoomed) {
      acts.ArrowUp = arrow(0, 1, 0);
      acts.ArrowDown = arrow(0, -1, 0);
    }
    if (event.key === "Tab") {
      this.#keepFocus(event);
      return;
    }
    const step = event.shiftKey ? PIXELS[event.key] : undefined;
    const act = step === undefined ? acts[event.key] : () => this.#stage.step(...step);
    if (act === undefined || (isOnControl && event.key !== "Escape")) return;
    act();
    event.preventDefault();
    event.stopPropagation();
  }

  /** What has the keyboard; marimo shows widgets within a shadow root, of which the document knows only the host. */
  get #focused(): Element | null {
    return (this.root.getRootNode() as Document | ShadowRoot).activeElement;
  }

  /** A dialog keeps the keyboard: after its last control comes its first. */
  #keepFocus(event: KeyboardEvent): void {
    const stops = [
      ...this.root.querySelectorAll<HTMLElement>("button, input, [tabindex='0'], audio, video"),
    ].filter((one) => one.offsetParent !== null && !(one as HTMLButtonElement).disabled);
    const [first, last] = [stops[0], stops.at(-1)];
    const active = this.#focused;
    if (event.shiftKey ? active === first || active === this.root : active === last) {
      (event.shiftKey ? last : first)?.focus();
      event.preventDefault();
    }
  }
}
