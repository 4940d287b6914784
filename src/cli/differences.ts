/**
 * The Jacobian of one row against central differences in float64.
 *
 * In: the program of the values, one row, and the Jacobian that was computed for it. Out: the largest gap per pair of output
 * and input, with its place. Always: a gap that the one-sided slopes can explain is a kink, not an error.
 */

import { at, range, sizeOf } from "../ir/shape.ts";
import type { Program } from "../ir/types.ts";
import { interpret } from "../runtime/interpreter.ts";

/** A row and what was computed for it. */
export interface RowResult {
  /** Gaps up to this share of the scale are no error, and so no kink. */
  readonly tolerance: number;
  readonly row: number;
  /** One array per input of the program. */
  readonly inputs: readonly ArrayLike<number>[];
  /** One array per pair, outputs first. */
  readonly jacobians: readonly ArrayLike<number>[];
}

/** The comparison of one pair of output and input in one row. */
export interface Comparison {
  readonly row: number;
  readonly output: string;
  readonly input: string;
  /** Largest |D|, to measure gaps by. */
  readonly scale: number;
  /** Entries that differ because the function has a kink there. */
  readonly kinks: number;
  /** The worst entry that is no kink. */
  readonly worst: Gap;
}

/** One entry of a Jacobian and its difference quotient. */
export interface Gap {
  readonly entry: number;
  readonly gap: number;
  readonly jacobian: number;
  readonly differences: number;
}

/** Step of central differences: truncation and rounding are about equal. */
const STEP = Math.cbrt(Number.EPSILON);

/** Compares every pair of one row. */
export function compareRow(program: Program, wrt: readonly number[], result: RowResult): Comparison[] {
  const columns = wrt.map((input) => slopesOf(program, input, result.inputs));
  return program.outputs.flatMap((output, row) =>
    wrt.map((input, column): Comparison => {
      const slopes = at(at(columns, column), row);
      const jacobian = at(result.jacobians, row * wrt.length + column);
      return {
        row: result.row,
        output: output.name,
        input: at(program.inputs, input).name,
        ...worstOf(slopes, jacobian, result.tolerance),
      };
    }),
  );
}

/** Slopes of one output by one input: central, and how far the one-sided ones are apart. */
interface Slopes {
  readonly central: Float64Array;
  readonly apart: Float64Array;
}

/** Slopes of every output by one input; all moved copies of the row are run as rows. */
function slopesOf(program: Program, input: number, inputs: readonly ArrayLike<number>[]): Slopes[] {
  const width = sizeOf(at(program.inputs, input).shape);
  const isShared = at(program.inputs, input).level !== "row";
  const middle = Float64Array.from(at(inputs, input));
  const steps = middle.map((x) => STEP * Math.max(1, Math.abs(x)));
  const moved = (cell: number, sign: number): Float64Array =>
    middle.map((x, index) => (index === cell ? x + sign * (steps[cell] as number) : x));
  const copies = [middle, ...range(width).flatMap((cell) => [moved(cell, 1), moved(cell, -1)])];
  const values = isShared
    ? copies.map((copy) =>
        interpret(
          program,
          inputs.map((own, index) => (index === input ? copy : own)),
          1,
        ),
      )
    : splitRows(
        program,
        interpret(program, repeated(program, inputs, { input, copies }), copies.length),
        copies.length,
      );
  return program.outputs.map((_, output) => {
    const samples = values.map((outputs) => at(outputs, output));
    return slopes(samples, copies);
  });
}

/** The inputs of as many rows as there are copies of one input. */
function repeated(
  program: Program,
  inputs: readonly ArrayLike<number>[],
  { input, copies }: { input: number; copies: readonly Float64Array[] },
): ArrayLike<number>[] {
  return inputs.map((own, index) => {
    if (index === input) return joined(copies);
    return at(program.inputs, index).level === "row" ? joined(copies.map(() => Float64Array.from(own))) : own;
  });
}

function joined(parts: readonly Float64Array[]): Float64Array {
  const width = parts[0]?.length ?? 0;
  const all = new Float64Array(width * parts.length);
  parts.forEach((part, index) => all.set(part, index * width));
  return all;
}

/** Outputs per row; those that are the same for all rows stay whole. */
function splitRows(program: Program, outputs: readonly Float64Array[], n: number): Float64Array[][] {
  return range(n).map((row) =>
    outputs.map((values, index) => {
      const { shape, level } = at(program.outputs, index).value;
      return level === "row" ? values.subarray(row * sizeOf(shape), (row + 1) * sizeOf(shape)) : values;
    }),
  );
}

/** samples[0] is the row itself; then two per cell, up and down. */
function slopes(samples: readonly Float64Array[], copies: readonly Float64Array[]): Slopes {
  const [middle, width] = [at(samples, 0), at(copies, 0).length];
  const central = new Float64Array(middle.length * width);
  const apart = new Float64Array(central.length);
  for (let cell = 0; cell < width; cell++) {
    const [up, down] = [at(samples, 1 + 2 * cell), at(samples, 2 + 2 * cell)];
    const x = [copies[1 + 2 * cell], copies[0], copies[2 + 2 * cell]].map(
      (copy) => copy?.[cell] ?? Number.NaN,
    );
    const [high, here, low] = x as [number, number, number];
    middle.forEach((value, out) => {
      const right = ((up[out] as number) - value) / (high - here);
      const left = (value - (down[out] as number)) / (here - low);
      central[out * width + cell] = ((up[out] as number) - (down[out] as number)) / (high - low);
      apart[out * width + cell] = Math.abs(right - left);
    });
  }
  return { central, apart };
}

function worstOf(
  { central, apart }: Slopes,
  jacobian: ArrayLike<number>,
  tolerance: number,
): Pick<Comparison, "scale" | "kinks" | "worst"> {
  const scale = central.reduce(
    (most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most),
    0,
  );
  let kinks = 0;
  let worst: Gap = { entry: 0, gap: 0, jacobian: jacobian[0] ?? 0, differences: central[0] ?? 0 };
  central.forEach((differences, entry) => {
    const own = jacobian[entry] as number;
    const gap = gapOf(own, differences);
    if (gap <= worst.gap) return;
    if (gap > tolerance * scale && Number.isFinite(own) && gap <= (apart[entry] as number)) kinks++;
    else worst = { entry, gap, jacobian: own, differences };
  });
  return { scale, kinks, worst };
}

/** Infinity where one of the two is a number and the other is not. */
function gapOf(a: number, b: number): number {
  if (Object.is(a, b) || a === b) return 0;
  const gap = Math.abs(a - b);
  return Number.isNaN(gap) ? Number.POSITIVE_INFINITY : gap;
}
