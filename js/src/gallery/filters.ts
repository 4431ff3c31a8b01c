// Which rows are shown: by an expression, by class, sorted, or a random sample; the kernel computes it.

import type { Channel, Request } from "../channel.ts";
import { type ClassMessage, spokenError, type ViewMessage } from "../messages.ts";
import { button, element } from "../shared/dom.ts";
import { read } from "./traits.ts";

const MOST_CLASSES = 200;

export class Filters {
  readonly root = element("form", "dl-filters", { hidden: true, "aria-label": "Rows shown" });
  readonly #where = field("Filter", 'labels == "cat" and len(boxes) > 2');
  readonly #sort = field("Sort by", "width(images)");
  readonly #descending = element("input", "", { type: "checkbox" });
  readonly #sample = element("input", "dl-few", {
    type: "number",
    min: 1,
    placeholder: "all",
    "aria-label": "Random sample of",
  });
  readonly #said = element("p", "dl-said", { role: "alert", hidden: true });
  readonly #classes = element("ul", "dl-classes", { "aria-label": "Rows by class" });
  #asked: Request<"view"> | undefined;
  #counted = -1;
  #tensor = "";

  constructor(readonly channel: Channel) {
    this.#where.classList.add("dl-where");
    this.root.append(
      element(
        "div",
        "dl-bar",
        {},
        this.#where,
        this.#sort,
        element("label", "dl-toggle", {}, this.#descending, "descending"),
        element(
          "span",
          "dl-together",
          {},
          element("label", "dl-toggle", {}, "sample", this.#sample),
          element("button", "dl-button", { type: "submit" }, "show"),
          button("Show all rows", "all rows", () => this.all()),
        ),
      ),
      this.#said,
      this.#classes,
    );
    this.root.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#ask(this.#given());
    });
    // Notebooks keep Enter from submitting forms.
    this.root.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.target instanceof HTMLInputElement)) return;
      event.preventDefault();
      this.#ask(this.#given());
    });
    this.fill();
  }

  get isOpen(): boolean {
    return !this.root.hidden;
  }

  toggle(): void {
    this.root.hidden = !this.root.hidden;
    if (!this.isOpen) return;
    this.#where.focus();
    void this.#count();
  }

  all(): void {
    this.#ask({});
  }

  /** Python, or the page, has changed the view. */
  fill(): void {
    const view = read(this.channel.model, "view");
    this.#where.value = view.where ?? "";
    this.#sort.value = view.sort ?? "";
    this.#descending.checked = view.descending ?? false;
    this.#sample.value = view.sample ? String(view.sample) : "";
    this.#say("");
    if (this.isOpen) void this.#count();
  }

  #given(): ViewMessage {
    const view: { -readonly [K in keyof ViewMessage]: ViewMessage[K] } = {};
    if (this.#where.value.trim()) view.where = this.#where.value.trim();
    if (this.#sort.value.trim()) view.sort = this.#sort.value.trim();
    if (this.#descending.checked) view.descending = true;
    if (Number(this.#sample.value) > 0) view.sample = Math.floor(Number(this.#sample.value));
    const { seed } = read(this.channel.model, "view");
    return seed ? { ...view, seed } : view;
  }

  #ask(view: ViewMessage): void {
    this.#asked?.cancel();
    const request = this.channel.ask("view", { view });
    this.#asked = request;
    this.root.setAttribute("aria-busy", "true");
    this.#say("");
    request.reply
      .then(
        ({ content }) => this.#say(content.notes.join("; ")),
        (error) => this.#say(spokenError(error), "dl-error"),
      )
      .finally(() => {
        if (this.#asked === request) this.root.removeAttribute("aria-busy");
      });
  }

  #say(words: string, kind = ""): void {
    this.#said.textContent = words;
    this.#said.className = `dl-said ${kind}`;
    this.#said.hidden = !words;
  }

  /** Rows by class, of the rows shown. */
  async #count(): Promise<void> {
    const { model } = this.channel;
    const revision = read(model, "revision");
    this.#classes.hidden = !read(model, "has_classes");
    if (this.#classes.hidden || this.#counted === revision) return;
    this.#counted = revision;
    try {
      const { content } = await this.channel.ask("histogram", {}).reply;
      this.#tensor = content.tensor;
      const most = Math.max(1, ...content.classes.map(([, , , count]) => count));
      const bars = content.classes.slice(0, MOST_CLASSES).map((one) => this.#bar(one, most));
      const more = content.classes.length - MOST_CLASSES;
      if (more > 0) bars.push(element("li", "dl-about", {}, `${more.toLocaleString("en-US")} more classes`));
      this.#classes.replaceChildren(...bars);
    } catch (error) {
      this.#counted = -1;
      this.#say(spokenError(error), "dl-error");
    }
  }

  #bar([name, color, , count]: ClassMessage, most: number): HTMLLIElement {
    const words = count.toLocaleString("en-US");
    const show = () => {
      this.#where.value = classFilter(this.#tensor, name);
      this.#ask(this.#given());
    };
    const made = button(`Show only ${name}: ${words}`, "", show, "dl-class");
    const length = element("span", "dl-length");
    length.style.width = `${Math.max(2, (100 * count) / most)}%`;
    length.style.background = color;
    made.append(
      element("span", "dl-class-name", {}, name),
      element("span", "dl-track", {}, length),
      element("span", "dl-number", {}, words),
    );
    return element("li", "", {}, made);
  }
}

/** The filter that a class's bar stands for; `tensor` is its name as a filter has it. */
export function classFilter(tensor: string, name: string): string {
  return `${tensor} == ${JSON.stringify(name)}`;
}

function field(label: string, example: string): HTMLInputElement {
  return element("input", "dl-text", {
    type: "text",
    placeholder: `${label.toLowerCase()}: ${example}`,
    "aria-label": label,
    spellcheck: "false",
    autocomplete: "off",
    autocapitalize: "off",
  });
}
