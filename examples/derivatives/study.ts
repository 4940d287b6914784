/**
 * Trains differential networks on a function's values, with and without its derivatives, and measures f, ∂f and ∂²f.
 *
 * In: a function of one row with its derivatives, an activation, a budget. Out: the network's value and derivatives at
 * test rows, and their mean squared errors. Always: both losses see the same rows, noise and initial numbers.
 */

import { type NdArray, type Row, rows, square, sub, sum } from "../../src/index.ts";
import {
  type Activation,
  adam,
  cosineDecay,
  differentialNetwork,
  type LayerOf,
  type Parameter,
  Random,
  type Traced,
  train,
} from "../../src/nn.ts";

/** f, ∂f and ∂²f of one row. */
export type Truth = (x: ArrayLike<number>) => readonly [number[], number[], number[]];

/** What to learn, and with what budget. */
export interface Study {
  readonly inputs: number;
  readonly truth: Truth;
  readonly activation: Activation;
  readonly depth: number;
  /** Of the hidden layers' weights, and the bound of their biases. */
  readonly gain: number;
  readonly bias: number;
  readonly rows: number;
  readonly epochs: number;
  readonly seed: number;
  readonly test: Float64Array<ArrayBuffer>;
}

/** Results at the test rows and [f, ∂f, ∂²f] mean squared errors. */
export interface Outcome {
  readonly found: { readonly value: NdArray; readonly jacobian: NdArray; readonly hessian: NdArray };
  readonly errors: readonly number[];
}

type Layers = readonly LayerOf<Parameter>[];
type Sample = { x: Row; y: Row; slope: Row };

/** Trains on value + derivative, or on the value only. */
export async function learn(study: Study, withSlopes: boolean): Promise<Outcome> {
  const { inputs, truth, activation, depth, gain, bias, seed, test } = study;
  const init = { kind: "kaiming", gain, bias: { uniform: bias } } as const;
  const network = differentialNetwork({ inputs, outputs: 1, width: 128, depth, activation, init, seed });
  const loss = (parameters: Traced<Layers>, { x, y, slope }: Sample) => {
    const { value, jacobian } = network.apply(parameters, x);
    const apart = sum(square(sub(value, y)));
    return withSlopes ? apart.add(sum(square(sub(jacobian, slope)))) : apart;
  };
  const { slope, ...values } = samples(study);
  const { parameters } = await train<Layers, Sample>({
    loss,
    parameters: network.parameters,
    rows: (withSlopes ? { ...values, slope } : values) as typeof values & { slope: typeof slope },
    epochs: study.epochs,
    optimiser: adam({ amsgrad: true, decay: 1e-6 }),
    schedule: cosineDecay({ end: 1e-3 }),
    seed,
  });
  const at = { data: test, shape: [test.length / inputs, inputs] };
  const found = await rows((x: Row) => network.second(parameters, x))(at);
  const exact = Array.from({ length: at.shape[0] as number }, (_, i) => truth(test.subarray(i * inputs)));
  const errors = [found.value, found.jacobian, found.hessian].map(({ data }, order) =>
    meanSquare(
      data,
      exact.flatMap((one) => one[order] as number[]),
    ),
  );
  return { found, errors };
}

function samples({ inputs, truth, rows: n, seed }: Study) {
  const random = new Random(seed, 2);
  const x = Float32Array.from({ length: n * inputs }, () => Math.PI * (2 * random.uniform() - 1));
  const exact = Array.from({ length: n }, (_, i) => truth(x.subarray(i * inputs)));
  const noisy = (order: 0 | 1, shape: number[]) => ({
    data: Float32Array.from(
      exact.flatMap((one) => one[order]),
      (value) => value + 1e-3 * random.normal(),
    ),
    shape: [n, ...shape],
  });
  return { x: { data: x, shape: [n, inputs] }, y: noisy(0, [1]), slope: noisy(1, [1, inputs]) };
}

function meanSquare(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((total, value, i) => total + (value - (b[i] as number)) ** 2, 0) / a.length;
}

/** One line of the table: an activation, a loss, and three errors. */
export function tableLine(activation: string, withSlopes: boolean, errors: readonly number[]): string {
  const name = `${activation}, ${withSlopes ? "f and ∂f" : "f only"}`;
  return [name.padEnd(20), ...errors.map((error) => error.toExponential(1).padStart(10))].join("");
}

/** `--epochs 500` and the like. */
export function option(name: string, otherwise: number): number {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
}
