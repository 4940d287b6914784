/**
 * Generated C on machines of other kinds: built by a cross compiler, run by an emulator.
 *
 * In: a program, its inputs and a machine. Out: the results of every output with rows, as the machine prints them. Always: what
 * is built is what the device "native" and `jacrow export` would write; only `main`, which holds the inputs, is added.
 */

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sourceC } from "../../src/api/source.ts";
import { cKernel } from "../../src/codegen/c/kernel.ts";
import { JOB } from "../../src/codegen/c/run.ts";
import { sizeOf } from "../../src/ir/shape.ts";
import type { InputNode, Program } from "../../src/ir/types.ts";
import { lower } from "../../src/lower/index.ts";
import { prepared } from "../../src/runtime/prepare.ts";
import { boundImage } from "../../src/runtime/wasm/bind.ts";

/** A machine that can be built for and run. */
export interface Machine {
  readonly compiler: string;
  readonly emulator: string;
  /** Multiply-adds round once, 32 vector registers: what the device "native" would find out. */
  readonly fused: boolean;
  readonly registers: 16 | 32;
}

const machine = (triple: string, emulator: string): Machine => ({
  compiler: `${triple}-gcc`,
  emulator: `qemu-${emulator}`,
  fused: emulator === "aarch64",
  registers: emulator === "aarch64" ? 32 : 16,
});

/** By name; s390x has its bytes in the other order. */
export const machines: Readonly<Record<"arm64" | "armhf" | "i686" | "riscv64" | "s390x", Machine>> = {
  arm64: machine("aarch64-linux-gnu", "aarch64"),
  armhf: machine("arm-linux-gnueabihf", "arm"),
  i686: machine("i686-linux-gnu", "i386"),
  riscv64: machine("riscv64-linux-gnu", "riscv64"),
  s390x: machine("s390x-linux-gnu", "s390x"),
};

/** What is not installed of a machine; undefined if all is. */
export function missing({ compiler, emulator }: Machine): string | undefined {
  return [compiler, emulator].find((command) => {
    try {
      execFileSync(command, ["--version"], { stdio: "ignore" });
      return false;
    } catch {
      return true;
    }
  });
}

/** Rows to run, in one width. */
export interface Case {
  readonly dtype: "f32" | "f64";
  readonly inputs: readonly ArrayLike<number>[];
  readonly n: number;
  readonly flags?: readonly string[];
}

const NATIVE_FLAGS = ["-std=gnu11", "-O2", "-fno-tree-vectorize", "-ffp-contract=off", "-fno-math-errno"];

/** The C file of the device "native" for vectors of 128 bits. */
export function nativeSource(
  program: Program,
  { dtype }: Pick<Case, "dtype">,
  { fused, registers }: Machine,
): string {
  const options = { vectorBytes: 16, fused, registers } as const;
  return cKernel(lower(prepared(program), { dtype }), options).source;
}

