/** Exported JavaScript and WebAssembly modules: they compute what the interpreter does, small, without making code from text. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, expect, test } from "vitest";
import { type SourceOptions, sourceJs, sourceWasm } from "../../src/api/source.ts";
import { toSource } from "../../src/api/to-source.ts";
import { jacobianProgram } from "../../src/autodiff/index.ts";
import { type Row, sin } from "../../src/index.ts";
import { Builder } from "../../src/ir/builder.ts";
import type { Program } from "../../src/ir/types.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
import { randomInputs, randomOps, randomProgram } from "../ir/random-program.ts";
import { inputsFor, programOf, randomFloats, relativeError } from "../runtime/helpers.ts";
import { operationCases } from "../runtime/operation-cases.ts";
import { requestOf, sharedCase, sharedPrograms } from "./shared-programs.ts";

const root = mkdtempSync(join(tmpdir(), "jacrow-scripts-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

type Results = Record<string, Float32Array | Float64Array>;
type Run = (...rows: ArrayLike<number>[]) => Results;

const optionsFor = (program: Program, options: Partial<SourceOptions> = {}): SourceOptions => ({
  request: { wrt: program.inputs.map((_, index) => index), allowZero: true },
  dtype: "f64",
  layout: "row",
  name: "f",
  ...options,
});

let next = 0;

/** Writes the files under names of their own; gives the folder's module. */
async function imported(files: ReadonlyMap<string, string | Uint8Array>): Promise<Record<string, unknown>> {
  const folder = mkdtempSync(join(root, `${next++}-`));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  for (const [name, content] of files) writeFileSync(join(folder, name), content);
  return (await import(pathToFileURL(join(folder, "f.js")).href)) as Record<string, unknown>;
}

function network(): Program {
  const b = new Builder();
  const [x, u] = [b.input("x", [2, 3]), b.input("class", [4])];
  const w = b.constant(randomFloats(12, { dtype: "f32", seed: 2 }), [3, 4]);
  const product = b.contract(x, w, { a: [0, 1], b: [1, 2], out: [0, 2] });
  const h = b.unary("tanh", b.add(product, b.broadcast(u, [2, 4])));
  return programOf("net", [x, u], [h, b.sum(b.unary("sin", h), [0])]);
}

function operations(): Program {
  const b = new Builder();
  const [x, m] = [b.input("x", [6]), b.input("m", [3, 4])];
  const outputs = Object.values(operationCases).flatMap((make) => make(b, x, m));
  return programOf("operations", [x, m], outputs);
}

function expectClose(results: Results, wanted: readonly Float64Array[], tolerance: number): void {
  Object.values(results).forEach((values, index) =>
    expect(relativeError(values, wanted[index] as Float64Array), Object.keys(results)[index]).toBeLessThan(
      tolerance,
    ),
  );
  expect(Object.keys(results)).toHaveLength(wanted.length);
}

test("JavaScript: values and Jacobians, any number of rows", async () => {
  const program = network();
  const options = optionsFor(program);
  const f = (await imported(sourceJs(program, options)))["f"] as Run;
  const reference = jacobianProgram(program, { ...options.request, value: true });
  for (const n of [0, 1, 4]) {
    const inputs = inputsFor(program, n, "f64");
    const results = f(...inputs);
    expectClose(results, interpret(reference, inputs, n), 1e-13);
    expect(Object.keys(results).slice(0, 3)).toEqual(["y0", "y1", "jac_y0_x"]);
    expect(f(...inputs.map((values) => Array.from(values)))).toEqual(results);
  }
  expect(() => f([1, 2, 3], [1])).toThrow(RangeError);
});

test("JavaScript: every operation, and random programs", async () => {
  const program = operations();
  const f = (await imported(sourceJs(program, optionsFor(program, { request: { wrt: [] } }))))["f"] as Run;
  const inputs = inputsFor(program, 3, "f64");
  expectClose(f(...inputs), interpret(program, inputs, 3), 1e-13);
  const ops = randomOps.filter((op) => op !== "rowSum");
  for (let seed = 0; seed < 40; seed++) {
    const random = randomProgram(seed * 13 + 1, { ops, size: 4 + (seed % 20) });
    const isRow = random.inputs.map(({ level }) => level === "row");
    if (!isRow.includes(true)) continue;
    const g = (await imported(sourceJs(random, optionsFor(random, { request: { wrt: [] } }))))["f"] as Run;
    const rows = randomInputs(random, 4, seed);
    const wanted = interpret(random, rows, 4).map((values, index) =>
      random.outputs[index]?.value.level === "row"
        ? values
        : Float64Array.from(
            { length: values.length * 4 },
            (_, cell) => values[cell % values.length] as number,
          ),
    );
    const args = [...rows.filter((_, index) => isRow[index]), ...rows.filter((_, index) => !isRow[index])];
    expectClose(g(...args), wanted, 1e-9);
  }
});

test("JavaScript runs where code from text is forbidden, and its types hold", async () => {
  const program = network();
  const files = sourceJs(program, optionsFor(program));
  const folder = mkdtempSync(join(root, "strict-"));
  for (const [name, content] of files) writeFileSync(join(folder, name.replace(/\.js$/, ".mjs")), content);
  writeFileSync(
    join(folder, "main.mjs"),
    'import { f } from "./f.mjs"; console.log(f(new Array(6).fill(0), [0, 0, 0, 0]).y0.length);',
  );
  const text = execFileSync(process.execPath, [
    "--disallow-code-generation-from-strings",
    join(folder, "main.mjs"),
  ]);
  expect(text.toString().trim()).toBe("8");
  expect(files.get("f.d.ts")).toContain("f(x: ArrayLike<number>, class_: ArrayLike<number>): {");
});

