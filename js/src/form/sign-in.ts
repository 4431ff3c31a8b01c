// Waiting for the answer of a sign-in: the link, the time left, a place to paste, and a way out.

import { button, element } from "../shared/dom.ts";

const TURN_MS = 1000;

export class SignIn {
  readonly root: HTMLElement;
  readonly #left = element("span", "dl-faint", { role: "timer" });
  readonly #pasted = element("input", "dl-text", {
    type: "password",
    autocomplete: "off",
    spellcheck: "false",
    "aria-label": "Address of the page on which the browser ended",
  });
  readonly #ticking: ReturnType<typeof setInterval>;
  #end: number;

  constructor(
    readonly link: string,
    seconds: number,
    events: { wait(): void; paste(address: string): void; cancel(): void },
  ) {
    this.#end = Date.now() + seconds * 1000;
    const open = element(
      "a",
      "dl-link",
      { href: link, target: "_blank", rel: "noopener noreferrer" },
      "Open the sign-in page",
    );
    const paste = () => {
      const address = this.#pasted.value;
      this.#pasted.value = "";
      if (address !== "") events.paste(address);
    };
    for (const kind of ["keydown", "keyup", "keypress", "paste", "copy", "cut"]) {
      this.#pasted.addEventListener(kind, (event) => {
        event.stopPropagation();
        if (kind === "keydown" && (event as KeyboardEvent).key === "Enter") paste();
      });
    }
    this.root = element(
      "div",
      "dl-sign-in",
      { role: "group", "aria-label": "Sign-in under way" },
      element("div", "dl-row", {}, open, this.#left),
      element(
        "p",
        "dl-help",
        {},
        "If the browser ends on a page that cannot load, paste the address of that page here.",
      ),
      element(
        "div",
        "dl-row",
        {},
        this.#pasted,
        button("Use this address", "Use", paste),
        button("Cancel the sign-in", "Cancel", events.cancel),
      ),
    );
    this.#ticking = setInterval(() => {
      this.#show();
      events.wait();
    }, TURN_MS);
    this.#show();
  }

  /** The kernel's own count. */
  set seconds(left: number) {
    this.#end = Date.now() + left * 1000;
  }

  /** It is over; whether the keyboard was here. */
  close(): boolean {
    const hadFocus = this.root.contains(this.root.ownerDocument.activeElement);
    clearInterval(this.#ticking);
    this.#pasted.value = "";
    this.root.remove();
    return hadFocus;
  }

  #show(): void {
    const left = Math.max(0, Math.round((this.#end - Date.now()) / 1000));
    this.#left.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")} left`;
  }
}
