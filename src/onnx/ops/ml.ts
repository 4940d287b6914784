/** The ai.onnx.ml operators that scikit-learn's scalers, imputers and linear models are exported to. */

import { norm1, norm2, normInfinity } from "../../ir/library/index.ts";
import { at, range } from "../../ir/shape.ts";
import type { Node } from "../../ir/types.ts";
import type { Call } from "../call.ts";
import { contraction } from "../contraction.ts";
import { elementwise } from "../elementwise.ts";
import { take } from "../movement.ts";
import type { Value } from "../value.ts";
import { added, cast } from "./arithmetic.ts";
import { type Operator, type OperatorTable, row } from "./operator.ts";
import { requireNoBatch } from "./reductions.ts";

function floatInput(call: Call): Value {
  return cast(call, call.input(0), call.input(0).dtype === "float64" ? "float64" : "float32");
}

function vector(call: Call, attribute: string): Value | undefined {
  const numbers = call.floats(attribute);
  return numbers === undefined ? undefined : call.known(numbers, [numbers.length], "float32");
}

/** (x − offset) · scale */
const scaler: Operator = row(1, (call) => {
  const offset = vector(call, "offset") ?? call.known([0], [1], "float32");
  const scale = vector(call, "scale") ?? call.known([1], [1], "float32");
  return elementwise(call, [floatInput(call), offset, scale], {
    emit: (b, [x, o, s]) => b.mul(b.sub(x as Node, o as Node), s as Node),
  });
});

/** Each row divided by its norm over the last axis (MAX, L1 or L2); zero rows stay zero. */
const normalizer: Operator = row(1, (call) => {
  const x = floatInput(call);
  requireNoBatch(call, x, { axes: [x.rank - 1], what: "normalising along" });
  const norm =
    { MAX: normInfinity, L1: norm1, L2: norm2 }[call.text("norm", "MAX")] ??
    call.malformed("it names no norm.");
  const node = take(
    call.b,
    x,
    range(x.rank).filter((axis) => axis === x.rank - 1 || at(x.layout.sizes, axis) !== 1),
  );
  const lengths = norm(call.b, node, [node.shape.length - 1]);
  const spread = call.b.broadcast(call.b.reshape(lengths, [...lengths.shape, 1]), node.shape);
  const safe = call.b.select(call.b.compare("eq", spread, call.b.constant(0)), call.b.constant(1), spread);
  return call.value(call.b.div(node, safe), x.layout);
});

/** 1 above the threshold, else 0. */
const binarizer: Operator = row(1, (call) =>
  elementwise(call, [floatInput(call)], {
    emit: (b, [x]) => b.convert(b.compare("lt", b.constant(call.float("threshold", 0)), x as Node), "float"),
  }),
);

/** NaN (or one given number) replaced by a number per column. */
const imputer: Operator = row(1, (call) => {
  const wanted = call.float("replaced_value_float", Number.NaN);
  const values = vector(call, "imputed_value_floats") ?? call.unsupported("only float columns are imputed.");
  return elementwise(call, [floatInput(call), values], {
    emit: (b, [x, v]) => {
      const missing = Number.isNaN(wanted)
        ? b.compare("ne", x as Node, x as Node)
        : b.compare("eq", x as Node, b.constant(wanted));
      return b.select(missing, v as Node, x as Node);
    },
  });
});

/** x Aᵀ + b with `targets` rows in A. */
const linearRegressor: Operator = row(1, (call) => {
  if (call.text("post_transform", "NONE") !== "NONE")
    call.unsupported("only post_transform NONE is computed.");
  const x = floatInput(call);
  const coefficients = call.floats("coefficients") ?? call.malformed("it has no coefficients.");
  const targets = call.int("targets", 1);
  const matrix = call.known(coefficients, [targets, coefficients.length / targets], "float32");
  return added(
    call,
    contraction(
      call,
      [
        { value: x, labels: [0, 1] },
        { value: matrix, labels: [2, 1] },
      ],
      [0, 2],
    ),
    vector(call, "intercepts"),
  );
});

/** Operators of ai.onnx.ml by name. */
export const mlOperators: OperatorTable = {
  "ai.onnx.ml.Binarizer": binarizer,
  "ai.onnx.ml.Scaler": scaler,
  "ai.onnx.ml.Normalizer": normalizer,
  "ai.onnx.ml.Imputer": imputer,
  "ai.onnx.ml.LinearRegressor": linearRegressor,
};
