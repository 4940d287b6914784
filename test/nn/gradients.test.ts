/** Gradients of losses over rows, through Jacobians and Hessians, against float64 differences; orders of derivatives. */

import { expect, test } from "vitest";
import { hessian, jacobian, jvp, type Row, rows, sin, square, sub, sum, vjp } from "../../src/index.ts";
import {
  curvature,
  differentialNetwork,
  grad,
  hessianVectorProduct,
  type LayerOf,
  laplacian,
  loadParameters,
  loadWeights,
  type Parameter,
  Random,
  saveParameters,
  type Traced,
} from "../../src/nn.ts";
import { distance } from "../autodiff/differences.ts";

type Layers = readonly LayerOf<Parameter>[];

const network = differentialNetwork({
  inputs: 2,
  outputs: 2,
  width: 4,
  activation: "tanh",
  seed: 3,
  dtype: "f64",
});

function numbers(count: number, seed = 1): Float64Array<ArrayBuffer> {
  const random = new Random(seed);
  return Float64Array.from({ length: count }, () => random.normal());
}

const given = {
  x: { data: numbers(10), shape: [5, 2] },
  y: { data: numbers(10, 2), shape: [5, 2] },
};

type Inputs = { x: Row; y: Row };

/** A loss whose value needs value, Jacobian and Hessian of the network. */
function loss(parameters: Traced<Layers>, { x, y }: Inputs) {
  const { value, jacobian: slope, hessian: bend } = network.second(parameters, x);
  return sum(square(sub(value, y)))
    .add(sum(sin(slope)))
    .add(sum(square(bend)));
}

/** Central differences of a function of all parameters. */
function differences(parameters: Layers, f: () => number): Float64Array {
  const slopes: number[] = [];
  for (const { weight, bias } of parameters)
    for (const { data } of [weight, bias])
      for (let i = 0; i < data.length; i++) {
        const kept = data[i] as number;
        const at = (by: number): number => {
          data[i] = kept + by;
          return f();
        };
        slopes.push((at(1e-5) - at(-1e-5)) / 2e-5);
        data[i] = kept;
      }
  return Float64Array.from(slopes);
}

const flat = (layers: Layers): Float64Array =>
  Float64Array.from(layers.flatMap(({ weight, bias }) => [...weight.data, ...bias.data]));

test("gradients of the mean through J and H agree with differences", () => {
  const g = grad<Layers, Inputs>(loss);
  const { parameters } = network;
  const { gradient } = g.sync(parameters, given);
  const f = (): number => g.sync(parameters, given).loss;
  expect(distance(flat(gradient), differences(parameters, f))).toBeLessThan(1e-6);
});

test("every row's own gradient, (n, |θ|), sums to the gradient of the sum", async () => {
  const { gradient, loss: losses } = await grad<Layers, Inputs>(loss, { reduction: "none" })(
    network.parameters,
    given,
  );
  const total = await grad<Layers, Inputs>(loss, { reduction: "sum" })(network.parameters, given);
  expect(gradient.shape).toEqual([5, flat(network.parameters).length]);
  const sums = Float64Array.from(gradient.row(0).data, (_, cell) =>
    Array.from({ length: 5 }, (_unused, row) => gradient.at(row, cell)).reduce((a, b) => a + b),
  );
  expect(distance(sums, flat(total.gradient))).toBeLessThan(1e-12);
  expect(Array.from(losses.data).reduce((a, b) => a + b)).toBeCloseTo(total.loss, 10);
});

test("an ensemble is its members, each with its own gradient", async () => {
  const options = { inputs: 2, outputs: 1, width: 4, dtype: "f64" } as const;
  const ensemble = differentialNetwork({ ...options, members: 3, seed: 10 });
  const all = await rows((x: Row) => ensemble.second(ensemble.parameters, x))(given.x);
  expect([all.value.shape, all.jacobian.shape, all.hessian.shape]).toEqual([
    [5, 3, 1],
    [5, 3, 1, 2],
    [5, 3, 1, 2, 2],
  ]);
  for (let member = 0; member < 3; member++) {
    const alone = differentialNetwork({ ...options, seed: 10 + member });
    const one = await rows((x: Row) => alone.second(alone.parameters, x))(given.x);
    for (const name of ["value", "jacobian", "hessian"] as const)
      for (let row = 0; row < 5; row++)
        expect(distance(all[name].row(row).row(member).data, one[name].row(row).data)).toBeLessThan(1e-13);
  }
});

