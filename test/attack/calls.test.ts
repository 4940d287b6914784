/** Many calls at once, of many sizes and both widths, on one compiled function: each gets its own numbers. */

import { expect, test } from "vitest";
import { jacrow, matmul, type Tensor, tanh } from "../../src/index.ts";
import { bitsOf, type Rows, uniform } from "./numbers.ts";

const random = uniform(3);
const matrix = (height: number, width: number): number[][] =>
  Array.from({ length: height }, () => Array.from({ length: width }, random));
const [first, second] = [matrix(33, 5), matrix(3, 33)];
const net = (x: Tensor): Tensor => matmul(second, tanh(matmul(first, x)));

const sizes = [5, 1000, 0, 1, 700, 64, 63, 65, 333, 7, 2000, 3];
const x = (n: number, shift: number): Float64Array =>
  Float64Array.from({ length: n * 5 }, (_, i) => Math.sin(i * 1.7 + shift));
const given = (n: number, index: number): Rows => {
  const data = x(n, index);
  return { data: index % 3 === 0 ? Float32Array.from(data) : data, shape: [n, 5] };
};

test.each([1, 2])("%i threads", async (threads) => {
  const [J, alone] = [jacrow(net, { threads }), jacrow(net)];
  const under = sizes.map((n, index) => J(given(n, index)));
  const between = J.sync(given(9, 1)).data;
  const found = await Promise.all(under);
  expect(bitsOf(between)).toBe(bitsOf(alone.sync(given(9, 1)).data));
  for (const [index, z] of found.entries()) {
    const n = sizes[index] as number;
    expect(z.shape).toEqual([n, 3, 5]);
    expect(z.data).toBeInstanceOf(index % 3 === 0 ? Float32Array : Float64Array);
    expect(bitsOf(z.data) === bitsOf(alone.sync(given(n, index)).data), `call ${index}, n = ${n}`).toBe(true);
  }
  J.dispose();
  alone.dispose();
});

test("disposing during a call lets it finish; later calls are refused", async () => {
  const J = jacrow(net);
  const under = J(given(2000, 1));
  J.dispose();
  const other = jacrow(net);
  expect(bitsOf((await under).data) === bitsOf(other.sync(given(2000, 1)).data)).toBe(true);
  await expect(J(given(1, 1))).rejects.toThrow("JR441");
  other.dispose();
});

test("bound runs repeat: results follow the views alone", () => {
  const J = jacrow(net);
  const bound = J.bind({ n: 3, inputs: [5], dtype: "f64" });
  const views = bound.inputs as unknown as { data: Float64Array };
  for (const shift of [0, 4, 0]) {
    views.data.set(x(3, shift));
    bound.run();
    bound.run();
    const wanted = J.sync({ data: x(3, shift), shape: [3, 5] }).data;
    expect(bitsOf(bound.result.data)).toBe(bitsOf(wanted));
  }
  J.dispose();
});
