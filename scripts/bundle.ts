/**
 * Checks what a browser gets: the entry points bundled as a page's bundler would do it.
 *
 * In: the built `dist/`. Out: the gzipped size of each browser entry, and a finding for every import of `node:`
 * and for an entry over its budget.
 * Always: workers that reachable code starts by URL are bundled and checked as well.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build, type Metafile } from "esbuild";
import { entries } from "./lib/entries.ts";
import { root } from "./lib/files.ts";
import { report } from "./lib/report.ts";

/** The entry holds the whole compiler, from tracer to WebAssembly encoder. */
const budgets: Readonly<Record<string, number>> = { jacrow: 142_000 };

interface Bundled {
  readonly specifier: string;
  readonly bytes: number;
  readonly findings: readonly string[];
}

/** Bundles what `import * from specifier` reaches under the browser condition. */
async function bundle(specifier: string): Promise<Bundled> {
  const { metafile, outputFiles } = await build({
    stdin: { contents: `export * from ${JSON.stringify(specifier)}`, resolveDir: root },
    bundle: true,
    write: false,
    minify: true,
    metafile: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    external: ["node:*"],
    logLevel: "silent",
    absWorkingDir: root,
  });
  const own = gzipSync(outputFiles[0]?.contents ?? new Uint8Array(), { level: 9 }).length;
  const workers = await Promise.all(workersOf(metafile).map((path) => bundle(`./${path}`)));
  return {
    specifier,
    bytes: workers.reduce((sum, { bytes }) => sum + bytes, own),
    findings: [...hostImports(metafile), ...workers.flatMap(({ findings }) => findings)],
  };
}

/** Imports of `node:` with the file that makes them. */
function hostImports({ inputs }: Metafile): string[] {
  return Object.entries(inputs).flatMap(([path, { imports }]) =>
    imports
      .filter((one) => one.path.startsWith("node:"))
      .map((one) => `${path} imports ${one.path}, and the browser reaches it`),
  );
}

/** Files that bundled modules name beside `import.meta.url` without importing them: workers. */
function workersOf({ inputs }: Metafile): string[] {
  const named = Object.keys(inputs).flatMap((path) => {
    const text = path.startsWith("dist/") ? readFileSync(join(root, path), "utf8") : "";
    if (!text.includes("import.meta.url")) return [];
    const names = text.matchAll(/["'`](\.{1,2}\/[\w./-]+)\.[jt]s["'`]/g);
    return [...names].map(([, name]) => join(path, "..", `${name}.js`).replaceAll("\\", "/"));
  });
  return [...new Set(named)].filter((path) => !(path in inputs) && existsSync(join(root, path)));
}

function judge({ specifier, bytes, findings }: Bundled): string[] {
  const budget = budgets[specifier] ?? Number.POSITIVE_INFINITY;
  const heavy = bytes > budget ? [`${specifier} is ${bytes} B gzipped, over ${budget}`] : [];
  return [...findings, ...heavy];
}

async function safely(specifier: string): Promise<Bundled> {
  try {
    return await bundle(specifier);
  } catch (error) {
    return {
      specifier,
      bytes: 0,
      findings: [`${specifier}: ${String(error).split("\n").slice(0, 3).join(" ")}`],
    };
  }
}

const found = entries().filter(({ browser }) => browser);
const bundles = await Promise.all(found.map(({ specifier }) => safely(specifier)));
report({
  checker: "bundle",
  summary: bundles
    .map(({ specifier, bytes }) => `${specifier} ${(bytes / 1000).toFixed(1)} kB gzipped`)
    .join(", "),
  findings: bundles.flatMap(judge),
  fix: "keep Node's own modules behind the `node` condition, and rarely used code behind its own entry",
});
