/**
 * Programs with loops: cut at their scans into regions without any, which are lowered one by one.
 *
 * In: a program, and where its inputs lie and its outputs go. Out: stages; a scan is a `repeat` of its body's stages. What one region
 * hands to another lies row-major in a buffer; views of it are read there by strides.
 */

import { Builder } from "../ir/builder.ts";
import { Cut } from "../ir/cut.ts";
import { nodesOf, operandsOf, programOf } from "../ir/graph.ts";
import { at, range, sizeOf, stridesOf } from "../ir/shape.ts";
import type { Node, Output, Program, ProjectNode, ScanNode } from "../ir/types.ts";
import { isView } from "./costs.ts";
import { Homes, partHome, reshapedHome, rowMajor } from "./homes.ts";
import { type Axes, ofAxis, plus, scaled } from "./indices.ts";
import type { Buffer, Stage } from "./loops.ts";
import type { Home } from "./tasks.ts";

/** A program without scans whose inputs lie somewhere already. */
export interface Region {
  readonly program: Program;
  /** Where each input lies. */
  readonly inputs: readonly Home[];
  /** Where each output goes. */
  readonly outputs: readonly Home[];
}

/** What all regions share. */
export interface RegionJob {
  readonly buffers: Buffer[];
  readonly axes: Axes;
  /** Lowers a program without scans. */
  readonly lower: (region: Region) => Stage[];
}

/** A program, perhaps with scans, whose inputs and outputs have homes. */
export type Scoped = Region;

/** Are there loops to run for each row? */
export function hasLoops(program: Program): boolean {
  return nodesOf(program).some((node) => node.op === "scan" && node.level === "row");
}

/** The stages of a program with scans. */
export function loweredRegions(job: RegionJob, scoped: Scoped): Stage[] {
  if (!hasLoops(scoped.program)) return job.lower(scoped);
  return new Scope(job, scoped).stages();
}

type Wanted = { readonly value: Node; readonly home: Home };

/** One program that is cut; bodies of its scans are scopes of their own. */
class Scope {
  readonly #job: RegionJob;
  readonly #shared: Homes;
  readonly #homes = new Map<Node, Home>();
  /** How many scans one after the other a row's value waits for. */
  readonly #depths = new Map<Node, number>();
  readonly #scans: ScanNode[] = [];
  /** What each region must store. */
  readonly #wanted: Wanted[][] = [];

