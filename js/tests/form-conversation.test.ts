// A conversation recorded between a form's page and a kernel, replayed: the page asks each question, byte for byte.

import { expect, it } from "vitest";
import recorded from "../../tests/golden/messages/form.json";
import { Wire } from "../src/form/wire.ts";
import { FakeModel } from "./fake-model.ts";

interface Said {
  readonly from: "page" | "kernel";
  readonly content: { readonly id: number; readonly kind: string } & Readonly<Record<string, string>>;
  readonly buffers: readonly string[];
}

class Listening extends FakeModel {
  buffers: ArrayBuffer[] = [];

  override send(content: unknown, _callbacks?: unknown, buffers: ArrayBuffer[] = []): void {
    super.send(content);
    this.buffers = buffers;
  }
}

const text = (base64: string) =>
  new TextDecoder().decode(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)));

it("is said again by the wire, and each answer finds its question", async () => {
  const model = new Listening();
  const wire = new Wire(model);
  const asked = new Map<number, Promise<unknown>>();
  let answers = 0;
  for (const { from, content, buffers } of recorded as unknown as readonly Said[]) {
    if (from === "page") {
      const typed = buffers.map((one) => JSON.parse(text(one)) as Record<string, string>)[0] ?? {};
      const { kind, action = "", choice = "", name = "" } = content;
      if (kind === "open") asked.set(content.id, wire.open());
      if (kind === "check") asked.set(content.id, wire.check(choice, name, typed[name] ?? ""));
      if (kind === "act") asked.set(content.id, wire.act(action, choice, typed));
      expect(model.sent.at(-1)).toEqual(content);
      expect(model.buffers.map((one) => new TextDecoder().decode(one))).toEqual(buffers.map(text));
    } else {
      const bytes = model.buffers.map((one) => new Uint8Array(one));
      model.receive(content);
      const answer = await asked.get(content.id);
      expect(answer).toEqual(content.kind === "check.ok" ? content.problem : content);
      expect(bytes.flatMap((one) => [...one]).every((byte) => byte === 0)).toBe(true);
      answers += 1;
    }
  }
  expect(answers).toBeGreaterThan(5);
});
