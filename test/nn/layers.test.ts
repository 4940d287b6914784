/** Layers, initialisers and random numbers: shapes, statistics, and numbers that never change. */

import { expect, test } from "vitest";
import { type Row, rows, square, sum } from "../../src/index.ts";
import {
  type Activation,
  activate,
  activation,
  applyLayer,
  convolution,
  countParameters,
  dense,
  drawWeights,
  flattened,
  grad,
  type Initialiser,
  initialParameters,
  type Layer,
  layerNorm,
  namedParameters,
  type ParameterTree,
  Random,
  residual,
  sequential,
} from "../../src/nn.ts";

const moments = (values: ArrayLike<number>): [mean: number, deviation: number] => {
  const all = Array.from(values);
  const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
  return [mean, Math.sqrt(all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / all.length)];
};

test("a seed gives the same numbers on every machine", () => {
  const random = new Random(42);
  expect([
    random.word(),
    random.word(),
    random.uniform(),
    random.normal(),
    random.normal(),
  ]).toMatchInlineSnapshot(`
    [
      1298977907,
      735677688,
      0.8758784199248267,
      0.6968323833231073,
      -1.1451777138344121,
    ]
  `);
  const again = new Random(random.state);
  expect(again.normal()).toBe(random.normal());
  expect(new Random(1).word()).not.toBe(new Random(1, 1).word());
});

test("normal numbers are normal", () => {
  const random = new Random(7);
  const values = Float64Array.from({ length: 40_000 }, () => random.normal());
  const [mean, deviation] = moments(values);
  expect(Math.abs(mean)).toBeLessThan(0.02);
  expect(deviation).toBeCloseTo(1, 1.7);
  const within = (bound: number): number => values.filter((value) => Math.abs(value) < bound).length / 40_000;
  expect(within(1)).toBeCloseTo(0.6827, 2);
  expect(within(2)).toBeCloseTo(0.9545, 2);
  const fourth = values.reduce((sum, value) => sum + value ** 4, 0) / 40_000;
  expect(Math.abs(fourth - 3)).toBeLessThan(0.15);
});

test.each<[Initialiser, number]>([
  [{ kind: "xavier" }, Math.sqrt(2 / 300)],
  [{ kind: "xavier", distribution: "uniform", gain: 2 }, 2 * Math.sqrt(2 / 300)],
  [{ kind: "kaiming", gain: Math.SQRT2 }, Math.sqrt(2 / 200)],
  [{ kind: "kaiming", distribution: "uniform", fan: "out" }, Math.sqrt(1 / 100)],
])("%o has the deviation of its formula", (init, expected) => {
  const [mean, deviation] = moments(drawWeights(init, [100, 200], { random: new Random(3) }));
  expect(Math.abs(mean)).toBeLessThan(0.05 * expected);
  expect(deviation / expected).toBeCloseTo(1, 1.5);
});

test("orthogonal weights have orthonormal rows or columns", () => {
  for (const [out, inside] of [
    [4, 9],
    [9, 4],
  ] as const) {
    const w = drawWeights({ kind: "orthogonal", gain: 2 }, [out, inside], { random: new Random(5) });
    const entry = (vector: number, cell: number): number =>
      (out < inside ? w[vector * inside + cell] : w[cell * inside + vector]) as number;
    for (let a = 0; a < 4; a++)
      for (let b = 0; b < 4; b++) {
        const dot = Array.from({ length: 9 }, (_, cell) => entry(a, cell) * entry(b, cell)).reduce(
          (x, y) => x + y,
        );
        expect(dot).toBeCloseTo(a === b ? 4 : 0, 12);
      }
  }
});

test("sparse weights leave the same share of every column zero", () => {
  const w = drawWeights({ kind: "sparse", sparsity: 0.75 }, [20, 6], { random: new Random(5) });
  for (let column = 0; column < 6; column++) {
    const kept = Array.from({ length: 20 }, (_, row) => w[row * 6 + column]).filter((value) => value !== 0);
    expect(kept).toHaveLength(5);
  }
});

