/** Exported functions that sum over rows: Gauss–Newton's sums, losses and gradients, in every format, against the interpreter. */

import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { sourceC, sourceJs, sourceWasm } from "../../src/api/source.ts";
import {
  jacobian,
  matmul,
  maximum,
  minimum,
  mul,
  outer,
  type Row,
  rowMean,
  rowSum,
  rows,
  sin,
  square,
  stack,
  sub,
  sum,
  type Tensor,
  toFloat,
  transpose,
} from "../../src/index.ts";
import { Builder } from "../../src/ir/builder.ts";
import type { Node } from "../../src/ir/types.ts";
import { type ToSourceOptions, toSource } from "../../src/node.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
import { obstacle } from "../native/helpers.ts";
import { inputsFor, programOf, randomFloats, relativeError } from "../runtime/helpers.ts";
import { operationCases } from "../runtime/operation-cases.ts";
import { compilers, folderOf, load } from "./compilers.ts";

type Vector = Tensor<readonly [number]>;
type Given = { x: Row<3>; p: Vector };
type Arrays = Record<string, Float32Array | Float64Array>;

interface Case {
  readonly g: (given: Given) => Record<string, Tensor>;
  readonly parameters: number;
  /** Cells of a row, or of all rows, in the order of the exported function. */
  readonly results: Readonly<Record<string, number>>;
}

/** 2 outputs of 3 inputs and many parameters. */
const model = ({ x, p }: Given): Vector => {
  const waves = sin(mul(p, x.at(0))).mul(x.at(1));
  return stack([sum(waves), sum(square(p)).mul(x.at(2))]);
};

const cases: Readonly<Record<string, Case>> = {
  "Gauss–Newton, with a triangle of blocks": {
    parameters: 20,
    results: { JtJ: 400, Jtr: 20, loss: 1 },
    g: ({ x, p }) => {
      const J = jacobian(model, { wrt: "p" })({ x, p }) as unknown as Tensor<readonly [number, number]>;
      const r = model({ x, p });
      return {
        JtJ: rowSum(matmul(transpose(J), J)),
        Jtr: rowSum(matmul(transpose(J), r)),
        loss: rowSum(sum(square(r))),
      };
    },
  },
  "rows beside sums, and what follows them in float64": {
    parameters: 3,
    results: { y: 3, mean: 3, deviation: 3, step: 3, count: 1 },
    g: ({ x, p }) => {
      const mean = rowMean(x);
      const variance = sub(rowMean(square(x)), square(mean));
      const [least, most] = [minimum(rowSum(sin(x)), p), maximum(rowSum(x), 0)];
      const large = rowSum(toFloat(x.at(0).gt(0)));
      return {
        y: mul(x, p),
        mean,
        deviation: variance.add(0.1).sqrt(),
        step: mul(least, most).tanh(),
        count: large,
      };
    },
  },
  "more sums than a stack should hold": {
    parameters: 70,
    results: { gram: 4900 },
    g: ({ x, p }) => ({ gram: rowSum(outer(sin(mul(p, x.at(0))), mul(p, x.at(2)))) }),
  },
};

const optionsOf = ({ parameters }: Case, options: Partial<ToSourceOptions>): ToSourceOptions => ({
  format: "c",
  inputs: { x: [3], p: [parameters] },
  shared: ["p"],
  wrt: [],
  name: "f",
  ...options,
});

const counts = [0, 1, 5, 1000];

type Known = { readonly args: Float64Array[]; readonly wanted: Float64Array[] };
const known = new Map<string, Known>();

