import { expect, test } from "vitest";
import { read, watch } from "../src/gallery/traits.ts";
import { FakeModel } from "./fake-model.ts";

test("a listener finds all traits of a message in place, also where they come one by one", async () => {
  const model = new FakeModel({ revision: 1, length: 400 });
  const seen: number[] = [];
  const stop = watch(model, "revision", () => seen.push(read(model, "length")));
  model.change("revision", 2);
  model.change("length", 200);
  await Promise.resolve();
  expect(seen).toEqual([200]);
  model.change("revision", 3);
  stop();
  await Promise.resolve();
  expect(seen).toEqual([200]);
});
