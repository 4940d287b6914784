/**
 * `checkJacobian`: the Jacobian against central differences, both in float64.
 *
 * In: a function of one row or a model, and rows. Out: the largest relative error and the places that differ. Float32
 * differences would blame right code, so everything runs in the interpreter. At kinks the two may differ rightly.
 */

import { expandJacobians } from "../autodiff/index.ts";
import { UsageError } from "../errors.ts";
import { at, range, showShape, sizeOf } from "../ir/shape.ts";
import type { Program } from "../ir/types.ts";
import { interpret } from "../runtime/interpreter.ts";
import { isRowFunction } from "../trace/row-function.ts";
import type { AnyFunction } from "../trace/trace.ts";
import { chooseInputs } from "../trace/wrt.ts";
import { type CallArguments, readArguments } from "./arguments.ts";
import { baseOf, planJacobian } from "./plan.ts";
import type { Given, JacrowOptions } from "./types.ts";

/** One entry where Jacobian and differences disagree. */
export interface Difference {
  readonly row: number;
  /** Output and input, and the entry's index in (…out, …in). */
  readonly output: string;
  readonly input: string;
  readonly index: readonly number[];
  readonly jacobian: number;
  readonly differences: number;
}

/** What the check found. */
export interface CheckReport {
  readonly ok: boolean;
  /** max |Z − D| / max |D| of the worst output and input. */
  readonly relativeError: number;
  /** The worst entries, worst first, at most ten. */
  readonly worst: readonly Difference[];
  /** One line for people. */
  readonly message: string;
}

/** Options of `checkJacobian`. */
export interface CheckOptions extends Pick<JacrowOptions, "wrt" | "shared" | "mode"> {
  /** Largest accepted relative error, 1e-6 by default. */
  readonly tolerance?: number;
}

/** Step of the differences, relative to max(1, |x|): balances truncation (h²) and rounding (ε / h). */
const STEP = Math.cbrt(Number.EPSILON);
const MOST_LISTED = 10;

/** Compares; `rows` is what `jacrow(f)` would take: X, an object of named inputs, or an array of several arguments. */
export function checkJacobian(
  f: AnyFunction,
  rows: Given | readonly Given[] | Readonly<Record<string, Given>>,
  options: CheckOptions = {},
): CheckReport {
  if (typeof f !== "function")
    throw new UsageError("JR400", "checkJacobian takes a function of one row or a loaded model");
  const call = readArguments(f.length > 1 && !isRowFunction(f) ? (rows as readonly unknown[]) : [rows], {
    shared: options.shared ?? [],
    dtype: "f64",
    shapeOf: () => undefined,
    single: false,
  });
  const program = expandJacobians(baseOf(f, call.signature, true).program);
  const checkSizes = (): void => {};
  const planned = planJacobian(f, call.signature, { ...options, allowZero: true, checkSizes });
  const jacobians = interpret(planned.program, call.data, call.n);
  const wrt = chooseInputs(program.name, call.signature, options.wrt).inputs;
  const found = wrt.flatMap((input, column) => {
    const differences = extrapolated(program, call, input);
    return program.outputs.map((_, output) => {
      const pair = {
        output,
        input,
        z: at(jacobians, output * wrt.length + column),
        d: at(differences, output),
      };
      return compared(program, call.n, { ...pair, z: perRow(pair.z, call.n, pair.d.length) });
    });
  });
  return reported(program.name, found, options.tolerance ?? 1e-6);
}

/** A Jacobian that is the same for every row is stored once. */
function perRow(z: Float64Array, n: number, length: number): Float64Array {
  return z.length === length
    ? z
    : Float64Array.from({ length }, (_, index) => z[index % (length / n)] as number);
}

/** Richardson's combination of two steps, (4 D(h/2) − D(h)) / 3: the error falls with h⁴ (1911). */
function extrapolated(program: Program, call: CallArguments, input: number): Float64Array[] {
  const coarse = centralDifferences(program, call, { input, step: 2 * STEP });
  const fine = centralDifferences(program, call, { input, step: STEP });
  return fine.map((values, output) =>
    values.map((value, index) => (4 * value - (at(coarse, output)[index] as number)) / 3),
  );
}

