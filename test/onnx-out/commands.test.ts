/** `jacrow export --format onnx`, `--smooth` and `check --kinks` on the command line. */

import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadOnnx } from "../../src/onnx.ts";
import { fixture, jacrow, newFolder, relativeError } from "../cli/helpers.ts";

const folder = newFolder();
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string): string => join(folder, name);
const model = fixture("mlp_relu/model.onnx");
const rows = fixture("mlp_relu/X.npy");

describe("export", () => {
  it("writes a model whose Z is the Jacobian", async () => {
    const { code, err } = await jacrow("export", model, "-o", file("jac.onnx"), "--dtype", "f64");
    expect({ code, err }).toMatchObject({ code: 0, err: expect.stringContaining("jac.onnx: onnx, ") });
    const written = await loadOnnx(file("jac.onnx"));
    expect(written.outputs.map(({ name, shape }) => [name, shape])).toEqual([
      ["Y", [4]],
      ["Z", [4, 8]],
    ]);
    const words = ["--value", file("ZofZ.npy"), "--outputs", "Z", "--allow-zero", "-o", file("ZZ.npy"), "-q"];
    expect((await jacrow("jacobian", file("jac.onnx"), rows, ...words)).code).toBe(0);
    expect(relativeError(file("ZofZ.npy"), fixture("mlp_relu/Z.npy"))).toBeLessThan(1e-6);
  });

  it("writes a function of a module, whose rows tell the shape", async () => {
    writeFileSync(file("f.mjs"), "export const f = (x) => x.mul(x).sum();\n");
    const words = ["--results", "jacobian", "--json", "-q", "-o", file("f.onnx")];
    const { code, out } = await jacrow("export", `${file("f.mjs")}#f`, rows, ...words);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ command: "export", format: "onnx", dtype: "float32" });
    expect((await loadOnnx(file("f.onnx"))).outputs).toMatchObject([{ name: "Z", shape: [8] }]);
  });

  it("never overwrites by itself, and says what it cannot write", async () => {
    const again = await jacrow("export", model, "-o", file("jac.onnx"));
    expect(again).toMatchObject({ code: 4, err: expect.stringContaining("JR721") });
    expect((await jacrow("export", model, "-o", file("jac.onnx"), "--force", "-q")).code).toBe(0);
    expect((await jacrow("export", model, "-o", file("jac.xyz"))).err).toContain("--format with one of onnx");
    expect((await jacrow("export", model)).code).toBe(2);
    expect((await jacrow("export", model, "-o", file("old.onnx"), "--opset", "9")).err).toContain("JR540");
  });
});

describe("--smooth and --kinks", () => {
  it("a smooth Jacobian differs from the model's, near it for large BETA", async () => {
    const run = (beta: string, name: string) =>
      jacrow("jacobian", model, rows, "-o", file(name), "--smooth", beta, "--dtype", "f64", "-q");
    expect((await run("3", "soft.npy")).code).toBe(0);
    expect((await run("1e6", "sharp.npy")).code).toBe(0);
    expect(relativeError(file("soft.npy"), fixture("mlp_relu/Z.npy"))).toBeGreaterThan(1e-2);
    expect(relativeError(file("sharp.npy"), fixture("mlp_relu/Z.npy"))).toBeLessThan(1e-6);
    expect((await jacrow("jacobian", model, rows, "-o", file("no.npy"), "--smooth", "0")).code).toBe(2);
  });

  it("check --kinks names the unit; smoothed there is none", async () => {
    const near = await jacrow("check", model, rows, "--kinks", "0.01");
    expect(near.code).toBe(0);
    expect(near.out).toMatch(/kinks: \d+ of 16 rows lie within 0\.01/);
    expect(near.out).toMatch(/Relu "[^"]+" \(comparison\): \d+ rows?, nearest row \d+ unit \(\d+,\) of 64/);
    const json = JSON.parse((await jacrow("check", model, rows, "--kinks", "0.01", "--json", "-q")).out);
    expect(json.kinksNear.units[0].nearest.margin).toBeLessThan(0.01);
    const smooth = await jacrow("check", model, rows, "--kinks", "0.01", "--smooth", "30", "--rows", "2:5");
    expect(smooth).toMatchObject({ code: 0, out: expect.stringContaining("no kinks") });
  });
});
