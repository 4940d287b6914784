/**
 * Vectors side by side: sums of tanh over hidden cells, where vectors are written by turns and weights are read in place, are
 * right, and a row has the same bits wherever it stands in a tile.
 */

import { expect, test } from "vitest";
import { add, jacrow, matmul, type Row, tanh } from "../../src/index.ts";
import { describeNative } from "./helpers.ts";

const HIDDEN = 37;
const weights = Float32Array.from({ length: HIDDEN }, (_, i) => 2.5 * Math.sin(1 + 3 * i));
const bias = Float32Array.from({ length: HIDDEN }, (_, i) => Math.cos(5 * i));
const outer = Float32Array.from({ length: HIDDEN }, (_, i) => Math.sin(7 * i) / 4);

function network(x: Row): Row {
  const sums = add(matmul({ data: weights, shape: [HIDDEN, 1] }, x), { data: bias, shape: [HIDDEN] });
  return matmul({ data: outer, shape: [1, HIDDEN] }, tanh(sums)).flatten();
}

/** Σ v·w·(1 − tanh²(w·x + b)) in double precision. */
function slope(x: number): number {
  return weights.reduce((sum, w, i) => {
    const t = Math.tanh(w * x + (bias[i] as number));
    return sum + (outer[i] as number) * w * (1 - t * t);
  }, 0);
}

describeNative("vectors side by side", () => {
  test.each([1, 16, 64, 131])("%i rows", async (n) => {
    const X = Float32Array.from({ length: n }, (_, i) => ((i % 9) - 4) / 3);
    const J = jacrow(network, { device: "native" });
    const Z = await J({ data: X, shape: [n, 1] });
    J.dispose();
    expect(Z.dtype).toBe("f32");
    Z.data.forEach((z, i) => {
      expect(Math.abs(z - slope(X[i] as number))).toBeLessThan(2e-6);
      expect(z).toBe(Z.data[i % 9]);
    });
  });
});
