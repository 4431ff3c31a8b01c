// A form as it stands on the page: its choice, its fields, its buttons.

import { button, element } from "../shared/dom.ts";
import { FieldRow, isThere } from "./fields.ts";
import type { ActionMessage, ChoiceMessage, DrawnMessage } from "./messages.ts";
import { table } from "./table.ts";

export interface SheetEvents {
  act(action: string, choice: string, typed: Record<string, string>): void;
  check(choice: string, name: string, value: string): Promise<string>;
}

export class Sheet {
  readonly root = element("div", "dl-sheet");
  readonly #body = element("div", "dl-fields");
  readonly #buttons = element("div", "dl-row dl-buttons");
  #rows: FieldRow[] = [];
  #choice: ChoiceMessage | undefined;
  #typed: Record<string, string> = {};
  #isOn = true;

  constructor(
    readonly drawn: DrawnMessage,
    private readonly events: SheetEvents,
  ) {
    const { content } = drawn;
    const refuse = (event: Event) => {
      if (!this.#isOn && (event.target as Element).closest("button") !== null) event.stopPropagation();
    };
    this.root.addEventListener("click", refuse, true);
    if (content.choices.length > 1) this.root.append(this.#chooser());
    if (content.table !== undefined) {
      const act = (action: string, row: string) => this.events.act(action, row, this.typed());
      this.root.append(table(content.table, `${content.title}: table`, act));
    }
    this.root.append(this.#body, this.#buttons);
    this.#choose(content.choice, drawn.kept);
  }

  /** The choice that is filled in. */
  get choice(): string {
    return this.#choice?.name ?? "";
  }

  /** What is typed in what is asked for. */
  typed(): Record<string, string> {
    return Object.fromEntries(
      this.#rows.filter((row) => !row.isHidden && row.value !== "").map((row) => [row.field.name, row.value]),
    );
  }

  /** The kernel has it: no secret stays on the page. */
  wipe(): void {
    for (const row of this.#rows) if (row.isSecret) row.wipe();
  }

  /** Say what is wrong, and go to the first of it. */
  complain(problems: Readonly<Record<string, string>>): void {
    for (const row of this.#rows) row.complain(problems[row.field.name] ?? "");
    const first = this.#rows.find((row) => problems[row.field.name] !== undefined);
    first?.root.closest("details")?.setAttribute("open", "");
    first?.focus();
  }

  /** What the kernel has of the secrets. */
  keep(names: readonly string[]): void {
    for (const row of this.#rows) row.isKept = names.includes(row.field.name);
  }

  /** Off, its buttons do nothing and keep the keyboard: one that is `disabled` would lose it to the notebook. */
  enable(isOn: boolean): void {
    this.#isOn = isOn;
    for (const one of this.root.querySelectorAll("button")) one.setAttribute("aria-disabled", String(!isOn));
  }

  close(): void {
    for (const row of this.#rows) row.close();
  }

  #chooser(): HTMLElement {
    const { content } = this.drawn;
    const group = element("fieldset", "dl-choices");
    group.append(element("legend", "dl-label", {}, content.choice_label || "How"));
    const name = `dl-choice-${Math.random().toString(36).slice(2)}`;
    for (const choice of content.choices) {
      const radio = element("input", "", {
        type: "radio",
        name,
        value: choice.name,
        checked: choice.name === content.choice,
      });
      radio.addEventListener("change", () => this.#choose(choice.name, []));
      group.append(element("label", "dl-choice", {}, radio, choice.label));
    }
    return group;
  }

  #choose(name: string, kept: readonly string[]): void {
    const { content } = this.drawn;
    Object.assign(
      this.#typed,
      Object.fromEntries(this.#rows.filter((row) => !row.isSecret).map((row) => [row.field.name, row.value])),
    );
    for (const row of this.#rows) row.close();
    const choice = content.choices.find((one) => one.name === name);
    this.#choice = choice;
    this.#rows = (choice?.fields ?? []).map((field) => this.#row(field, choice?.name ?? "", kept));
    const plain = this.#rows.filter((row) => !row.field.more);
    const more = this.#rows.filter((row) => row.field.more);
    const parts: Node[] = [];
    if (choice !== undefined && choice.help !== "") parts.push(element("p", "dl-help", {}, choice.help));
    parts.push(...plain.map((row) => row.root));
    if (more.length > 0) {
      const folded = element("details", "dl-more", {}, element("summary", "", {}, "More settings"));
      folded.append(...more.map((row) => row.root));
      parts.push(folded);
    }
    this.#body.replaceChildren(...parts);
    const shown = (choice?.actions ?? content.actions).filter((one) => !WAITING.has(one.name));
    this.#buttons.replaceChildren(...shown.map((one) => this.#button(one)));
    if (content.back) {
      this.#buttons.append(
        button("Back, without keeping this", "Back", () => this.events.act("back", name, {})),
      );
    }
    this.#unfold();
  }

  #row(field: ChoiceMessage["fields"][number], choice: string, kept: readonly string[]): FieldRow {
    const row = new FieldRow(field, kept.includes(field.name), {
      changed: () => this.#unfold(),
      entered: () => {
        if (field.kind !== "file") this.#main();
      },
      check: (value) => this.events.check(choice, field.name, value),
    });
    const before = this.#typed[field.name];
    const fits = field.kind !== "choice" || field.options.some(([value]) => value === before);
    if (before !== undefined && fits) row.value = before;
    return row;
  }

  #unfold(): void {
    const values = Object.fromEntries(this.#rows.map((row) => [row.field.name, row.value]));
    for (const row of this.#rows) row.root.hidden = !isThere(row.field, values);
  }

  #button(action: ActionMessage): HTMLButtonElement {
    const act = () =>
      this.events.act(action.name, this.#choice?.name ?? "", action.fields ? this.typed() : {});
    return button(action.label, action.label, act, action.main ? "dl-main-button" : "");
  }

  #main(): void {
    const main = this.#buttons.querySelector<HTMLButtonElement>(".dl-main-button");
    main?.click();
  }
}

/** Actions that the waiting for a sign-in has buttons for. */
const WAITING = new Set(["paste", "wait", "cancel"]);
