/**
 * An ONNX graph under construction: nodes, initializers, names.
 *
 * In: operators with named inputs. Out: the bytes of a model. Always: names are unique, equal nodes and equal small constants
 * are written once, and what no output reads is left out.
 */

import { UnsupportedError } from "../../errors.ts";
import { sizeOf } from "../../ir/shape.ts";
import type { Cell, Shape } from "../../ir/types.ts";
import { encodeMessage, type Plain } from "./encode.ts";

/** The width of a model's floats. */
export type FloatWidth = "f32" | "f64";

/** An attribute's value: whole numbers, lists of them, floats marked as such, or text. */
export type Attribute = number | string | readonly number[] | { readonly float: number };

/** A node to write. */
export interface NodeSpec {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

interface Written extends NodeSpec {
  readonly output: string;
}

/** What a declared input or output looks like; a text size is symbolic. */
export interface PortSpec {
  readonly name: string;
  readonly cell: Cell;
  readonly sizes: readonly (number | string)[];
}

/** Element types by their numbers in onnx.proto. */
export const ELEMENT = { float32: 1, int64: 7, bool: 9, float64: 11 } as const;
/** The IR version that came with an opset. */
const irVersion = (opset: number): number => (opset <= 18 ? 8 : opset <= 20 ? 9 : 10);
/** A protocol buffer is smaller than 2 GiB; some is left for the nodes. */
const MOST_BYTES = 2 ** 31 - 2 ** 24;
/** Constants up to this many cells are looked for among those already written. */
const SHARED_CELLS = 64;

/** See the file's header. */
export class GraphWriter {
  readonly width: FloatWidth;
  readonly opset: number;
  readonly #nodes: Written[] = [];
  readonly #known = new Map<string, string>();
  readonly #initializers = new Map<string, Plain>();
  readonly #taken: Set<string>;
  #next = 0;

  /** `taken` are names of inputs and outputs. */
  constructor(options: { width: FloatWidth; opset: number; taken: readonly string[] }) {
    this.width = options.width;
    this.opset = options.opset;
    this.#taken = new Set(options.taken);
  }

  /** Writes a node of one output, or finds an equal one; gives the output's name. */
  node(
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): string {
    const key = `${operator} ${inputs.join(" ")} ${JSON.stringify(attributes)}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const output = this.#fresh();
    this.#nodes.push({ operator, inputs, attributes, output });
    this.#known.set(key, output);
    return output;
  }

  /** Gives a value the name of an output of the model. */
  output(name: string, value: string): void {
    this.#nodes.push({ operator: "Identity", inputs: [value], output: name });
  }

  /** Numbers of a shape; one number fills a shape of one cell only. */
  tensor(values: ArrayLike<number>, shape: Shape, cell: Cell): string {
    const key = values.length > SHARED_CELLS ? undefined : `${cell} (${shape}) ${Array.from(values, bits)}`;
    const known = key === undefined ? undefined : this.#known.get(key);
    if (known !== undefined) return known;
    const name = this.#fresh();
    const type = this.elementOf(cell);
    this.#initializers.set(name, { name, dims: shape, type, raw: rawBytes(values, type) });
    if (key !== undefined) this.#known.set(key, name);
    return name;
  }

  /** A list of whole numbers as a tensor: shapes, axes, indices. */
  ints(values: readonly number[]): string {
    return this.tensor(values, [values.length], "int");
  }

  /** One number. */
  scalar(value: number, cell: Cell = "float"): string {
    return this.tensor([value], [], cell);
  }

  /** The element type of a cell. */
  elementOf(cell: Cell): number {
    if (cell === "float") return this.width === "f32" ? ELEMENT.float32 : ELEMENT.float64;
    return cell === "bool" ? ELEMENT.bool : ELEMENT.int64;
  }

  /** The model's bytes. */
  finish(
    name: string,
    ports: { inputs: readonly PortSpec[]; outputs: readonly PortSpec[] },
  ): Uint8Array<ArrayBuffer> {
    const nodes = this.#needed(ports.outputs.map((port) => port.name));
    const read = new Set(nodes.flatMap(({ inputs }) => inputs));
    const initializers = [...this.#initializers.values()].filter((tensor) =>
      read.has(String(tensor["name"])),
    );
    const bytes = initializers.reduce((sum, { raw }) => sum + (raw as Uint8Array).length, 0);
    if (bytes > MOST_BYTES) {
      const size = `${(bytes / 1e9).toFixed(1)} GB`;
      throw new UnsupportedError(
        "JR543",
        `the weights take ${size}, and an ONNX file holds 2 GB; write fewer outputs, or f32`,
      );
    }
    const graph = {
      name: name === "" ? "jacrow" : name,
      nodes: nodes.map(nodeMessage),
      initializers,
      inputs: ports.inputs.map((port) => this.#port(port)),
      outputs: ports.outputs.map((port) => this.#port(port)),
    };
    return encodeMessage("Model", {
      irVersion: irVersion(this.opset),
      producer: "jacrow",
      graph,
      operatorSets: [{ domain: "", version: this.opset }],
    });
  }

  /** Nodes that the outputs read, directly or not, in order. */
  #needed(outputs: readonly string[]): Written[] {
    const wanted = new Set(outputs);
    const kept: Written[] = [];
    for (const node of [...this.#nodes].reverse()) {
      if (!wanted.has(node.output)) continue;
      kept.push(node);
      for (const input of node.inputs) wanted.add(input);
    }
    return kept.reverse();
  }

  #port({ name, cell, sizes }: PortSpec): Plain {
    const dims = sizes.map((size) => (typeof size === "number" ? { value: size } : { symbol: size }));
    return { name, type: { tensor: { element: this.elementOf(cell), shape: { dims } } } };
  }

  #fresh(): string {
    let name = "";
    do name = `v${this.#next++}`;
    while (this.#taken.has(name));
    return name;
  }
}

/** Text that tells −0 from 0 and NaN from everything. */
function bits(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

function nodeMessage({ operator, inputs, attributes = {}, output }: Written, index: number): Plain {
  return {
    name: `${operator}_${index}`,
    operator,
    inputs,
    outputs: [output],
    attributes: Object.entries(attributes).map(([name, value]) => attributeMessage(name, value)),
  };
}

function attributeMessage(name: string, value: Attribute): Plain {
  if (typeof value === "number") return { name, i: value, type: 2 };
  if (typeof value === "string") return { name, s: new TextEncoder().encode(value), type: 3 };
  return "float" in value ? { name, f: value.float, type: 1 } : { name, ints: value, type: 7 };
}

/** Little-endian cells, as `raw_data` wants them. */
function rawBytes(values: ArrayLike<number>, type: number): Uint8Array {
  if (type === ELEMENT.bool) return Uint8Array.from(values, (value) => (value === 0 ? 0 : 1));
  if (type === ELEMENT.int64) return viewOf(BigInt64Array.from(Array.from(values, BigInt)));
  if (type === ELEMENT.float32)
    return viewOf(values instanceof Float32Array ? values : Float32Array.from(values));
  return viewOf(values instanceof Float64Array ? values : Float64Array.from(values));
}

function viewOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Zeros of a row's shape are cheap to expand: a scalar is enough beyond this many cells. */
export function isLarge(shape: Shape): boolean {
  return sizeOf(shape) > SHARED_CELLS;
}
