/**
 * Builds `dist/`: ECMAScript modules and their declarations, one file per source file.
 *
 * In: `src/`. Out: `dist/`, emptied first, so that no file outlives its source.
 * Always: the command line's file can be executed, and a failed build leaves a nonzero exit code.
 */
import { chmodSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root } from "./lib/files.ts";
import { run } from "./lib/run.ts";

const dist = join(root, "dist");
const command = join(dist, "cli/main.js");

rmSync(dist, { recursive: true, force: true });
const { code, output, seconds } = await run(["tsc", "-p", "tsconfig.build.json"]);
if (existsSync(command)) chmodSync(command, 0o755);
if (output !== "") console.log(output.trimEnd());
console.log(`build: ${code === 0 ? "ok" : "failed"}, dist/ in ${seconds.toFixed(1)} s`);
process.exitCode = code;
