/**
 * From a function of one row and a signature to the program that rows are run through.
 *
 * In: a user's function or a model, the signature of a call, options. Out: a program whose outputs are the results, and
 * the nest they stand in. Errors that only the user can mend (no path, sizes, unknown names) are found here.
 */

import {
  planJacobian as accumulated,
  expandJacobians,
  type Pattern,
  type PlanMaterial,
  type PlanReport,
} from "../autodiff/index.ts";
import { UsageError } from "../errors.ts";
import { Builder } from "../ir/builder.ts";
import { inline, programOf } from "../ir/graph.ts";
import { rebuild } from "../ir/rebuild.ts";
import { at, sameShape, showShape, sizeOf } from "../ir/shape.ts";
import type { InputNode, Output, Program } from "../ir/types.ts";
import { isRowFunction, type RowFunction } from "../trace/row-function.ts";
import type { Structure } from "../trace/structure.ts";
import { type AnyFunction, type Signature, trace } from "../trace/trace.ts";
import { checkPaths } from "../trace/transforms.ts";
import { chooseInputs } from "../trace/wrt.ts";
import type { Estimate } from "./sizes.ts";
import type { JacrowOptions, RunOptions } from "./types.ts";

/** A program and the nest of its results. */
export interface Planned {
  readonly program: Program;
  readonly results: Structure;
  /** Sizes of the results per row. */
  readonly estimates: readonly Estimate[];
  /** How the chain rule is multiplied out, for Jacobians. */
  readonly report?: PlanReport;
  /** Where each result may be nonzero, for Jacobians. */
  readonly patterns?: () => readonly Pattern[];
  /** What a picture of the plan is drawn from, for Jacobians. */
  readonly material?: PlanMaterial;
}

/** What one row computes, before differentiation. */
interface Base {
  readonly program: Program;
  readonly outputs: Structure;
}

/** Traces a function, or takes a model's program; its inputs are the signature's, in order. Only the outputs asked for. */
export function baseOf(
  f: AnyFunction,
  signature: Signature,
  { allowZero = false, outputs }: Pick<JacrowOptions, "allowZero" | "outputs">,
): Base {
  const base = isRowFunction(f) ? modelBase(f, signature) : trace(f, signature, { allowUnread: allowZero });
  return picked(base, outputs);
}

function modelBase(f: RowFunction, signature: Signature): Base {
  checkModelInputs(f, signature);
  const leaves = f.program.outputs.map((_, index): Structure => ({ kind: "leaf", index }));
  if (leaves.length === 1) return { program: f.program, outputs: at(leaves, 0) };
  const entries = f.program.outputs.map(({ name }, index): [string, Structure] => [name, at(leaves, index)]);
  return { program: f.program, outputs: { kind: "object", entries } };
}

function checkModelInputs({ program }: RowFunction, { inputs }: Signature): void {
  const fits =
    inputs.length === program.inputs.length &&
    inputs.every(({ shape }, index) => sameShape(shape, at(program.inputs, index).shape));
  if (fits) return;
  const list = (ports: readonly { name: string; shape: readonly number[] }[]): string =>
    ports.map(({ name, shape }) => `${name} ${showShape(shape)}`).join(", ");
  throw new UsageError("JR420", `${program.name} takes ${list(program.inputs)}, got ${list(inputs)}`);
}

/** The program of `rows(g)`. */
export function planRows(g: AnyFunction, signature: Signature, options: RunOptions): Planned {
  const { program, outputs } = baseOf(g, signature, options);
  return { program: expandJacobians(program), results: outputs, estimates: estimatesOf(program.outputs) };
}

/** The program of `jacrow(f)`. `checkSizes` sees the results' sizes before anything large is built. */
export function planJacobian(
  f: AnyFunction,
  signature: Signature,
  options: JacrowOptions & { checkSizes: (estimates: readonly Estimate[]) => void },
): Planned {
  const { program, outputs } = baseOf(f, signature, options);
  const chosen = chooseInputs(`jacrow(${program.name})`, signature, options.wrt);
  checkNoSums(program);
  if (options.allowZero !== true) checkPaths(program.name, program, chosen.inputs);
  const estimates = program.outputs.flatMap(({ name, value }) =>
    chosen.inputs.map((input): Estimate => {
      const lone = program.outputs.length === 1 && chosen.inputs.length === 1;
      const inside = at(program.inputs, input);
      return {
        name: lone ? "Z" : `Z[${name}][${inside.name}]`,
        cells: sizeOf(value.shape) * sizeOf(inside.shape),
      };
    }),
  );
  const { mode = "auto", effort = "default", format = "dense" } = options;
  if (format === "dense") options.checkSizes(estimates);
  const result = accumulated(program, { wrt: chosen.inputs, mode, effort, format, allowZero: true });
  const width = chosen.inputs.length;
  const results = replaceLeaves(outputs, (index) => shifted(chosen.structure, index * width));
  const { plan: report, patterns, material } = result;
  const sizes = format === "dense" ? estimates : estimatesOf(result.program.outputs);
  if (format === "compressed") options.checkSizes(sizes);
  return { program: result.program, results, estimates: sizes, report, patterns, material };
}

