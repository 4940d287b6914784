/**
 * How much an operator matters: what every exporter writes (P0), what whole families of models need (P1), what is rare (P2).
 *
 * In: a decoded model. Out: the lowest priority among its operators: a case counts for P1 if nothing in it is rarer.
 */

import type { GraphProto, ModelProto, NodeProto } from "../../src/onnx/model.ts";
import { operatorKey } from "../../src/onnx/support.ts";

const list = (text: string): readonly string[] => text.trim().split(/\s+/);

/** Operators by priority; whatever stands nowhere is "other". */
export const priorities: Readonly<Record<"P0" | "P1" | "P2", readonly string[]>> = {
  P0: list(`
    Gemm MatMul Add Sub Mul Div Neg Sum Mean Abs Sign Exp Log Sqrt Reciprocal Pow Sin Cos Tan Tanh Atan Erf Sigmoid
    Relu LeakyRelu PRelu Elu Selu Celu Gelu Softplus Softsign Mish HardSwish HardSigmoid Swish Clip Max Min Where
    Equal Less LessOrEqual Greater GreaterOrEqual And Or Not Xor Softmax LogSoftmax ReduceSum ReduceMean ReduceMax
    ReduceMin ReduceL2 ReduceSumSquare ReduceLogSumExp LayerNormalization RMSNormalization BatchNormalization Dropout
    Transpose Reshape Flatten Squeeze Unsqueeze Concat Split Slice Gather Expand Identity Constant ConstantOfShape
    Shape Size Range Cast CastLike Floor Ceil Round Mod ai.onnx.ml.Scaler`),
  P1: list(`
    Conv ConvTranspose MaxPool AveragePool GlobalAveragePool GlobalMaxPool GroupNormalization InstanceNormalization
    Resize Einsum CumSum GatherElements GatherND ScatterElements ScatterND Pad Tile Trilu TopK ArgMax ArgMin LSTM GRU
    RNN Attention RotaryEmbedding ReduceProd ReduceL1 ReduceLogSum LpNormalization Shrink ThresholdedRelu Asin Acos
    Sinh Cosh Asinh Acosh Atanh IsNaN IsInf DepthToSpace SpaceToDepth OneHot EyeLike If ai.onnx.ml.Imputer
    ai.onnx.ml.Normalizer ai.onnx.ml.LinearRegressor`),
  P2: list(`
    Loop Scan LpPool GlobalLpPool Det DFT GridSample CumProd LRN SequenceConstruct SequenceEmpty SequenceAt
    SequenceLength SequenceInsert SequenceErase SplitToSequence ConcatFromSequence`),
};

/** A class of cases in the table. */
export type Priority = "P0" | "P1" | "P2" | "other";

/** All classes, the most important first. */
export const classes: readonly Priority[] = ["P0", "P1", "P2", "other"];

/** The class of one operator, by its name in jacrow's table. */
export function priorityOfOperator(key: string): Priority {
  return classes.find((name) => name !== "other" && priorities[name].includes(key)) ?? "other";
}

/** The class of a model; operators of its own count as what they are made of. */
export function priorityOf({ graph, functions }: ModelProto): Priority {
  const keys = [...graph.nodes, ...functions.flatMap(({ nodes }) => nodes)].flatMap(operatorsIn);
  const own = new Set(functions.map(({ name = "", domain = "" }) => operatorKey({ operator: name, domain })));
  const ranks = keys.filter((key) => !own.has(key)).map((key) => classes.indexOf(priorityOfOperator(key)));
  return classes[Math.max(0, ...ranks)] ?? "other";
}

/** The operators of a node and of the graphs inside of it. */
export function operatorsIn(node: NodeProto): string[] {
  const inner: GraphProto[] = node.attributes.flatMap(({ g }) => (g === undefined ? [] : [g]));
  return [operatorKey(node), ...inner.flatMap(({ nodes }) => nodes.flatMap(operatorsIn))];
}
