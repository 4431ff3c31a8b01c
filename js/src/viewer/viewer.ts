// One row, large: its picture with overlays, and all its tensors beside it.

import type { Channel, Request } from "../channel.ts";
import { type FieldMessage, KernelError } from "../messages.ts";
import { close, picture } from "../shared/bitmap.ts";
import { button, element } from "../shared/dom.ts";
import { type Overlays, type Picture, paint } from "../shared/paint.ts";

const BOX_PX = 1400;
const WAIT_MS = 150;

export interface ViewerEvents {
  /** Left with Escape or the button; the row that was open. */
  closed(row: number): void;
}

export class Viewer {
  readonly root = element("div", "dl-viewer", { role: "dialog", "aria-modal": "true", tabindex: -1 });
  readonly #title = element("h2", "dl-title");
  readonly #canvas = element("canvas", "dl-large", { role: "img" });
  readonly #words = element("div", "dl-words dl-large-words");
  readonly #fields = element("div", "dl-fields");
  readonly #frame = element("div", "dl-frame");
  readonly #resize = new ResizeObserver(() => this.#paint());
  #request: Request<"sample"> | undefined;
  #picture: Picture | null = null;
  #row = -1;

  constructor(
    readonly channel: Channel,
    readonly tensor: () => string,
    readonly length: number,
    readonly overlays: () => Overlays,
    readonly events: ViewerEvents,
  ) {
    this.root.hidden = true;
    const bar = element(
      "div",
      "dl-bar",
      {},
      this.#title,
      button("Previous row (left arrow)", "‹", () => this.#step(-1)),
      button("Next row (right arrow)", "›", () => this.#step(1)),
      button("Close (Escape)", "✕", () => this.close()),
    );
    this.#frame.append(this.#canvas, this.#words);
    this.root.append(bar, element("div", "dl-split", {}, this.#frame, this.#fields));
    this.root.addEventListener("keydown", (event) => this.#pressed(event));
    this.#resize.observe(this.#frame);
  }

  get isOpen(): boolean {
    return !this.root.hidden;
  }

  open(row: number): void {
    this.#row = row;
    this.#title.textContent = `Row ${row.toLocaleString("en-US")} of 0–${(this.length - 1).toLocaleString("en-US")}`;
    this.root.setAttribute("aria-label", this.#title.textContent);
    this.root.hidden = false;
    this.root.focus({ preventScroll: true });
    this.#request?.cancel();
    const request = this.channel.ask("sample", { tensor: this.tensor(), row, box: BOX_PX });
    this.#request = request;
    const waiting = setTimeout(() => this.root.classList.add("dl-waiting"), WAIT_MS);
    void this.#receive(request).finally(() => {
      clearTimeout(waiting);
      if (this.#request === request) this.root.classList.remove("dl-waiting");
    });
  }

  close(): void {
    if (!this.isOpen) return;
    this.root.hidden = true;
    this.#request?.cancel();
    this.#show(null, "", []);
    this.events.closed(this.#row);
  }

  repaint(): void {
    this.#paint();
  }

  dispose(): void {
    this.#resize.disconnect();
    this.#request?.cancel();
    close(this.#picture);
    this.#picture = null;
  }

  async #receive(request: Request<"sample">): Promise<void> {
    try {
      const { content, buffers } = await request.reply;
      const { tile, fields } = content;
      let shown: Picture | null = null;
      let words = tile.error ?? tile.preview?.text ?? "";
      try {
        if (tile.error === undefined) shown = await picture(tile, buffers);
      } catch {
        words = "The browser cannot decode this picture.";
      }
      if (this.#request !== request || !this.isOpen) {
        close(shown);
        return;
      }
      const rendered = fields.map((field) => fieldNode(field, buffers));
      this.#canvas.setAttribute("aria-label", `${tile.labels.map(([name]) => name).join(", ") || "Picture"}`);
      this.#show(shown, shown ? "" : words, [...tile.notes.map(note), ...rendered]);
    } catch (error) {
      if (this.#request !== request) return;
      this.#show(null, error instanceof KernelError ? error.message : String(error), []);
    }
  }

  #show(shown: Picture | null, words: string, fields: readonly Node[]): void {
    close(this.#picture);
    this.#picture = shown;
    this.#words.textContent = words;
    this.#words.hidden = !words;
    this.#canvas.hidden = shown === null;
    for (const image of this.#fields.querySelectorAll("img")) URL.revokeObjectURL(image.src);
    this.#fields.replaceChildren(...fields);
    this.#paint();
  }

  #paint(): void {
    const { clientWidth: width, clientHeight: height } = this.#frame;
    if (this.#picture !== null && width && height) {
      paint(this.#canvas, this.#picture, width, height, this.overlays());
    }
  }

  #step(by: number): void {
    const to = this.#row + by;
    if (to >= 0 && to < this.length) this.open(to);
  }

  #pressed(event: KeyboardEvent): void {
    if (event.altKey || event.metaKey || event.ctrlKey) return;
    const steps: Record<string, () => void> = {
      Escape: () => this.close(),
      ArrowLeft: () => this.#step(-1),
      ArrowRight: () => this.#step(1),
    };
    const act = steps[event.key];
    if (act === undefined) return;
    act();
    event.preventDefault();
    event.stopPropagation();
  }
}

function note(words: string): Node {
  return element("p", "dl-note", {}, words);
}

function fieldNode(field: FieldMessage, buffers: readonly DataView[]): Node {
  const root = element("section", "dl-field");
  root.append(
    element("h3", "", {}, field.name, element("span", "dl-htype", {}, field.htype)),
    element("p", "dl-about", {}, field.about),
  );
  if (field.error !== undefined) root.append(element("p", "dl-error", {}, field.error));
  if (field.labels.length) root.append(element("p", "dl-chips", {}, ...field.labels.map(chip)));
  if (field.table.length) root.append(table(field.columns, field.table));
  if (field.text) root.append(element("pre", "", { tabindex: 0 }, field.text));
  const data = field.picture?.buffer === undefined ? undefined : buffers[field.picture.buffer];
  if (data !== undefined) {
    const image = element("img", "dl-thumbnail", { alt: `${field.name} of this row` });
    image.src = URL.createObjectURL(new Blob([data as BlobPart], { type: field.picture?.media ?? "" }));
    root.append(image);
  }
  return root;
}

function chip([name, color]: readonly [string, string]): Node {
  const made = element("span", "dl-chip", {}, name);
  made.style.background = color;
  return made;
}

function table(columns: readonly string[], rows: readonly (readonly string[])[]): Node {
  const head = element("tr", "", {}, ...columns.map((name) => element("th", "", { scope: "col" }, name)));
  const body = rows.map((row) => element("tr", "", {}, ...row.map((cell) => element("td", "", {}, cell))));
  return element("table", "", {}, element("thead", "", {}, head), element("tbody", "", {}, ...body));
}