/** Rows and parameters that are floats in both widths, and what the interpreter makes of them. */
function given(name: string, { g, parameters, results }: Case, n: number): Known {
  const before = known.get(`${name} ${n}`);
  if (before !== undefined) return before;
  const [x, p] = [n * 3, parameters].map((length, seed) =>
    Float64Array.from(randomFloats(length, { dtype: "f32", seed: 7 + seed })),
  ) as [Float64Array, Float64Array];
  const run = rows(g as never, { shared: ["p"], device: "interpreter" }) as unknown as {
    sync: (all: unknown) => Record<string, { data: Float64Array }>;
  };
  const found = run.sync({ x: { data: x, shape: [n, 3] }, p: { data: p, shape: [p.length] } });
  const wanted = Object.keys(results).map((result) => found[result]?.data as Float64Array);
  known.set(`${name} ${n}`, { args: [x, p], wanted });
  return { args: [x, p], wanted };
}

function expectClose(
  found: readonly ArrayLike<number>[],
  wanted: readonly Float64Array[],
  most: number,
): void {
  wanted.forEach((values, index) => {
    expect(found[index]?.length).toBe(values.length);
    expect(relativeError(found[index] as ArrayLike<number>, values), `result ${index}`).toBeLessThan(most);
  });
}

const bound = (dtype: "f32" | "f64"): number => (dtype === "f32" ? 3e-6 : 2e-13);
let next = 0;

async function imported(files: ReturnType<typeof toSource>): Promise<Record<string, unknown>> {
  const folder = folderOf(new Map([...files, ["package.json", '{ "type": "module" }']]), `js${next++}`);
  return (await import(pathToFileURL(`${folder}/f.js`).href)) as Record<string, unknown>;
}

