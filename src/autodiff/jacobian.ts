/**
 * The Jacobian as a program: linearise, eliminate in a planned order, make dense.
 *
 * Outputs of the result: the values first (if asked for), then for every output and every `wrt` input one node
 * named `output/input` of shape (…out, …in): ∂output/∂input, outputs before inputs.
 */

import { UsageError } from "../errors.ts";
import { Builder } from "../ir/builder.ts";
import { inline, programOf, rebuild } from "../ir/graph.ts";
import { at, range } from "../ir/shape.ts";
import type { InputNode, Node, Output, Program } from "../ir/types.ts";
import { endsOf, type Pair } from "./ends.ts";
import { type Differentiate, expandAll, expandJacobianNodes } from "./expand.ts";
import { readInstead } from "./instead.ts";
import { linearize } from "./linearize.ts";
import type { LoopTools } from "./linearized.ts";
import type { Pattern } from "./pattern.ts";
import { type Mode, planned } from "./plan.ts";
import type { PlanMaterial } from "./plan-graph.ts";
import { type PlanReport, reportOf } from "./plan-report.ts";
import type { Effort } from "./plan-scalar.ts";

/** What is asked of a Jacobian program. */
export interface JacobianRequest {
  /** Indices of the inputs to differentiate by, row or shared. */
  readonly wrt: readonly number[];
  /** Indices of the outputs; all by default. */
  readonly outputs?: readonly number[];
  readonly mode?: Mode;
  /** How hard to look for a cheap order of elimination. */
  readonly effort?: Effort;
  /** The values too, before the Jacobians. */
  readonly value?: boolean;
  /** `compressed`: only the structural nonzeros, shape (nnz,) in the order of the pattern. */
  readonly format?: "dense" | "compressed";
  /** Accept an output that does not depend on an input: its Jacobian is zero. */
  readonly allowZero?: boolean;
  /** Loops of at most this many nodes (steps × body) are differentiated as their steps one after the other. */
  readonly unrolled?: number;
}

/** ∂outputs/∂inputs of one row, as a row program. Throws `UsageError` JR220 for an output without a path from an input. */
export function jacobianProgram(program: Program, request: JacobianRequest): Program {
  return planJacobian(program, request).program;
}

/** Parts of Jacobians with at most this share of nonzeros are computed from those alone. */
const MOST_FILLED = 0.5;

/** How Jacobians inside programs are made: zeros are legal there. */
const differentiate: Differentiate = {
  dense: (program, { wrt, output }) =>
    jacobianProgram(program, { wrt: [wrt], outputs: [output], allowZero: true }),
  sparse: (program, { wrt, output }) => {
    const request = { wrt: [wrt], outputs: [output], allowZero: true };
    const { nonzeros, rows, columns } = at(planJacobian(program, request).plan.blocks, 0);
    if (nonzeros > MOST_FILLED * rows * columns) return undefined;
    const { program: values, patterns } = planJacobian(program, { ...request, format: "compressed" });
    return { program: values, pattern: at(patterns(), 0) };
  },
};

/** Expands every `jacobian` node by the planner; products with one never form it. */
export function expandJacobians(program: Program): Program {
  return expandJacobianNodes(program, differentiate);
}

/** The program as linearisation takes it: without Jacobians, scans and calls that lack a rule. */
export function linearizable(program: Program, unrolled?: number): Program {
  return expandAll(program, differentiate, unrolled);
}

/** A Jacobian's program, how it was planned, where each (output, input) may be nonzero, and what pictures are drawn from. */
export interface PlannedJacobian {
  readonly program: Program;
  readonly plan: PlanReport;
  readonly patterns: () => readonly Pattern[];
  readonly material: PlanMaterial;
}

/** Plans the Jacobian. Throws as `jacobianProgram` does. */
export function planJacobian(program: Program, request: JacobianRequest): PlannedJacobian {
  const b = new Builder();
  const { inputs, outputs, wrt } = openRequest(b, program, request);
  const mode = request.mode ?? "auto";
  const ends = endsOf(b, { outputs: outputs.map(({ value }) => value), wrt }, { tools: loopTools, mode });
  const pairs = outputs.flatMap((_, output) => wrt.map((_, input): Pair => ({ output, input })));
  const values = request.value === true ? ends.values : [];
  const result = planned(b, ends.linear, {
    mode,
    effort: request.effort ?? "default",
    also: values,
    finish: (map) =>
      pairs.map((pair) => {
        const maps = ends.maps(map, pair);
        const [output, input] = [at(outputs, pair.output), at(wrt, pair.input)];
        if (request.allowZero !== true && maps.every((each) => each.length === 0))
          throw noPath(program.name, output, input);
        return request.format === "compressed" ? ends.compressed(b, maps, pair) : ends.dense(b, maps, pair);
      }),
  });
  const named = (pair: Pair): string => `${at(outputs, pair.output).name}/${at(wrt, pair.input).name}`;
  const names = [...values.map((_, index) => at(outputs, index).name), ...pairs.map(named)];
  const blocks = pairs.map((pair) => ({
    name: named(pair),
    maps: ends.maps(result.map, pair),
    shapes: [at(outputs, pair.output).value.shape, at(wrt, pair.input).shape] as const,
  }));
  const nodes = readInstead(b, [...values, ...result.nodes], ends.linear.instead);
  const made = nodes.map((value, index): Output => ({ name: at(names, index), value }));
  return {
    program: programOf(program.name, inputs, made),
    plan: reportOf({ ends, result, blocks, roots: made.map(({ value }) => value) }),
    patterns: () => pairs.map((pair) => ends.pattern(ends.maps(result.map, pair), pair)),
    material: {
      ends,
      candidate: result.candidate,
      inputs: wrt.map((input) => ({ name: input.name, value: input })),
      outputs,
    },
  };
}

/** How loops are differentiated: their steps are planned as programs of their own. */
export const loopTools: LoopTools = {
  linearize: (b, ends) => linearize(b, ends, { tools: loopTools, mode: "auto" }),
  jacobian: (b, outputs, wrt) => {
    const ends = endsOf(b, { outputs, wrt }, { tools: loopTools, mode: "auto" });
    const pairs = outputs.flatMap((_, output) => wrt.map((_, input): Pair => ({ output, input })));
    const { nodes } = planned(b, ends.linear, {
      mode: "auto",
      effort: "default",
      also: ends.values,
      finish: (map) => pairs.map((pair) => ends.dense(b, ends.maps(map, pair), pair)),
    });
    return { nodes, instead: ends.linear.instead };
  },
};

/** The program's inputs, wanted outputs and inputs to differentiate by, copied into a builder. */
function openRequest(
  b: Builder,
  program: Program,
  request: JacobianRequest,
): { inputs: InputNode[]; outputs: Output[]; wrt: InputNode[] } {
  const inputs = program.inputs.map((input) => rebuild(b, input, []) as InputNode);
  const values = inline(b, linearizable(program, request.unrolled), inputs);
  const outputs = (request.outputs ?? range(values.length)).map((index) => ({
    name: at(program.outputs, index).name,
    value: at(values, index),
  }));
  return { inputs, outputs, wrt: request.wrt.map((index) => at(inputs, index)) };
}

function noPath(name: string, output: Output, input: Node & { name: string }): UsageError {
  return new UsageError(
    "JR220",
    `${name}: output ${output.name} does not depend on input ${input.name}, so its Jacobian would be all zeros. ` +
      "If a captured value, a constant or stopGradient cut the path by mistake, compute the output from the traced input; if zeros are meant, pass allowZero: true.",
  );
}
