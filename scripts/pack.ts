/**
 * Packs what would be published, for the checks that look at the package as users get it.
 *
 * In: the built `dist/`. Out: `.cache/jacrow.tgz`, which `publint` and `attw` read.
 * Always: no script of `package.json` runs, so `dist/` is packed as it stands.
 */
import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { readText, root } from "./lib/files.ts";
import { run } from "./lib/run.ts";

const cache = join(root, ".cache");
const { version } = JSON.parse(readText("package.json")) as { version: string };

mkdirSync(cache, { recursive: true });
const { code, output } = await run(["npm", "pack", "--ignore-scripts", "--pack-destination", cache]);
if (code === 0) renameSync(join(cache, `jacrow-${version}.tgz`), join(cache, "jacrow.tgz"));
console.log(code === 0 ? "pack: ok" : output);
process.exitCode = code;
