/** Lowered programs compute what the interpreter computes, with and without fusion. */

import { describe, expect, test } from "vitest";
import { Builder } from "../../src/ir/builder.ts";
import { nodesOf, programOf } from "../../src/ir/graph.ts";
import { range, sizeOf } from "../../src/ir/shape.ts";
import type { Node, Program } from "../../src/ir/types.ts";
import { lower, printLowered } from "../../src/lower/index.ts";
import { expandSelections } from "../../src/lower/selections.ts";
import { checkLowered } from "./check.ts";
import { layerNorm, netJacobian, oneInput, softmax } from "./programs.ts";

const ints = (b: Builder, values: readonly number[], shape: readonly number[]): Node =>
  b.constant(values, shape, "int");

const cases: Readonly<Record<string, () => Program>> = {
  "a net and its Jacobian": () => netJacobian([5, 7, 6, 4]),
  "a net with few neurons": () => netJacobian([2, 3, 2]),
  softmax: () => oneInput([4, 6], softmax),
  "layer norm": () => oneInput([9], layerNorm),
  elementwise: () =>
    oneInput([3, 4], (b, x) => [
      b.unary("sin", x),
      b.mul(x, b.unary("exp", x)),
      b.unary("tanh", b.unary("exp", x)),
    ]),
  "input as output": () => oneInput([3], (_, x) => [x, x]),
  "one node, two outputs": () =>
    oneInput([3], (b, x) => {
      const y = b.unary("exp", x);
      return [y, y, b.neg(y)];
    }),
  "a constant output": () => oneInput([3], (b, x) => [b.constant([1, 2, 3], [3]), b.constant(4, [2]), x]),
  "views as outputs": () =>
    oneInput([3, 4], (b, x) => {
      const y = b.unary("exp", x);
      return [
        b.transpose(y, [1, 0]),
        b.reshape(y, [2, 6]),
        b.broadcast(y, [2, 3, 4]),
        b.slice(y, { starts: [2, 1], steps: [-1, 2], shape: [3, 2] }),
      ];
    }),
  "a transposed reshape": () =>
    oneInput([3, 4], (b, x) => b.transpose(b.reshape(b.unary("exp", x), [6, 2]), [1, 0])),
  "a reshape without common factors": () =>
    oneInput([2, 3], (b, x) => {
      const y = b.reshape(b.transpose(b.reshape(x, [3, 2]), [1, 0]), [3, 2]);
      return [
        b.unary("exp", y),
        b.add(
          b.reshape(b.unary("exp", x), [3, 2]),
          b.transpose(b.reshape(b.unary("exp", x), [2, 3]), [1, 0]),
        ),
      ];
    }),
  "concat of everything": () =>
    oneInput([2, 3], (b, x) => {
      const y = b.unary("exp", x);
      return b.concat(
        [x, y, b.transpose(b.reshape(y, [3, 2]), [1, 0]), b.constant(7, [2, 1]), b.mul(x, x), y],
        1,
      );
    }),
  "concat used twice": () =>
    oneInput([3], (b, x) => {
      const joint = b.concat([b.unary("sin", x), b.reshape(b.sum(x, [0]), [1])], 0);
      return [b.mul(joint, joint), b.concat([joint, b.neg(joint)], 0)];
    }),
  pad: () =>
    oneInput([2, 3], (b, x) => {
      const spec = { starts: [1, 0], steps: [2, 1], shape: [5, 4] };
      return [b.pad(b.unary("exp", x), spec), b.add(b.pad(x, spec), b.pad(b.mul(x, x), spec))];
    }),
  "a concat inside a pad with gaps": () =>
    oneInput([3], (b, x) =>
      b.pad(b.concat([b.constant(5, [1]), b.neg(x)], 0), { starts: [1], steps: [2], shape: [9] }),
    ),
  "gather with known indices": () =>
    oneInput([4, 3], (b, x) => [
      b.gather(x, ints(b, [3, 0, 0, 2], [2, 2]), 0),
      b.gather(b.unary("exp", x), ints(b, [2, 1], [2]), 1),
    ]),
  "gather with a row's indices": () =>
    oneInput([5], (b, x) => {
      const index = b.convert(b.mul(b.unary("abs", b.unary("sin", x)), b.constant(2.9)), "int");
      return [
        b.gather(b.unary("exp", b.slice(x, { starts: [0], steps: [1], shape: [3] })), index, 0),
        b.scatterAdd(x, index, { axis: 0, size: 3 }),
      ];
    }),
  "scatterAdd with known indices": () =>
    oneInput([4, 3], (b, x) =>
      b.scatterAdd(b.unary("exp", x), ints(b, [1, 0, 1, 1], [4]), { axis: 0, size: 3 }),
    ),
  "windows and overlaps": () =>
    oneInput([2, 9], (b, x) => {
      const windows = b.window(b.unary("exp", x), { axis: 1, size: 3, stride: 2, dilation: 1 });
      return [windows, b.unwindow(b.mul(windows, windows), { axis: 1, length: 9, stride: 2, dilation: 1 })];
    }),
  convolution: () =>
    oneInput([2, 8, 8], (b, x) => {
      const padded = b.pad(x, { starts: [0, 1, 1], steps: [1, 1, 1], shape: [2, 10, 10] });
      const once = b.window(padded, { axis: 1, size: 3, stride: 1, dilation: 1 });
      const windows = b.window(once, { axis: 3, size: 3, stride: 1, dilation: 1 });
      const kernel = b.constant(
        Float64Array.from({ length: 4 * 2 * 9 }, (_, i) => Math.sin(i)),
        [4, 2, 3, 3],
      );
      const y = b.contract(kernel, windows, { a: [0, 1, 2, 3], b: [1, 4, 2, 5, 3], out: [0, 4, 5] });
      return b.reshape(b.unary("tanh", y), [4 * 64]);
    }),
  "logic and selection": () =>
    oneInput([6], (b, x) => {
      const inside = b.logic(
        "and",
        b.compare("lt", x, b.constant(1)),
        b.not(b.compare("lt", x, b.constant(-1))),
      );
      return [
        b.select(inside, b.mul(x, x), b.unary("exp", x)),
        b.convert(b.reduce("any", inside, [0]), "float"),
        b.convert(b.reduce("all", inside, [0]), "float"),
      ];
    }),
  iota: () => oneInput([3, 4], (b, x) => b.add(x, b.convert(b.iota([3, 4], 1), "float"))),
  "products and extremes": () =>
    oneInput([3, 4], (b, x) => [
      b.reduce("reduceProd", x, [0]),
      b.reduce("reduceMax", x, [1]),
      b.reduce("reduceMin", b.unary("sin", x), [0, 1]),
    ]),
  "row times row": () =>
    oneInput([4, 5], (b, x) => {
      const gram = b.contract(b.unary("tanh", x), x, { a: [0, 1], b: [2, 1], out: [2, 0] });
      return [
        gram,
        b.contract(x, x, { a: [0, 1], b: [0, 1], out: [] }),
        b.contract(x, x, { a: [0, 1], b: [2, 3], out: [0, 3, 1, 2] }),
      ];
    }),
  "batched products": () =>
    oneInput([3, 4, 5], (b, x) => b.matmul(b.transpose(x, [0, 2, 1]), b.unary("sin", x))),
  attention: () =>
    oneInput([6, 8], (b, x) => {
      const heads = (w: number): Node => {
        const weights = b.constant(
          Float64Array.from({ length: 64 }, (_, i) => Math.cos(i * w)),
          [8, 8],
        );
        return b.transpose(
          b.reshape(
            b.matmul(x, b.reshape(b.add(b.constant(0, [64]), b.reshape(weights, [64])), [8, 8])),
            [6, 2, 4],
          ),
          [1, 0, 2],
        );
      };
      const scores = b.matmul(heads(1), b.transpose(heads(2), [0, 2, 1]));
      return b.reshape(b.transpose(b.matmul(softmax(b, scores), heads(3)), [1, 0, 2]), [6, 8]);
    }),
};

