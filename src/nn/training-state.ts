/**
 * The state of a training: all that the next epoch depends on, saved to named arrays and resumed to the same numbers.
 *
 * In: parameters, an optimiser's moments, a generator and counters. Out: the same as named arrays with a few words of
 * text, and back. Always: a state read back continues exactly as the one written would have.
 */

import { UsageError } from "../errors.ts";
import type { OptimiserState } from "./optimisers.ts";
import type { RandomState } from "./random.ts";
import type { BestSoFar } from "./schedules.ts";
import { copyTree, flattenTree, type Parameter, type ParameterTree } from "./tree.ts";
import { loadWeights, type NamedTensors } from "./weights.ts";

/** Everything the next epoch depends on. */
export interface TrainingState<P extends ParameterTree = ParameterTree> {
  readonly parameters: P;
  readonly optimiser: OptimiserState;
  /** The generator of batches. */
  readonly random: RandomState;
  /** Epochs done. */
  readonly epoch: number;
  readonly best: BestSoFar;
  /** The parameters of the best epoch. */
  readonly bestParameters: P;
}

/** A state as named arrays and text, as `.safetensors` files hold them. */
export interface WrittenState {
  readonly tensors: ReadonlyMap<string, Parameter>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The state as named arrays. */
export function writeState(state: TrainingState): WrittenState {
  const tensors = new Map<string, Parameter>();
  flattenTree(state.parameters).leaves.forEach(({ name, value }, index) => {
    tensors.set(`parameters.${name}`, value);
    (state.optimiser.moments[index] ?? []).forEach((moment, order) => {
      tensors.set(`moment${order}.${name}`, {
        data: moment as Float64Array<ArrayBuffer>,
        shape: value.shape,
      });
    });
  });
  for (const { name, value } of flattenTree(state.bestParameters).leaves) tensors.set(`best.${name}`, value);
  const { random, epoch, best, optimiser } = state;
  const loss = Number.isFinite(best.loss) ? best.loss : null;
  const counters = { random, epoch, best: { loss, since: best.since }, steps: optimiser.steps };
  return { tensors, metadata: { training: JSON.stringify(counters) } };
}

interface Counters {
  readonly random: RandomState;
  readonly epoch: number;
  readonly best: { readonly loss: number | null; readonly since: number };
  readonly steps: number;
}

/** The state that was written, for parameters of this structure. */
export function readState<P extends ParameterTree>(
  { tensors, metadata }: { tensors: NamedTensors; metadata: ReadonlyMap<string, string> },
  parameters: P,
): TrainingState<P> {
  const text = metadata.get("training");
  if (text === undefined)
    throw new UsageError("JR830", "these arrays are not a training state: they carry no counters");
  const { random, epoch, best, steps } = JSON.parse(text) as Counters;
  const part = (prefix: string): NamedTensors => {
    const own = [...tensors].filter(([name]) => name.startsWith(prefix));
    return new Map(own.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
  };
  const moments = flattenTree(parameters).leaves.map(({ name }) => momentsOf(tensors, name));
  return {
    parameters: loadWeights(parameters, part("parameters.")),
    bestParameters: loadWeights(parameters, part("best.")),
    optimiser: { steps, moments },
    random,
    epoch,
    best: { loss: best.loss ?? Number.POSITIVE_INFINITY, since: best.since },
  };
}

function momentsOf(tensors: NamedTensors, name: string): Float64Array[] {
  const found: Float64Array[] = [];
  for (;;) {
    const moment = tensors.get(`moment${found.length}.${name}`);
    if (moment === undefined) return found;
    found.push(Float64Array.from(moment.data as Float64Array));
  }
}

/** A copy that later steps do not change. */
export function copyState<P extends ParameterTree>(state: TrainingState<P>): TrainingState<P> {
  return {
    ...state,
    parameters: copyTree(state.parameters),
    bestParameters: copyTree(state.bestParameters),
    optimiser: {
      steps: state.optimiser.steps,
      moments: state.optimiser.moments.map((arrays) => arrays.map((array) => array.slice())),
    },
  };
}
