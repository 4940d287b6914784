/**
 * Cycles per vector of the elementary functions in native code, over a buffer in the first-level cache.
 *
 * In: names (default all); `--dtype`, `--bytes` (of a vector), `--turns` (vectors written by turns where formulas have no rare paths).
 * Out: one line per function: cycles per vector, and by the formula of tables where there is one. A cycle is one of a chain of
 * dependent additions. Run: npx tsx scripts/cycles.ts tanh exp
 */

import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { CFile } from "../src/codegen/c/file.ts";
import { machineOf } from "../src/codegen/c/machine.ts";
import { preludeText } from "../src/codegen/c/prelude.ts";
import { CTarget } from "../src/codegen/c/target.ts";
import type { Value } from "../src/codegen/c/writer.ts";
import type { Dtype, TableFormula } from "../src/lower/lanes.ts";
import { elementaryUnary, sincos } from "../src/lower/math/index.ts";
import { tableFormulas } from "../src/lower/math/pieces.ts";
import { byTurns } from "../src/lower/math/together.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dtype: { type: "string", default: "f32" },
    bytes: { type: "string", default: "64" },
    turns: { type: "string", default: "2" },
    keep: { type: "boolean", default: false },
    flags: { type: "string", default: "" },
  },
});
const dtype = values.dtype as Dtype;
const shape = { dtype, vectorBytes: Number(values.bytes) };

type Body = (l: CFile["lanes"], x: readonly Value[]) => readonly Value[];

/** Arguments that stay on every function's usual path. */
const domains: Record<string, readonly [number, number]> = {
  acos: [-1, 1],
  acosh: [1, 9],
  asin: [-1, 1],
  atanh: [-0.9, 0.9],
  log: [0.01, 9],
  log1p: [-0.9, 9],
};

/** A function that maps a buffer of `VECTORS` vectors. */
function loop(name: string, body: Body): string {
  const file = new CFile({ dtype, fused: true, embeds: shape.vectorBytes === 64, byTurns });
  const target = new CTarget(file, machineOf(shape));
  const params = ["const char *restrict m", "char *restrict s", "ix count"];
  file.define({ name, params, attributes: "JR_STAGE" }, () => {
    const count = { name: "count", key: "count", offset: 0 };
    const step = 4 * shape.vectorBytes;
    target.loop({ from: target.int(0), to: count, step }, (at) => {
      const all = [0, 1, 2, 3].map((index) => target.load(at, index * shape.vectorBytes));
      const results = body(file.lanes, all);
      results.forEach((value, index) => target.store(at, (index % 4) * shape.vectorBytes, value));
    });
    return undefined;
  });
  return file.text;
}

function main(name: string, [low, high]: readonly [number, number]): string {
  return `#include <stdio.h>
#include <time.h>
#define COUNT 4096
static cell x[COUNT] __attribute__((aligned(64))), y[COUNT] __attribute__((aligned(64)));
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + 1e-9 * t.tv_nsec; }
int main(void) {
  volatile long chain = 0; double cycle = 1e9, best[] = {1e9, 1e9}; unsigned long state = 1;
  for (int k = 0; k < 40; k++) {
    double t = now(); long c = chain;
    for (int i = 0; i < 100000; i++) __asm__ volatile("add $1, %0\\n add $1, %0\\n add $1, %0\\n add $1, %0" : "+r"(c));
    t = now() - t; chain = c; if (t < cycle) cycle = t;
  }
  cycle /= 400000;
  for (int k = 0; k < 800; k++) {
    for (int i = 0; i < COUNT; i++) { state = state * 6364136223846793005ul + 1; y[i] = x[i] = ${low} + (${high - low}) * (double)(state >> 40) / (1 << 24); }
    double t = now();
    ${name}((char *)x, (char *)y, k & 1 ? sizeof y : sizeof y / 4);
    t = now() - t; if (t < best[k & 1]) best[k & 1] = t;
  }
  printf("%.2f", (best[1] - best[0]) / cycle / (COUNT / LANES) / 0.75);
}
`;
}

const folder = mkdtempSync(join(tmpdir(), "jacrow-cycles-"));
let made = 0;

function measure(name: string, body: Body): string {
  const source = join(folder, `${name}${made++}.c`);
  const text = `${preludeText(shape)}\n${loop(name, body)}\n${main(name, domains[name.replace(/_.*/, "")] ?? [-8, 8])}`;
  writeFileSync(source, text);
  const flags = ["-std=gnu11", "-O2", "-fno-tree-vectorize", "-ffp-contract=off", "-fno-math-errno"];
  const width =
    shape.vectorBytes === 64 ? [] : ["-mno-avx512f", ...(shape.vectorBytes === 16 ? ["-mno-avx"] : [])];
  execFileSync("gcc", [
    ...flags,
    ...values.flags.split(" ").filter(Boolean),
    "-fno-strict-aliasing",
    "-march=native",
    ...width,
    source,
    "-o",
    `${source}.out`,
  ]);
  if (values.keep) console.log(source);
  return execFileSync(`${source}.out`).toString();
}

const turns = Number(values.turns);
const inTurns =
  (formula: TableFormula): Body =>
  (l, x) =>
    [0, 1, 2, 3].flatMap((index) =>
      index % turns === 0 ? byTurns(l, formula, x.slice(index, index + turns)) : [],
    );

const known: Record<string, Body> = Object.fromEntries(
  Object.entries(elementaryUnary).map(([name, formula]) => [
    name,
    (l, x) => x.map((each) => formula(l, each)),
  ]),
);
known["sincos"] = (l, x) =>
  x.map((each) => {
    const { sin, cos } = sincos(l, each);
    return l.add(sin, cos);
  });

for (const name of positionals.length > 0 ? positionals : Object.keys(known)) {
  const plain = known[name];
  const table = tableFormulas[name];
  const figures = [plain && measure(`${name}_`, plain), table && measure(`${name}_`, inTurns(table))];
  console.log(name.padEnd(9), ...figures.map((figure) => (figure ?? "-").padStart(7)));
}
