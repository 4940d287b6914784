/**
 * The picture of a model's graph: operators as boxes, from the inputs down to the outputs.
 *
 * In: a decoded model, and which nodes are to be marked. Out: SVG text. Always: weights are told inside the boxes that read
 * them, what leads to no output is left out, and every box has its full name as a tooltip.
 */

import { UsageError } from "../errors.ts";
import { at } from "../ir/shape.ts";
import type { GraphProto, ModelProto, NodeProto } from "../onnx/model.ts";
import { neededNodes, operatorKey } from "../onnx/support.ts";
import { shapeOf } from "../onnx/tensor.ts";
import { type Edge, type Layout, layered, type Point } from "./graph-layout.ts";

/** A box before it has a place. */
interface Box {
  readonly title: string;
  readonly detail: string;
  readonly tooltip: string;
  readonly kind: Kind;
  readonly marked: boolean;
}

type Kind = "input" | "output" | "product" | "function" | "reduction" | "movement";

const COLOURS: Readonly<Record<Kind, string>> = {
  input: "#d9ead3",
  output: "#fff2cc",
  product: "#cfe2f3",
  function: "#f4f4f4",
  reduction: "#ead1dc",
  movement: "#ffffff",
};
const BOX_HEIGHT = 38;
const LAYER = 74;
const GAP = 22;
const MARGIN = 18;
/** Width of a letter of the two fonts, a little above the mean. */
const LETTER = { title: 7.4, detail: 6 } as const;
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
  const widths = boxes.map(widthOf);
  return svg(boxes, { widths, edges, layout: layered(widths, edges, { layer: LAYER, gap: GAP }) });
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
    kind,
    marked: false,
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
    kind: KINDS.find(([pattern]) => pattern.test(title))?.[1] ?? "function",
    marked,
  };
}

function widthOf({ title, detail }: Box): number {
  return Math.max(64, title.length * LETTER.title + 20, detail.length * LETTER.detail + 20);
}

function svg(
  boxes: readonly Box[],
  { widths, edges, layout }: { widths: readonly number[]; edges: readonly Edge[]; layout: Layout },
): string {
  const width = Math.ceil(layout.width + 2 * MARGIN);
  const height = Math.ceil(layout.height + BOX_HEIGHT + 2 * MARGIN);
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="Helvetica, Arial, sans-serif" text-anchor="middle">`,
    `<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0.5 8 4 0 7.5z" fill="#777"/></marker></defs>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<g fill="none" stroke="#777" stroke-width="1.2">`,
    ...edges.map((_, index) => `<path d="${curve(at(layout.routes, index))}" marker-end="url(#tip)"/>`),
    `</g>`,
    ...boxes.map((box, index) => boxText(box, at(widths, index), at(layout.boxes, index))),
    `</svg>`,
  ];
  return `${lines.join("\n")}\n`;
}

/** A curve that leaves and arrives vertically; through the layers between it goes straight down. */
function curve(route: readonly Point[]): string {
  const half = BOX_HEIGHT / 2;
  const stops = route.flatMap(({ x, y }, index): Point[] => {
    const centre = y + MARGIN + half;
    const isEnd = index === route.length - 1;
    const top = { x: x + MARGIN, y: centre - half };
    const bottom = { x: x + MARGIN, y: centre + half };
    if (index === 0) return [bottom];
    return isEnd ? [top] : [top, bottom];
  });
  return stops.reduce((path, { x, y }, index) => {
    const before = stops[index - 1];
    if (before === undefined) return `M${round(x)} ${round(y)}`;
    if (before.x === x) return `${path}V${round(y)}`;
    const middle = (before.y + y) / 2;
    return `${path}C${round(before.x)} ${round(middle)} ${round(x)} ${round(middle)} ${round(x)} ${round(y)}`;
  }, "");
}

function boxText(box: Box, width: number, { x, y }: Point): string {
  const [left, top, centre] = [x + MARGIN - width / 2, y + MARGIN, x + MARGIN];
  const isPort = box.kind === "input" || box.kind === "output";
  const frame = box.marked ? `stroke="#c00" stroke-width="2.5"` : `stroke="#666" stroke-width="1"`;
  const rect = `<rect x="${round(left)}" y="${round(top)}" width="${round(width)}" height="${BOX_HEIGHT}" rx="${isPort ? 19 : 5}" fill="${COLOURS[box.kind]}" ${frame}/>`;
  const title = `<text x="${round(centre)}" y="${round(top + (box.detail === "" ? 23 : 17))}" font-size="13" fill="#111">${escaped(box.title)}</text>`;
  const detail =
    box.detail === ""
      ? ""
      : `<text x="${round(centre)}" y="${round(top + 31)}" font-size="10.5" fill="#555">${escaped(box.detail)}</text>`;
  return `<g><title>${escaped(box.tooltip)}</title>${rect}${title}${detail}</g>`;
}

const round = (value: number): string => String(Math.round(value * 10) / 10);

/** Text as XML has it; control characters, which XML has not, are left out. */
function escaped(text: string): string {
  const marks: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text
    .replace(/\p{Cc}/gu, (mark) => (mark === "\n" ? mark : ""))
    .replace(/[&<>"]/g, (mark) => marks[mark] ?? mark);
}
