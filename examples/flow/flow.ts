/**
 * A planar normalising flow: sixteen steps z + u tanh(wᵀz + b) carry two moons to a normal distribution.
 *
 * Out: the mean negative log-likelihood and out/flow.png: the data, where they are carried, the density. The loss needs
 * log|det J| of every row: the sum over the steps, each from its own 2 × 2 Jacobian.
 */

import { fileURLToPath } from "node:url";
import * as j from "../../src/index.ts";
import { add, jacobian, matmul, mul, type Row, rows, sub, type Tensor } from "../../src/index.ts";
import * as nn from "../../src/nn.ts";
import { palette, plotPanels, scatter, writePicture } from "../shared/plot.ts";
import { twoMoons } from "./moons.ts";

const POINTS = 4096;
const random = new nn.Random(4);

type Step = { readonly u: nn.Parameter; readonly w: nn.Parameter; readonly b: nn.Parameter };
type Steps = nn.Traced<readonly Step[]>;
const drawn = (shape: readonly number[]): nn.Parameter => ({
  data: Float32Array.from({ length: shape[0] ?? 1 }, () => random.normal()),
  shape,
});
const initial = Array.from({ length: 16 }, (): Step => ({ u: drawn([2]), w: drawn([2]), b: drawn([]) }));

/** One step; the share of w in u is changed so that wᵀu > −1, which makes the step invertible. */
function planar({ u, w, b }: Steps[number], z: Row): Tensor {
  const along = matmul(w, u);
  const change = j.div(sub(sub(j.softplus(along), 1), along), matmul(w, w));
  return add(z, mul(add(u, mul(w, change)), j.tanh(add(matmul(w, z), b))));
}

/** Where a point is carried, and the logarithm of the volume's growth on the way. */
function carry(steps: Steps, x: Row): { z: Row; volume: Tensor } {
  let [z, volume]: [Row, Tensor] = [x, mul(x.at(0), 0)];
  for (const step of steps) {
    volume = add(volume, nn.logDeterminant(jacobian((point: Row) => planar(step, point))(z)));
    z = planar(step, z) as Row;
  }
  return { z, volume };
}

/** −log p(x): a normal density where x is carried to, times the volume's growth. */
function surprise(steps: Steps, { x }: { x: Row }): Tensor {
  const { z, volume } = carry(steps, x);
  return sub(add(mul(matmul(z, z), 0.5), Math.log(2 * Math.PI)), volume);
}

const moons = twoMoons(POINTS, random);
const data = { data: moons, shape: [POINTS, 2] };

const { parameters } = await nn.train<readonly Step[], { x: Row }>({
  loss: surprise,
  parameters: initial,
  rows: { x: data },
  epochs: Number(process.argv[2] ?? 300),
  optimiser: nn.adam({ rate: 1e-2 }),
  schedule: nn.cosineDecay({ end: 0.02 }),
  onEpoch: (report) => report.epoch % 30 === 0 && console.log(nn.progressLine(report)),
});

const trained = parameters as unknown as Steps;
const carried = await rows((x: Row) => carry(trained, x).z)(data);
const grid = Array.from({ length: 3600 }, (_, i) => [(i % 60) / 12 - 2.5, 2.5 - Math.floor(i / 60) / 12]);
const density = await rows((x: Row) => j.exp(mul(surprise(trained, { x }), -1)))(grid);
const panels = [
  { title: "data", curves: scatter(moons, palette.blue) },
  { title: "carried", curves: scatter(carried.data, palette.blue) },
  { title: "density", map: density.data },
];
const picture = plotPanels("Planar flow: two moons carried to a normal distribution", panels, 3);
writePicture(fileURLToPath(new URL("out/flow.png", import.meta.url)), picture);
