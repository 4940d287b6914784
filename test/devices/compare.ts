/**
 * One program on every device: the interpreter's numbers, and the same bits wherever they are promised.
 *
 * In: cases and a dtype. Out: nothing, or a failure that names case, device, n, output and cell. Always: numbers of float32 are
 * compared only where a small change of the inputs is a small change of the results; bits always are.
 */

import { expect } from "vitest";
import { sizeOf } from "../../src/ir/shape.ts";
import type { Program } from "../../src/ir/types.ts";
import { requiredDevice } from "../../src/runtime/devices.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
import type { FloatArray, Kernel, KernelOptions } from "../../src/runtime/kernel.ts";
import { compileModuleSync } from "../../src/runtime/wasm/module.ts";
import { wasmPlan } from "../../src/runtime/wasm/plan.ts";
import { WasmRunner } from "../../src/runtime/wasm/runner.ts";
import { inputsFor, joined } from "../runtime/helpers.ts";
import type { Case } from "./kinds.ts";

type Dtype = "f32" | "f64";
type Device = "wasm" | "native";
type Options = Omit<KernelOptions, "device">;

/** No row, one, around a vector of lanes, and some tiles and a rest. */
const COUNTS = { f32: [0, 1, 15, 16, 17, 67], f64: [0, 1, 7, 8, 9, 67] } as const;
const MANY = 67;

/** A program as it is, compiled: nothing is unrolled or simplified. */
function kernelOf(program: Program, device: Device, options: Options): Kernel {
  if (device === "native") return requiredDevice("native").compileSync(program, { ...options, device });
  const plan = wasmPlan(program, { ...options, device });
  return new WasmRunner(plan, compileModuleSync(plan.code.bytes));
}

/** What a result is worth: how far it may be from the interpreter's, cell by cell. */
interface Wanted {
  readonly values: Float64Array;
  readonly within: Float64Array;
}

const EPSILON = { f32: 2 ** -23, f64: 2 ** -52 } as const;
/** Rounding inside of programs, of the largest cell. */
const LEAST = { f32: 2e-4, f64: 1e-9 } as const;

/** The interpreter's results, and from inputs that are moved by a few roundings how far they may be missed. */
function wantedOf(
  program: Program,
  inputs: readonly FloatArray[],
  job: { n: number; dtype: Dtype },
): Wanted[] {
  const step = 8 * EPSILON[job.dtype];
  const near = [1, -1, 2].map((sign, seed) =>
    interpret(
      program,
      inputs.map((values, input) =>
        Float64Array.from(values, (x, i) => x * (1 + sign * step * moved(i + input + seed))),
      ),
      job.n,
    ),
  );
  return interpret(program, inputs, job.n).map((values, output) => {
    const width = sizeOf(program.outputs[output]?.value.shape ?? []);
    const within = Float64Array.from(values, (value, cell) => {
      const moves = near.map((each) => Math.abs((each[output]?.[cell] as number) - value));
      return 40 * Math.max(0, ...moves.map((move) => (Number.isNaN(move) ? Number.POSITIVE_INFINITY : move)));
    });
    for (let row = 0; row * width < values.length; row++) {
      const cells = values.subarray(row * width, (row + 1) * width);
      const scale = cells.reduce(
        (most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most),
        1,
      );
      for (let cell = row * width; cell < (row + 1) * width; cell++)
        within[cell] = (within[cell] as number) + LEAST[job.dtype] * scale;
    }
    return { values, within };
  });
}

/** 1, −1, 1, 1, −1 …: no pattern of rows or features. */
const moved = (index: number): number => (Math.sin(12.9898 * index + 4.1) > 0 ? 1 : -1);

/** The largest number of the dtype, roughly: larger ones may be infinite on the way. */
const LARGE = { f32: 1e30, f64: 1e290 } as const;

function expectWithin(
  got: readonly FloatArray[],
  wanted: readonly Wanted[],
  job: { where: string; dtype: Dtype },
): void {
  got.forEach((cells, output) => {
    const { values, within } = wanted[output] as Wanted;
    for (let cell = 0; cell < cells.length; cell++) {
      const [x, y] = [cells[cell] as number, values[cell % values.length] as number];
      const limit = within[cell % values.length] as number;
      const same =
        Object.is(x, y) || x === y || Math.abs(x - y) <= limit || limit === Number.POSITIVE_INFINITY;
      if (!same && !(Math.abs(y) > LARGE[job.dtype]))
        expect.fail(`${job.where}: output ${output} cell ${cell} is ${x}, expected ${y} ± ${limit}`);
    }
  });
}

/** Numbers as whole numbers of their bits; every NaN is one. */
function bits(values: FloatArray): BigUint64Array | Uint32Array {
  const own = values.slice();
  for (let cell = 0; cell < own.length; cell++) if (Number.isNaN(own[cell])) own[cell] = Number.NaN;
  return own instanceof Float32Array ? new Uint32Array(own.buffer) : new BigUint64Array(own.buffer);
}

