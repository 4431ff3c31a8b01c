// One field of a form: what is typed, what is wrong with it, and no way for a secret to stay on the page.

import { element } from "../shared/dom.ts";
import type { FieldMessage } from "./messages.ts";

type Input = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

const CHECK_MS = 350;
const KEPT = "received; type to replace it";
const LARGEST_FILE = 1_000_000;
let made = 0;
/** Each form on a page loads this module anew, and no two of them may share an id. */
const OWN = Math.random().toString(36).slice(2);

export class FieldRow {
  readonly root: HTMLElement;
  readonly #input: Input;
  readonly #problem: HTMLElement;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #looks = 0;

  constructor(
    readonly field: FieldMessage,
    isKept: boolean,
    private readonly events: {
      changed(): void;
      /** Enter was pressed. */
      entered(): void;
      /** What is wrong with a value that is no secret. */
      check(value: string): Promise<string>;
    },
  ) {
    made += 1;
    const id = `dl-field-${OWN}-${made}`;
    this.#input = this.#make(id);
    this.#input.id = id;
    this.#input.setAttribute("aria-describedby", `${id}-help ${id}-problem`);
    if (field.required) this.#input.setAttribute("aria-required", "true");
    this.#problem = element("p", "dl-problem", { id: `${id}-problem`, role: "alert" });
    const label = element("label", "dl-label", { for: id }, field.label);
    if (!field.required && field.kind !== "choice")
      label.append(element("span", "dl-faint", {}, " (optional)"));
    const box = element("div", "dl-input", {}, this.#input);
    if (field.kind === "file") box.append(this.#picker());
    this.root = element("div", "dl-field", {}, label, element("div", "dl-cell", {}, box));
    this.root
      .querySelector(".dl-cell")
      ?.append(this.#problem, element("p", "dl-help", { id: `${id}-help` }, field.help));
    this.isKept = isKept;
    this.#listen();
  }

  get isSecret(): boolean {
    return this.field.kind === "secret" || this.field.kind === "file";
  }

  get value(): string {
    return this.#input.value;
  }

  set value(text: string) {
    this.#input.value = text;
  }

  /** Whether the kernel has a secret already. */
  set isKept(is: boolean) {
    if (!(this.#input instanceof HTMLSelectElement)) this.#input.placeholder = is ? KEPT : "";
  }

  get isHidden(): boolean {
    return this.root.hidden;
  }

  /** Empty it on the page; what was in it is the kernel's. */
  wipe(): void {
    this.#input.value = "";
  }

  /** Say what is wrong. The last word: an early look that is under way says nothing more. */
  complain(what: string): void {
    clearTimeout(this.#timer);
    this.#looks += 1;
    this.#show(what);
  }

  #show(what: string): void {
    if (this.#problem.textContent !== what) this.#problem.textContent = what;
    this.#input.setAttribute("aria-invalid", String(what !== ""));
  }

  focus(): void {
    this.#input.focus();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.wipe();
  }

  #make(id: string): Input {
    const { field } = this;
    if (field.kind === "choice") {
      const select = element("select", "dl-select");
      for (const [value, label] of field.options) {
        select.append(element("option", "", { value, selected: value === field.value }, label));
      }
      return select;
    }
    const attributes = { autocomplete: "off", spellcheck: "false", autocapitalize: "off" };
    if (field.kind === "file") {
      return element("textarea", "dl-text dl-hidden-text", { ...attributes, rows: 3, name: id });
    }
    const type = field.kind === "secret" ? "password" : "text";
    const input = element("input", "dl-text", { ...attributes, type, name: id });
    if (type === "password") input.autocomplete = "new-password";
    input.value = field.value;
    return input;
  }

  #picker(): HTMLElement {
    const file = element("input", "dl-file", { type: "file", accept: ".json,application/json" });
    file.setAttribute("aria-label", `${this.field.label}: choose its file`);
    file.addEventListener("change", () => {
      const chosen = file.files?.[0];
      if (chosen === undefined) return;
      if (chosen.size > LARGEST_FILE) {
        this.complain("this file is too large to be a key");
        return;
      }
      void chosen.text().then((text) => {
        this.#input.value = text;
        file.value = "";
        this.complain("");
        this.events.changed();
      });
    });
    return file;
  }

  #listen(): void {
    // Neither the notebook's shortcuts nor its clipboard may see what is typed or pasted here.
    for (const kind of ["keydown", "keyup", "keypress", "paste", "copy", "cut", "input", "contextmenu"]) {
      this.#input.addEventListener(kind, (event) => {
        if ((event as KeyboardEvent).key === "Enter" && kind === "keydown") this.events.entered();
        event.stopPropagation();
      });
    }
    const changed = () => {
      this.events.changed();
      clearTimeout(this.#timer);
      if (this.isSecret) {
        this.complain("");
      } else {
        this.#timer = setTimeout(() => void this.#check(), CHECK_MS);
      }
    };
    this.#input.addEventListener("input", changed);
    if (this.field.kind === "choice") this.#input.addEventListener("change", changed);
  }

  async #check(): Promise<void> {
    const text = this.value;
    this.#looks += 1;
    const look = this.#looks;
    try {
      const what = await this.events.check(text);
      if (look === this.#looks && text === this.value) this.#show(text === "" ? "" : what);
    } catch {
      // Only an early look: the kernel looks again at everything when it is asked to act, and its answer is shown.
    }
  }
}

/** Whether a field is asked for, given the values of others. */
export function isThere(field: FieldMessage, values: Readonly<Record<string, string>>): boolean {
  if (field.when === undefined) return true;
  const [other, wanted] = field.when;
  return wanted.includes(values[other] ?? "");
}