  constructor(job: RegionJob, { program, inputs, outputs }: Scoped) {
    this.#job = job;
    this.#shared = new Homes(undefined, job.buffers);
    program.inputs.forEach((input, index) => {
      this.#homes.set(input, at(inputs, index));
    });
    for (const node of nodesOf(program)) this.#place(node);
    const depth = Math.max(0, ...this.#depths.values());
    for (let index = 0; index <= depth; index++) this.#wanted.push([]);
    program.outputs.forEach(({ value }, index) => this.#putOut(value, at(outputs, index)));
  }

  stages(): Stage[] {
    const made: Stage[][] = [];
    for (let depth = this.#wanted.length - 1; depth >= 0; depth--) {
      const repeats = this.#scans.filter((scan) => this.#depths.get(scan) === depth);
      made.push(repeats.map((scan) => this.#repeat(scan)));
      made.push(this.#region(depth));
    }
    return made.reverse().flat();
  }

  #place(node: Node): void {
    if (node.level !== "row") return;
    const inherited = Math.max(0, ...operandsOf(node).map((operand) => this.#depths.get(operand) ?? 0));
    this.#depths.set(node, node.op === "project" ? inherited + 1 : inherited);
    if (node.op === "scan") this.#scans.push(node);
  }

  /** An output: kept where it is wanted from the start if its own loops can store there, else copied at the end. */
  #putOut(value: Node, home: Home): void {
    const isOwn = value.level === "row" && value.op !== "input" && !isView(value) && !this.#homes.has(value);
    const whole = home.step === undefined && home.offset === 0 && isContiguous(value, home);
    if (isOwn && whole) this.#homes.set(value, home);
    if (isOwn && value.op === "project" && whole) return;
    const last = this.#wanted.length - 1;
    const depth = isOwn && value.op !== "project" ? (this.#depths.get(value) ?? last) : last;
    at(this.#wanted, depth).unshift({ value, home });
  }

  /** Where a value of this program can be read by a later region or a loop. */
  #homeOf(node: Node): Home {
    const known = this.#homes.get(node);
    if (known !== undefined) return known;
    const home = this.#viewHome(node) ?? this.#stored(node);
    this.#homes.set(node, home);
    return home;
  }

  #viewHome(node: Node): Home | undefined {
    switch (node.op) {
      case "reshape": {
        const base = this.#homeOf(node.a);
        return reshapedHome(base, node.a.shape, node.shape);
      }
      case "transpose": {
        const base = this.#homeOf(node.a);
        return { ...base, strides: node.order.map((axis) => at(base.strides, axis)) };
      }
      case "broadcast": {
        const base = this.#homeOf(node.a);
        const missing = node.shape.length - node.a.shape.length;
        const strides = node.shape.map((_, axis) =>
          axis < missing || node.a.shape[axis - missing] === 1 ? 0 : at(base.strides, axis - missing),
        );
        return { ...base, strides };
      }
      case "slice":
        return partHome(this.#homeOf(node.a), node.starts, node.steps);
      default:
        return undefined;
    }
  }

  /** A buffer of its own, filled by the node's region, by its loop, or when weights are bound. */
  #stored(node: Node): Home {
    if (node.level !== "row") return this.#shared.readOf(node);
    const home = rowMajor(this.#buffer(node, node.op), node.shape);
    if (node.op !== "project") at(this.#wanted, this.#depths.get(node) ?? 0).unshift({ value: node, home });
    return home;
  }

  #buffer(node: Node, name: string): Buffer {
    return this.#shared.tileBuffer(sizeOf(node.shape), node.cell, name);
  }

  /** Everything a region must store, as a program over what lies in memory before it. */
  #region(depth: number): Stage[] {
    const wanted = at(this.#wanted, depth);
    if (wanted.length === 0) return [];
    const cut = new Cut((node) => this.#outside(node, depth));
    const outputs = wanted.map(
      ({ value }, index): Output => ({
        name: `${index}`,
        value: cut.copy(value),
      }),
    );
    const inputs = [...cut.inputs.keys()].map((node) => this.#homeOf(node));
    const program = programOf("region", [...cut.inputs.values()], outputs);
    return this.#job.lower({ program, inputs, outputs: wanted.map(({ home }) => home) });
  }

  /** Is this read from memory by the region: made before it, or a view of such a value? */
  #outside(node: Node, depth: number): boolean {
    if (node.op === "constant" || node.op === "iota" || node.level === "constant") return false;
    if (node.op === "input" || node.op === "project" || node.level === "bound") return true;
    if ((this.#depths.get(node) ?? 0) < depth) return true;
    if (!isStrided(node) || !this.#outside(node.a, depth)) return false;
    return this.#viewHome(node) !== undefined;
  }

  #repeat(scan: ScanNode): Stage {
    const { body, steps, carries, perStep, captured } = scan;
    const axis = this.#job.axes.make(steps);
    const own = carries.map((node, index) => this.#result(scan, index) ?? this.#fresh(node, "carry"));
    carries.forEach((value, index) => {
      at(this.#wanted, this.#depths.get(scan) ?? 0).push({ value, home: at(own, index) });
    });
    const entry = (home: Home): Home => {
      const [stride = 0, ...strides] = home.strides;
      const moved = scaled(ofAxis(axis), stride);
      return { ...home, strides, step: home.step === undefined ? moved : plus(home.step, moved) };
    };
    const inputs = [
      ...own,
      ...perStep.map((node) => entry(this.#homeOf(node))),
      ...captured.map((node) => this.#homeOf(node)),
    ];
    const next = carries.map((node) => this.#fresh(node, "next carry"));
    const stacks = body.outputs.slice(carries.length).map(({ value }, index) => {
      const shape = [steps, ...value.shape];
      const known = this.#result(scan, carries.length + index);
      return entry(known ?? rowMajor(this.#shared.tileBuffer(sizeOf(shape), value.cell, "stack"), shape));
    });
    const stages = loweredRegions(this.#job, { program: body, inputs, outputs: [...next, ...stacks] });
    return { kind: "repeat", axis, stages: this.#handedOn(stages, { carries, own, next }) };
  }

  #fresh(node: Node, name: string): Home {
    return rowMajor(this.#buffer(node, name), node.shape);
  }

  /** The home of a result that somebody reads. */
  #result(scan: ScanNode, index: number): Home | undefined {
    for (const [node, home] of this.#homes) if (isResult(node, scan, index)) return home;
    return undefined;
  }

  /** The body's stages with the next carries put in the place of the present ones, at once where one straight stage makes them all. */
  #handedOn(
    stages: readonly Stage[],
    { carries, own, next }: { carries: readonly Node[]; own: readonly Home[]; next: readonly Home[] },
  ): Stage[] {
    const [only] = stages;
    if (stages.length === 1 && only?.kind === "straight") {
      const places = new Map(next.map((home, index) => [home.buffer, at(own, index)] as const));
      const stores = only.stores.map((store) => {
        const home = places.get(store.access.buffer);
        return home === undefined ? store : { ...store, access: { ...store.access, buffer: home.buffer } };
      });
      return [{ ...only, stores }];
    }
    const b = new Builder();
    const inputs = carries.map((node, index) => b.input(`${index}`, node.shape, { cell: node.cell }));
    const outputs = inputs.map((value): Output => ({ name: value.name, value }));
    const program = programOf("hand on", inputs, outputs);
    return [...stages, ...this.#job.lower({ program, inputs: next, outputs: own })];
  }
}

const isResult = (node: Node, scan: ScanNode, index: number): node is ProjectNode =>
  node.op === "project" && node.a === scan && node.index === index;

/** Views whose cells lie at strides of their operand's. */
function isStrided(
  node: Node,
): node is Extract<Node, { op: "reshape" | "transpose" | "broadcast" | "slice" }> {
  return node.op === "reshape" || node.op === "transpose" || node.op === "broadcast" || node.op === "slice";
}

function isContiguous({ shape }: Node, { strides }: Home): boolean {
  const own = stridesOf(shape);
  return range(shape.length).every((axis) => shape[axis] === 1 || strides[axis] === own[axis]);
}