const picture = sequential([
  convolution({ channels: 1, features: 2, window: [3, 3], padding: 1, stride: 2, activation: "relu" }),
  flattened(),
  residual(sequential([layerNorm({ shape: [8] }), dense({ inputs: 8, outputs: 8, activation: "silu" })])),
  dense({ inputs: 8, outputs: 3, bias: false }),
  activation("sigmoid"),
]);

test("parameters are a plain tree with PyTorch's names", () => {
  const parameters = initialParameters(picture, { seed: 3 });
  expect([...namedParameters(parameters)].map(([name, { shape }]) => `${name} ${shape}`)).toEqual([
    "0.weight 2,1,3,3",
    "0.bias 2",
    "2.inner.0.weight 8",
    "2.inner.0.bias 8",
    "2.inner.1.weight 8,8",
    "2.inner.1.bias 8",
    "3.weight 3,8",
  ]);
  expect(countParameters(parameters)).toBe(18 + 2 + 16 + 72 + 24);
  expect(initialParameters(picture, { seed: 3 })).toEqual(parameters);
  expect(initialParameters(picture, { seed: 4 })).not.toEqual(parameters);
});

test("a network of all layers runs, and a convolution is the sum it stands for", async () => {
  const parameters = initialParameters(picture, { seed: 3, dtype: "f64" });
  const X = { data: Float64Array.from({ length: 2 * 16 }, (_, i) => Math.sin(i)), shape: [2, 1, 4, 4] };
  const Y = await rows((x: Row) => applyLayer(picture, parameters, x))(X);
  expect(Y.shape).toEqual([2, 3]);
  const only = picture.layers[0] as Layer;
  const weights = namedParameters(parameters);
  const C = await rows((x: Row) => applyLayer(only, (parameters as [object])[0] as never, x))(X);
  expect(C.shape).toEqual([2, 2, 2, 2]);
  const kernel = weights.get("0.weight")?.data as Float64Array;
  let expected = 0;
  for (let i = 0; i < 3; i++)
    for (let j = 0; j < 3; j++)
      expected += (kernel[9 + 3 * i + j] as number) * Math.sin(16 + 4 * (1 + i) + 1 + j);
  expect(C.at(1, 1, 1, 1)).toBeCloseTo(Math.max(0, expected), 12);
});

test.each<[Activation, number]>([
  ["identity", -0.5],
  ["relu", 0],
  [{ name: "leaky", slope: 0.2 }, -0.1],
  ["elu", Math.expm1(-0.5)],
  [{ name: "softplus", beta: 2 }, Math.log1p(Math.exp(-1)) / 2],
  ["tanh", Math.tanh(-0.5)],
  ["sigmoid", 1 / (1 + Math.exp(0.5))],
  ["gelu", -0.154268769362993],
  ["silu", -0.5 / (1 + Math.exp(0.5))],
  ["mish", -0.5 * Math.tanh(Math.log1p(Math.exp(-0.5)))],
  ["sine", Math.sin(-0.5)],
  ["cosine", Math.cos(0.5)],
])("activation %o", (which, expected) => {
  expect(
    rows((x: Row) => activate(which, x))
      .sync([[-0.5]])
      .at(0, 0),
  ).toBeCloseTo(expected, 12);
});

test("gradients reach every parameter of every layer", () => {
  const parameters = initialParameters(picture, { seed: 3, dtype: "f64" });
  const g = grad<ParameterTree, { x: Row }>((traced, { x }) => sum(square(applyLayer(picture, traced, x))));
  const given = {
    x: { data: Float64Array.from({ length: 48 }, (_, i) => Math.sin(i)), shape: [3, 1, 4, 4] },
  };
  const { gradient } = g.sync(parameters, given);
  const slopes = namedParameters(gradient);
  for (const [name, { data }] of namedParameters(parameters)) {
    const middle = data.length >> 1;
    const kept = data[middle] as number;
    const at = (by: number): number => {
      data[middle] = kept + by;
      return g.sync(parameters, given).loss;
    };
    const difference = (at(1e-6) - at(-1e-6)) / 2e-6;
    data[middle] = kept;
    expect(slopes.get(name)?.data[middle], name).toBeCloseTo(difference, 7);
    expect(Math.abs(difference), name).toBeGreaterThan(1e-9);
  }
});
