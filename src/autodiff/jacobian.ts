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

import { expandAll } from "./expand.ts";
import { linearize } from "./linearize.ts";
import { denseNode } from "./materialize.ts";
import { type Mode, planned } from "./plan.ts";

/** What is asked of a Jacobian program. */
export interface JacobianRequest {
  /** Indices of the inputs to differentiate by, row or shared. */
  readonly wrt: readonly number[];
  /** Indices of the outputs; all by default. */
  readonly outputs?: readonly number[];
  readonly mode?: Mode;
  /** The values too, before the Jacobians. */
  readonly value?: boolean;
  /** Accept an output that does not depend on an input: its Jacobian is zero. */
  readonly allowZero?: boolean;
}

/** ∂outputs/∂inputs of one row, as a row program. Throws `UsageError` JR220 for an output without a path from an input. */
export function jacobianProgram(program: Program, request: JacobianRequest): Program {
  const b = new Builder();
  const inputs = program.inputs.map((input) => rebuild(b, input, []) as InputNode);
  const values = inline(b, expandAll(program), inputs);
  const outputs = (request.outputs ?? range(values.length)).map((index) => ({
    name: at(program.outputs, index).name,
    value: at(values, index),
  }));
  const wrt = request.wrt.map((index) => at(inputs, index));
  const linear = linearize(
    b,
    outputs.map(({ value }) => value),
    wrt,
  );
  const pairs = outputs.flatMap((output, row) =>
    wrt.map((input, column) => ({
      output,
      input,
      sink: at(linear.sinks, row),
      source: at(linear.sources, column),
    })),
  );
  const nodes = planned(b, linear, {
    mode: request.mode ?? "auto",
    finish: (map) =>
      pairs.map(({ output, input, source, sink }) => {
        const accumulated = map(source, sink);
        if (accumulated.length === 0 && request.allowZero !== true) throw noPath(program.name, output, input);
        return denseNode(b, accumulated, [output.value.shape, input.shape]);
      }),
  });
  const jacobians = pairs.map(
    ({ output, input }, index): Output => ({ name: `${output.name}/${input.name}`, value: at(nodes, index) }),
  );
  return programOf(program.name, inputs, [...(request.value === true ? outputs : []), ...jacobians]);
}

function noPath(name: string, output: Output, input: Node & { name: string }): UsageError {
  return new UsageError(
    "JR220",
    `${name}: output ${output.name} does not depend on input ${input.name}, so its Jacobian would be all zeros. ` +
      "If a captured value, a constant or stopGradient cut the path by mistake, compute the output from the traced input; if zeros are meant, pass allowZero: true.",
  );
}