test.each(["f32", "f64"] as const)("WebAssembly with its glue, %s", async (dtype) => {
  const program = network();
  const options = optionsFor(program, { dtype, layout: "row" });
  const files = sourceWasm(program, options);
  expect(files.get("f.js")?.length).toBeLessThan(3000);
  const { load } = (await imported(files)) as { load: (bytes: Uint8Array) => Run };
  const run = load(files.get("f.wasm") as Uint8Array);
  const reference = jacobianProgram(program, { ...options.request, value: true });
  for (const n of [0, 1, 5, 2100]) {
    const inputs = inputsFor(program, n, dtype);
    expectClose(run(...inputs), interpret(reference, inputs, n), dtype === "f32" ? 3e-6 : 1e-13);
  }
  expect(() => run([1], [1])).toThrow(/x needs 6 numbers/);
  expect(
    run(
      Array.from({ length: 6 }, () => 0.5),
      [0, 0, 0, 0],
    )["y0"],
  ).toHaveLength(8);
});

test("glue is no larger for many arrays", async () => {
  const program = operations();
  const files = sourceWasm(program, optionsFor(program, { request: { wrt: [] } }));
  expect(program.outputs.length).toBeGreaterThan(50);
  expect(files.get("f.js")?.length).toBeLessThan(3000);
  const { load } = (await imported(files)) as { load: (bytes: Uint8Array) => Run };
  const rows = inputsFor(program, 3, "f64");
  expectClose(load(files.get("f.wasm") as Uint8Array)(...rows), interpret(program, rows, 3), 1e-12);
});

test.each(Object.keys(sharedPrograms))("JavaScript: shared inputs follow the others, %s", async (name) => {
  const program = sharedPrograms[name]?.() as Program;
  const f = (await imported(sourceJs(program, optionsFor(program, { request: requestOf(program) }))))[
    "f"
  ] as Run;
  for (const n of [0, 1, 5]) {
    const { args, wanted } = sharedCase(program, n, "f64");
    expectClose(f(...args), wanted, 1e-12);
  }
});

test.each(
  Object.keys(sharedPrograms).flatMap((name) => [
    { name, dtype: "f32" as const },
    { name, dtype: "f64" as const },
  ]),
)("WebAssembly: shared inputs follow the others, %o", async ({ name, dtype }) => {
  const program = sharedPrograms[name]?.() as Program;
  const files = sourceWasm(program, optionsFor(program, { dtype, request: requestOf(program) }));
  const { load } = (await imported(files)) as { load: (bytes: Uint8Array) => Run };
  expect(files.get("f.js")?.length).toBeLessThan(3000);
  const run = load(files.get("f.wasm") as Uint8Array);
  for (const n of [5, 0, 1, 1100]) {
    const { args, wanted } = sharedCase(program, n, dtype);
    expectClose(run(...args), wanted, dtype === "f32" ? 1e-5 : 1e-12);
  }
});

test("shared inputs of functions, by name; wrong lengths and names are refused", async () => {
  const f = ({ x, w }: { x: Row<2>; w: Row<2> }) => sin(x).mul(w);
  const options = { inputs: { x: [2], w: [2] }, shared: ["w"], name: "f" } as const;
  const js = (await imported(toSource(f, { ...options, format: "js" })))["f"] as Run;
  const files = toSource(f, { ...options, format: "wasm" }) as Map<string, Uint8Array>;
  expect(files.get("f.js")?.length).toBeLessThan(3000);
  const { load } = (await imported(files)) as { load: (bytes: Uint8Array) => Run };
  for (const run of [js, load(files.get("f.wasm") as Uint8Array)]) {
    const { y } = run([1, 2, 3, 4], [5, 6]);
    expect(y?.[3]).toBeCloseTo(6 * Math.sin(4), 13);
    expect(() => run([1, 2], [5])).toThrow(/w needs 2 numbers$/);
  }
  expect(() => toSource(f, { ...options, format: "c", shared: ["v"] })).toThrow("JR403");
});

test("toSource takes functions and says what it needs", async () => {
  const f = (x: Row<2>) => sin(x).mul(x);
  const files = toSource(f, { format: "js", inputs: [2], name: "f" });
  const run = (await imported(files))["f"] as Run;
  const { y, jac } = run([1, 2]);
  expect(y?.[1]).toBeCloseTo(2 * Math.sin(2), 14);
  expect(jac?.[3]).toBeCloseTo(Math.sin(2) + 2 * Math.cos(2), 14);
  expect([...toSource(f, { format: "c", inputs: [2] }).keys()][0]).toBe("f.h");
  expect(() => toSource(f, { format: "c" })).toThrow("JR430");
  expect(() => toSource(f, { format: "pascal" as "c", inputs: [2] })).toThrow("JR452");
});

test("the command writes a folder of any format", () => {
  const model = "test/fixtures/onnx/siren/model.onnx";
  for (const [format, files] of [
    ["c", ["CMakeLists.txt", "example.c", "my_model.c", "my_model.h"]],
    ["js", ["my_model.d.ts", "my_model.js"]],
    ["wasm", ["my_model.d.ts", "my_model.js", "my_model.wasm"]],
  ] as const) {
    const folder = join(root, format);
    const args = [
      "--import",
      "tsx",
      "src/cli/main.ts",
      "export",
      model,
      "--format",
      format,
      "-o",
      folder,
      "--prefix",
      "my_",
    ];
    execFileSync(process.execPath, args, { stdio: "ignore" });
    for (const file of files) expect(readFileSync(join(folder, file)).length).toBeGreaterThan(100);
  }
  expect(readFileSync(join(root, "c/my_model.h"), "utf8")).toContain("values and Jacobians of model,");
});
