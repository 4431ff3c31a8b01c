// Python that gives the rows seen again, to be taken away.

import type { Channel } from "../channel.ts";
import { spokenError } from "../messages.ts";
import { button, element } from "../shared/dom.ts";

export class CodeBox {
  readonly root = element("div", "dl-code", { hidden: true, role: "region", "aria-label": "Code" });
  readonly #text = element("textarea", "", {
    readonly: true,
    rows: 4,
    "aria-label": "Python for the rows shown",
  });
  readonly #words = element("span", "dl-about", { role: "status" });

  constructor(readonly channel: Channel) {
    const close = button("Close the code", "✕", () => {
      this.root.hidden = true;
    });
    this.root.append(
      this.#text,
      element("div", "dl-bar", {}, this.#words, element("span", "dl-space"), close),
    );
  }

  /** Copy the code of the selected rows, of the view, or of the rows in sight; and show it. */
  async copy([start, stop]: readonly [number, number]): Promise<void> {
    this.root.hidden = false;
    try {
      const { content } = await this.channel.ask("code", { start, stop }).reply;
      this.#text.value = content.code;
      this.#text.select();
      await navigator.clipboard.writeText(content.code).then(
        () => this.#say("copied"),
        () => this.#say("press Ctrl+C to copy"), // a page that is not served securely may not
      );
    } catch (error) {
      this.#say(spokenError(error));
    }
  }

  #say(words: string): void {
    this.#words.textContent = words;
  }
}
