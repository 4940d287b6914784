/**
 * Runs a planned function over rows: compiles per signature and width, keeps what is compiled, nests the results.
 *
 * One runner stands behind each function that `jacrow` or `rows` returns. Always: at most 32 compiled specs; a call that
 * fails leaves nothing half written; after `dispose` every call throws.
 */

import { NdArray } from "../data/ndarray.ts";
import type { FloatType } from "../data/shape.ts";
import { UsageError } from "../errors.ts";
import { at, sameShape, showShape } from "../ir/shape.ts";
import type { KernelOptions } from "../runtime/kernel.ts";
import { usualThreads } from "../runtime/threads/platform.ts";
import { isHolder } from "../trace/operand.ts";
import type { Rules } from "../trace/option-rules.ts";
import { checkOptions } from "../trace/options.ts";
import { isTracing } from "../trace/scope.ts";
import { unflatten } from "../trace/structure.ts";
import type { Signature } from "../trace/trace.ts";
import { type CallForm, callForm, readAgain } from "./again.ts";
import { type CallArguments, countOf, readArguments, signatureKey, signatureOf } from "./arguments.ts";
import { bound, sharedByName, withSharedShapes } from "./bind.ts";
import { Cache } from "./cache.ts";
import { Compiled } from "./compiled.ts";
import { debug } from "./debug.ts";
import { explained } from "./explain.ts";
import { compileRules, explainRules, shapeRules } from "./options.ts";
import { withRowStarts } from "./pattern.ts";
import type { Planned } from "./plan.ts";
import { beforeResults } from "./results.ts";
import { checkSize, type Estimate } from "./sizes.ts";
import type {
  BindSpec,
  Bound,
  CompileSpec,
  ExplainSpec,
  InputShapes,
  Nest,
  RunInfo,
  RunOptions,
  ShapeSpec,
  SparsityPattern,
  SyncOptions,
} from "./types.ts";

/** A function to run: how to plan it, and what is known of its inputs beforehand. */
export interface Runnable {
  readonly name: string;
  /** Parameters it takes, if that is known. */
  readonly arity: number;
  readonly dtype: FloatType | undefined;
  /** The signature, if the inputs are known without a call (a model's). */
  readonly signature: Signature | undefined;
  /** Shapes of its inputs, where those of a model behind it tell them. */
  readonly shapes: InputShapes | undefined;
  plan(signature: Signature, checkSizes: (estimates: readonly Estimate[]) => void): Planned;
}

const MOST_COMPILED = 32;

/** Calls, caching and memory of one function over rows. */
export class Runner {
  readonly #what: Runnable;
  readonly #options: RunOptions;
  readonly #compiled: Cache<Compiled> = new Cache(MOST_COMPILED);
  #last: { signature: Signature; dtype: FloatType } | undefined;
  /** The latest call, if nothing else was asked for since. */
  #again: (CallForm & { readonly entry: Compiled }) | undefined;
  #notes: readonly string[] = [];
  #disposed = false;

  constructor(what: Runnable, options: RunOptions) {
    this.#what = what;
    this.#options = options;
  }

