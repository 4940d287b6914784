/**
 * Uses the package as a project does that installed it.
 *
 * In: `.cache/jacrow.tgz` and the files of `test/fixtures/consumer`. Out: a finding for each use that fails, on each Node there is.
 * Always: nothing but the package and koffi can be imported, and what Node loads is few files, for each takes it about half a millisecond.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { currentNode } from "./lib/current-node.ts";
import { root } from "./lib/files.ts";
import { report } from "./lib/report.ts";
import { run } from "./lib/run.ts";

const MOST_FILES = 24;

/** A project with the package in its `node_modules`. */
async function project(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "jacrow-consumer-"));
  const modules = join(folder, "node_modules");
  cpSync(join(root, "test/fixtures/consumer"), folder, { recursive: true });
  mkdirSync(join(modules, "jacrow"), { recursive: true });
  symlinkSync(join(root, "node_modules/koffi"), join(modules, "koffi"));
  await run([
    "tar",
    "xzf",
    join(root, ".cache/jacrow.tgz"),
    "-C",
    join(modules, "jacrow"),
    "--strip-components",
    "1",
  ]);
  return folder;
}

/** What to run there: words of a command line by what they show. */
function uses(folder: string): Map<string, readonly string[]> {
  const at = (path: string): string => join(folder, path);
  const command = at("node_modules/jacrow/dist/cli/main.js");
  const nodes = [process.execPath, currentNode].filter((node) => existsSync(node));
  const all = new Map<string, readonly string[]>();
  for (const [i, node] of nodes.entries()) {
    all.set(`import on Node ${i + 1}`, [node, at("all.js")]);
    all.set(`require on Node ${i + 1}`, [node, at("require.cjs")]);
    const out = ["-o", at(`Z${i}.npy`), "--device", i === 0 ? "wasm" : "auto"];
    all.set(`the command on Node ${i + 1}`, [
      node,
      command,
      "jacobian",
      at("arm.js#wave"),
      at("rows.npy"),
      ...out,
    ]);
  }
  for (const [module, resolution] of [
    ["nodenext", "nodenext"],
    ["esnext", "bundler"],
  ] as const) {
    const how = ["--module", module, "--moduleResolution", resolution];
    all.set(`types by ${resolution}`, ["tsc", "-p", folder, ...how]);
  }
  return all;
}

async function main(): Promise<void> {
  const folder = await project();
  const findings: string[] = [];
  for (const [name, words] of uses(folder)) {
    const { code, output } = await run(words);
    if (code !== 0) findings.push(`${name}: ${output.trim().split("\n").slice(0, 12).join("\n    ")}`);
  }
  const dist = join(folder, "node_modules/jacrow/dist");
  const files = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".js"),
  );
  if (files.length > MOST_FILES) findings.push(`dist/ holds ${files.length} modules, over ${MOST_FILES}`);
  rmSync(folder, { recursive: true });
  report({
    checker: "package",
    summary: `imported, required, run and typed in a project of its own, ${files.length} modules`,
    findings,
    fix: "make what was built work where it is installed; keep it in few chunks",
  });
}

await main();
