/**
 * The ONNX messages as plain data, and the check that a decoded file has the parts every model has.
 *
 * In: bytes. Out: a `ModelProto` whose tensors are still undecoded views. Always: names are strings, repeated
 * fields are arrays, and the main opset is known.
 */

import { UnsupportedError, UsageError } from "../errors.ts";
import { decodeMessage, type NumberRun } from "./wire.ts";

/** A model file. */
export interface ModelProto {
  readonly irVersion?: number;
  readonly producer?: string;
  readonly graph: GraphProto;
  readonly operatorSets: readonly OperatorSet[];
  readonly functions: readonly FunctionProto[];
}

/** The version of one domain's operators. */
export interface OperatorSet {
  readonly domain?: string;
  readonly version?: number;
}

/** Nodes in an order in which each reads only earlier ones, and the tensors they start from. */
export interface GraphProto {
  readonly name?: string;
  readonly nodes: readonly NodeProto[];
  readonly initializers: readonly TensorProto[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly sparseInitializers: readonly object[];
}

/** One operator applied to named values. */
export interface NodeProto {
  readonly name?: string;
  readonly operator?: string;
  readonly domain?: string;
  readonly overload?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly AttributeProto[];
}

/** A constant argument of a node, in the field that its type names. */
export interface AttributeProto {
  readonly name?: string;
  readonly f?: number;
  readonly i?: number;
  readonly s?: Uint8Array;
  readonly t?: TensorProto;
  readonly g?: GraphProto;
  readonly floats: readonly NumberRun[];
  readonly ints: readonly NumberRun[];
  readonly strings: readonly Uint8Array[];
  readonly type?: number;
  /** Inside a local function: the attribute of the calling node to take instead. */
  readonly reference?: string;
}

/** An array, in raw bytes, a typed list or another file. */
export interface TensorProto {
  readonly name?: string;
  readonly dims: readonly NumberRun[];
  readonly type?: number;
  readonly raw?: Uint8Array;
  readonly floatData: readonly NumberRun[];
  readonly int32Data: readonly NumberRun[];
  readonly int64Data: readonly NumberRun[];
  readonly doubleData: readonly NumberRun[];
  readonly uint64Data: readonly NumberRun[];
  readonly external: readonly { readonly key?: string; readonly value?: string }[];
  readonly location?: number;
}

/** A declared input or output. */
export interface ValueInfo {
  readonly name?: string;
  readonly type?: {
    readonly tensor?: {
      readonly element?: number;
      readonly shape?: { readonly dims: readonly Dimension[] };
    };
  };
}

/** A declared size: a number, a symbol, or nothing at all. */
export interface Dimension {
  readonly value?: number;
  readonly symbol?: string;
}

/** A function of the model itself, called like an operator. */
export interface FunctionProto {
  readonly name?: string;
  readonly domain?: string;
  readonly overload?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributeNames: readonly string[];
  readonly attributeDefaults: readonly AttributeProto[];
  readonly nodes: readonly NodeProto[];
  readonly operatorSets: readonly OperatorSet[];
}

/** The oldest operator set whose rules the importer knows. */
const OLDEST_OPSET = 7;

/** Decodes a model file; `what` names it in errors. */
export function readModel(bytes: Uint8Array, what: string): ModelProto {
  const model = decodeMessage(bytes, "Model", what) as unknown as Partial<ModelProto>;
  if (model.graph === undefined || (model.operatorSets?.length ?? 0) === 0) {
    throw new UsageError(
      "JR502",
      `${what} is not an ONNX model: it has no ${model.graph === undefined ? "graph" : "operator set"}.`,
    );
  }
  const opset = opsetOf(model as ModelProto, "");
  if (opset < OLDEST_OPSET) {
    throw new UnsupportedError(
      "JR503",
      `${what} uses opset ${opset}; the oldest that jacrow reads is ${OLDEST_OPSET}. Convert it with onnx.version_converter.`,
    );
  }
  return model as ModelProto;
}

/** The version of a domain's operators that a model asks for; the main domain is "". */
export function opsetOf({ operatorSets }: Pick<ModelProto, "operatorSets">, domain: string): number {
  const plain = (name = ""): string => (name === "ai.onnx" ? "" : name);
  const versions = operatorSets
    .filter((set) => plain(set.domain) === plain(domain))
    .map((set) => set.version ?? 1);
  return versions.length === 0 ? (domain === "" ? OLDEST_OPSET : 1) : Math.max(...versions);
}