function checkNoSums({ name, outputs }: Program): void {
  const sum = outputs.find(({ value }) => value.level === "finish");
  if (sum === undefined) return;
  throw new UsageError(
    "JR424",
    `${sum.name} of ${name} is a sum over rows, which has no row-wise Jacobian: ` +
      `sum derivatives instead, rows((x) => rowSum(jacobian(f)(x)))`,
  );
}

/** Sums over rows are no larger for more rows. */
function estimatesOf(outputs: readonly Output[]): Estimate[] {
  return outputs
    .filter(({ value }) => value.level !== "finish")
    .map(({ name, value }) => ({ name, cells: sizeOf(value.shape) }));
}

function replaceLeaves(structure: Structure, leaf: (index: number) => Structure): Structure {
  switch (structure.kind) {
    case "leaf":
      return leaf(structure.index);
    case "array":
      return { kind: "array", items: structure.items.map((item) => replaceLeaves(item, leaf)) };
    case "object":
      return {
        kind: "object",
        entries: structure.entries.map(([key, item]) => [key, replaceLeaves(item, leaf)]),
      };
  }
}

function shifted(structure: Structure, by: number): Structure {
  return replaceLeaves(structure, (index) => ({ kind: "leaf", index: index + by }));
}

/** Only the outputs asked for: by name, or entries of a lone output. */
function picked(base: Base, wanted: JacrowOptions["outputs"]): Base {
  if (wanted === undefined) return base;
  const list = [wanted].flat() as readonly (string | number)[];
  if (list.length === 0) throw new UsageError("JR421", "outputs: [] asks for nothing");
  if (list.every((one) => typeof one === "string")) return pickedByName(base, list);
  if (list.every((one) => typeof one === "number")) return pickedEntries(base, list);
  throw new UsageError(
    "JR421",
    "outputs are names of outputs, or numbers of entries of a lone output, not both",
  );
}

function pickedByName({ program }: Base, names: readonly string[]): Base {
  const outputs = names.map((name) => {
    const output = program.outputs.find((one) => one.name === name);
    if (output !== undefined) return output;
    const known = program.outputs.map((one) => one.name).join(", ");
    throw new UsageError("JR422", `${program.name} has no output ${name}; it has ${known}`);
  });
  const leaves = names.map((name, index): [string, Structure] => [name, { kind: "leaf", index }]);
  const structure: Structure =
    names.length === 1 ? { kind: "leaf", index: 0 } : { kind: "object", entries: leaves };
  return { program: programOf(program.name, program.inputs, outputs), outputs: structure };
}

function pickedEntries({ program, outputs }: Base, entries: readonly number[]): Base {
  const [output, ...others] = program.outputs as readonly [Output, ...Output[]];
  const size = output.value.shape[0] ?? 0;
  if (others.length > 0 || entries.some((entry) => !Number.isInteger(entry) || entry < 0 || entry >= size)) {
    const shapes = program.outputs.map(({ name, value }) => `${name} ${showShape(value.shape)}`).join(", ");
    const known = others.length === 0 && size > 0 ? `, entries 0 to ${size - 1}` : "";
    throw new UsageError(
      "JR423",
      `outputs [${entries}] are not entries of one output: ${program.name} gives ${shapes}${known}`,
    );
  }
  const b = new Builder();
  const inputs = program.inputs.map((input) => rebuild(b, input, []) as InputNode);
  const value = at(inline(b, program, inputs), 0);
  const rows = entries.map((entry) => b.part(value, { axis: 0, start: entry, count: 1 }));
  return {
    program: programOf(program.name, inputs, [{ name: output.name, value: b.concat(rows, 0) }]),
    outputs,
  };
}
