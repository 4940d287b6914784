/**
 * A contractive autoencoder (Rifai et al., ICML 2011) on 1797 handwritten digits, beside one without contraction.
 *
 * The loss adds λ ‖∂h/∂x‖² to the reconstruction error: the code h should change only along the digits. Out: how much codes
 * and reconstructions change under noise, and out/contractive.png.
 */

import { fileURLToPath } from "node:url";
import { npyToFloat } from "../../src/data/npy.ts";
import { readNpyFile } from "../../src/data/read-file.ts";
import { jacobian, mul, type NdArray, type Row, rows, square, sub, sum } from "../../src/index.ts";
import * as nn from "../../src/nn.ts";
import { drawDigits } from "./picture.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const X = npyToFloat(readNpyFile(here("../digits/data/X.npy"))) as NdArray<Float32Array<ArrayBuffer>>;
const CODE = 16;

const encoder = nn.sequential([
  nn.dense({ inputs: 64, outputs: 40, activation: "softplus" }),
  nn.dense({ inputs: 40, outputs: CODE, activation: "sigmoid" }),
]);
const decoder = nn.sequential([
  nn.dense({ inputs: CODE, outputs: 40, activation: "softplus" }),
  nn.dense({ inputs: 40, outputs: 64, activation: "sigmoid" }),
]);
type Layers = readonly nn.LayerOf<nn.Parameter>[];
type Model = { readonly encoder: Layers; readonly decoder: Layers };
type Either = { readonly encoder: nn.OperandTree; readonly decoder: nn.OperandTree };
const made = (layer: nn.Layer, seed: number) => nn.initialParameters(layer, { seed }) as unknown as Layers;
const initial: Model = { encoder: made(encoder, 1), decoder: made(decoder, 2) };

const code = (model: Either, x: Row) => nn.applyLayer(encoder, model.encoder, x);
const again = (model: Either, x: Row) => nn.applyLayer(decoder, model.decoder, code(model, x));

/** Trains with contraction λ. */
async function learn(lambda: number): Promise<Model> {
  const { parameters, losses } = await nn.train<Model, { x: Row }>({
    parameters: initial,
    rows: { x: X },
    loss: (model, { x }) => {
      const apart = sum(square(sub(again(model, x), x)));
      if (lambda === 0) return apart;
      return apart.add(mul(sum(square(jacobian((z: Row) => code(model, z))(x))), lambda));
    },
    epochs: Number(process.argv[2] ?? 40),
    batchRows: 64,
    optimiser: nn.adam({ rate: 3e-3 }),
    schedule: nn.cosineDecay({ end: 0.02 }),
  });
  console.log(`λ = ${lambda}: loss ${losses[0]?.toFixed(3)} → ${losses.at(-1)?.toFixed(3)}`);
  return parameters;
}

const random = new nn.Random(5);
const noisy = { data: X.data.map((value) => value + 0.25 * random.normal()), shape: X.shape };
const distance = (a: NdArray, b: { readonly data: ArrayLike<number> }): number =>
  Math.sqrt(
    Array.from(a.data).reduce((total, value, i) => total + (value - (b.data[i] as number)) ** 2, 0) /
      a.length,
  );

const shown: NdArray[] = [];
for (const lambda of [0, 0.1]) {
  const model = await learn(lambda);
  const all = rows((x: Row) => ({ h: code(model, x), y: again(model, x) }));
  const [clean, moved] = [await all(X), await all(noisy)];
  const change = distance(clean.h, moved.h) / distance(clean.h, { data: clean.h.data.map(() => 0.5) });
  console.log(
    `  reconstruction off by ${distance(clean.y, X).toFixed(3)}, from noisy digits by ${distance(moved.y, X).toFixed(3)}`,
  );
  console.log(`  noise changes the code by ${(100 * change).toFixed(1)} % of its size`);
  shown.push(moved.y);
}
drawDigits(here("out/contractive.png"), [
  { title: "digits", data: X.data },
  { title: "with noise", data: noisy.data },
  { title: "plain autoencoder", data: (shown[0] as NdArray).data },
  { title: "contractive autoencoder", data: (shown[1] as NdArray).data },
]);
