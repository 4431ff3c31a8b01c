import { describe, expect, it } from "vitest";
import { Channel } from "../src/channel.ts";
import { KernelError } from "../src/messages.ts";
import { FakeModel } from "./fake-model.ts";

const ASK = { tensor: "images", rows: [1, 2], box: 256 };

describe("channel", () => {
  it("pairs replies with requests by id, in any order", async () => {
    const model = new FakeModel();
    const channel = new Channel(model);
    const first = channel.ask("tiles", ASK);
    const second = channel.ask("tiles", ASK);
    expect(model.sent.map(({ v, id, kind }) => [v, id, kind])).toEqual([
      [1, 1, "tiles"],
      [1, 2, "tiles"],
    ]);
    const buffer = new DataView(new ArrayBuffer(3));
    model.receive({ v: 1, id: 2, kind: "tiles.ok", tiles: ["b"] }, [buffer]);
    model.receive({ v: 1, id: 1, kind: "tiles.ok", tiles: ["a"] });
    expect((await second.reply).content.tiles).toEqual(["b"]);
    expect((await second.reply).buffers).toEqual([buffer]);
    expect((await first.reply).content.tiles).toEqual(["a"]);
  });

  it("gives the kernel's error with its code", async () => {
    const model = new FakeModel();
    const { reply } = new Channel(model).ask("tiles", ASK);
    model.receive({
      v: 1,
      id: 1,
      kind: "tiles.error",
      error: { code: "row", message: "row 9 is out of range" },
    });
    await expect(reply).rejects.toEqual(new KernelError("row", "row 9 is out of range"));
    await expect(reply).rejects.toHaveProperty("code", "row");
  });

  it("refuses an answer of another version", async () => {
    const model = new FakeModel();
    const { reply } = new Channel(model).ask("tiles", ASK);
    model.receive({ v: 2, id: 1, kind: "tiles.ok", tiles: [] });
    await expect(reply).rejects.toHaveProperty("code", "version");
  });

  it("cancels once, and drops a late answer", () => {
    const model = new FakeModel();
    const request = new Channel(model).ask("tiles", ASK);
    request.cancel();
    request.cancel();
    expect(model.sent.at(-1)).toEqual({ v: 1, id: 1, kind: "cancel" });
    expect(model.sent.length).toBe(2);
    model.receive({ v: 1, id: 1, kind: "tiles.ok", tiles: [] });
  });

  it("does not tell the kernel to cancel what has been answered", async () => {
    const model = new FakeModel();
    const request = new Channel(model).ask("tiles", ASK);
    model.receive({ v: 1, id: 1, kind: "tiles.ok", tiles: [] });
    await request.reply;
    request.cancel();
    expect(model.sent.length).toBe(1);
  });

  it("leaves messages alone that are none of its own", () => {
    const model = new FakeModel();
    new Channel(model).ask("tiles", ASK);
    for (const stray of [
      null,
      "text",
      7,
      {},
      { id: "1", kind: "tiles.ok" },
      { v: 1, id: 99, kind: "tiles.ok" },
    ]) {
      model.receive(stray);
    }
  });

  it("takes what the kernel sends unasked, once", async () => {
    const model = new FakeModel();
    const channel = new Channel(model);
    const { reply } = channel.expect("tiles");
    expect(model.sent).toEqual([]);
    model.receive({ v: 1, id: 0, kind: "tiles.ok", tiles: ["first"] });
    model.receive({ v: 1, id: 0, kind: "tiles.ok", tiles: ["again"] });
    expect((await reply).content.tiles).toEqual(["first"]);
  });

  it("hears nothing once closed", async () => {
    const model = new FakeModel();
    const channel = new Channel(model);
    let answered = false;
    void channel.ask("tiles", ASK).reply.then(() => {
      answered = true;
    });
    channel.close();
    model.receive({ v: 1, id: 1, kind: "tiles.ok", tiles: [] });
    await Promise.resolve();
    expect(answered).toBe(false);
  });
});
