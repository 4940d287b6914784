/**
 * Rebinding without allocating: where every cell of a kernel's bound memory comes from, in tables made once.
 *
 * Values that only move numbers of shared inputs are read through their places; elementwise values are computed in loops. Any
 * other operation is evaluated as when binding for the first time. Always: the bytes that `boundImage` gives.
 */

import { packedOnce } from "../codegen/layout.ts";
import { pack } from "../codegen/packing.ts";
import { evaluateNode } from "../ir/evaluate.ts";
import { operandsOf } from "../ir/graph.ts";
import { binaryOps, isBinary, isUnary, unaryOps } from "../ir/ops.ts";
import { at, sizeOf } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { BinaryNode, Node, UnaryNode } from "../ir/types.ts";
import type { Buffer } from "../lower/loops.ts";
import { type BoundMemory, type Writer, writeImage } from "./rebinding.ts";
import type { FloatArray } from "./wasm/instance.ts";

/** Cells of memory and, for each, the value it takes. */
interface Writing {
  readonly out: FloatArray;
  readonly from: Int32Array;
}

/** The numbers of one shared input among all values. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/** Writes through tables. */
export const writeThroughTables: Writer = (memory, shared) => {
  const values = new Values();
  const spans = [...shared.keys()].map((input): Span => {
    const start = values.cellsOf(input)[0] ?? 0;
    return { start, end: start + sizeOf(input.shape) };
  });
  const writings = writingsOf(memory, values);
  if (writings === undefined) return writeImage(memory, shared);
  values.seal();
  const within = (cells: ArrayLike<number>, { start, end }: Span): boolean =>
    Array.prototype.every.call(cells, (cell: number) => cell >= start && cell < end);
  const meets = (cells: ArrayLike<number>, { start, end }: Span): boolean =>
    Array.prototype.some.call(cells, (cell: number) => cell >= start && cell < end);
  // What shows one input alone is read from there; other inputs' numbers are kept beside those computed from them.
  const direct = spans.map((span) =>
    writings.filter(({ from }) => within(from, span)).map((each) => shifted(each, span)),
  );
  const others = writings.filter(({ from }) => !spans.some((span) => within(from, span)));
  const tables = [...values.read, ...others.map(({ from }) => from)];
  const isKept = spans.map((span) => tables.some((cells) => meets(cells, span)));
  return (numbers) => {
    for (let input = 0; input < numbers.length; input++) {
      const own = numbers[input] as FloatArray;
      const places = direct[input] as readonly Writing[];
      for (let place = 0; place < places.length; place++) write(places[place] as Writing, own);
      if (isKept[input]) values.set(own, (spans[input] as Span).start);
    }
    values.compute();
    for (let place = 0; place < others.length; place++) values.write(others[place] as Writing);
  };
};

/** The writing with places counted from the span's start. */
const shifted = ({ out, from }: Writing, { start }: Span): Writing => ({
  out,
  from: from.map((cell) => cell - start),
});

function write({ out, from }: Writing, numbers: FloatArray): void {
  for (let cell = 0; cell < from.length; cell++) out[cell] = numbers[from[cell] as number] as number;
}

/** What to write of every buffer that depends on shared inputs; undefined where one holds no floats or goes through tables. */
function writingsOf({ code, bytes }: BoundMemory, values: Values): Writing[] | undefined {
  const view = (address: number, length: number): FloatArray =>
    code.layout.bytes === 4
      ? new Float32Array(bytes.buffer, bytes.byteOffset + address, length)
      : new Float64Array(bytes.buffer, bytes.byteOffset + address, length);
  const writings: Writing[] = [];
  for (const [product, { address, packing }] of packedOnce(code.layout)) {
    if (product.a.index.indirect !== undefined) return undefined;
    const from = new Float64Array(packing.cells);
    pack(product, { packing, values: cellsIn(product.a.buffer, values), tables: () => [], out: from });
    writings.push({ out: view(address, packing.cells), from: Int32Array.from(from) });
  }
  for (const [buffer, address] of code.layout.plain) {
    if (isConstant(buffer)) continue;
    if (buffer.cell !== "float") return undefined;
    const from = Int32Array.from(cellsIn(buffer, values));
    writings.push({ out: view(address, from.length), from });
  }
  return values.complete ? writings : undefined;
}