test("forward over reverse equals reverse over forward, and Hessians are symmetric", async () => {
  const energy = (x: Row) => sum(square(network.value(network.parameters, x)));
  const direction = [0.3, -1.1];
  const both = await rows((x: Row) => ({
    forward: jvp((z: Row) => vjp(energy, z)[1](1) as Row, x, direction)[1],
    reverse: vjp((z: Row) => jvp(energy, z, direction)[1], x)[1](1),
    whole: hessian(energy)(x),
  }))(given.x);
  expect(distance(both.forward.data, both.reverse.data)).toBeLessThan(1e-10);
  for (let row = 0; row < 5; row++) {
    expect(both.whole.at(row, 0, 1)).toBeCloseTo(both.whole.at(row, 1, 0), 12);
    const product = both.whole.at(row, 0, 0) * 0.3 - both.whole.at(row, 0, 1) * 1.1;
    expect(product).toBeCloseTo(both.forward.at(row, 0), 10);
  }
});

test("products with Hessians, the Laplacian and third derivatives", async () => {
  // f = sin(x₀) x₁³ + x₀ x₁ with all derivatives by hand.
  const f = ([a, b]: Row<2>) => sin(a).mul(b.pow(3)).add(a.mul(b));
  const [x, y] = [0.7, -1.3];
  const found = await rows((at: Row<2>) => ({
    product: hessianVectorProduct(f)(at, [2, 3]),
    curvature: curvature(f)(at, [2, 3]),
    laplacian: laplacian(f)(at),
    third: jacobian(hessian(f))(at),
  }))([[x, y]]);
  const [aa, ab, bb] = [-Math.sin(x) * y ** 3, 3 * Math.cos(x) * y ** 2 + 1, 6 * Math.sin(x) * y];
  expect(distance(found.product.data, [2 * aa + 3 * ab, 2 * ab + 3 * bb])).toBeLessThan(1e-14);
  expect(found.curvature.at(0)).toBeCloseTo(4 * aa + 12 * ab + 9 * bb, 12);
  expect(found.laplacian.at(0)).toBeCloseTo(aa + bb, 12);
  const [aaa, aab, abb, bbb] = [
    -Math.cos(x) * y ** 3,
    -3 * Math.sin(x) * y ** 2,
    6 * Math.cos(x) * y,
    6 * Math.sin(x),
  ];
  expect(distance(found.third.data, [aaa, aab, aab, abb, aab, abb, abb, bbb])).toBeLessThan(1e-13);
});

test("a loss must be a scalar, and a parameter it does not use has gradient 0", () => {
  const vector = grad<Layers, Inputs>((p, { x }) => network.value(p, x));
  expect(() => vector.sync(network.parameters, { x: given.x } as never)).toThrow(/JR810.*\[2\]|JR810/);
  const slopes = grad<Layers, { x: Row }>((p, { x }) =>
    sum(square(jacobian((z: Row) => network.value(p, z))(x))),
  );
  const { gradient } = slopes.sync(network.parameters, { x: given.x });
  expect(Array.from(gradient[1]?.bias.data ?? [])).toEqual([0, 0]);
});

test("gradients have the parameters' width, whatever the rows are", () => {
  const p = { data: Float32Array.of(2), shape: [1] };
  const g = grad<{ p: Parameter }, { x: Row }>(({ p: own }, { x }) => sum(own.mul(x)));
  expect(g.sync({ p }, { x: [[1], [3]] }).gradient.p.data).toEqual(Float32Array.of(2));
  const mixed = [p, { data: Float64Array.of(2), shape: [1] }];
  const both = grad<Parameter[], { x: Row }>(([a, b], { x }) => sum(x.mul(a as Row).mul(b as Row)));
  expect(() => both.sync(mixed, { x: [[1]] })).toThrow("JR808");
});

test("parameters go through safetensors, and a state_dict maps onto a definition", () => {
  const { parameters } = network;
  const back = loadParameters(
    differentialNetwork({ inputs: 2, outputs: 2, width: 4 }).parameters,
    saveParameters(parameters),
  );
  expect(flat(back)).toEqual(Float64Array.from(flat(parameters), Math.fround));
  // nn.Sequential(Linear, Tanh, Linear) counts the activations; files list names in any order.
  const state = new Map(
    [2, 0].flatMap((index) => {
      const { weight, bias } = parameters[index / 2] as LayerOf<Parameter>;
      return [
        [`net.${index}.bias`, bias],
        [`net.${index}.weight`, weight],
      ] as const;
    }),
  );
  expect(flat(loadWeights(parameters, state, { prefix: "net." }))).toEqual(flat(parameters));
  state.delete("net.2.bias");
  expect(() => loadWeights(parameters, state, { prefix: "net." })).toThrow(/JR831.*missing/);
});
