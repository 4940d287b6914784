/** Training: optimisers against their formulas, seeds, saving and resuming, early stopping. */

import { expect, test } from "vitest";
import { type Row, square, sub, sum } from "../../src/index.ts";
import {
  adam,
  cosineDecay,
  differentialNetwork,
  type EpochReport,
  exponentialDecay,
  grad,
  type LayerOf,
  loadTraining,
  type Optimiser,
  type Parameter,
  progressLine,
  Random,
  saveTraining,
  sgd,
  stepDecay,
  type Traced,
  type TrainOptions,
  train,
} from "../../src/nn.ts";
import { onlyOn } from "../devices/here.ts";

type Layers = readonly LayerOf<Parameter>[];
type Inputs = { x: Row; y: Row; slope: Row };

const network = differentialNetwork({ inputs: 1, outputs: 1, width: 12, activation: "tanh", seed: 2 });

const loss = (parameters: Traced<Layers>, { x, y, slope }: Inputs) => {
  const { value, jacobian } = network.apply(parameters, x);
  return sum(square(sub(value, y))).add(sum(square(sub(jacobian, slope))));
};

const random = new Random(1);
const x = Float32Array.from({ length: 150 }, () => 2 * random.uniform() - 1);
const given = {
  x: { data: x, shape: [150, 1] },
  y: { data: x.map(Math.sin), shape: [150, 1] },
  slope: { data: x.map(Math.cos), shape: [150, 1, 1] },
};

const options = (more: Partial<TrainOptions<Layers, Inputs>> = {}): TrainOptions<Layers, Inputs> => ({
  loss,
  parameters: network.parameters,
  rows: given,
  epochs: 6,
  batchRows: 32,
  optimiser: adam({ rate: 1e-2, amsgrad: true }),
  ...more,
});

const flat = (layers: Layers): number[] =>
  layers.flatMap(({ weight, bias }) => [...weight.data, ...bias.data]);

/** One parameter p with the loss (p − row)² / 2, whose gradient at row 0 is p. */
async function descend(optimiser: Optimiser, epochs: number): Promise<number> {
  const parameters = { p: { data: Float64Array.of(1), shape: [1] } };
  const { parameters: found } = await train<typeof parameters, { x: Row }>({
    loss: ({ p }, row) => sum(square(sub(p, row.x))).mul(0.5),
    parameters,
    rows: { x: [[0]] },
    epochs,
    optimiser,
  });
  return found.p.data[0] as number;
}

test("optimisers follow their formulas", async () => {
  expect(await descend(sgd({ rate: 0.1 }), 3)).toBeCloseTo(0.9 ** 3, 14);
  // Velocity 1, then 0.5 · 1 + 0.9: p = 1 − 0.1 − 0.14.
  expect(await descend(sgd({ rate: 0.1, momentum: 0.5 }), 2)).toBeCloseTo(0.76, 14);
  expect(await descend(sgd({ rate: 0.1, decay: 1 }), 2)).toBeCloseTo(0.8 ** 2, 14);
  // Adam's first step has the size of its rate, whatever the gradient.
  expect(await descend(adam({ rate: 0.1 }), 1)).toBeCloseTo(0.9, 8);
  expect(await descend(adam({ rate: 0.1, decay: 0.5, decoupled: true }), 1)).toBeCloseTo(0.85, 8);
  const [m, v] = [(0.9 * 0.1 + 0.1 * 0.9) / 0.19, (0.999 * 0.001 + 0.001 * 0.81) / (1 - 0.999 ** 2)];
  expect(await descend(adam({ rate: 0.1 }), 2)).toBeCloseTo(0.9 - (0.1 * m) / Math.sqrt(v), 7);
  // With amsgrad the second moment 0.001809 is larger than the first's 0.001, so nothing changes here.
  expect(await descend(adam({ rate: 0.1, amsgrad: true }), 2)).toBeCloseTo(0.9 - (0.1 * m) / Math.sqrt(v), 7);
});

test("schedules", () => {
  const at = (epoch: number) => ({ epoch, epochs: 10 });
  expect(stepDecay({ every: 3 })(at(7))).toBeCloseTo(0.01);
  expect(exponentialDecay({ end: 1e-2 })(at(5))).toBeCloseTo(0.1);
  expect(cosineDecay()(at(5))).toBeCloseTo(0.5);
  expect(cosineDecay({ warmup: 2 })(at(1))).toBe(0.5);
});

test("training through the Jacobian learns, and the same seed gives the same numbers", async () => {
  const reports: EpochReport[] = [];
  const first = await train(options({ epochs: 40, onEpoch: (report) => reports.push(report) }));
  expect(first.losses[0]).toBeGreaterThan(0.1);
  expect(first.losses.at(-1)).toBeLessThan(5e-3);
  expect(reports).toHaveLength(40);
  expect(progressLine(reports[8] as EpochReport)).toMatch(
    /^epoch {2}9\/40 {2}loss \d\.\d{3}e-\d {2}rate 0\.0100/,
  );
  const short = await train(options());
  expect(flat((await train(options())).parameters)).toEqual(flat(short.parameters));
  expect(flat((await train(options({ seed: 1 }))).parameters)).not.toEqual(flat(short.parameters));
  expect(network.parameters).toEqual(
    differentialNetwork({ inputs: 1, outputs: 1, width: 12, activation: "tanh", seed: 2 }).parameters,
  );
});

