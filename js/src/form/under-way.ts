// What takes long: how far it is, and a way to cancel it.

import { button, element } from "../shared/dom.ts";
import type { ProgressMessage } from "./messages.ts";

export class UnderWay {
  readonly root = element("div", "dl-row dl-way", { hidden: true });
  readonly #bar = element("progress", "", { "aria-label": "How far it is" });
  readonly #said = element("span", "dl-faint");
  readonly #cancel: HTMLButtonElement;

  constructor(cancel: () => void) {
    this.#cancel = button("Cancel what is under way", "Cancel", () => {
      if (this.#cancel.ariaDisabled === "true") return;
      this.#cancel.ariaDisabled = "true"; // and not `disabled`, which would lose the keyboard to the notebook
      cancel();
    });
    this.root.append(this.#bar, this.#said, this.#cancel);
  }

  show({ said, share }: ProgressMessage): void {
    if (share === null) this.#bar.removeAttribute("value");
    else this.#bar.value = share;
    this.#said.textContent = said;
    this.root.hidden = false;
  }

  /** It is over; whether the keyboard was here. */
  hide(): boolean {
    const hadFocus = this.root.contains(this.root.ownerDocument.activeElement);
    this.root.hidden = true;
    this.#cancel.ariaDisabled = "false";
    return hadFocus;
  }
}