describe.each(Object.entries(cases))("%s", (name, each) => {
  test("JavaScript", async () => {
    const f = (await imported(toSource(each.g, optionsOf(each, { format: "js" }))))["f"] as (
      ...args: Float64Array[]
    ) => Arrays;
    for (const n of counts) {
      const { args, wanted } = given(name, each, n);
      const found = f(...args);
      expect(Object.keys(found)).toEqual(
        Object.keys(each.results).map((key) => (wanted.length === 1 ? "y" : key)),
      );
      expectClose(Object.values(found), wanted, bound("f64"));
    }
    expect(() => f(new Float64Array(3), new Float64Array(1))).toThrow(/p needs \d+ numbers/);
  });

  test.each(["f32", "f64"] as const)("WebAssembly, %s", async (dtype) => {
    const files = toSource(each.g, optionsOf(each, { format: "wasm", dtype }));
    const { load: start } = (await imported(files)) as {
      load: (bytes: unknown) => (...args: unknown[]) => Arrays;
    };
    const run = start(files.get("f.wasm"));
    for (const n of counts) {
      const { args, wanted } = given(name, each, n);
      expectClose(Object.values(run(...args)), wanted, bound(dtype));
    }
    expect(() => run(new Float64Array(3), [])).toThrow(/p needs \d+ numbers/);
  });

  const builds = [
    { dtype: "f32", flags: [], vector: 128 },
    { dtype: "f64", flags: ["-march=native"], vector: 256 },
  ] as const;
  const all = compilers.flatMap((compiler, index) => [
    { compiler, ...(builds[index] ?? builds[0]) },
    ...(index === 0 ? [{ compiler, dtype: "f64", flags: ["-DJACROW_PORTABLE"], vector: 128 } as const] : []),
  ]);
  test.skipIf(obstacle !== undefined).each(all)(`C: %o ${obstacle ?? ""}`, (build) => {
    const { compiler, dtype, flags, vector } = build;
    const files = toSource(each.g, optionsOf(each, { dtype, vector })) as Map<string, string>;
    const size = Number(/#define F_WORK (\d+)/.exec(files.get("f.h") ?? "")?.[1] ?? 0);
    expect(size > 0).toBe(name.startsWith("more"));
    const cells = Object.values(each.results);
    const call = load(folderOf(files, `c${next++}`), {
      compiler,
      flags: [...flags],
      ports: 2 + cells.length,
      work: size > 0,
    });
    const array = dtype === "f32" ? Float32Array : Float64Array;
    for (const n of counts) {
      const { args, wanted } = given(name, each, n);
      const outs = wanted.map(({ length }) => new array(length).fill(7));
      const numbers = args.map((values) => array.from(values));
      const work = size > 0 ? [new array(size + 1).subarray(1)] : [];
      call(...numbers, ...outs, n, ...work);
      expectClose(outs, wanted, bound(dtype));
      call(...numbers, ...outs.map(() => null), n, ...work);
    }
  });
});

describe("every operation after all rows", () => {
  const b = new Builder();
  const inputs = [b.input("x", [6]), b.input("m", [3, 4])];
  const [x, m] = inputs.map((input) => b.rowSum(input)) as [Node, Node];
  const made = Object.values(operationCases).map((make) => make(b, x, m)[0] as Node);
  const program = programOf(
    "f",
    inputs,
    made.filter(({ level }) => level === "finish"),
  );
  const options = { request: { wrt: [] }, dtype: "f64", layout: "row", name: "f" } as const;
  const rows = inputsFor(program, 1, "f64");
  const wanted = interpret(program, rows, 1);

  test("JavaScript and WebAssembly", async () => {
    const f = (await imported(sourceJs(program, options)))["f"] as (...args: unknown[]) => Arrays;
    expectClose(Object.values(f(...rows)), wanted, 1e-13);
    const files = sourceWasm(program, options);
    const { load: start } = (await imported(files)) as { load: (bytes: unknown) => typeof f };
    expectClose(Object.values(start(files.get("f.wasm"))(...rows)), wanted, 1e-13);
  });

  test.skipIf(obstacle !== undefined)("C", () => {
    const call = load(folderOf(sourceC(program, options), `c${next++}`), {
      compiler: compilers[0] as string,
      flags: [],
      ports: 2 + wanted.length,
    });
    const outs = wanted.map(({ length }) => new Float64Array(length));
    call(...rows, ...outs, 1);
    expectClose(outs, wanted, 1e-13);
  });
});

test("names that generated code uses inside stay the caller's", async () => {
  const g = ({ c, row, transpose: turn }: Record<string, Row<2>>): Record<string, Tensor> => ({
    sin: sin(c as Row<2>),
    totals: rowSum(mul(row as Row<2>, turn as Row<2>)),
  });
  const inputs = { c: [2], row: [2], transpose: [2] };
  const f = (await imported(toSource(g, { format: "js", inputs, wrt: [], name: "f" })))["f"];
  const [c, row, turn] = [
    [1, 2],
    [3, 4],
    [5, 6],
  ];
  expect((f as (...args: unknown[]) => Arrays)(c, row, turn)).toEqual({
    sin_: Float64Array.of(Math.sin(1), Math.sin(2)),
    totals_: Float64Array.of(15, 24),
  });
  const header = toSource(g, { format: "c", inputs, wrt: [], name: "sqrt" }).get("sqrt_.h");
  expect(header).toContain(
    "void sqrt_(const double *c_, const double *row_, const double *transpose_, double *sin_, double *totals_, size_t n)",
  );
});

test("sums beside a Jacobian: rows are differentiated, sums are not", async () => {
  const g = (x: Row<2>): Record<string, Tensor> => ({ y: sin(x), total: rowSum(x) });
  const files = toSource(g, { format: "js", inputs: [2], name: "f" });
  const f = (await imported(files))["f"] as (x: number[]) => Arrays;
  const { y, jac, total } = f([1, 2, 3, 4]);
  expect(Object.keys(f([]))).toEqual(["y", "jac", "total"]);
  expect(Array.from(total as Float64Array)).toEqual([4, 6]);
  expect(y?.[3]).toBe(Math.sin(4));
  expect(Array.from(jac as Float64Array)).toEqual([
    Math.cos(1),
    0,
    0,
    Math.cos(2),
    Math.cos(3),
    0,
    0,
    Math.cos(4),
  ]);
  expect(files.get("f.d.ts")).toContain("/** of all rows, 2 */\n  total:");
});
