/**
 * Measures the error of every elementary function over a dense set of arguments, through generated C.
 *
 * In: names (default all), `--step N` for f32 (every N-th bit pattern, from `--start`, `--points` of them), `--count N` for f64 (random patterns, or uniform
 * between `--low` and `--high`), `--mode` (some of fused, split, tables).
 * Out: one line per function, dtype and rounding of fma (and once more where there are tables): operations, largest error in ulp, and where.
 * Needs gcc with libquadmath. Run: npx tsx scripts/ulp.ts tanh --step 1
 */

import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Dtype, Lanes } from "../src/lower/lanes.ts";
import { elementaryBinary, elementaryUnary } from "../src/lower/math/index.ts";
import { tableFormulas } from "../src/lower/math/pieces.ts";
import { writeFormula } from "./math/c-lanes.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    step: { type: "string", default: "997" },
    count: { type: "string", default: "100000" },
    start: { type: "string", default: "0" },
    low: { type: "string" },
    high: { type: "string" },
    points: { type: "string" },
    dtype: { type: "string", default: "f32,f64" },
    mode: { type: "string", default: "fused,split,tables" },
  },
});

/** References in type R (double for f32, __float128 for f64); q appends the suffix of the library. */
const references: Record<string, string> = {
  sigmoid: "x > 0 ? 1/(1+q(exp)(-x)) : q(exp)(x)/(1+q(exp)(x))",
  mod: "(q(fmod)(x, y) != 0 && (q(fmod)(x, y) < 0) != (y < 0)) ? q(fmod)(x, y) + y : q(fmod)(x, y)",
  softplus: "(x > 0 ? x : 0) + q(log1p)(q(exp)(-q(fabs)(x)))",
};

const binary = new Set(Object.keys(elementaryBinary));

function reference(name: string): string {
  return references[name] ?? (binary.has(name) ? `q(${name})(x, y)` : `q(${name})(x)`);
}

/** Takes x from [low, high] where both are given. */
const uniform =
  values.low === undefined || values.high === undefined
    ? "if (0) {}"
    : `if (1) xb = B(${values.low} + (${values.high} - (${values.low})) * (double)(rnd() >> 11) * 0x1p-53);`;

/** Types, and the formula as a C function of bit patterns. */
function prelude(dtype: Dtype, body: string): string {
  const f32 = dtype === "f32";
  return `
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <math.h>
#include <stdlib.h>
#include <quadmath.h>
#ifdef __AVX512F__
#include <immintrin.h>
#endif
typedef uint${f32 ? 32 : 64}_t W; typedef int${f32 ? 32 : 64}_t S; typedef ${f32 ? "float" : "double"} T;
typedef ${f32 ? "double" : "__float128"} R;
static inline T F(W b) { T v; memcpy(&v, &b, sizeof v); return v; }
static inline W B(T v) { W b; memcpy(&b, &v, sizeof b); return b; }
#ifdef FUSED
#define FMA(a,b,c) ${f32 ? "fmaf" : "fma"}(a,b,c)
#else
#define FMA(a,b,c) ((a)*(b)+(c))
#endif
#define q(f) f${f32 ? "" : "##q"}
static W formula(W x, W y) {
${body.replace(/M\((\w+)\)/g, f32 ? "$1f" : "$1")}
}
`;
}

