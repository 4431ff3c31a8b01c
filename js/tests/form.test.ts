import { afterEach, describe, expect, it, vi } from "vitest";
import { isThere } from "../src/form/fields.ts";
import type { FieldMessage } from "../src/form/messages.ts";
import { Wire } from "../src/form/wire.ts";
import { FakeModel } from "./fake-model.ts";

class Listening extends FakeModel {
  readonly buffers: (ArrayBuffer[] | undefined)[] = [];

  override send(content: unknown, _callbacks?: unknown, buffers?: ArrayBuffer[]): void {
    super.send(content);
    this.buffers.push(buffers);
  }
}

const bytesOf = (buffers: ArrayBuffer[] | undefined) => new Uint8Array((buffers ?? [])[0] as ArrayBuffer);

afterEach(() => void vi.useRealTimers());

describe("wire", () => {
  it("asks again for a form that nobody gave it, and no more once it is there", async () => {
    vi.useFakeTimers();
    const model = new Listening();
    const opened = new Wire(model).open();
    vi.advanceTimersByTime(1000);
    expect(model.sent.map(({ id, kind }) => [id, kind])).toEqual([1, 2, 3].map((id) => [id, "open"]));
    const drawn = { v: 1, id: 2, kind: "open.ok" };
    model.receive(drawn);
    expect(await opened).toBe(drawn);
    vi.advanceTimersByTime(60_000);
    model.receive({ v: 1, id: 1, kind: "open.ok" }); // what waited for the end of the cell
    expect(model.sent).toHaveLength(3);
  });

  it("asks no more for a form that is closed", () => {
    vi.useFakeTimers();
    const model = new Listening();
    const wire = new Wire(model);
    void wire.open();
    wire.close();
    vi.advanceTimersByTime(60_000);
    expect(model.sent).toHaveLength(1);
  });

  it("sends what is typed as bytes, and never in the message", () => {
    const model = new Listening();
    void new Wire(model).act("save", "aws-keys", { secret: "s3cret ☃" });
    expect(JSON.stringify(model.sent)).not.toContain("s3cret");
    expect(model.sent[0]).toEqual({ v: 1, id: 1, kind: "act", action: "save", choice: "aws-keys" });
    expect(JSON.parse(new TextDecoder().decode(bytesOf(model.buffers[0])))).toEqual({ secret: "s3cret ☃" });
  });

  it.each(["act.ok", "act.error"])("wipes the bytes once the kernel has said %s", async (kind) => {
    const model = new Listening();
    const answer = new Wire(model).act("save", "x", { secret: "s3cret" });
    model.receive({ v: 1, id: 1, kind, error: { code: "x", message: "refused" } });
    await answer.catch((error: unknown) => expect(String(error)).toContain("refused"));
    expect([...bytesOf(model.buffers[0])].every((byte) => byte === 0)).toBe(true);
  });

  it("wipes what is under way when it is closed, and hears nothing more", () => {
    const model = new Listening();
    const wire = new Wire(model);
    let isAnswered = false;
    void wire.act("save", "x", { secret: "s3cret" }).then(() => {
      isAnswered = true;
    });
    wire.close();
    expect([...bytesOf(model.buffers[0])].every((byte) => byte === 0)).toBe(true);
    model.receive({ v: 1, id: 1, kind: "act.ok" });
    expect(isAnswered).toBe(false);
  });

  it("hands on how far an action is, and asks to cancel it", () => {
    const model = new Listening();
    const told: unknown[] = [];
    const wire = new Wire(model, (progress) => told.push(progress));
    void wire.act("write", "link", {});
    model.receive({ v: 1, id: 0, kind: "progress", said: "1 of 2", share: 0.5 });
    void wire.stop();
    expect(told).toEqual([{ v: 1, id: 0, kind: "progress", said: "1 of 2", share: 0.5 }]);
    expect(model.sent[1]).toEqual({ v: 1, id: 2, kind: "stop" });
  });

  it("pairs answers by id and leaves strangers alone", async () => {
    const model = new Listening();
    const wire = new Wire(model);
    const first = wire.check("x", "url", "a");
    const second = wire.check("x", "url", "b");
    for (const stray of [null, 7, {}, { id: 99, kind: "check.ok" }]) model.receive(stray);
    model.receive({ v: 1, id: 2, kind: "check.ok", problem: "of b" });
    model.receive({ v: 1, id: 1, kind: "check.ok", problem: "of a" });
    expect([await first, await second]).toEqual(["of a", "of b"]);
  });
});

describe("fields", () => {
  const field = { name: "name", when: ["keep", ["team", "me"]] } as unknown as FieldMessage;

  it("are there for the values that call for them", () => {
    expect(isThere(field, { keep: "team" })).toBe(true);
    expect(isThere(field, { keep: "session" })).toBe(false);
    expect(isThere(field, {})).toBe(false);
    expect(isThere({ ...field, when: undefined } as unknown as FieldMessage, {})).toBe(true);
  });
});
