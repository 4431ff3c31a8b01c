// Bundles the widgets into the Python package, and says beside them which sources they were made of.
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "deeplake_nb", "static");

await mkdir(out, { recursive: true });
await build({
  absWorkingDir: here,
  entryPoints: { form: "src/form/index.ts", gallery: "src/gallery/index.ts" },
  outdir: out,
  bundle: true,
  format: "esm",
  minify: true,
  target: "es2022",
  legalComments: "none",
  logLevel: "warning",
});

const sources = (await readdir(join(here, "src"), { recursive: true, withFileTypes: true }))
  .filter((entry) => entry.isFile())
  .map((entry) =>
    join(entry.parentPath ?? entry.path, entry.name)
      .slice(here.length + 1)
      .replaceAll("\\", "/"),
  );
const hash = createHash("sha256");
for (const path of [...sources, "build.mjs", "package.json"].sort()) {
  hash
    .update(path)
    .update("\0")
    .update(await readFile(join(here, path)))
    .update("\0");
}
await writeFile(join(out, "source.sha256"), `${hash.digest("hex")}\n`);
