/** Exported C: compiles without a warning everywhere, with and without vector extensions, and computes what the interpreter does. */

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type SourceOptions, sourceC } from "../../src/api/source.ts";
import { jacobianProgram } from "../../src/autodiff/index.ts";
import { Builder } from "../../src/ir/builder.ts";
import type { Node, Program } from "../../src/ir/types.ts";
import { floatsOf } from "../../src/runtime/checks.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
import type { FloatArray } from "../../src/runtime/kernel.ts";
import { obstacle } from "../native/helpers.ts";
import { inputsFor, programOf, randomFloats, relativeError } from "../runtime/helpers.ts";
import { operationCases } from "../runtime/operation-cases.ts";
import { compilers, folderOf, load, present, STRICT } from "./compilers.ts";
import { requestOf, sharedCase, sharedPrograms } from "./shared-programs.ts";

/** x (2, 3) and u → tanh(W x + u) (2, 4) and sums of sines: smooth, with an index that is not trivial. */
function smooth(): Program {
  const b = new Builder();
  const [x, u] = [b.input("x", [2, 3]), b.input("float", [4])];
  const w = b.constant(randomFloats(12, { dtype: "f32", seed: 2 }), [3, 4]);
  const h = b.unary(
    "tanh",
    b.add(b.contract(x, w, { a: [0, 1], b: [1, 2], out: [0, 2] }), b.broadcast(u, [2, 4])),
  );
  return programOf("net/1", [x, u], [h, b.sum(b.unary("sin", h), [0])]);
}

/** Every operation, as values only. */
function operations(): Program {
  const b = new Builder();
  const [x, m] = [b.input("x", [6]), b.input("m", [3, 4])];
  return programOf(
    "operations",
    [x, m],
    Object.values(operationCases).map((make) => make(b, x, m)[0] as Node),
  );
}

const optionsOf = (program: Program, options: Partial<SourceOptions>): SourceOptions => ({
  request: { wrt: program.inputs.map((_, index) => index), allowZero: true },
  dtype: "f64",
  layout: "row",
  name: "f",
  ...options,
});

const columns = (
  values: ArrayLike<number>,
  { n, rows, cols }: { n: number; rows: number; cols: number },
): Float64Array =>
  Float64Array.from({ length: n * rows * cols }, (_, at) => {
    const [i, rest] = [Math.floor(at / (rows * cols)), at % (rows * cols)];
    return values[i * rows * cols + (rest % rows) * cols + Math.floor(rest / rows)] as number;
  });

