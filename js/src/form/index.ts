// The form widget: what the kernel's panel shows, filled in here. Nothing of it is in the widget's state.

import type { Model } from "../channel.ts";
import { spokenError } from "../messages.ts";
import { element } from "../shared/dom.ts";
import type { DrawnMessage, OutcomeMessage } from "./messages.ts";
import { report, tried } from "./report.ts";
import { Sheet } from "./sheet.ts";
import { SignIn } from "./sign-in.ts";
import { UnderWay } from "./under-way.ts";
import { Wire } from "./wire.ts";
import "../shared/theme.css";
import "./form.css";

const BUSY_MS = 2500;

function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  const way = new UnderWay(() => void wire.stop());
  const wire = new Wire(model, (progress) => {
    if (isBusy) way.show(progress);
  });
  // Hidden until the kernel has answered: without one nobody can do anything with a form.
  const root = element("section", "deeplake-nb-form", { hidden: true });
  const title = element("h2", "dl-title", { tabindex: -1 });
  const intro = element("p", "dl-intro");
  const said = element("p", "dl-said", { role: "status" });
  const before = element("div");
  const place = element("div", "dl-place");
  const waiting = element("div");
  const came = element("div");
  root.append(title, intro, before, place, waiting, said, way.root, came);
  el.append(root);
  // JupyterLab matches its shortcuts against the focused element itself: only a mark on that keeps them away.
  root.addEventListener("focusin", (event) => {
    (event.target as Element).setAttribute("data-lm-suppress-shortcuts", "true");
  });

  let sheet: Sheet | undefined;
  let signIn: SignIn | undefined;
  let shape = "";
  let isBusy = false;
  let isOver = false;

  const say = (words: string, how: "good" | "bad" | "busy" | "" = "") => {
    said.className = `dl-said${how === "" ? "" : ` dl-${how}`}`;
    if (said.textContent !== words) said.textContent = words;
  };

  const draw = (drawn: DrawnMessage, isQuiet = false) => {
    const { content, outcome } = drawn;
    const now = JSON.stringify(content);
    if (now !== shape) {
      const isFirst = shape === "";
      shape = now;
      sheet?.close();
      title.textContent = content.title;
      root.setAttribute("aria-label", content.title);
      intro.textContent = content.intro;
      intro.hidden = content.intro === "";
      before.replaceChildren(...(content.tried.length > 0 ? [tried(content.tried)] : []));
      sheet = new Sheet(drawn, {
        act: (action, choice, typed) => void act(action, choice, typed),
        check: (choice, name, value) => wire.check(choice, name, value),
      });
      place.replaceChildren(sheet.root);
      place.hidden = outcome.done;
      if (!isFirst) title.focus();
    }
    sheet?.keep(drawn.kept);
    sheet?.complain(outcome.problems);
    if (outcome.link === "") {
      if (signIn?.close()) title.focus();
      signIn = undefined;
    } else if (signIn?.link === outcome.link) {
      signIn.seconds = outcome.seconds;
    } else {
      signIn?.close();
      const choice = sheet?.choice ?? "";
      signIn = new SignIn(outcome.link, outcome.seconds, {
        wait: () => {
          if (!isBusy) void act("wait", choice, sheet?.typed() ?? {});
        },
        paste: (address) => void act("paste", choice, { ...sheet?.typed(), pasted: address }),
        cancel: () => void act("cancel", choice, {}),
      });
      waiting.replaceChildren(signIn.root);
    }
    if (!isQuiet || outcome.link === "") say(outcome.said, mood(outcome)); // else a refusal would go by unread
    came.replaceChildren(report(outcome));
    root.classList.toggle("dl-done", outcome.done);
  };

  const act = async (action: string, choice: string, typed: Record<string, string>) => {
    while (isBusy && action !== "wait") await new Promise((next) => setTimeout(next, 50));
    if (isBusy || isOver) return;
    isBusy = true;
    const isQuiet = action === "wait";
    const answer = wire.act(action, choice, typed);
    for (const name of Object.keys(typed)) typed[name] = "";
    sheet?.wipe();
    if (!isQuiet) sheet?.enable(false);
    if (!isQuiet) say("One moment …", "busy");
    const slow = setTimeout(() => {
      if (!isQuiet) say("Still at it …", "busy");
    }, BUSY_MS);
    try {
      draw(await answer, isQuiet);
    } catch (error) {
      say(spokenError(error), "bad");
    } finally {
      clearTimeout(slow);
      if (way.hide()) title.focus();
      isBusy = false;
      sheet?.enable(true);
    }
  };

  wire.open().then(
    (drawn) => {
      draw(drawn);
      root.hidden = false;
    },
    (error: unknown) => {
      say(spokenError(error), "bad");
      root.hidden = false;
    },
  );

  return () => {
    isOver = true;
    signIn?.close();
    sheet?.close();
    wire.close();
  };
}

function mood(outcome: OutcomeMessage): "good" | "bad" | "" {
  if (!outcome.good) return "bad";
  return outcome.said === "" || outcome.link !== "" ? "" : "good";
}

export default { render };
