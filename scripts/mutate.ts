/**
 * Reads damaged files until it has read enough of them: `npx tsx scripts/mutate.ts [count] [first]`, a million by default.
 *
 * In: how many, and the number of the first. Out: a line every ten seconds, then a table of how the files were taken; faults are
 * printed as they come, and exit code 1 says that there were some. Always: a number names the same file in every run.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seedsIn, tryMutant } from "../test/attack/mutants.ts";

const [count, first] = [Number(process.argv[2] ?? 1e6), Number(process.argv[3] ?? 0)];
const folder = mkdtempSync(join(tmpdir(), "jacrow-mutants-"));
const seeds = seedsIn(folder);
const totals = { read: 0, refused: 0, fault: 0 };
const codes = new Map<string, number>();
const peak = { milliseconds: 0, bytes: 0 };
const start = performance.now();
let told = start;

for (let number = first; number < first + count; number++) {
  const outcome = await tryMutant(seeds, number);
  totals[outcome.taken]++;
  peak.milliseconds = Math.max(peak.milliseconds, outcome.milliseconds);
  peak.bytes = Math.max(peak.bytes, outcome.bytes);
  if (outcome.taken === "fault") console.log(`fault: number ${number}, ${outcome.seed}: ${outcome.why}`);
  else codes.set(outcome.why, (codes.get(outcome.why) ?? 0) + 1);
  if (performance.now() - told > 10_000) {
    told = performance.now();
    const done = number - first + 1;
    console.log(`${done} of ${count}, ${(((told - start) / 1000 / done) * (count - done)).toFixed()} s left`);
  }
}
rmSync(folder, { recursive: true });
const seconds = ((performance.now() - start) / 1000).toFixed();
console.log(
  `${count} files in ${seconds} s: ${totals.read} read, ${totals.refused} refused, ${totals.fault} faults`,
);
console.log(`most: ${peak.milliseconds.toFixed()} ms of processor, ${(peak.bytes / 2 ** 20).toFixed(1)} MB`);
console.log(
  [...codes]
    .sort((a, b) => b[1] - a[1])
    .map(([code, times]) => `${code || "read"} ${times}`)
    .join(", "),
);
process.exitCode = totals.fault > 0 ? 1 : 0;
