/**
 * From an ONNX model to the row program.
 *
 * In: a decoded model. Out: a program of one row whose weights are the file's own arrays, with its inputs and outputs as
 * rows see them. Always: the independence of the rows is proven on the way (or the node that mixes them is refused),
 * shape arithmetic is gone, and every node of the program remembers the ONNX node it came from.
 */

import { UnsupportedError, UsageError } from "../errors.ts";
import { Builder } from "../ir/builder.ts";
import { programOf } from "../ir/graph.ts";
import { at } from "../ir/shape.ts";
import type { InputNode, Program } from "../ir/types.ts";
import { Call, cellOf, labelOf } from "./call.ts";
import { type InputOptions, type ModelInput, modelInputs } from "./inputs.ts";
import { isBatchAxis, type Layout, layout, plain, rowShape } from "./layout.ts";
import {
  type AttributeProto,
  type FunctionProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  opsetOf,
  type TensorProto,
} from "./model.ts";
import { tensorValue } from "./ops/constants.ts";
import { operators } from "./ops/index.ts";
import { functionsOf, neededNodes, operatorKey, requireSupported } from "./support.ts";
import { type Dtype, dtypeOf, readTensor, shapeOf } from "./tensor.ts";
import { Value } from "./value.ts";

/** An input or output as one row has it. */
export interface Port {
  readonly name: string;
  /** Shape of one row. */
  readonly shape: readonly number[];
  readonly dtype: Dtype;
  /** The model's own axis that holds the rows; null if it has none. */
  readonly batchAxis: number | null;
  /** True for inputs that all rows share. */
  readonly shared: boolean;
}

/** An imported model. */
export interface ImportedModel {
  readonly program: Program;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** False for a model of one literal row: it is called once per row, and needs no proof that rows are independent. */
  readonly proven: boolean;
  /** The width the model computes in. */
  readonly dtype: "f32" | "f64";
}

/** What importing needs besides the model. */
export interface ImportOptions extends InputOptions {
  /** The model's name in errors; that of the program too, without its ending, where it is a file's. */
  readonly what: string;
  /** Names of the outputs, or of any values inside, to import in place of all outputs. */
  readonly outputs?: readonly string[] | undefined;
  /** Bytes of a tensor that is stored outside of the file. */
  readonly external?: ((tensor: TensorProto) => Uint8Array) | undefined;
}

/** Imports a decoded model. */
export function importModel(model: ModelProto, options: ImportOptions): ImportedModel {
  const wanted = withOutputs(model, options);
  requireSupported(wanted, operators, options.what);
  return new Importer(wanted, options).run();
}

/** The model with only the wanted outputs. */
function withOutputs(model: ModelProto, { outputs, what }: ImportOptions): ModelProto {
  if (outputs === undefined) return model;
  const { graph } = model;
  const made = new Set([
    ...graph.nodes.flatMap((node) => node.outputs),
    ...graph.inputs.map(({ name }) => name),
  ]);
  const wrong = outputs.find((name) => !made.has(name));
  if (wrong !== undefined || outputs.length === 0) {
    const known = graph.outputs.map(({ name }) => `"${name}"`).join(", ");
    throw new UsageError("JR508", `${what} has no output ${JSON.stringify(wrong ?? "")}; it has ${known}.`);
  }
  return { ...model, graph: { ...graph, outputs: outputs.map((name) => ({ name })) } };
}

/** Names in scope: a graph's own, then those around it. */
type Scope = Map<string, Value>;

const MOST_CALLS_DEEP = 30;
/** Functions that call functions, and loops in loops, may ask for any number. */
const MOST_NODES = 200_000;

class Importer {
  readonly #model: ModelProto;
  readonly #options: ImportOptions;
  readonly #functions: ReadonlyMap<string, FunctionProto>;
  readonly #b = new Builder();
  #depth = 0;
  #count = 0;

  constructor(model: ModelProto, options: ImportOptions) {
    this.#model = model;
    this.#options = options;
    this.#functions = functionsOf(model);
  }

