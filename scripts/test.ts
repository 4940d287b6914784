/**
 * `npm test`: the suite on the machine's Node, then on a current one, then what users call on every device by name.
 *
 * In: words for vitest, such as `test/ir`; `--devices` (`npm run test:devices`): everything on every device instead. Out: vitest's report
 * of each run, and last the counts of all together. Always: a run that gives no counts is a failure; a missing second Node is a
 * skip with its reason; the runs share compiled kernels, so that a C compiler sees each once.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Counts, countsLine, sum } from "./lib/counts.ts";
import { currentNode } from "./lib/current-node.ts";
import { root } from "./lib/files.ts";
import { run } from "./lib/run.ts";

const compiled = mkdtempSync(join(tmpdir(), "jacrow-compiled-"));
const nothing: Counts = { passed: 0, failed: 0, skipped: 0 };
const devices = ["interpreter", "wasm", "native"] as const;
/** What users call, where a device makes a difference; the rest is in `npm run test:devices`. */
const parts = [
  "test/api",
  "test/attack/calls",
  "test/nn/training",
  "test/onnx/files",
  "test/onnx/load",
  "test/smooth/kinks",
  "test/structure/gauss-newton",
  "test/trace/derivatives",
  "test/trace/take",
];

/** The version of a Node binary; undefined when it does not run here. */
function versionOf(node: string): string | undefined {
  if (!existsSync(node)) return undefined;
  try {
    return execFileSync(node, ["--version"], { encoding: "utf8" }).trim();
  } catch {
    return undefined;
  }
}

/** Runs the suite on one Node; on one device if it is named. */
async function suite(node: string, words: readonly string[], device?: string): Promise<Counts> {
  const folder = mkdtempSync(join(tmpdir(), "jacrow-test-"));
  const file = join(folder, "counts.json");
  const command = [node, join(root, "node_modules/vitest/vitest.mjs"), "run", ...words];
  const here = device && { JACROW_TEST_DEVICE: device, JACROW_CACHE: compiled };
  const env = { JACROW_TEST_COUNTS: file, JACROW_TEST_CACHE: compiled, ...here };
  const { code } = await run(command, { loud: true, env });
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

/** Runs tests on every device, whichever they ask for. */
async function onDevices(words: readonly string[]): Promise<Counts> {
  const counts: Counts[] = [];
  for (const device of devices) {
    console.log(`\ndevice ${device}`);
    counts.push(await suite(process.execPath, words, device));
  }
  return sum(counts);
}

async function main(given: readonly string[]): Promise<Counts> {
  const words = given.filter((word) => word !== "--devices");
  if (words.length < given.length) return onDevices(words);
  console.log(`Node ${process.version}`);
  const nodes = [await suite(process.execPath, words), await second(words)];
  return sum(words.length > 0 ? nodes : [...nodes, await onDevices(parts)]);
}

const total = await main(process.argv.slice(2));
rmSync(compiled, { recursive: true });
console.log(countsLine(total));
process.exitCode = total.failed === 0 ? 0 : 1;
