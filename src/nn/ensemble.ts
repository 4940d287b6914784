/**
 * Ensembles: k networks of one definition, evaluated together.
 *
 * In: the parameter trees of the members. Out: one tree whose arrays have the members as their first axis, and the
 * traced function over it. Always: member m of the result depends on member m's parameters alone.
 */

import { UsageError } from "../errors.ts";
import { add, einsum } from "../trace/functions.ts";
import type { Operand } from "../trace/operand.ts";
import type { Tensor } from "../trace/shapes.ts";
import { type Activation, activate } from "./activations.ts";
import type { OperandTree, Parameter, ParameterData, ParameterTree } from "./tree.ts";
import { flattenTree, mapTree } from "./tree.ts";

/** One dense layer of every member: weight (k, out, in), bias (k, out). */
interface MembersLayer {
  readonly weight: Operand;
  readonly bias: Operand;
}

/** One tree of all members' parameters. */
export function stackTrees<P extends ParameterTree>(members: readonly P[]): P {
  const [first, ...others] = members.map((tree) => flattenTree(tree).leaves);
  if (first === undefined) throw new UsageError("JR807", "an ensemble has at least one member");
  let next = 0;
  return mapTree(members[0] as P, (parameter) => {
    const index = next++;
    return stacked([parameter, ...others.map((leaves) => leaves[index]?.value as Parameter)]);
  });
}

function stacked(parts: readonly Parameter[]): Parameter {
  const [{ data, shape }] = parts as readonly [Parameter, ...Parameter[]];
  const all = data.constructor as new (length: number) => ParameterData;
  const joined = new all(parts.length * data.length);
  parts.forEach((part, member) => {
    joined.set(part.data, member * data.length);
  });
  return { data: joined, shape: [parts.length, ...shape] };
}

/** Values (k, outputs) of all members for one row. */
export function applyMembers(
  layers: readonly { readonly activation?: Activation }[],
  parameters: OperandTree,
  x: Tensor,
): Tensor {
  return layers.reduce((value, { activation }, index) => {
    const { weight, bias } = (parameters as unknown as readonly MembersLayer[])[index] as MembersLayer;
    const product = einsum(index === 0 ? "moi,i->mo" : "moi,mi->mo", weight, value);
    const sum = add(product, bias);
    return activation === undefined ? sum : activate(activation, sum);
  }, x);
}