describe.each([{ fuse: true, straight: false }, { fuse: false, straight: false }, { straight: true }])(
  "%o",
  (options) => {
    test.each(Object.keys(cases))("%s", (name) => {
      checkLowered((cases[name] as () => Program)(), options);
    });
  },
);

/** y = Σ_k M[o, k] x[k, r] for a 0/1 matrix M given by its ones. */
function selection(
  sizes: { to: number[]; from: number[] },
  one: (to: number, from: number) => boolean,
): Program {
  return oneInput([...sizes.from, 2], (b, x) => {
    const [rows, columns] = [sizeOf(sizes.to), sizeOf(sizes.from)];
    const values = Float64Array.from({ length: rows * columns }, (_, cell) =>
      one(Math.floor(cell / columns), cell % columns) ? 1 : 0,
    );
    const matrix = b.convert(b.convert(b.constant(values.subarray(0, 64), [rows, columns]), "int"), "float");
    const to = range(sizes.to.length).map((axis) => 10 + axis);
    const from = range(sizes.from.length).map((axis) => 20 + axis);
    return b.contract(b.reshape(matrix, [...sizes.to, ...sizes.from]), b.unary("sin", x), {
      a: [...to, ...from],
      b: [...from, 1],
      out: [1, ...to],
    });
  });
}

