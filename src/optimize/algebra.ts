/**
 * Local algebra: one table of rules keyed by op, applied to every node until nothing changes.
 *
 * Rules go beyond the builder's identities because they look at what an operand is made of, or at who else reads it. They
 * keep every value (sums may run in another order), NaN and infinity included.
 */

import { binaryOps, compareOps, logicOps, reduceOps, sameRule, unaryOps } from "../ir/ops.ts";
import type { Node, NodeOf, Op, Program } from "../ir/types.ts";
import { contractRule } from "./contract.ts";
import { binaryRule, compareRule, logicRule, selectRule, unaryRule } from "./elementwise.ts";
import { factored } from "./factor.ts";
import {
  broadcastRule,
  concatRule,
  gatherRule,
  padRule,
  reshapeRule,
  scatterAddRule,
  sliceRule,
  transposeRule,
} from "./movement.ts";
import { reduceRule } from "./reduce.ts";
import { type RuleContext, rewrite } from "./rewrite.ts";
import { rowSumRule } from "./row-sums.ts";

const rules: { readonly [K in Op]?: (node: NodeOf<K>, context: RuleContext) => Node | undefined } = {
  ...sameRule(unaryOps, unaryRule),
  ...sameRule(binaryOps, binaryRule),
  ...sameRule(compareOps, compareRule),
  ...sameRule(logicOps, logicRule),
  ...sameRule(reduceOps, reduceRule),
  select: selectRule,
  reshape: reshapeRule,
  transpose: transposeRule,
  broadcast: broadcastRule,
  slice: sliceRule,
  pad: padRule,
  concat: concatRule,
  gather: gatherRule,
  scatterAdd: scatterAddRule,
  contract: (node, context) => contractRule(node, context) ?? factored(node, context),
  rowSum: rowSumRule,
};

/** The program after all rules, inside scans too. */
export function simplify(program: Program): Program {
  return rewrite(program, (node, context) => {
    const rule = rules[node.op] as ((node: Node, context: RuleContext) => Node | undefined) | undefined;
    return rule?.(node, context);
  });
}