/** For each output ∂out/∂input of every row, (n, …out, …in): one pair of runs per cell of the input. */
function centralDifferences(
  program: Program,
  call: CallArguments,
  { input, step }: { input: number; step: number },
): Float64Array[] {
  const { shape, level } = at(program.inputs, input);
  const width = sizeOf(shape);
  const sizes = program.outputs.map(({ value }) => sizeOf(value.shape));
  const results = sizes.map((size) => new Float64Array(call.n * size * width));
  for (let cell = 0; cell < width; cell++) {
    const up = moved(program, call, { input, cell, step });
    const down = moved(program, call, { input, cell, step: -step });
    sizes.forEach((size, output) => {
      const [high, low] = [
        perRow(at(up.outputs, output), call.n, call.n * size),
        perRow(at(down.outputs, output), call.n, call.n * size),
      ];
      for (let index = 0; index < call.n * size; index++) {
        const place = level === "row" ? Math.floor(index / size) * width + cell : cell;
        const gap = (up.input[place] as number) - (down.input[place] as number);
        at(results, output)[index * width + cell] = ((high[index] as number) - (low[index] as number)) / gap;
      }
    });
  }
  return results;
}

/** The outputs with one cell of an input moved by a step, in every row at once. */
function moved(
  program: Program,
  { data, n }: CallArguments,
  { input, cell, step }: { input: number; cell: number; step: number },
): { outputs: readonly Float64Array[]; input: Float64Array } {
  const width = sizeOf(at(program.inputs, input).shape);
  const copy = Float64Array.from(at(data, input));
  for (let place = cell; place < copy.length; place += width) {
    const x = copy[place] as number;
    copy[place] = x + step * Math.max(1, Math.abs(x));
  }
  const inputs = data.map((own, index) => (index === input ? copy : own));
  return { outputs: interpret(program, inputs, n), input: copy };
}

interface Compared {
  readonly relativeError: number;
  readonly entries: readonly (Difference & { readonly error: number })[];
}

function compared(
  program: Program,
  n: number,
  pair: { output: number; input: number; z: Float64Array; d: Float64Array },
): Compared {
  const { z, d } = pair;
  const [output, input] = [at(program.outputs, pair.output), at(program.inputs, pair.input)];
  const shape = [...output.value.shape, ...input.shape];
  const cells = sizeOf(shape);
  const scale = d.reduce((max, value) => Math.max(max, Number.isFinite(value) ? Math.abs(value) : 0), 0) || 1;
  const errors = range(n * cells).map((index) => ({
    index,
    error: errorOf(z[index] as number, d[index] as number) / scale,
  }));
  const entries = errors
    .sort((a, b) => b.error - a.error)
    .slice(0, MOST_LISTED)
    .map(({ index, error }) => ({
      row: Math.floor(index / cells),
      output: output.name,
      input: input.name,
      index: unraveled(index % cells, shape),
      jacobian: z[index] as number,
      differences: d[index] as number,
      error,
    }));
  return { relativeError: entries[0]?.error ?? 0, entries };
}

/** Infinity where one is a number and the other is not. */
function errorOf(z: number, d: number): number {
  if (Number.isNaN(z) && Number.isNaN(d)) return 0;
  const gap = Math.abs(z - d);
  return Number.isNaN(gap) ? (z === d ? 0 : Number.POSITIVE_INFINITY) : gap;
}

function unraveled(index: number, shape: readonly number[]): number[] {
  let rest = index;
  return [...shape]
    .reverse()
    .map((size) => {
      const digit = rest % size;
      rest = Math.floor(rest / size);
      return digit;
    })
    .reverse();
}

function reported(name: string, found: readonly Compared[], tolerance: number): CheckReport {
  const relativeError = Math.max(0, ...found.map((one) => one.relativeError));
  const ok = relativeError <= tolerance;
  const worst = found
    .flatMap(({ entries }) => entries)
    .filter(({ error }) => error > tolerance)
    .sort((a, b) => b.error - a.error)
    .slice(0, MOST_LISTED)
    .map(({ row, output, input, index, jacobian, differences }) => ({
      row,
      output,
      input,
      index,
      jacobian,
      differences,
    }));
  const error = relativeError.toExponential(1);
  const [first] = worst;
  const message =
    first === undefined
      ? `${name}: Jacobian and central differences agree, relative error ${error}`
      : `${name}: Jacobian and central differences differ by ${error}, most at row ${first.row}, ∂${first.output}/∂${first.input} ` +
        `${showShape(first.index)}: ${first.jacobian} against ${first.differences} (a point on a kink may differ rightly)`;
  return { ok, relativeError, worst, message };
}