const selections: Readonly<Record<string, () => Program>> = {
  slice: () => selection({ to: [3], from: [8] }, (to, from) => from === 1 + 2 * to),
  "reversed slice": () => selection({ to: [4], from: [6] }, (to, from) => from === 5 - to),
  window: () =>
    selection({ to: [3, 2], from: [9] }, (to, from) => from === 1 + Math.floor(to / 2) * 2 + (to % 2) * 3),
  gather: () => selection({ to: [4], from: [5] }, (to, from) => from === [4, 0, 0, 3][to]),
  pad: () => selection({ to: [9], from: [4] }, (to, from) => to === 1 + 2 * from),
  unwindow: () =>
    selection({ to: [8], from: [3, 2] }, (to, from) => to === 1 + Math.floor(from / 2) * 2 + (from % 2)),
  scatter: () => selection({ to: [2, 3], from: [5] }, (to, from) => to === [5, 0, 0, 3, 2][from]),
  "no selection": () => selection({ to: [4], from: [4] }, (to, from) => to <= from),
};

describe("selections", () => {
  test.each(Object.keys(selections))("%s", (name) => {
    const program = (selections[name] as () => Program)();
    checkLowered(program, { straight: false });
    const ops = nodesOf(expandSelections(program).program).map((node) => node.op);
    expect(ops.includes("contract")).toBe(name === "no selection");
  });
});

test("a selection per window: the Jacobian of a pool's maximum", () => {
  const program = oneInput([4, 2, 3], (b, x) => {
    const values = Float64Array.from({ length: 4 * 2 * 8 }, (_, cell) =>
      cell % 8 === 2 * Math.floor(cell / 16) + (Math.floor(cell / 8) % 2) ? 1 : 0,
    );
    const matrix = b.constant(values, [4, 2, 8]);
    return b.contract(matrix, b.unary("sin", x), { a: [0, 1, 2], b: [0, 1, 3], out: [3, 0, 2] });
  });
  checkLowered(program, { straight: false });
  expect(nodesOf(expandSelections(program).program).map((node) => node.op)).not.toContain("contract");
});

test("sums over rows", () => {
  for (const dtype of ["f32", "f64"] as const) {
    const b = new Builder();
    const x = b.input("x", [20]);
    const y = b.unary("sin", x);
    const outer = b.rowSum(b.contract(y, y, { a: [0], b: [1], out: [1, 0] }));
    const product = b.rowSum(b.contract(y, b.unary("cos", x), { a: [0], b: [1], out: [1, 0] }));
    const values = [y, outer, product, b.rowSum(x)];
    checkLowered(
      programOf(
        "sums",
        [x],
        values.map((value, index) => ({ name: `y${index}`, value })),
      ),
      { dtype },
    );
  }
});

test("a net's Jacobian has no copies", () => {
  expect(printLowered(lower(netJacobian([32, 256, 256, 16]), { dtype: "f32" }))).toMatchInlineSnapshot(`
    "net f32 (x[32]) -> (y[16], jacobian[512]) scratch 9248
      product m(i<256) k(j<32): acc0 = W0[32i+j] * x[j]
        v0 = tanh(add(b0[i], acc0))
        tanh[i] = v0
        sub[i] = subtractProduct(v0, v0, 1)
      product m(i<256) k(j<256): acc0 = W1[256i+j] * tanh[j]
        v0 = tanh(add(b1[i], acc0))
        tanh.2[i] = v0
        sub.2[i] = subtractProduct(v0, v0, 1)
      product m(i<16) k(j<256): acc0 = W2[256i+j] * tanh.2[j]
        y[i] = add(b2[i], acc0)
      nest i<16 j<256
        mul[256i+j] = mul(W2[256i+j], sub.2[j])
      product m(i<256) n(j<16) k(k<256): acc0 = W1[i+256k] * mul[256j+k]
        mul.2[256j+i] = mul(acc0, sub[i])
      product m(i<32) n(j<16) k(k<256): acc0 = W0[i+32k] * mul.2[256j+k]
        jacobian[32j+i] = acc0"
  `);
});