const isConstant = (buffer: Buffer): boolean =>
  buffer.space === "bound" && buffer.source.level === "constant";

function cellsIn(buffer: Buffer, values: Values): Float64Array {
  if (buffer.space !== "bound") return new Float64Array(0);
  const cells = values.cellsOf(buffer.source);
  return cells.length === buffer.cells ? cells : new Float64Array(buffer.cells).fill(cells[0] as number);
}

/** Numbers by cell: those of shared inputs, then those of every value computed from them. */
class Values {
  /** Where each value's numbers stand. */
  readonly #cells = new Map<Node, Float64Array>();
  readonly #once: (() => void)[] = [];
  readonly #steps: (() => void)[] = [];
  /** Where computed values read. */
  readonly read: Float64Array[] = [];
  /** Has every value numbers of its own? Loops have several. */
  complete = true;
  #size = 0;
  #numbers = new Float64Array(0);

  cellsOf(node: Node): Float64Array {
    const known = this.#cells.get(node);
    if (known !== undefined) return known;
    const cells = moves(node) ? this.#moved(node) : this.#computed(node);
    this.#cells.set(node, cells);
    return cells;
  }

  /** Makes room for all values, and computes constants; no more can be asked for. */
  seal(): void {
    this.#numbers = new Float64Array(this.#size);
    if (this.complete) for (const step of this.#once) step();
  }

  set(numbers: FloatArray, start: number): void {
    this.#numbers.set(numbers, start);
  }

  compute(): void {
    for (let step = 0; step < this.#steps.length; step++) (this.#steps[step] as () => void)();
  }

  write(writing: Writing): void {
    write(writing, this.#numbers);
  }

  /** A movement of cells moves their places. */
  #moved(node: Node): Float64Array {
    const [first, ...others] = operandsOf(node);
    const rest = node.op === "concat" ? others.map((each) => this.#places(each)) : others.map(constantOf);
    return evaluateNode(node, [this.#places(first as Node), ...rest]).data;
  }

  #places(node: Node): Tensor {
    return { data: this.cellsOf(node), shape: node.shape };
  }

  #computed(node: Node): Float64Array {
    const operands = operandsOf(node).map((operand) => this.cellsOf(operand));
    this.read.push(...operands);
    const start = this.#size;
    this.#size += sizeOf(node.shape);
    this.complete &&= node.op !== "scan" && node.op !== "project";
    if (node.op !== "input")
      (node.level === "constant" ? this.#once : this.#steps).push(this.#step(node, operands, start));
    return Float64Array.from({ length: sizeOf(node.shape) }, (_, cell) => start + cell);
  }

  #step(node: Node, operands: readonly Float64Array[], start: number): () => void {
    const [a, b] = operands as [Float64Array, Float64Array];
    const both = { a, b, start };
    if (isUnary(node.op) && node.cell === "float") return () => this.#unary(node as UnaryNode, a, start);
    if (isBinary(node.op) && node.cell === "float") return () => this.#binary(node as BinaryNode, both);
    return () => {
      const tensors = operandsOf(node).map(({ shape }, index) => {
        const data = new Float64Array(at(operands, index).length);
        this.write({ out: data, from: Int32Array.from(at(operands, index)) });
        return { data, shape };
      });
      this.#numbers.set(evaluateNode(node, tensors).data, start);
    };
  }

  #unary({ op }: UnaryNode, a: Float64Array, start: number): void {
    const numbers = this.#numbers;
    const rule = unaryOps[op];
    for (let cell = 0; cell < a.length; cell++)
      numbers[start + cell] = rule(numbers[a[cell] as number] as number);
  }

  #binary({ op }: BinaryNode, { a, b, start }: { a: Float64Array; b: Float64Array; start: number }): void {
    const numbers = this.#numbers;
    const rule = binaryOps[op];
    for (let cell = 0; cell < a.length; cell++)
      numbers[start + cell] = rule(
        numbers[a[cell] as number] as number,
        numbers[b[cell] as number] as number,
      );
  }
}

/** Does the value only repeat numbers of its operands, by shapes and constants? */
function moves(node: Node): boolean {
  if (node.op === "gather") return node.indices.op === "constant";
  return ["reshape", "transpose", "broadcast", "slice", "concat"].includes(node.op);
}

function constantOf(node: Node): Tensor {
  return evaluateNode(node, []);
}
