// A conversation recorded between a page and a kernel, replayed: the page still asks each question, word for word.

import { describe, expect, it } from "vitest";
import recorded from "../../tests/golden/messages/gallery.json";
import { Channel, type Request } from "../src/channel.ts";
import { KernelError, type Kind, type Requests } from "../src/messages.ts";
import { FakeModel } from "./fake-model.ts";

interface Said {
  readonly from: "page" | "kernel";
  readonly content?: { readonly v: number; readonly id: number; readonly kind: string };
  readonly buffers: readonly string[];
}

const said = (recorded as unknown as readonly Said[]).filter((one) => one.content);

const bytes = (base64: string) =>
  new DataView(Uint8Array.from(atob(base64), (one) => one.charCodeAt(0)).buffer);

describe("a recorded conversation", () => {
  it("is said again by the channel, and each answer finds its question", async () => {
    const model = new FakeModel();
    const channel = new Channel(model);
    const asked = new Map<number, Request<Kind>>([[0, channel.expect("tiles")]]);
    const cancelled = new Set<number>();
    let answers = 0;
    for (const { from, content, buffers } of said) {
      if (content === undefined) continue;
      const { v: _, id, kind, ...rest } = content;
      if (from === "kernel") {
        model.receive(content, buffers.map(bytes));
        if (cancelled.has(id)) continue; // it crossed its cancel: nobody waits for it
        const reply = asked.get(id)?.reply;
        answers += 1;
        if (kind.endsWith(".error")) {
          const { code, message } = (rest as unknown as { error: { code: string; message: string } }).error;
          await expect(reply).rejects.toEqual(new KernelError(code, message));
          await expect(reply).rejects.toHaveProperty("code", code);
          continue;
        }
        const answer = await reply;
        expect(answer?.content).toEqual(content);
        expect(answer?.buffers.map((one) => one.byteLength)).toEqual(
          buffers.map((one) => bytes(one).byteLength),
        );
      } else if (kind === "cancel") {
        asked.get(id)?.cancel();
        cancelled.add(id);
        expect(model.sent.at(-1)).toEqual(content);
      } else {
        asked.set(id, channel.ask(kind as Kind, rest as unknown as Requests[Kind]["ask"]));
        expect(model.sent.at(-1)).toEqual(content);
      }
    }
    expect(answers).toBeGreaterThan(10);
  });

  it("has one answer to each question that was not taken back", () => {
    const ids = (from: string, isAnswer: boolean) =>
      said
        .filter((one) => one.from === from && (one.content?.kind === "cancel") === isAnswer)
        .map((one) => one.content?.id ?? -1);
    const [asked, cancelled, answered] = [ids("page", false), ids("page", true), ids("kernel", false)];
    expect(cancelled.length).toBeGreaterThan(0);
    expect(new Set([...answered, ...cancelled])).toEqual(new Set([0, ...asked]));
    expect(new Set(answered).size).toBe(answered.length);
  });
});