/** Runs a program without sums over rows as native code. */
export function runNative(program: Program, each: Case, on: Machine): Float64Array[] {
  const { dtype, n } = each;
  const ready = prepared(program);
  const lowered = lower(ready, { dtype });
  const code = cKernel(lowered, { vectorBytes: 16, fused: on.fused, registers: on.registers });
  const shared = new Map<InputNode, ArrayLike<number>>();
  ready.inputs.forEach((input, index) => {
    if (input.level !== "row") shared.set(input, each.inputs[index] as ArrayLike<number>);
  });
  const image = boundImage(lowered, code, shared);
  const rows = ready.inputs.flatMap(({ level }, index) => (level === "row" ? [each.inputs[index]] : []));
  const sizes = lowered.outputs.map(({ buffer }) => buffer.cells);
  const ports = [...rows.map((_, index) => `in${index}`), ...sizes.map((_, index) => `out${index}`)];
  const words: [number, string][] = [
    [JOB.memory, "(int64_t)(uintptr_t)memory"],
    [JOB.scratch, "(int64_t)(uintptr_t)scratch"],
    [JOB.rows, `${n}`],
    [JOB.chunk, `${n}`],
    [JOB.threads, "1"],
    ...ports.map((port, index): [number, string] => [JOB.ports + index, `(int64_t)(uintptr_t)${port}`]),
  ];
  const main = [
    "#include <stdio.h>",
    `static const unsigned char memory[] __attribute__((aligned(64))) = {${image.length > 0 ? Array.from(image).join() : "0"}};`,
    `static char scratch[${code.scratchBytes}];`,
    arraysText("cell", rows, "in"),
    ...sizes.map((cells, index) => `static cell out${index}[${Math.max(1, cells * n)}];`),
    "int main(void) {",
    `  int64_t job[${JOB.ports + ports.length}] = {0};`,
    ...words.map(([word, value]) => `  job[${word}] = ${value};`),
    "  jr_run(job);",
    ...sizes.map((cells, index) => printText(`out${index}`, cells * n)),
    "  return 0;\n}\n",
  ].join("\n");
  const flags = [...NATIVE_FLAGS, "-fno-strict-aliasing", "-pthread", ...(each.flags ?? [])];
  return run(on, [["kernel.c", `${code.source}\n${main}`]], {
    flags,
    sizes: sizes.map((cells) => cells * n),
  });
}

/** Runs the values of a program as exported C, warnings being errors. */
export function runExported(program: Program, each: Case, on: Machine): Float64Array[] {
  const { dtype, n, inputs } = each;
  const files = sourceC(program, { request: { wrt: [] }, dtype, layout: "row", name: "f" });
  const type = dtype === "f32" ? "float" : "double";
  const sizes = program.outputs.map(({ value }) => sizeOf(value.shape) * (value.level === "finish" ? 1 : n));
  const args = [...inputs.map((_, index) => `in${index}`), ...sizes.map((_, index) => `out${index}`), `${n}`];
  const main = [
    '#include <stdio.h>\n#include "f.h"',
    arraysText(type, inputs, "in"),
    ...sizes.map((cells, index) => `static ${type} out${index}[${Math.max(1, cells)}];`),
    "int main(void) {",
    `  f(${args.join(", ")});`,
    ...sizes.map((cells, index) => printText(`out${index}`, cells)),
    "  return 0;\n}\n",
  ].join("\n");
  const flags = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror", ...(each.flags ?? [])];
  return run(on, [...files, ["main.c", main]], { flags, sizes });
}

const numbersText = (values: ArrayLike<number>): string =>
  values.length === 0 ? "0" : Array.from(values, (value) => `${value}`).join();

function arraysText(type: string, arrays: readonly (ArrayLike<number> | undefined)[], name: string): string {
  return arrays
    .map((values, index) => `static const ${type} ${name}${index}[] = {${numbersText(values ?? [])}};`)
    .join("\n");
}

const printText = (name: string, cells: number): string =>
  `  for (long i = 0; i < ${cells}; i++) printf("%.17g\\n", (double)${name}[i]);`;

function run(
  { compiler, emulator }: Machine,
  files: readonly (readonly [string, string])[],
  { flags, sizes }: { flags: readonly string[]; sizes: readonly number[] },
): Float64Array[] {
  const folder = mkdtempSync(join(tmpdir(), "jacrow-foreign-"));
  try {
    for (const [name, text] of files) writeFileSync(join(folder, name), text);
    const sources = files.flatMap(([name]) => (/^(?!example).*\.c$/.test(name) ? [join(folder, name)] : []));
    const program = join(folder, "program");
    execFileSync(compiler, [...flags, "-static", "-o", program, ...sources, "-lm"], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    const text = execFileSync(emulator, [program], { encoding: "utf8", maxBuffer: 2 ** 28 });
    const numbers = text.split("\n").slice(0, -1).map(parsed);
    let at = 0;
    return sizes.map((size) => Float64Array.from(numbers.slice(at, (at += size))));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function parsed(text: string): number {
  if (/nan/.test(text)) return Number.NaN;
  return /inf/.test(text) ? (text.startsWith("-") ? -1 : 1) * Number.POSITIVE_INFINITY : Number(text);
}