/** The sweep: random or stepped arguments, errors in ulp against the wider type. */
function sweep(dtype: Dtype, name: string): string {
  const f32 = dtype === "f32";
  return `static double ulps(T got, R want) {
  if (want != want) return got != got ? 0 : INFINITY;
  if (got != got) return INFINITY;
  T rounded = (T)want;
  if (isinf(rounded)) return got == rounded ? 0 : fabs(got) >= ${f32 ? "0x1.fffffcp127" : "0x1.ffffffffffffep1023"} ? 1 : INFINITY;
  if (isinf(got)) return ${f32 ? "fabs(want) > 0x1.fffffep127" : "fabs(want) >= 0x1.fffffffffffffp1023"} ? 1 : INFINITY;
  int e; q(frexp)(want, &e);
  if (want == 0) e = -5000;
  e -= ${f32 ? 24 : 53};
  if (e < ${f32 ? -149 : -1074}) e = ${f32 ? -149 : -1074};
  return (double)(q(fabs)((R)got - want) * q(ldexp)(1, -e));
}
static uint64_t state = 88172645463325252ull;
static uint64_t rnd(void) { state ^= state << 13; state ^= state >> 7; state ^= state << 17; return state; }
int main(int argc, char** argv) {
  double worst = 0; W atX = 0, atY = 0; double off = 0;
  uint64_t total = strtoull(argv[1], 0, 10), step = strtoull(argv[2], 0, 10), start = strtoull(argv[3], 0, 0);
  for (uint64_t i = 0; i < total; i++) {
    W xb = ${f32 ? "(W)(start + i * step)" : "rnd()"}, yb = rnd();
    ${f32 ? "" : `${uniform} else if (i & 1) xb = (xb & 0x800fffffffffffffull) | ((1023 - 30 + rnd() % 42) << 52);`}
    ${
      binary.has(name)
        ? `if (i & 2) yb = ${f32 ? "(yb & 0x807fffff) | ((127 - 10 + rnd() % 20) << 23)" : "(yb & 0x800fffffffffffffull) | ((1023 - 10 + rnd() % 20) << 52)"};
    ${f32 ? "xb = rnd(); if (i & 1) xb = (xb & 0x807fffff) | ((127 - 10 + rnd() % 20) << 23);" : ""}`
        : ""
    }
    R x = F(xb), y = F(yb); (void)y; (void)start;
    R want = ${reference(name)};
    T got = F(formula(xb, yb));
    double error = ulps(got, want);
    if (error == 0 && want == 0 && !!signbit(got) != !!${f32 ? "signbit" : "signbitq"}(want)) error = 99;
    if (error > 2) off++;
    if (error > worst) { worst = error; atX = xb; atY = yb; }
  }
  printf("max %.3f ulp, %.0f over 2, at x=%.17g y=%.17g got %.17g\\n", worst, off, (double)F(atX), (double)F(atY), (double)F(formula(atX, atY)));
}`;
}

/** A C program that measures one formula. */
function program(name: string, dtype: Dtype, tables: boolean): { source: string; operations: number } {
  const formulas: Record<string, <V>(l: Lanes<V>, x: V, y: V) => V> = {
    ...elementaryUnary,
    ...elementaryBinary,
  };
  const formula = tables ? tableFormulas[name] : formulas[name];
  if (formula === undefined) throw new RangeError(`no function ${name}`);
  const { body, operations } = writeFormula(dtype, (l) => formula(l, "x", "y"));
  const source = prelude(dtype, body) + sweep(dtype, name);
  return { source, operations };
}

const folder = mkdtempSync(join(tmpdir(), "jacrow-ulp-"));
const names = positionals.length > 0 ? positionals : [...Object.keys(elementaryUnary), ...binary];
for (const name of names) {
  for (const dtype of values.dtype.split(",") as Dtype[]) {
    const step = dtype === "f32" ? Number(values.step) : 1;
    const total =
      dtype === "f32" ? Number(values.points ?? Math.floor(2 ** 32 / step)) : Number(values.count);
    for (const mode of values.mode.split(",")) {
      const tables = mode === "tables";
      if (tables && (dtype === "f64" || tableFormulas[name] === undefined)) continue;
      const { source, operations } = program(name, dtype, tables);
      const file = join(folder, `${name}-${dtype}-${mode}`);
      writeFileSync(`${file}.c`, source);
      execFileSync("gcc", [
        "-O2",
        "-march=native",
        "-ffp-contract=off",
        `-D${mode === "split" ? "SPLIT" : "FUSED"}`,
        `${file}.c`,
        "-o",
        file,
        "-lquadmath",
        "-lm",
      ]);
      const line = execFileSync(file, [String(total), String(step), values.start])
        .toString()
        .trim();
      console.log(`${name.padEnd(9)} ${dtype} ${mode} ${String(operations).padStart(3)} ops  ${line}`);
    }
  }
}