test("a training saved and resumed gives the numbers of one that was not interrupted", async () => {
  const whole = await train(options());
  const half = await train(options({ epochs: 3 }));
  const bytes = saveTraining(half.state);
  const resume = loadTraining(network.parameters, bytes);
  const rest = await train(options({ resume }));
  expect(flat(rest.parameters)).toEqual(flat(whole.parameters));
  expect([...half.losses, ...rest.losses]).toEqual(whole.losses);
});

test("early stopping keeps the best parameters", async () => {
  const stopped = await train(
    options({ epochs: 100, optimiser: adam({ rate: 1 }), stopping: { patience: 3 }, validation: given }),
  );
  expect(stopped.losses.length).toBeLessThan(100);
  expect(stopped.state.best.since).toBe(3);
  expect(flat(stopped.parameters)).toEqual(flat(stopped.state.bestParameters));
  expect(flat(stopped.parameters)).not.toEqual(flat(stopped.state.parameters));
});

test("bad input is refused by name", async () => {
  await expect(train(options({ batchRows: 0 }))).rejects.toThrow("JR812");
  await expect(train(options({ rows: { ...given, y: [[1]] } }))).rejects.toThrow(/JR813.*y has 1/);
  expect(() => adam({ rate: -1 })).toThrow("JR820");
  const misspelt = { lr: 0.1 };
  expect(() => adam(misspelt as object)).toThrow(
    /JR451: adam has no option lr; it has .*rate.*; did you mean rate\?/,
  );
  await expect(train({ ...options({}), ...misspelt })).rejects.toThrow("JR451: train has no option lr");
  for (const epochs of [0, 1.5, undefined as unknown as number])
    await expect(train(options({ epochs }))).rejects.toThrow(`JR815: epochs is a whole number`);
});

test("a loss that is NaN ends the training and says why", async () => {
  const broken = { ...given.y, data: given.y.data.with(7, Number.NaN) };
  await expect(train(options({ rows: { ...given, y: broken } }))).rejects.toThrow(
    "JR816: the loss of epoch 1 is NaN, and so are the parameters now: the rows' y holds NaN",
  );
  const steep = options({ optimiser: sgd({ rate: 1e30 }), epochs: 50 });
  await expect(train(steep)).rejects.toThrow(/JR816.*the rate 1e\+30 may be too large/);
});

test("a size that is missing is named", () => {
  const sizes = { inputs: 2, outputs: 1, width: 8 };
  for (const name of ["inputs", "outputs", "width"] as const)
    for (const size of [undefined, 0, 2.5, Number.NaN])
      expect(() => differentialNetwork({ ...sizes, [name]: size })).toThrow(
        `JR809: differentialNetwork needs ${name}, a whole number, at least 1; got ${size}`,
      );
  expect(() => differentialNetwork({ ...sizes, depth: -1 })).toThrow("JR809");
  expect(() => differentialNetwork({ ...sizes, members: 1.5 })).toThrow("JR809");
});

test("steps over row indices follow the gradient of those rows, on every device and for a shorter last batch", async () => {
  const wide = (data: Float32Array, shape: number[]) => ({ data: Float64Array.from(data), shape });
  const net = differentialNetwork({ inputs: 1, outputs: 1, width: 5, activation: "tanh", dtype: "f64" });
  const inputs = {
    x: wide(x, [150, 1]),
    y: wide(given.y.data, [150, 1]),
    slope: wide(given.slope.data, [150, 1, 1]),
  };
  const own = options({ parameters: net.parameters, rows: inputs, batchRows: 64, epochs: 2 });
  const found = { ...own, optimiser: sgd({ rate: 0.1 }) };
  const wasm = await train({ ...found, device: "wasm" });
  const oracle = await train({ ...found, device: "interpreter" });
  expect(
    Math.hypot(...flat(wasm.parameters).map((value, i) => value - (flat(oracle.parameters)[i] as number))),
  ).toBeLessThan(1e-12);

  const whole = await train({ ...found, batchRows: 150, epochs: 1 });
  const { gradient } = grad<Layers, Inputs>(loss).sync(net.parameters, inputs);
  const stepped = flat(net.parameters).map((value, i) => value - 0.1 * (flat(gradient)[i] as number));
  expect(
    Math.hypot(...flat(whole.parameters).map((value, i) => value - (stepped[i] as number))),
  ).toBeLessThan(1e-12);
});

test("steps allocate nothing but a few numbers", async (context) => {
  onlyOn(context, "wasm", "native");
  const used: number[] = [];
  const onEpoch = (): unknown =>
    used.push(process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers);
  await train(options({ batchRows: 1, epochs: 240, device: "wasm", onEpoch }));
  // Epochs of 150 steps between collections; the least of them is one whose code had been optimised (before that, V8 boxes numbers).
  const growth = used.map((bytes, i) => bytes - (used[i - 1] ?? bytes)).filter((bytes) => bytes > 0);
  expect(growth.length).toBeGreaterThan(10);
  expect(Math.min(...growth) / 150).toBeLessThan(256);
});
