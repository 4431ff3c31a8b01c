// Window and level of an image that has more than 8 bits: which values are black and which are white.

import type { Pair } from "../messages.ts";
import { button, element } from "../shared/dom.ts";

const STEPS = 1000;

export class Levels {
  readonly root = element("div", "dl-levels", { role: "group", "aria-label": "Values shown", hidden: true });
  readonly #low = slider("Shown as black");
  readonly #high = slider("Shown as white");
  readonly #words = element("output", "dl-about");
  #extent: Pair = [0, 1];
  #natural: Pair = [0, 1];

  constructor(readonly changed: (window: Pair | null) => void) {
    const auto = button("The window the image came with", "auto", () => {
      this.#set(this.#natural);
      this.changed(null);
    });
    this.root.append("black", this.#low, "white", this.#high, this.#words, auto);
    for (const one of [this.#low, this.#high]) one.addEventListener("input", () => this.#slid());
  }

  /** For an image whose values go from `extent[0]` to `extent[1]`; none for one of 8 bits. */
  show(extent: Pair | undefined, window: Pair | undefined, isChosen: boolean): void {
    this.root.hidden = extent === undefined || window === undefined;
    if (extent === undefined || window === undefined) return;
    this.#extent = [Math.min(extent[0], window[0]), Math.max(extent[1], window[1])];
    this.#natural = window;
    if (!isChosen) this.#set(window);
  }

  get window(): Pair {
    const value = (one: HTMLInputElement) => valueAt(this.#extent, Number(one.value) / STEPS);
    return [value(this.#low), value(this.#high)];
  }

  #set(window: Pair): void {
    const at = (value: number) => String(Math.round(shareOf(this.#extent, value) * STEPS));
    this.#low.value = at(window[0]);
    this.#high.value = at(window[1]);
    this.#say(window);
  }

  #slid(): void {
    this.#say(this.window);
    this.changed(this.window);
  }

  #say([low, high]: Pair): void {
    const words = (value: number) => value.toLocaleString("en-US", { maximumSignificantDigits: 5 });
    this.#words.textContent = `${words(low)} – ${words(high)}`;
  }
}

/** The value at a share, 0 to 1, of the way between two. */
export function valueAt([least, most]: Pair, share: number): number {
  return least + (most - least) * share;
}

/** Where a value is between two, 0 to 1. */
export function shareOf([least, most]: Pair, value: number): number {
  return most > least ? Math.min(1, Math.max(0, (value - least) / (most - least))) : 0;
}

function slider(label: string): HTMLInputElement {
  return element("input", "dl-size", { type: "range", min: 0, max: STEPS, value: 0, "aria-label": label });
}
