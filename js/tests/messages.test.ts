import { expect, test } from "vitest";
import { advice } from "../src/messages.ts";

test("a link into a storage that is broken is explained by the credentials that are tried", () => {
  expect(advice("s3://bucket/cat.jpg")).toBe(
    "%lake explain s3://bucket/cat.jpg says which credentials are tried.",
  );
  expect(advice("https://host/a cat.jpg")).toBe(
    '%lake explain "https://host/a cat.jpg" says which credentials are tried.',
  );
});

test.each(["/data/cat.jpg", "C:\\data\\cat.jpg"])(
  "a broken link to the local file %s is no matter of credentials",
  (origin) => {
    expect(advice(origin)).not.toContain("credentials");
    expect(advice(origin)).toMatch(/put it back there, or link the row to another file\.$/);
  },
);