  run(): ImportedModel {
    const { graph } = this.#model;
    const inputs = modelInputs(graph, this.#options);
    requireDistinct(inputs, `an input of ${this.#options.what}`);
    requireDistinct(graph.outputs, `an output of ${this.#options.what}`);
    const scope: Scope = new Map();
    const nodes = inputs.map((input) => this.#input(input, scope));
    const values = this.#graph(graph, scope);
    const outputs = graph.outputs.map(({ name = "" }, index) =>
      this.#output(name, at(values, index), inputs),
    );
    const { what } = this.#options;
    const program = programOf(
      /([^/\\]+)\.onnx$/.exec(what)?.[1] ?? graph.name ?? "model",
      nodes,
      outputs.map(({ port, node }) => ({ name: port.name, value: node })),
    );
    const dtypes = [...inputs, ...outputs.map(({ port }) => port)].map(({ dtype }) => dtype);
    const ports = inputs.map((input, index) => ({
      name: input.name,
      shape: at(nodes, index).shape,
      dtype: input.dtype,
      batchAxis: input.batchAxis,
      shared: input.kind === "shared",
    }));
    return {
      program,
      proven: inputs.some(({ kind }) => kind === "tracked"),
      inputs: ports,
      outputs: outputs.map(({ port }) => port),
      dtype: dtypes.includes("float64") ? "f64" : "f32",
    };
  }

  /** Declares an input; its row has every axis but the batch. */
  #input({ name, dtype, sizes, batchAxis, kind }: ModelInput, scope: Scope): InputNode {
    const shape = sizes.filter((_, axis) => axis !== batchAxis);
    const node = this.#b.input(name, shape, { level: kind === "shared" ? "bound" : "row" });
    const own = layout(
      sizes,
      kind === "tracked" && batchAxis !== null ? { axis: batchAxis, outer: 1 } : undefined,
    );
    scope.set(
      name,
      new Value({
        dtype,
        layout: own,
        node: () => this.#b.convert(this.#b.reshape(node, rowShape(own)), cellOf(dtype)),
        path: { step: `input "${name}"` },
      }),
    );
    return node;
  }

  /** The output's row: pure batch axes go, and in a model of one literal row the axis the inputs call batch. */
  #output(
    name: string,
    value: Value,
    inputs: readonly ModelInput[],
  ): { port: Port; node: Program["outputs"][number]["value"] } {
    const batchAxis = outputAxis(value.layout, inputs);
    const shape = value.layout.sizes.filter((_, axis) => axis !== batchAxis);
    const node = this.#b.convert(this.#b.reshape(value.node, shape), "float");
    return { port: { name, shape, dtype: value.dtype, batchAxis, shared: false }, node };
  }

  /** The values of a graph's outputs. */
  #graph(graph: GraphProto, outer: Scope): Value[] {
    const scope: Scope = new Map(outer);
    for (const tensor of graph.initializers) this.#initializer(tensor, scope);
    const names = graph.outputs.map(({ name }) => name ?? "");
    for (const node of neededNodes(graph.nodes, names)) this.#node(node, scope);
    return names.map((name) => this.#lookup(name, scope, `an output of ${this.#options.what}`));
  }

