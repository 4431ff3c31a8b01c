import { describe, expect, it } from "vitest";
import { viewWords } from "../src/gallery/footer.ts";

describe("what a view does to the rows", () => {
  it("is said in words", () => {
    expect(viewWords({ where: 'labels == "cat"' })).toBe('labels == "cat"');
    expect(viewWords({ where: "row < 5", sort: "row", descending: true, sample: 2000, seed: 7 })).toBe(
      "row < 5 · sorted by row, descending · sample of 2,000",
    );
  });

  it("is nothing where all rows are shown in their order", () => {
    expect(viewWords({})).toBe("");
    expect(viewWords({ seed: 7 })).toBe("");
  });
});
