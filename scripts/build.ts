/**
 * Builds `dist/`: the entry points, with what several of them share in `dist/chunks/`, and their declarations.
 *
 * In: `src/`. Out: `dist/`, emptied first, so that no file outlives its source. Few files, because each takes Node half a millisecond to
 * load. Always: an entry point loads only what it needs, and a failed build leaves a nonzero exit code.
 */
import { chmodSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { build } from "esbuild";
import { root } from "./lib/files.ts";
import { run } from "./lib/run.ts";

const started = performance.now();
const dist = join(root, "dist");
const source = (name: string): string => join(root, "src", `${name}.ts`);

const entries = ["index", "index.node", "onnx", "nn", "node"];

/** Bundles the entry points together: each file's code is written once. */
async function bundle(): Promise<void> {
  await build({
    entryPoints: [...entries, "cli/main"].map(source),
    outbase: join(root, "src"),
    outdir: dist,
    // One folder deep, as the sources are: the library knows its own files by the folder above.
    chunkNames: "chunks/[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "neutral",
    external: ["node:*"],
    target: "es2023",
    charset: "utf8",
    logLevel: "warning",
    // A file that does something when it is loaded would be left out: call it from an entry point.
    logOverride: { "ignored-bare-import": "error" },
  });
  chmodSync(join(dist, "cli/main.js"), 0o755);
}

/** Removes the declarations that those of the entry points never name. */
function pruneDeclarations(): void {
  const named = new Set<string>();
  const visit = (path: string): void => {
    if (named.has(path)) return;
    named.add(path);
    const imports = readFileSync(path, "utf8").matchAll(/(?:from|import\() ?"(\.[^"]+)\.ts"/g);
    for (const [, target] of imports) visit(join(dirname(path), `${target}.d.ts`));
  };
  for (const name of entries) visit(join(dist, `${name}.d.ts`));
  const files = readdirSync(dist, { recursive: true, encoding: "utf8" }).map((name) => join(dist, name));
  for (const path of files) if (path.endsWith(".d.ts") && !named.has(path)) rmSync(path);
}

rmSync(dist, { recursive: true, force: true });
const { code, output } = await run(["tsc", "-p", "tsconfig.build.json"]);
if (output !== "") console.log(output.trimEnd());
if (code === 0) {
  pruneDeclarations();
  await bundle();
}
const seconds = (performance.now() - started) / 1000;
console.log(`build: ${code === 0 ? "ok" : "failed"}, dist/ in ${seconds.toFixed(1)} s`);
process.exitCode = code;