describe.skipIf(obstacle !== undefined)(`exported C (${obstacle ?? compilers.join()})`, () => {
  const cases = compilers.flatMap(
    (compiler) =>
      [
        { compiler, flags: [], dtype: "f32", layout: "row" },
        { compiler, flags: ["-DJACROW_PORTABLE"], dtype: "f32", layout: "col" },
        { compiler, flags: ["-march=native"], dtype: "f64", layout: "col" },
        { compiler, flags: ["-DJACROW_PORTABLE"], dtype: "f64", layout: "row" },
      ] as const,
  );

  test.each(cases)("values and Jacobians: %o", ({ compiler, flags, dtype, layout }) => {
    const program = smooth();
    const options = optionsOf(program, { dtype, layout });
    const folder = folderOf(sourceC(program, options), `${compiler}${flags.join("")}${dtype}${layout}`);
    const call = load(folder, { compiler, flags: [...flags], ports: 8 });
    const reference = jacobianProgram(program, { ...options.request, value: true });
    for (const n of [0, 1, 5, 19]) {
      const inputs = inputsFor(program, n, dtype);
      const outs = [8, 4, 48, 32, 24, 16].map((cells) => floatsOf(dtype, cells * n));
      call(...inputs, outs[0], null, ...outs.slice(2), n);
      const sizes = [undefined, undefined, [8, 6], [8, 4], [4, 6], [4, 4]] as const;
      interpret(reference, inputs, n).forEach((values, index) => {
        const size = sizes[index];
        const wanted =
          size === undefined || layout === "row"
            ? values
            : columns(values, { n, rows: size[0], cols: size[1] });
        const got = outs[index] as FloatArray;
        if (index === 1) expect(got.every((value) => value === 0)).toBe(true);
        else
          expect(relativeError(got, wanted), `output ${index} n=${n}`).toBeLessThan(
            dtype === "f32" ? 3e-6 : 1e-13,
          );
      });
    }
  });

  /** Some of all combinations, for they take a minute; everything is compiled by both compilers. */
  const sharedCases = cases
    .filter(({ compiler }, index) => index % 4 < 2 === (compiler === compilers[0]))
    .flatMap((each, index) =>
      Object.keys(sharedPrograms)
        .filter((name) => name !== "unread" || index === 0)
        .map((name) => ({ ...each, name })),
    );
  test.each(sharedCases)("shared inputs: %o", ({ compiler, flags, dtype, layout, name }) => {
    const program = sharedPrograms[name]?.() as Program;
    const files = sourceC(program, optionsOf(program, { dtype, layout, request: requestOf(program) }));
    const folder = folderOf(files, `${name}${compiler}${flags.join("")}${dtype}${layout}`);
    const size = Number(/#define F_WORK (\d+)/.exec(files.get("f.h") ?? "")?.[1] ?? 0);
    expect(size > 0).toBe(name === "large");
    const ports = sharedCase(program, 0, dtype);
    const call = load(folder, {
      compiler,
      flags: [...flags],
      ports: ports.args.length + ports.wanted.length,
      work: size > 0,
    });
    for (const n of [0, 1, 5]) {
      const { args, wanted } = sharedCase(program, n, dtype);
      const outs = wanted.map(({ length }) => floatsOf(dtype, length));
      call(...args, ...outs, n, ...(size > 0 ? [floatsOf(dtype, size)] : []));
      const plans = jacobianProgram(program, { ...requestOf(program), value: true }).outputs;
      outs.forEach((values, index) => {
        const { value } = plans[index] as (typeof plans)[number];
        const cols = value.shape[1];
        const turned = layout === "col" && index >= program.outputs.length && cols !== undefined;
        const reference = wanted[index] as Float64Array;
        const expected = turned ? columns(reference, { n, rows: value.shape[0] as number, cols }) : reference;
        expect(relativeError(values, expected), `output ${index} n=${n}`).toBeLessThan(
          dtype === "f32" ? 1e-5 : 1e-12,
        );
      });
    }
    if (compiler !== compilers[0] || flags.length > 0) return;
    const example = join(folder, "example");
    execFileSync(compiler, [...STRICT, "-o", example, join(folder, "example.c"), join(folder, "f.c"), "-lm"]);
    expect(execFileSync(example, { encoding: "utf8" })).toMatch(/^jac/m);
  });

  test.each(["f32", "f64"] as const)("every operation without vector extensions, %s", (dtype) => {
    const program = operations();
    const options = optionsOf(program, { dtype, request: { wrt: [] } });
    const folder = folderOf(sourceC(program, options), `operations${dtype}`);
    const ports = program.inputs.length + program.outputs.length;
    const call = load(folder, { compiler: compilers[0] as string, flags: ["-DJACROW_PORTABLE"], ports });
    const n = 7;
    const inputs = inputsFor(program, n, dtype);
    const expected = interpret(program, inputs, n);
    const outs = expected.map(({ length }) => floatsOf(dtype, length));
    call(...inputs, ...outs, n);
    outs.forEach((values, index) =>
      expect(relativeError(values, expected[index] as Float64Array), `output ${index}`).toBeLessThan(
        dtype === "f32" ? 3e-6 : 1e-13,
      ),
    );
  });

  test.skipIf(!present("cmake"))("the example builds by its CMake file and prints both rows", () => {
    const program = smooth();
    const folder = folderOf(sourceC(program, optionsOf(program, { dtype: "f32" })), "cmake");
    execFileSync("cmake", ["-S", folder, "-B", join(folder, "build")], { stdio: "ignore" });
    execFileSync("cmake", ["--build", join(folder, "build")], { stdio: "ignore" });
    const text = execFileSync(join(folder, "build", "example"), { encoding: "utf8" });
    const x = Float32Array.from({ length: 12 }, (_, i) => 0.1 * (i % 10));
    const u = Float32Array.from({ length: 8 }, (_, i) => 0.1 * (i % 10));
    const [h] = interpret(program, [x, u], 2);
    expect(Number(/y0\[15\] = (\S+)/.exec(text)?.[1])).toBeCloseTo(h?.[15] ?? Number.NaN, 5);
    expect(text.match(/jac_y1_float\[31\] = /)).not.toBeNull();
  });
});

/** Compilers without GNU's extensions: none, where only gcc and clang are installed; gcc and clang that are told to forget them. */
describe.skipIf(compilers.length === 0)("strict C", () => {
  const program = sharedPrograms["small"]?.() as Program;
  const files = sourceC(program, optionsOf(program, { dtype: "f32", request: requestOf(program) }));
  const forgetful = `#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#undef __GNUC__
#include "f.c"
`;
  const header = '#include "f.h"\nint main() { return f == 0; }\n';
  const folder =
    compilers.length > 0
      ? folderOf(new Map([...files, ["g.c", forgetful], ["h.cpp", header]]), "strict")
      : "";
  const source = (name: string): string => join(folder, name);
  const output = (binary: string): string => execFileSync(binary, { encoding: "utf8" });

  test.each([...compilers, ...["tcc", "pcc"].filter(present)])("%s", (compiler) => {
    const own = compilers.includes(compiler);
    const args = own ? ["-std=c99", "-pedantic-errors", "-Werror", source("g.c")] : [source("f.c")];
    const binary = source(`example-${compiler}`);
    execFileSync(compiler, [...args, "-o", binary, source("example.c"), "-lm"], { stdio: "ignore" });
    const wanted = source(`wanted-${compiler}`);
    execFileSync(compilers[0] as string, ["-o", wanted, source("f.c"), source("example.c"), "-lm"]);
    const numbers = [binary, wanted].map((each) => output(each).match(/\S+$/gm)?.map(Number) ?? []);
    expect(numbers[0]?.length).toBeGreaterThan(10);
    expect(relativeError(numbers[0] ?? [], numbers[1] ?? [])).toBeLessThan(3e-6);
  });

  test.each(["g++", "clang++"].filter(present))("the header in C++: %s", (compiler) => {
    execFileSync(compiler, [
      "-std=c++98",
      "-Wall",
      "-Wextra",
      "-pedantic-errors",
      "-Wno-address",
      "-fsyntax-only",
      source("h.cpp"),
    ]);
  });
});

test("the header tells the layout, names are legal in C", () => {
  const program = smooth();
  const files = sourceC(program, optionsOf(program, { layout: "col", dtype: "f32" }));
  expect([...files.keys()]).toEqual(["f.h", "f.c", "example.c", "CMakeLists.txt"]);
  const header = files.get("f.h") ?? "";
  expect(header).toContain(
    "column-major matrices 8 x 6: d y0[j] / d x[k] of row i is at [(i * 6 + k) * 8 + j]",
  );
  expect(header).toContain("const float *x, const float *float_, float *y0, float *y1, float *jac_y0_x");
});

test("what rows share alone is refused by name", () => {
  const b = new Builder();
  const w = b.input("w", [2], { level: "bound" });
  const shared = programOf("shared", [w], [b.unary("sin", w)]);
  expect(() => sourceC(shared, optionsOf(shared, { request: { wrt: [] } }))).toThrow("JR537");
});
