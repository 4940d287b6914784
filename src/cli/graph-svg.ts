/**
 * The picture of a model's graph: operators as boxes, from the inputs down to the outputs.
 *
 * In: a decoded model, and which nodes are to be marked. Out: SVG text. Always: weights are told inside the boxes that read
 * them, what leads to no output is left out, and every box has its full name as a tooltip.
 */

import { type Edge, layered } from "../api/graph-layout.ts";
import { type Box, drawn, page, sizeOfBox } from "../api/svg.ts";
import { UsageError } from "../errors.ts";
import type { GraphProto, ModelProto, NodeProto } from "../onnx/model.ts";
import { neededNodes, operatorKey } from "../onnx/support.ts";
import { shapeOf } from "../onnx/tensor.ts";

type Kind = "input" | "output" | "product" | "function" | "reduction" | "movement";

const COLOURS: Readonly<Record<Kind, string>> = {
  input: "#d9ead3",
  output: "#fff2cc",
  product: "#cfe2f3",
  function: "#f4f4f4",
  reduction: "#ead1dc",
  movement: "#ffffff",
};
const SPACING = { layer: 36, gap: 22 } as const;
const CULPRIT = { colour: "#c00", width: 2.5 } as const;
const MOST_BOXES = 3000;
const LONGEST_DETAIL = 28;
/** Element types of weights: FLOAT, FLOAT16, DOUBLE, BFLOAT16. */
const FLOATS: ReadonlySet<number> = new Set([1, 10, 11, 16]);

const KINDS: readonly (readonly [RegExp, Kind])[] = [
  [/^(Gemm|MatMul|Conv.*|Einsum|Attention|LSTM|GRU|RNN)$/, "product"],
  [/^(Reduce.*|.*Pool|.*Softmax|Softmax|.*Normalization|ArgMax|ArgMin|TopK|CumSum)$/, "reduction"],
  [
    /^(Reshape|Transpose|Flatten|Squeeze|Unsqueeze|Concat|Split|Slice|Gather.*|Scatter.*|Expand|Pad|Tile|Shape|Cast|Identity|Constant.*|Range|Resize)$/,
    "movement",
  ],
];

/** The picture; `isMarked` boxes get a red frame. */
export function modelPicture(model: ModelProto, isMarked: (node: NodeProto) => boolean): string {
  const { graph } = model;
  const outputs = graph.outputs.map(({ name = "" }) => name);
  const nodes = withoutConstants(graph, neededNodes(graph.nodes, outputs));
  const inputs = inputNames(graph);
  const boxes = [
    ...inputs.map((name): Box => port(graph, name, "input")),
    ...nodes.map((node) => nodeBox(graph, node, isMarked(node))),
    ...outputs.map((name) => port(graph, name, "output")),
  ];
  if (boxes.length > MOST_BOXES)
    throw new UsageError(
      "JR613",
      `the graph has ${boxes.length} nodes; a picture shows at most ${MOST_BOXES}`,
    );
  const makers = new Map<string, number>(inputs.map((name, index) => [name, index]));
  nodes.forEach((node, index) => {
    for (const name of node.outputs) if (name !== "") makers.set(name, inputs.length + index);
  });
  const edges = [
    ...nodes.flatMap((node, index) => edgesTo(inputs.length + index, readsOf(node), makers)),
    ...outputs.flatMap((name, index) => edgesTo(inputs.length + nodes.length + index, [name], makers)),
  ];
  const layout = layered(boxes.map(sizeOfBox), edges, SPACING);
  return page(
    layout,
    drawn(
      boxes,
      layout,
      edges.map(() => ({})),
    ),
  );
}

/** Inputs that are no weights. */
export function inputNames(graph: GraphProto): string[] {
  const weights = new Set(graph.initializers.map(({ name }) => name));
  return graph.inputs.map(({ name = "" }) => name).filter((name) => !weights.has(name));
}

/** Nodes that some input reaches; the others make constants. */
function withoutConstants(graph: GraphProto, nodes: readonly NodeProto[]): NodeProto[] {
  const reached = new Set(inputNames(graph));
  return nodes.filter((node) => {
    const isReached = readsOf(node).some((name) => reached.has(name));
    if (isReached) for (const name of node.outputs) reached.add(name);
    return isReached;
  });
}

/** Names a node reads, those of its subgraphs included. */
function readsOf(node: NodeProto): string[] {
  return [...node.inputs, ...node.attributes.flatMap(({ g }) => g?.nodes.flatMap(readsOf) ?? [])];
}

function edgesTo(to: number, names: readonly string[], makers: ReadonlyMap<string, number>): Edge[] {
  const sources = new Set(names.flatMap((name) => makers.get(name) ?? []));
  return [...sources].filter((from) => from !== to).map((from) => ({ from, to }));
}

function port(graph: GraphProto, name: string, kind: "input" | "output"): Box {
  return {
    title: name,
    detail: declaredSizes(graph, name).join(" × "),
    tooltip: `${kind} ${name}`,
    fill: COLOURS[kind],
    shape: "port",
  };
}

/** Sizes of an input or output as the file says them: numbers, symbols, "?". */
export function declaredSizes(graph: GraphProto, name: string): (number | string)[] {
  const info = [...graph.inputs, ...graph.outputs].find((one) => one.name === name);
  return info?.type?.tensor?.shape?.dims.map(({ value, symbol }) => symbol ?? value ?? "?") ?? [];
}

function nodeBox(graph: GraphProto, node: NodeProto, marked: boolean): Box {
  const title = operatorKey(node);
  const weights = node.inputs.flatMap((name) => {
    const tensor = graph.initializers.find((one) => one.name === name);
    if (tensor === undefined || !FLOATS.has(tensor.type ?? 0)) return [];
    const shape = shapeOf(tensor, name);
    return shape.length === 0 ? [] : [shape.join("×")];
  });
  const detail = weights.length > 0 ? weights.join(", ") : (node.name ?? "");
  return {
    title,
    detail: detail.length > LONGEST_DETAIL ? `…${detail.slice(1 - LONGEST_DETAIL)}` : detail,
    tooltip: `${title} "${node.name ?? ""}"\n${node.inputs.join(", ")} → ${node.outputs.join(", ")}`,
    fill: COLOURS[KINDS.find(([pattern]) => pattern.test(title))?.[1] ?? "function"],
    shape: "box",
    ...(marked && { frame: CULPRIT }),
  };
}
