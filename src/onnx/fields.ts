/**
 * The field table of the ONNX messages that jacrow reads (onnx.proto, IR version 3 to 13).
 *
 * Field numbers lead to names of `model.ts` and to what the bytes mean; fields that are not listed are skipped.
 */

/** What a field holds: numbers, bytes, or another message of the table. */
export type Kind = "int" | "float" | "double" | "bytes" | "text" | MessageName;

/** One field of a message. */
export interface Field {
  readonly name: string;
  readonly kind: Kind;
  readonly many: boolean;
}

/** The messages of the table. */
export type MessageName =
  | "Model"
  | "OperatorSet"
  | "Graph"
  | "Node"
  | "Attribute"
  | "Tensor"
  | "Entry"
  | "ValueInfo"
  | "Type"
  | "TensorType"
  | "Shape"
  | "Dimension"
  | "Function"
  | "Opaque";

const one = (name: string, kind: Kind): Field => ({ name, kind, many: false });
const many = (name: string, kind: Kind): Field => ({ name, kind, many: true });

/** Field number → field, per message. */
export const fields: Readonly<Record<MessageName, Readonly<Record<number, Field>>>> = {
  Model: {
    1: one("irVersion", "int"),
    2: one("producer", "text"),
    7: one("graph", "Graph"),
    8: many("operatorSets", "OperatorSet"),
    25: many("functions", "Function"),
  },
  OperatorSet: { 1: one("domain", "text"), 2: one("version", "int") },
  Graph: {
    1: many("nodes", "Node"),
    2: one("name", "text"),
    5: many("initializers", "Tensor"),
    11: many("inputs", "ValueInfo"),
    12: many("outputs", "ValueInfo"),
    13: many("valueInfo", "ValueInfo"),
    15: many("sparseInitializers", "Opaque"),
  },
  Node: {
    1: many("inputs", "text"),
    2: many("outputs", "text"),
    3: one("name", "text"),
    4: one("operator", "text"),
    5: many("attributes", "Attribute"),
    7: one("domain", "text"),
    8: one("overload", "text"),
  },
  Attribute: {
    1: one("name", "text"),
    2: one("f", "float"),
    3: one("i", "int"),
    4: one("s", "bytes"),
    5: one("t", "Tensor"),
    6: one("g", "Graph"),
    7: many("floats", "float"),
    8: many("ints", "int"),
    9: many("strings", "bytes"),
    10: many("tensors", "Tensor"),
    11: many("graphs", "Graph"),
    20: one("type", "int"),
    21: one("reference", "text"),
  },
  Tensor: {
    1: many("dims", "int"),
    2: one("type", "int"),
    4: many("floatData", "float"),
    5: many("int32Data", "int"),
    7: many("int64Data", "int"),
    8: one("name", "text"),
    9: one("raw", "bytes"),
    10: many("doubleData", "double"),
    11: many("uint64Data", "int"),
    13: many("external", "Entry"),
    14: one("location", "int"),
  },
  Entry: { 1: one("key", "text"), 2: one("value", "text") },
  ValueInfo: { 1: one("name", "text"), 2: one("type", "Type") },
  Type: {
    1: one("tensor", "TensorType"),
    4: one("sequence", "Opaque"),
    5: one("map", "Opaque"),
    9: one("optional", "Opaque"),
  },
  TensorType: { 1: one("element", "int"), 2: one("shape", "Shape") },
  Shape: { 1: many("dims", "Dimension") },
  Dimension: { 1: one("value", "int"), 2: one("symbol", "text") },
  Function: {
    1: one("name", "text"),
    4: many("inputs", "text"),
    5: many("outputs", "text"),
    6: many("attributeNames", "text"),
    7: many("nodes", "Node"),
    9: many("operatorSets", "OperatorSet"),
    10: one("domain", "text"),
    11: many("attributeDefaults", "Attribute"),
    13: one("overload", "text"),
  },
  Opaque: {},
};