  /** Throws at once, not by rejecting, where a traced value is given: nothing is left unhandled. */
  run(args: readonly unknown[]): Promise<unknown> {
    // A small call like the one before is done here, without the turns of an asynchronous function.
    try {
      const again = this.#again && readAgain(args, this.#again, false);
      if (again !== undefined && this.#again?.entry.ready?.runsAtOnce(again.n) === true)
        return Promise.resolve(this.#runSync(again, undefined, again.n));
    } catch (error) {
      return Promise.reject(error);
    }
    refuseTraced(this.#what.name, args);
    return this.#run(args);
  }

  async #run(args: readonly unknown[]): Promise<unknown> {
    const call = this.#readRows(args);
    const entry = this.#called(call);
    if (entry.ready?.runsAtOnce(call.n) === true) return this.#runSync(call, undefined, call.n);
    this.#checkSize(entry.planned.estimates, call);
    entry.active++;
    // The caller may write to its arrays before the result is there: what counts is what they hold now.
    const given = entry.copied(call.data);
    try {
      const kernel = await entry.kernel();
      const data = await kernel.run(given, call.n);
      return entry.results.nest(data, call.n);
    } finally {
      entry.active--;
      if (entry.left && entry.active === 0) entry.dispose();
    }
  }

  sync(args: readonly unknown[]): unknown {
    const options = optionsIn(args);
    const call = this.#read(options === undefined ? args : args.slice(0, -1), false);
    return this.#runSync(call, options?.out, call.n);
  }

  one(args: readonly unknown[]): unknown {
    const call = this.#read(args, true);
    return this.#runSync(call, undefined, undefined);
  }

  async compile(spec: CompileSpec = {}): Promise<void> {
    const { signature, dtype } = this.#specified("compile", spec, compileRules);
    if (spec.n !== undefined) checkCount("compile", spec.n);
    await this.#entry(signature, dtype).prepare(spec.n);
  }

  bind(spec: BindSpec): Bound<unknown> {
    const { n, inputs, dtype, ...given } = spec;
    checkCount("bind", n);
    const shapes = inputs && withSharedShapes(inputs, given);
    const target = this.#specified("bind", { ...(shapes && { inputs: shapes }), ...(dtype && { dtype }) });
    const shared = sharedByName(target.signature, given);
    const entry = this.#entry(target.signature, target.dtype);
    this.#checkSize(entry.planned.estimates, { n, dtype: target.dtype });
    return bound(entry, target.signature, { n, shared });
  }

  explain(spec: ExplainSpec = {}): string {
    const { signature, dtype } = this.#specified("explain", spec, explainRules);
    const { show = [], format = "text" } = spec;
    const { planned, ready } = this.#entry(signature, dtype);
    const how = { dtype, format, program: show.includes("ir"), kernel: ready?.info };
    return explained(this.#what.name, planned, how);
  }

  pattern(spec: ShapeSpec = {}): SparsityPattern | Nest<SparsityPattern> {
    const { signature, dtype } = this.#specified("pattern", spec);
    const { results, patterns } = this.#entry(signature, dtype).planned;
    if (patterns === undefined)
      throw new UsageError(
        "JR453",
        `${this.#what.name} has no pattern: use jacrow(f).pattern() for that of a Jacobian`,
      );
    const all = patterns();
    return unflatten(results, (index) => withRowStarts(at(all, index))) as
      | SparsityPattern
      | Nest<SparsityPattern>;
  }

  get info(): RunInfo {
    const ready = [...this.#compiled.values()]
      .map(({ ready: kernel }) => kernel?.info)
      .filter((info) => info !== undefined);
    const notes = ready.flatMap((info) => info.notes ?? []);
    const { device = "auto" } = this.#options;
    return {
      device: ready.at(-1)?.device ?? (device === "auto" ? "wasm" : device),
      threads: ready.at(-1)?.threads ?? this.#options.threads ?? 1,
      compiled: this.#compiled.size,
      notes: [...new Set([...this.#notes, ...notes])],
    };
  }

  dispose(): void {
    this.#disposed = true;
    this.#again = undefined;
    this.#compiled.clear();
  }

  /** `rows`: the axis of rows that results have. */
  #runSync(call: CallArguments, out: unknown, rows: number | undefined): unknown {
    const entry = this.#called(call);
    const { planned, results } = entry;
    if (out === undefined) {
      this.#checkSize(planned.estimates, call);
      return results.nest(entry.sync().runSync(call.data, call.n), rows);
    }
    const outs = results.arraysOf(out);
    results.check(outs, call);
    entry.sync().runSync(beforeResults(call.data, outs), call.n, outs);
    const made = results.nest(outs, rows);
    return out instanceof NdArray && made instanceof NdArray && sameShape(out.shape, made.shape) ? out : made;
  }

  #readRows(args: readonly unknown[]): CallArguments {
    if (optionsIn(args)?.out !== undefined)
      throw new UsageError("JR454", "out is an option of J.sync(X, { out }); await J(X) returns new arrays");
    return this.#read(optionsIn(args) === undefined ? args : args.slice(0, -1), false);
  }

  #read(args: readonly unknown[], single: boolean): CallArguments {
    const again = this.#again && readAgain(args, this.#again, single);
    if (again !== undefined) return again;
    refuseTraced(this.#what.name, args);
    if (this.#disposed)
      throw new UsageError(
        "JR441",
        `${this.#what.name} was disposed of; make a new one with jacrow() or rows()`,
      );
    const known = this.#what.signature;
    const { arity } = this.#what;
    if (known === undefined && arity > 0 && args.length !== arity) {
      throw new UsageError(
        "JR442",
        `${this.#what.name} takes ${countOf(arity, "argument")}, got ${args.length}`,
      );
    }
    const signature = known ?? this.#last?.signature;
    const call = readArguments(known === undefined ? args : inOrder(this.#what.name, known, args), {
      shared: known === undefined ? (this.#options.shared ?? []) : sharedOf(known),
      dtype: this.#options.dtype ?? this.#what.dtype,
      single,
      shapeOf: (name, empty) => (known !== undefined || empty ? shapeIn(signature, name) : undefined),
    });
    if (call.converted)
      this.#notes = [call.dtype === "f32" ? "rows float64 → float32" : "rows float32 → float64"];
    return call;
  }

  #specified(
    method: string,
    spec: ShapeSpec,
    rules: Rules = shapeRules,
  ): { signature: Signature; dtype: FloatType } {
    checkOptions(`${this.#what.name}.${method}`, rules, spec);
    const dtype = spec.dtype ?? this.#options.dtype ?? this.#what.dtype ?? this.#last?.dtype ?? "f64";
    const known = this.#what.signature ?? this.#last?.signature;
    const { inputs = known === undefined ? this.#what.shapes : undefined } = spec;
    if (inputs !== undefined) {
      const arity = this.#what.signature === undefined ? this.#what.arity : 0;
      return { signature: signatureOf(inputs, this.#options.shared ?? [], { ...this.#what, arity }), dtype };
    }
    if (known !== undefined) return { signature: known, dtype };
    throw new UsageError(
      "JR443",
      `${this.#what.name} has not been called yet: give { inputs: [d] }, the shape of one row`,
    );
  }

  /** The entry of a call, remembered for calls of the same form. */
  #called({ signature, dtype }: CallArguments): Compiled {
    const again = this.#again;
    if (again?.signature === signature && again.dtype === dtype) return again.entry;
    const entry = this.#entry(signature, dtype);
    if (!this.#disposed)
      this.#again = { ...callForm({ signature, dtype }, this.#what.signature !== undefined), entry };
    return entry;
  }

  #entry(signature: Signature, dtype: FloatType): Compiled {
    this.#again = undefined;
    this.#last = { signature, dtype };
    return this.#compiled.get(signatureKey(signature, dtype), () => {
      const planned = this.#what.plan(signature, (estimates) => this.#checkSize(estimates, { n: 1, dtype }));
      debug(this.#what.name, planned);
      return new Compiled(planned, this.#kernelOptions(dtype));
    });
  }

  #kernelOptions(dtype: FloatType): KernelOptions {
    const { threads = usualThreads(), deterministic } = this.#options;
    return {
      device: this.#options.device ?? "auto",
      dtype,
      threads,
      ...(deterministic !== undefined && { deterministic }),
    };
  }

  #checkSize(estimates: readonly Estimate[], { n, dtype }: { n: number; dtype: FloatType }): void {
    checkSize(estimates, { n, bytesPerNumber: dtype === "f32" ? 4 : 8, maxBytes: this.#options.maxBytes });
  }
}

/** Options after the rows: an object that is neither rows nor named inputs. */
function optionsIn(args: readonly unknown[]): SyncOptions | undefined {
  if (args.length < 2) return undefined;
  const last = args.at(-1);
  const isOptions = typeof last === "object" && last !== null && "out" in last && !("data" in last);
  return isOptions ? last : undefined;
}

function checkCount(what: string, n: number): void {
  if (!Number.isSafeInteger(n) || n < 0)
    throw new UsageError("JR440", `${what} needs { n }, a whole number of rows, got ${String(n)}`);
}

/** `jacrow(f)(q)` inside a traced function: q has no numbers, and what is wanted is jacobian(f). */
function refuseTraced(name: string, args: readonly unknown[]): void {
  if (!args.some(holdsTraced)) return;
  const [, of = "rows", inner = "f"] = /^(\w+)\((.*)\)$/s.exec(name) ?? [];
  const instead = of === "jacrow" ? `jacobian(${inner})` : inner;
  throw new UsageError(
    "JR456",
    `${name} was given a traced value: inside a function use ${instead}(q); ${of} runs over rows of numbers`,
  );
}

function holdsTraced(value: unknown): boolean {
  if (isHolder(value)) return true;
  if (!isTracing() || typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return false;
  return Object.values(value).some(holdsTraced);
}

function shapeIn(signature: Signature | undefined, name: string): readonly number[] | undefined {
  return signature?.inputs.find((input) => input.name === name)?.shape;
}

function sharedOf({ inputs }: Signature): string[] {
  return inputs.flatMap(({ name, level }) => (level === "row" ? [] : [name]));
}

/** A model's arguments in the order of its inputs, by position or by name, as one object of named ones. */
function inOrder(name: string, { inputs }: Signature, args: readonly unknown[]): readonly unknown[] {
  const [first] = args;
  const named = args.length === 1 && typeof first === "object" && first !== null && !Array.isArray(first);
  const isRecord = named && !("data" in first) && !ArrayBuffer.isView(first);
  const given = isRecord ? inputs.map((input) => Reflect.get(first, input.name) as unknown) : args;
  if (given.length !== inputs.length || given.includes(undefined)) {
    const list = inputs.map((input) => `${input.name} ${showShape(input.shape)}`).join(", ");
    throw new UsageError(
      "JR444",
      `${name} takes ${list}; got ${isRecord ? Object.keys(first).join(", ") : `${args.length} arguments`}`,
    );
  }
  return [Object.fromEntries(inputs.map((input, index) => [input.name, at(given, index)]))];
}
