/**
 * `npm test`: the suite on the machine's Node, then on a current one.
 *
 * In: words for vitest, such as `test/ir`. Out: vitest's report for each Node, and last the counts of both together.
 * Always: a run that gives no counts is a failure; a missing second Node is a skip with its reason.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Counts, countsLine, sum } from "./lib/counts.ts";
import { currentNode } from "./lib/current-node.ts";
import { root } from "./lib/files.ts";
import { run } from "./lib/run.ts";

const nothing: Counts = { passed: 0, failed: 0, skipped: 0 };

/** The version of a Node binary; undefined when it does not run here. */
function versionOf(node: string): string | undefined {
  if (!existsSync(node)) return undefined;
  try {
    return execFileSync(node, ["--version"], { encoding: "utf8" }).trim();
  } catch {
    return undefined;
  }
}

/** Runs the suite on one Node. */
async function suite(node: string, words: readonly string[]): Promise<Counts> {
  const folder = mkdtempSync(join(tmpdir(), "jacrow-test-"));
  const file = join(folder, "counts.json");
  const command = [node, join(root, "node_modules/vitest/vitest.mjs"), "run", ...words];
  const { code } = await run(command, { loud: true, env: { JACROW_TEST_COUNTS: file } });
  const counts = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Counts) : nothing;
  rmSync(folder, { recursive: true });
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

/** Runs the suite on the second Node, where there is one that differs from the first. */
async function second(words: readonly string[]): Promise<Counts> {
  if (!existsSync(currentNode)) await run(["npm", "run", "--silent", "current-node"]);
  const version = versionOf(currentNode);
  if (version === process.version) return nothing;
  if (version === undefined) {
    console.log(
      `skipped: the suite on a current Node (none is packaged for ${process.platform} ${process.arch})`,
    );
    return { ...nothing, skipped: 1 };
  }
  console.log(`\nNode ${version}`);
  return suite(currentNode, words);
}

const words = process.argv.slice(2);
console.log(`Node ${process.version}`);
const first = await suite(process.execPath, words);
const total = sum([first, await second(words)]);
console.log(countsLine(total));
process.exitCode = total.failed === 0 ? 0 : 1;