  /** Makes a tensor of the file known; it is decoded when it is used. */
  #initializer(tensor: TensorProto, scope: Scope): void {
    const { name = "" } = tensor;
    const place = `tensor "${name}" of ${this.#options.what}`;
    const { external } = this.#options;
    const read = () =>
      readTensor(
        tensor.location === 1 && external !== undefined ? { ...tensor, raw: external(tensor) } : tensor,
        place,
      );
    const dtype = () => dtypeOf(tensor.type, place);
    scope.set(name, tensorValue({ b: this.#b }, read, { dtype: dtype(), shape: shapeOf(tensor, place) }));
  }

  #lookup(name: string, scope: Scope, reader: string): Value {
    const value = scope.get(name);
    if (value === undefined)
      throw new UsageError("JR506", `${reader} reads "${name}", which nothing before it makes.`);
    return value;
  }

  /** Imports one node into the scope. */
  #node(node: NodeProto, scope: Scope): void {
    if (++this.#count > MOST_NODES) {
      throw new UnsupportedError("JR515", `${this.#options.what} unrolls to more than ${MOST_NODES} nodes.`);
    }
    const key = operatorKey(node);
    const label = labelOf(key, node.name ?? "");
    const inputs = node.inputs.map((name) => (name === "" ? undefined : this.#lookup(name, scope, label)));
    const own = operators[key] === undefined ? this.#functions.get(key) : undefined;
    const results =
      own === undefined ? this.#operator(node, { inputs, scope }) : this.#function(own, { node, inputs });
    node.outputs.forEach((name, index) => {
      const result = results[index];
      if (name !== "" && result !== undefined) scope.set(name, result);
    });
  }

  #operator(
    node: NodeProto,
    { inputs, scope }: { inputs: readonly (Value | undefined)[]; scope: Scope },
  ): readonly Value[] {
    const call = new Call({
      operator: operatorKey(node),
      name: node.name ?? "",
      opset: opsetOf(this.#model, node.domain ?? ""),
      inputs,
      outputs: node.outputs,
      attributes: node.attributes,
      b: this.#b,
      subgraph: (graph, given = []) => this.#nested(() => this.#graph(graph, bodyScope(scope, graph, given))),
    });
    const before = this.#b.origin;
    this.#b.origin = { name: call.label };
    try {
      const result = operators[call.operator]?.import(call) ?? [];
      return result instanceof Value ? [result] : result;
    } finally {
      this.#b.origin = before;
    }
  }

  /** Expands a local function in a scope of its own. */
  #function(
    own: FunctionProto,
    { node, inputs }: { node: NodeProto; inputs: readonly (Value | undefined)[] },
  ): Value[] {
    const scope: Scope = new Map();
    own.inputs.forEach((name, index) => {
      const value = inputs[index];
      if (value !== undefined) scope.set(name, value);
    });
    const given = new Map(
      [...own.attributeDefaults, ...node.attributes].map((attribute) => [attribute.name, attribute]),
    );
    return this.#nested(() => {
      for (const inner of neededNodes(own.nodes, own.outputs)) this.#node(bound(inner, given), scope);
      return own.outputs.map((name) => this.#lookup(name, scope, `the function ${own.name ?? ""}`));
    });
  }

  #nested<T>(run: () => T): T {
    if (++this.#depth > MOST_CALLS_DEEP)
      throw new UsageError(
        "JR506",
        `${this.#options.what}: functions call each other more than ${MOST_CALLS_DEEP} deep.`,
      );
    const result = run();
    this.#depth--;
    return result;
  }
}

function requireDistinct(ports: readonly { readonly name?: string }[], what: string): void {
  const names = ports.map(({ name = "" }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new UsageError("JR506", `${what} is named "${twice}", as another one is.`);
}

/** A function's node with its attribute references replaced by what the caller gave. */
function bound(node: NodeProto, given: ReadonlyMap<string | undefined, AttributeProto>): NodeProto {
  const attributes = node.attributes.flatMap((attribute) => {
    if (attribute.reference === undefined) return [attribute];
    const value = given.get(attribute.reference);
    return value === undefined ? [] : [{ ...value, name: attribute.name ?? "" }];
  });
  return { ...node, attributes };
}

/** The scope of a loop's body: its inputs stand for the given values. */
function bodyScope(scope: Scope, { inputs }: GraphProto, given: readonly Value[]): Scope {
  const entries = given.map((value, index) => [inputs[index]?.name ?? "", value] as const);
  return given.length === 0 ? scope : new Map([...scope, ...entries]);
}

/** The axis of an output that is the batch and nothing else. */
function outputAxis(own: Layout, inputs: readonly ModelInput[]): number | null {
  if (own.batch !== undefined) return isBatchAxis(own, own.batch.axis) ? own.batch.axis : null;
  const axis = inputs.find(({ kind, batchAxis }) => kind === "literal" && batchAxis !== null)?.batchAxis;
  return axis !== null && axis !== undefined && plain(own.sizes).sizes[axis] === 1 ? axis : null;
}
