// The tensors of one row, listed beside its picture.

import type { Channel } from "../channel.ts";
import { advice, type FieldMessage, type Item, spokenError } from "../messages.ts";
import { button, element } from "../shared/dom.ts";

/** Smaller pictures are magnified. */
const TINY_PX = 56;

export class Fields {
  readonly root = element("div", "dl-fields", {
    role: "region",
    "aria-label": "Tensors of this row",
    tabindex: 0,
  });
  readonly #urls: string[] = [];

  constructor(
    readonly channel: Channel,
    /** Show a tensor's picture beside the large one. */
    readonly beside: (tensor: string) => void,
  ) {}

  show(
    notes: readonly string[],
    fields: readonly FieldMessage[],
    buffers: readonly DataView[],
    item: Item | null,
  ): void {
    for (const url of this.#urls.splice(0)) URL.revokeObjectURL(url);
    this.root.replaceChildren(
      ...notes.map((words) => element("p", "dl-note", {}, words)),
      ...fields.map((field) => this.#field(field, buffers, item)),
    );
    this.root.scrollTop = 0;
  }

  #field(field: FieldMessage, buffers: readonly DataView[], item: Item | null): Node {
    const heading = element("h3", "", {}, field.name, element("span", "dl-htype", {}, field.htype));
    const root = element("section", "dl-field", {}, heading, element("p", "dl-about", {}, field.about));
    if (field.origin) root.append(element("p", "dl-origin", { title: "where this file is" }, field.origin));
    if (field.error !== undefined) root.append(element("p", "dl-error", {}, field.error));
    if (field.error !== undefined && field.origin)
      root.append(element("p", "dl-note", {}, advice(field.origin)));
    if (field.labels.length) root.append(element("p", "dl-chips", {}, ...field.labels.map(chip)));
    if (field.table.length) root.append(table(field.columns, field.table));
    const data = field.picture?.buffer === undefined ? undefined : buffers[field.picture.buffer];
    if (data !== undefined && field.name !== item?.tensor) {
      const image = element("img", "dl-thumbnail", { alt: `${field.name} of this row` });
      image.addEventListener("load", () => image.classList.toggle("dl-tiny", image.naturalHeight < TINY_PX));
      image.src = this.#url(data, field.picture?.media ?? "");
      root.append(image);
      if (item !== null && /image|mask|instance/.test(field.htype)) {
        root.append(button(`Show ${field.name} beside the picture`, "beside", () => this.beside(field.name)));
      }
    }
    if (field.text && !field.media)
      root.append(element("pre", "", { tabindex: 0, "aria-label": field.name }, field.text));
    if (field.media && item !== null) root.append(this.#player(field, { ...item, tensor: field.name }));
    return root;
  }

  /** A player for a stored file: asked for when it is wanted, as such files are large. */
  #player(field: FieldMessage, item: Item): Node {
    const root = element("div", "dl-player", { tabindex: -1 });
    const isVideo = field.media.startsWith("video/");
    const play = button(`Load ${field.name} and play it`, isVideo ? "▶ video" : "▶ audio", () => void load());
    root.append(play);
    const load = async () => {
      root.focus({ preventScroll: true }); // the keyboard stays in the dialog, also when the button goes
      play.disabled = true;
      try {
        const { content, buffers } = await this.channel.ask("file", item).reply;
        const data = buffers[0];
        if (data === undefined) throw new Error("the kernel's answer lacks the file");
        const player = element(isVideo ? "video" : "audio", "dl-media", {
          controls: true,
          "aria-label": field.name,
        });
        player.addEventListener("error", () => {
          root.replaceChildren(
            element("p", "dl-error", {}, "This browser cannot play it; tobytes() of the row is the file."),
          );
        });
        player.addEventListener("loadedmetadata", () => player.scrollIntoView({ block: "nearest" }));
        player.src = this.#url(data, content.media);
        root.replaceChildren(player);
        player.focus({ preventScroll: true });
      } catch (error) {
        root.replaceChildren(element("p", "dl-error", {}, spokenError(error)));
        if (field.origin) root.append(element("p", "dl-note", {}, advice(field.origin)));
      }
    };
    return root;
  }

  #url(data: DataView, media: string): string {
    const url = URL.createObjectURL(new Blob([data as BlobPart], { type: media }));
    this.#urls.push(url);
    return url;
  }
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
