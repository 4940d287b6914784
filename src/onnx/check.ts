/**
 * The second line behind the proof: three rows at once against the same rows alone, in numbers.
 *
 * In: a decoded model and what it was imported as. The model is imported once more with three literal rows and no batch
 * to follow, so nothing of the proof is used. Out: nothing, or an error when the values disagree.
 * Always: models too large to evaluate quickly, or with inputs that are not floats, are left out.
 */

import { InternalError, UsageError } from "../errors.ts";
import { evaluateProgram } from "../ir/evaluate.ts";
import { nodesOf } from "../ir/graph.ts";
import { at, range, sizeOf } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { Program } from "../ir/types.ts";
import { type ImportedModel, type ImportOptions, importModel, type Port } from "./import.ts";
import type { ModelProto } from "./model.ts";

const ROWS = 3;
/** Multiplications of one row up to which a model is checked: some milliseconds. */
const MOST_WORK = 50_000;
const TOLERANCE = 1e-9;

/** How a check ended. */
export type RowCheck = "agreed" | "not checked";

/** Compares; throws `InternalError` JR530 if three rows at once are not three rows alone. `always` ignores the size. */
export function checkRows(
  model: ModelProto,
  imported: ImportedModel,
  options: ImportOptions & { always?: boolean },
): RowCheck {
  const { program, inputs, outputs, proven } = imported;
  const floats = inputs.every(({ dtype }) => dtype === "float32" || dtype === "float64");
  const tracked =
    proven &&
    inputs.some(({ shared, batchAxis }) => !shared && batchAxis !== null) &&
    outputs.every(({ batchAxis }) => batchAxis !== null);
  if (!floats || !tracked || (options.always !== true && workOf(program) > MOST_WORK)) return "not checked";
  const together = importTogether(model, imported, options);
  if (together === undefined) return "not checked";
  const rows = inputs.map((port, index) => randomRows(port, index));
  const alone = range(ROWS).map((row) =>
    evaluateProgram(
      program,
      inputs.map((port, index) => rowOf(port, at(rows, index), row)),
    ),
  );
  const joint = evaluateProgram(
    together.program,
    inputs.map((port, index) =>
      stacked(
        port,
        range(port.shared ? 1 : ROWS).map((row) => rowOf(port, at(rows, index), row)),
      ),
    ),
  );
  outputs.forEach((port, index) => {
    const apart = stacked(
      port,
      alone.map((values) => at(values, index)),
    );
    if (!agree(apart.data, at(joint, index).data)) throw disagreement(port, options.what);
  });
  return "agreed";
}

/** The model with three literal rows; undefined where sizes are fixed so that it cannot be imported. */
function importTogether(
  model: ModelProto,
  { inputs }: ImportedModel,
  options: ImportOptions,
): ImportedModel | undefined {
  const own = inputs.filter(({ shared, batchAxis }) => !shared && batchAxis !== null);
  const sizes = Object.fromEntries(own.map(({ name, batchAxis }) => [`${name}:${batchAxis}`, ROWS]));
  try {
    const together = importModel(model, {
      ...options,
      batchAxis: null,
      sizes: { ...options.sizes, ...sizes },
    });
    const grown = own.every(
      (port) => sizeOf(inputNamed(together, port.name).shape) === ROWS * sizeOf(port.shape),
    );
    return grown ? together : undefined;
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}

function inputNamed({ inputs }: ImportedModel, name: string): Port {
  return inputs.find((port) => port.name === name) as Port;
}

/** Products and other cells of one row, and inputs that nothing reads: they get numbers too. */
function workOf(program: Program): number {
  return [...new Set([...program.inputs, ...nodesOf(program)])].reduce((sum, node) => {
    if (node.op !== "contract") return sum + sizeOf(node.shape);
    const summed = node.aLabels.map((label, axis) =>
      node.outLabels.includes(label) ? 1 : at(node.a.shape, axis),
    );
    return sum + sizeOf(node.shape) * sizeOf(summed);
  }, 0);
}

/** Numbers in (−1, 1), the same in every run. */
function randomRows({ shape }: Port, seed: number): Float64Array {
  let state = 12345 + seed;
  return Float64Array.from({ length: ROWS * sizeOf(shape) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

function rowOf({ shape, shared }: Port, rows: Float64Array, row: number): Tensor {
  const size = sizeOf(shape);
  const start = shared ? 0 : row * size;
  return { data: rows.subarray(start, start + size), shape };
}

/** Rows side by side along the port's batch axis. */
function stacked({ shape, batchAxis }: Port, rows: readonly Tensor[]): Tensor {
  if (rows.length === 1) return at(rows, 0);
  const axis = batchAxis ?? 0;
  const inner = sizeOf(shape.slice(axis));
  const whole = [...shape.slice(0, axis), rows.length, ...shape.slice(axis)];
  const data = new Float64Array(sizeOf(whole));
  rows.forEach((row, index) => {
    for (const outer of range(sizeOf(shape.slice(0, axis)))) {
      data.set(row.data.subarray(outer * inner, (outer + 1) * inner), (outer * rows.length + index) * inner);
    }
  });
  return { data, shape: whole };
}

function agree(a: Float64Array, b: Float64Array): boolean {
  const scale = Math.max(1, ...b.filter(Number.isFinite).map(Math.abs));
  const near = (x: number, y: number): boolean =>
    Object.is(x, y) || x === y || Math.abs(x - y) <= TOLERANCE * scale;
  return a.length === b.length && a.every((value, index) => near(value, b[index] as number));
}

function disagreement({ name }: Port, what: string): InternalError {
  return new InternalError(
    "JR530",
    `${what}: output "${name}" of three rows at once is not that of the rows alone, though no operator was found to mix them. This is a bug of jacrow; please report the model.`,
  );
}
