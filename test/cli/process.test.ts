/** The command as a process of its own: pipes, exit codes, signals, and functions of the user's modules. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { readNpy } from "../../src/data/npy.ts";
import { writeNpyFile } from "../../src/data/write-file.ts";
import { fixture, newFolder } from "./helpers.ts";

const folder = newFolder();
afterAll(() => rmSync(folder, { recursive: true }));

const root = fileURLToPath(new URL("../..", import.meta.url));
const model = fixture("mlp_relu/model.onnx");

function start(...argv: string[]): ChildProcess {
  return spawn(process.execPath, ["--import", "tsx", "src/cli/main.ts", ...argv], { cwd: root });
}

async function finished(child: ChildProcess): Promise<{ code: number | null; out: Buffer; err: string }> {
  const out: Buffer[] = [];
  let err = "";
  child.stdout?.on("data", (part: Buffer) => out.push(part));
  child.stderr?.on("data", (part: Buffer) => (err += part.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, out: Buffer.concat(out), err };
}

/** A module of the user's. Its import of "jacrow" is answered by the command itself. */
const moduleFile = join(folder, "arm.mjs");
writeFileSync(
  moduleFile,
  `import { cos, custom, sin, stack } from "jacrow";
export const arm = ([a, b]) => stack([cos(a).add(cos(a.add(b))), sin(a).add(sin(a.add(b)))]);
export const wrong = custom((x) => x.square(), { jvp: ([x], [dx]) => x.mul(dx) });
export const pair = (x) => ({ square: x.square(), sums: { all: x.sum() } });
export const broken = (x) => x.sine();
`,
);
const angles = join(folder, "angles.npy");
writeNpyFile(angles, { data: Float64Array.of(0.1, 0.2, 0.3, 0.4), shape: [2, 2] });

describe("a process", () => {
  it("reads rows from a pipe and writes Z into one", async () => {
    const child = start("jacobian", model, "-", "-o", "-");
    child.stdin?.end(readFileSync(fixture("mlp_relu/X.npy")));
    const { code, out, err } = await finished(child);
    expect(code).toBe(0);
    const { shape, data } = readNpy(out);
    const reference = readNpy(readFileSync(fixture("mlp_relu/Z.npy")));
    expect(shape).toEqual(reference.shape);
    expect(Math.abs(Number(data[5]) - Number(reference.data[5]))).toBeLessThan(1e-5);
    expect(err).toContain("standard output: (16, 4, 8) float32");
  });

  it("differentiates a function of a module", async () => {
    const { code, out } = await finished(start("jacobian", `${moduleFile}#arm`, angles, "-o", "-", "-q"));
    expect(code).toBe(0);
    const { data, shape } = readNpy(out);
    expect(shape).toEqual([2, 2, 2]);
    const [a, b] = [0.1, 0.2];
    const wanted = [
      -Math.sin(a) - Math.sin(a + b),
      -Math.sin(a + b),
      Math.cos(a) + Math.cos(a + b),
      Math.cos(a + b),
    ];
    wanted.forEach((value, index) => expect(Number(data[index])).toBeCloseTo(value, 12));
  });

  it("several outputs go to files of their own, entries of one can be chosen", async () => {
    const words = [
      "-o",
      join(folder, "Z.npy"),
      "--value",
      join(folder, "Y.npy"),
      "--outputs",
      "square[1],sums.all",
    ];
    const { code, err } = await finished(start("jacobian", `${moduleFile}#pair`, angles, ...words));
    expect({ code, lines: err.split("\n").slice(0, 4) }).toEqual({
      code: 0,
      lines: [
        `${join(folder, "Y_square.npy")}: (2, 1) float64, 16 bytes`,
        `${join(folder, "Y_sums.all.npy")}: (2,) float64, 16 bytes`,
        `${join(folder, "Z_square_x.npy")}: (2, 1, 2) float64, 32 bytes`,
        `${join(folder, "Z_sums.all_x.npy")}: (2, 2) float64, 32 bytes`,
      ],
    });
    expect(Array.from(readNpy(readFileSync(join(folder, "Z_square_x.npy"))).data as Float64Array)).toEqual([
      0, 0.4, 0, 0.8,
    ]);
  });

  it("tells a mistake inside the user's function with its line", async () => {
    const { code, err } = await finished(start("jacobian", `${moduleFile}#broken`, angles, "-o", "-"));
    expect(code).toBe(2);
    expect(err).toMatch(
      /^jacrow: JR612: arm\.mjs#broken threw TypeError: x\.sine is not a function \(at arm\.mjs:5\)\n$/,
    );
  });

  it("finds a wrong derivative and exits with 1", async () => {
    const { code, out } = await finished(start("check", `${moduleFile}#wrong`, angles));
    expect(out.toString()).toMatch(/DIFFERS[^]*worst at row 1, ∂y\/∂x at \(1, 1\)/);
    expect(code).toBe(1);
  });

  it.skipIf(process.platform === "win32")(
    "interrupted: exit code 130, and nothing half is left",
    async () => {
      const results = join(folder, "results");
      mkdirSync(results);
      const many = join(folder, "many.npy");
      writeNpyFile(many, { data: new Float32Array(400_000 * 8), shape: [400_000, 8] });
      const child = start("jacobian", model, many, "-o", join(results, "Z.npy"), "--device", "interpreter");
      const end = finished(child);
      const deadline = Date.now() + 60_000;
      while (readdirSync(results).length === 0 && Date.now() < deadline)
        await new Promise((done) => setTimeout(done, 50));
      expect(readdirSync(results)).toHaveLength(1);
      child.kill("SIGINT");
      const { code, err } = await end;
      expect(err).toContain("interrupted");
      expect(code).toBe(130);
      expect(readdirSync(results)).toEqual([]);
    },
  );
});
