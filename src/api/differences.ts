/**
 * The Jacobian of one row against central differences in float64.
 *
 * In: the program of the values, one row, and the Jacobian that was computed for it. Out, per pair of output and input: the
 * largest error, relative to the row's largest entry, and the entries that are wrong. Always: what differences cannot tell,
 * at a kink or below their rounding, is counted and no error.
 */

import { evaluateProgram } from "../ir/evaluate.ts";
import { at, indexAt, sizeOf } from "../ir/shape.ts";
import { type Tensor, tensorOf } from "../ir/tensor.ts";
import type { Program } from "../ir/types.ts";

/** A row and what was computed for it. */
export interface RowResult {
  /** Largest relative error that is accepted. */
  readonly tolerance: number;
  readonly row: number;
  /** One array per input of the program. */
  readonly inputs: readonly ArrayLike<number>[];
  /** One array per pair, outputs first. */
  readonly jacobians: readonly ArrayLike<number>[];
}

/** One entry where Jacobian and differences disagree. */
export interface Difference {
  readonly row: number;
  /** Output and input, and the entry's index in (…out, …in). */
  readonly output: string;
  readonly input: string;
  readonly index: readonly number[];
  readonly jacobian: number;
  readonly differences: number;
  /** |Z − D|, relative to the largest entry of that row, output and input. */
  readonly error: number;
}

/** The comparison of one pair of output and input in one row. */
export interface Comparison {
  /** max |Z − D| / max |D|, of the entries that differences can tell. */
  readonly relativeError: number;
  /** Entries above the tolerance, worst first, at most ten. */
  readonly wrong: readonly Difference[];
  /** Entries left out because differences by two steps disagree: the function has a kink there. */
  readonly kinks: number;
  /** Entries left out because they differ by no more than the rounding of the differences. */
  readonly unclear: number;
}

/** Step of the differences, relative to max(1, |x|): balances truncation (h²) and rounding (ε / h). */
const STEP = Math.cbrt(Number.EPSILON);
/** Units in the last place that a value of the function may be off, in a difference of two steps. */
const ROUNDINGS = 8;
/** Most entries that a report lists. */
export const MOST_LISTED = 10;

/** Compares every pair of one row. */
export function compareRow(program: Program, wrt: readonly number[], result: RowResult): Comparison[] {
  const inputs = program.inputs.map(({ shape }, index) => tensorOf(at(result.inputs, index), shape));
  const columns = wrt.map((input) => slopesOf(program, inputs, input));
  return program.outputs.flatMap((output, row) =>
    wrt.map((input, column): Comparison => {
      const { name, shape } = at(program.inputs, input);
      const jacobian = at(result.jacobians, row * wrt.length + column);
      const { wrong, ...rest } = compared(at(at(columns, column), row), jacobian, result.tolerance);
      const place = { row: result.row, output: output.name, input: name };
      const indexOf = (entry: number): number[] => indexAt([...output.value.shape, ...shape], entry);
      return {
        ...rest,
        wrong: wrong.map(({ entry, ...numbers }) => ({ ...place, index: indexOf(entry), ...numbers })),
      };
    }),
  );
}

/** Slopes of one output by one input, per entry. */
interface Slopes {
  readonly central: Float64Array;
  /** How far the differences of two steps disagree: much at a kink, by h² where the function is smooth. */
  readonly apart: Float64Array;
  /** What rounding of the function's values makes of them. */
  readonly rounding: Float64Array;
}

/** Slopes of every output by one input, whose cells are moved one by one. */
function slopesOf(program: Program, inputs: readonly Tensor[], input: number): Slopes[] {
  const { data, shape } = at(inputs, input);
  const all = program.outputs.map(({ value }): Slopes => {
    const zeros = (): Float64Array => new Float64Array(sizeOf(value.shape) * data.length);
    return { central: zeros(), apart: zeros(), rounding: zeros() };
  });
  const valuesAt = (x: Float64Array): Tensor[] =>
    evaluateProgram(program, inputs.with(input, { data: x, shape }));
  const here = valuesAt(data);
  data.forEach((x, cell) => {
    const step = STEP * Math.max(1, Math.abs(x));
    const samples = STEPS.map((count) => {
      const moved = data.with(cell, x + count * step);
      return { x: moved[cell] as number, values: count === 0 ? here : valuesAt(moved) };
    });
    all.forEach(({ central, apart, rounding }, output) => {
      for (let from = 0, to = cell; to < central.length; from++, to += data.length) {
        const points: readonly Point[] = samples.map(({ x: moved, values }) => ({
          x: moved,
          y: at(values, output).data[from] as number,
        }));
        [central[to], apart[to]] = slopeOf(points as Points);
        rounding[to] = (ROUNDINGS * Number.EPSILON * largest(points.map(({ y }) => y))) / step;
      }
    });
  });
  return all;
}

const STEPS = [-2, -1, 0, 1, 2];
type Point = Readonly<Record<"x" | "y", number>>;
type Points = readonly [Point, Point, Point, Point, Point];

/**
 * Richardson's combination of two steps, (4 D(h) − D(2h)) / 3, whose error falls with h⁴ (1911), and how far they disagree.
 * The bend D⁺ − D⁻ of a smooth function grows with the step; at a kink it does not.
 */
function slopeOf([lowest, low, here, high, highest]: Points): [slope: number, apart: number] {
  const slope = (a: Point, b: Point): number => (a.y - b.y) / (a.x - b.x);
  const [near, far] = [slope(high, low), slope(highest, lowest)];
  const bend = slope(high, here) - slope(here, low);
  const farBend = slope(highest, here) - slope(here, lowest);
  const apart = Math.abs(2 * bend - farBend) + Math.abs(near - far);
  return [near === far ? near : (4 * near - far) / 3, apart];
}

interface Compared extends Omit<Comparison, "wrong"> {
  readonly wrong: Readonly<Record<"entry" | "error" | "jacobian" | "differences", number>>[];
}

function compared(
  { central, apart, rounding }: Slopes,
  jacobian: ArrayLike<number>,
  tolerance: number,
): Compared {
  const scale = largest(central) || 1;
  const wrong: Compared["wrong"] = [];
  let [relativeError, kinks, unclear] = [0, 0, 0];
  central.forEach((differences, entry) => {
    const own = jacobian[entry] as number;
    const [gap, unsure] = [gapOf(own, differences), rounding[entry] as number];
    const error = gap / scale;
    if (error > tolerance && gap <= unsure) return unclear++;
    if (error > tolerance && Number.isFinite(own) && gap <= unsure + (apart[entry] as number)) return kinks++;
    if (error > tolerance) wrong.push({ entry, error, jacobian: own, differences });
    relativeError = Math.max(relativeError, error);
  });
  wrong.sort((a, b) => b.error - a.error).splice(MOST_LISTED);
  return { relativeError, wrong, kinks, unclear };
}

/** The largest finite size. */
function largest(values: ArrayLike<number>): number {
  return Array.from(values).reduce((most, y) => (Number.isFinite(y) ? Math.max(most, Math.abs(y)) : most), 0);
}

/** Infinity where one of the two is a number and the other is not. */
function gapOf(a: number, b: number): number {
  if (Object.is(a, b) || a === b) return 0;
  const gap = Math.abs(a - b);
  return Number.isNaN(gap) ? Number.POSITIVE_INFINITY : gap;
}
