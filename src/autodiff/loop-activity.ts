/** Which inputs and outputs of a loop's body have derivatives, when some operands of the loop have. */

import { nodesOf, operandsOf } from "../ir/graph.ts";
import type { Node, ScanNode } from "../ir/types.ts";

/** Which of a body's inputs and outputs have derivatives. */
export interface Activity {
  readonly inputs: readonly boolean[];
  readonly outputs: readonly boolean[];
}

/** Carries count as active once any step makes them so. */
export function activityOf({ body, carries }: ScanNode, given: readonly boolean[]): Activity {
  let inputs = body.inputs.map((input, index) => given[index] === true && input.cell === "float");
  for (;;) {
    const active = new Set<Node>(body.inputs.filter((_, index) => inputs[index]));
    for (const node of nodesOf(body)) {
      const reaches = node.op !== "stopGradient" && node.cell === "float";
      if (reaches && operandsOf(node).some((operand) => active.has(operand))) active.add(node);
    }
    const outputs = body.outputs.map(({ value }) => active.has(value));
    const next = inputs.map((is, index) => is || (index < carries.length && outputs[index] === true));
    if (next.every((is, index) => is === inputs[index])) return { inputs, outputs };
    inputs = next;
  }
}
