/**
 * Which nodes of a model are needed, and which operators are missing.
 *
 * In: a model. Out: the nodes its outputs read, in order; and one error that lists every operator jacrow lacks, with
 * the names of the nodes. Always: subgraphs and local functions are looked into.
 */

import { UnsupportedError } from "../errors.ts";
import type { FunctionProto, GraphProto, ModelProto, NodeProto } from "./model.ts";
import { opsetOf } from "./model.ts";
import type { OperatorTable } from "./ops/operator.ts";

/** The table's name of an operator: without the main domain. */
export function operatorKey({ operator = "", domain = "" }: Pick<NodeProto, "operator" | "domain">): string {
  return domain === "" || domain === "ai.onnx" ? operator : `${domain}.${operator}`;
}

/** The model's own functions by operator key. */
export function functionsOf({ functions }: ModelProto): Map<string, FunctionProto> {
  return new Map(
    functions.map((own) => [operatorKey({ operator: own.name ?? "", domain: own.domain ?? "" }), own]),
  );
}

/** The nodes that lead to `outputs`, in their order. */
export function neededNodes(nodes: readonly NodeProto[], outputs: Iterable<string>): NodeProto[] {
  const wanted = new Set(outputs);
  const needed: NodeProto[] = [];
  for (const node of [...nodes].reverse()) {
    if (!node.outputs.some((name) => name !== "" && wanted.has(name))) continue;
    needed.push(node);
    for (const name of readNames(node)) wanted.add(name);
  }
  return needed.reverse();
}

/** Names a node reads, its subgraphs' captures included. */
function readNames(node: NodeProto): string[] {
  const inner = subgraphsOf(node).flatMap(({ nodes, outputs }) => [
    ...nodes.flatMap(readNames),
    ...outputs.map(({ name }) => name ?? ""),
  ]);
  return [...node.inputs, ...inner];
}

function subgraphsOf({ attributes }: NodeProto): GraphProto[] {
  return attributes.flatMap(({ g }) => (g === undefined ? [] : [g]));
}

/** What to do about operators that will not come. */
const reasons: readonly (readonly [RegExp, string])[] = [
  [/Quantize|Integer$|^QLinear/, "quantized arithmetic has no Jacobian; use the float model"],
  [/^Random|Bernoulli|Multinomial/, "random numbers have no Jacobian; export the model in eval mode"],
  [/TreeEnsemble|SVM/, "piecewise constant or not differentiable"],
  [/^SequenceMap/, "functions of sequences are not read"],
  [/^String|Tokenizer|Vectorizer|LabelEncoder/, "text is not a number"],
];

/** Throws one error that names every operator without a row in the table. */
export function requireSupported(model: ModelProto, table: OperatorTable, what: string): void {
  const functions = functionsOf(model);
  const missing = new Map<string, string[]>();
  const seen = new Set<FunctionProto>();
  const visit = (nodes: readonly NodeProto[]): void => {
    for (const node of nodes) {
      const key = operatorKey(node);
      const own = functions.get(key);
      for (const graph of subgraphsOf(node)) if (table[key] !== undefined) visit(graph.nodes);
      if (isCovered(model, table, node)) continue;
      if (own === undefined) missing.set(key, [...(missing.get(key) ?? []), node.name ?? ""]);
      else if (!seen.has(own)) {
        seen.add(own);
        visit(own.nodes);
      }
    }
  };
  visit(
    neededNodes(
      model.graph.nodes,
      model.graph.outputs.map(({ name }) => name ?? ""),
    ),
  );
  if (missing.size > 0) throw new UnsupportedError("JR510", complaint(model, missing, what));
}

/** True if a table row covers the node at the model's opset. */
function isCovered(model: ModelProto, table: OperatorTable, node: NodeProto): boolean {
  const row = table[operatorKey(node)];
  return row !== undefined && opsetOf(model, node.domain ?? "") >= row.since;
}

function complaint(model: ModelProto, missing: ReadonlyMap<string, readonly string[]>, what: string): string {
  const lines = [...missing].map(([key, names]) => {
    const shown = names
      .slice(0, 3)
      .map((name) => `"${name}"`)
      .join(", ");
    const more = names.length > 3 ? ` and ${names.length - 3} more` : "";
    const reason = reasons.find(([pattern]) => pattern.test(key.split(".").at(-1) ?? ""))?.[1];
    return `\n  ${key}: node${names.length === 1 ? "" : "s"} ${shown}${more}${reason === undefined ? "" : ` (${reason})`}`;
  });
  return `${what} (opset ${opsetOf(model, "")}) uses ${missing.size} operator${missing.size === 1 ? "" : "s"} that jacrow does not have:${lines.join("")}\nExport the model without them, or cut it before them.`;
}