/** The same bits, cell by cell. */
export function expectSameBits(
  got: readonly FloatArray[],
  wanted: readonly FloatArray[],
  where: string,
): void {
  got.forEach((values, output) => {
    const [a, b] = [bits(values), bits(wanted[output] as FloatArray)];
    expect(a.length, `${where}: output ${output}`).toBe(b.length);
    const cell = a.findIndex((value, index) => value !== b[index]);
    if (cell >= 0)
      expect.fail(
        `${where}: output ${output} cell ${cell} is ${values[cell]}, not ${wanted[output]?.[cell]}`,
      );
  });
}

/** Some rows of inputs. */
function rowsOf(
  program: Program,
  inputs: readonly FloatArray[],
  [start, end]: readonly [number, number],
): FloatArray[] {
  return inputs.map((values, index) => {
    const { level, shape } = program.inputs[index] as Program["inputs"][number];
    return level === "row" ? values.slice(start * sizeOf(shape), end * sizeOf(shape)) : values;
  });
}

/** Rows alone, from the first to the last, by calls and in bound views, have the bits that they have among many. */
function expectPlaceless(
  program: Program,
  kernel: Kernel,
  job: { inputs: FloatArray[]; all: FloatArray[]; where: string },
): void {
  const perRow = program.outputs.flatMap(({ value }, output) => (value.level === "finish" ? [] : [output]));
  for (const [start, end] of [
    [0, 1],
    [16, 19],
    [33, 34],
    [65, 67],
    [3, 20],
  ] as const) {
    const inputs = rowsOf(program, job.inputs, [start, end]);
    const wanted = perRow.map((output) => {
      const cells = sizeOf(program.outputs[output]?.value.shape ?? []);
      return job.all[output]?.slice(start * cells, end * cells) as FloatArray;
    });
    const got = kernel.runSync(inputs, end - start);
    expectSameBits(
      perRow.map((output) => got[output] as FloatArray),
      wanted,
      `${job.where} rows ${start}-${end}`,
    );
    const byLevel = (level: "row" | "bound"): FloatArray[] =>
      inputs.filter((_, index) => (program.inputs[index]?.level === "row") === (level === "row"));
    const bound = kernel.bindFixed(end - start, byLevel("bound"));
    byLevel("row").forEach((values, index) => bound.inputs[index]?.set(values));
    bound.run();
    expectSameBits(
      perRow.map((output) => bound.outputs[output] as FloatArray),
      wanted,
      `${job.where} bound ${start}-${end}`,
    );
    const whole = kernel.runSync(inputs, end - start);
    expectSameBits(bound.outputs, whole, `${job.where} bound sums ${start}-${end}`);
  }
}

/** Compares the devices on each case; native code is compiled for all of them together. */
export function expectOneAnswer(
  cases: readonly Case[],
  { dtype, native }: { dtype: Dtype; native: boolean },
): void {
  const devices: readonly Device[] = native ? ["wasm", "native"] : ["wasm"];
  const all = together(cases);
  const outputs = cases.flatMap(({ program, smooth, name }) => program.outputs.map(() => ({ smooth, name })));
  const smooth = (output: number): boolean => dtype === "f64" || (outputs[output]?.smooth ?? false);
  const wanted = new Map(
    COUNTS[dtype].map((n) => [n, wantedOf(all, inputsFor(all, n, dtype), { n, dtype })] as const),
  );
  for (const deterministic of [false, true]) {
    const exact: FloatArray[][] = [];
    for (const device of devices) {
      const kernel = kernelOf(all, device, { dtype, deterministic });
      const what = `${dtype} ${device}${deterministic ? " deterministic" : ""}`;
      const results = COUNTS[dtype].map((n) => kernel.runSync(inputsFor(all, n, dtype), n));
      COUNTS[dtype].forEach((n, index) =>
        results[index]?.forEach((values, output) => {
          if (!smooth(output)) return;
          const where = `${outputs[output]?.name} ${what} n=${n}`;
          expectWithin([values], [wanted.get(n)?.[output] as Wanted], { where, dtype });
        }),
      );
      const last = results.at(-1) as FloatArray[];
      expectPlaceless(all, kernel, { inputs: inputsFor(all, MANY, dtype), all: last, where: what });
      exact.push(results.flat());
      kernel.dispose();
    }
    if (deterministic && native) expectSameBits(exact[1] ?? [], exact[0] ?? [], `${dtype} native as wasm`);
  }
}

/** Two and three threads give the bits of one. */
export async function expectThreadless(cases: readonly Case[], device: Device, dtype: Dtype): Promise<void> {
  const all = together(cases);
  const options = { dtype, deterministic: true };
  const alone = kernelOf(all, device, options);
  let n = 300;
  while (alone.runsAtOnce(n)) n *= 2;
  const inputs = inputsFor(all, n, dtype);
  const wanted = alone.runSync(inputs, n);
  for (const threads of [2, 3]) {
    const kernel = kernelOf(all, device, { ...options, threads });
    expectSameBits(await kernel.run(inputs, n), wanted, `${dtype} ${device}, ${threads} threads, n=${n}`);
    kernel.dispose();
  }
  alone.dispose();
}

function together(cases: readonly Case[]): Program {
  const [first] = cases;
  if (cases.length === 1 && first !== undefined) return first.program;
  return joined(cases.map(({ name, program }) => ({ ...program, name })));
}
