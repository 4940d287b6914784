/** Writes ONNX bytes from plain objects, by the reader's own field table: tests make their models with it. */

import { type Field, fields, type MessageName } from "../../src/onnx/fields.ts";

type Plain = Readonly<Record<string, unknown>>;

/** The bytes of one message. */
export function encode(name: MessageName, message: Plain): number[] {
  return Object.entries(fields[name]).flatMap(([number, field]) => {
    const value = message[field.name];
    if (value === undefined) return [];
    const items = field.many ? (value as unknown[]) : [value];
    return items.flatMap((item) => encodeField(Number(number), field, item));
  });
}

function encodeField(number: number, { kind }: Field, value: unknown): number[] {
  if (kind === "int") return [...varint(number * 8), ...varint(value as number)];
  if (kind === "float")
    return [...varint(number * 8 + 5), ...new Uint8Array(Float32Array.of(value as number).buffer)];
  if (kind === "double")
    return [...varint(number * 8 + 1), ...new Uint8Array(Float64Array.of(value as number).buffer)];
  const bytes =
    kind === "bytes"
      ? [...(value as Uint8Array)]
      : kind === "text"
        ? [...new TextEncoder().encode(value as string)]
        : encode(kind, value as Plain);
  return [...varint(number * 8 + 2), ...varint(bytes.length), ...bytes];
}

/** A signed 64-bit number as a varint. */
export function varint(value: number): number[] {
  let left = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    bytes.push(Number(left & 127n) | (left > 127n ? 128 : 0));
    left >>= 7n;
  } while (left > 0n);
  return bytes;
}

/** A tensor as `shape` and numbers. */
export interface TensorSpec {
  readonly name?: string;
  readonly shape: readonly number[];
  readonly values: readonly number[];
  readonly type?: "float" | "int64" | "bool" | "double";
}

const elementTypes = { float: 1, int64: 7, bool: 9, double: 11 } as const;

/** A TensorProto with its numbers in the typed lists. */
export function tensor({ name = "", shape, values, type = "float" }: TensorSpec): Plain {
  const list = { float: "floatData", int64: "int64Data", bool: "int32Data", double: "doubleData" }[type];
  return { name, dims: shape, type: elementTypes[type], [list]: values };
}

/** One node: `["Gemm", ["x", "w"], ["y"], { transB: 1 }]`. */
export type NodeSpec = readonly [
  string,
  readonly string[],
  readonly string[],
  Readonly<Record<string, unknown>>?,
];

/** A small model. */
export interface ModelSpec {
  readonly inputs: Readonly<Record<string, readonly (number | string)[]>>;
  readonly outputs: readonly string[];
  readonly nodes: readonly NodeSpec[];
  readonly tensors?: readonly TensorSpec[];
  readonly opset?: number;
  readonly functions?: readonly Plain[];
}

function attribute(name: string, value: unknown): Plain {
  if (typeof value === "number")
    return Number.isInteger(value) ? { name, i: value, type: 2 } : { name, f: value, type: 1 };
  if (typeof value === "string") return { name, s: new TextEncoder().encode(value), type: 3 };
  if (Array.isArray(value))
    return typeof value[0] === "string"
      ? { name, strings: value.map((item: string) => new TextEncoder().encode(item)) }
      : { name, ints: value, type: 7 };
  return { name, ...(value as Plain) };
}

/** A node message; its domain is what stands before the last dot of the operator. */
export function node([operator, inputs, outputs, attributes = {}]: NodeSpec, index = 0): Plain {
  const dot = operator.lastIndexOf(".");
  return {
    name: `${operator.toLowerCase()}${index}`,
    operator: operator.slice(dot + 1),
    ...(dot < 0 ? {} : { domain: operator.slice(0, dot) }),
    inputs,
    outputs,
    attributes: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
  };
}

/** A graph message. */
export function graph({ inputs, outputs, nodes, tensors = [] }: ModelSpec): Plain {
  const info = (name: string, dims?: readonly (number | string)[]): Plain => ({
    name,
    type: {
      tensor: {
        element: 1,
        ...(dims === undefined
          ? {}
          : {
              shape: {
                dims: dims.map((dim) => (typeof dim === "number" ? { value: dim } : { symbol: dim })),
              },
            }),
      },
    },
  });
  return {
    name: "test",
    nodes: nodes.map(node),
    initializers: tensors.map(tensor),
    inputs: Object.entries(inputs).map(([name, dims]) => info(name, dims)),
    outputs: outputs.map((name) => info(name)),
  };
}

/** The bytes of a small model. */
export function model(spec: ModelSpec): Uint8Array {
  const { opset = 21, functions = [] } = spec;
  const operatorSets = [
    { version: opset },
    { domain: "ai.onnx.ml", version: 3 },
    { domain: "custom", version: 1 },
  ];
  return Uint8Array.from(encode("Model", { irVersion: 10, graph: graph(spec), operatorSets, functions }));
}
