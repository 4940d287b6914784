/** Device "auto" for real: native code takes over between calls, and what lacks is passed over. */

import "./anew.ts";

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { matmul, type Row, rows, tanh } from "../../src/index.ts";
import { describeNative } from "./helpers.ts";

const SIZE = 512;
const weights = Float32Array.from({ length: SIZE * SIZE }, (_, cell) => Math.sin(cell) / SIZE);
const layer = (x: Row<typeof SIZE>) => tanh(matmul({ data: weights, shape: [SIZE, SIZE] }, x));
/** Half of the operations that repay compiling. */
const N = 22_000;
const X = { data: Float32Array.from({ length: N * SIZE }, (_, cell) => Math.cos(cell)), shape: [N, SIZE] };

describeNative("auto", () => {
  test("starts on WebAssembly, goes on as native code with the same bits if deterministic", async () => {
    const g = rows(layer, { deterministic: true });
    const first = await g(X);
    expect(g.info.device).toBe("wasm");
    await g(X);
    while (g.info.device === "wasm" && g.info.notes.length === 0)
      await new Promise((resolve) => setTimeout(resolve, 10));
    expect(g.info.device).toBe("native");
    expect(Buffer.compare(bytes(first.data), bytes((await g(X)).data))).toBe(0);
    g.dispose();
  });
});

const bytes = ({ buffer }: { buffer: ArrayBuffer }): Buffer => Buffer.from(buffer);

/** What a process of its own says of 10⁴ rows of 512² operations. */
async function deviceOf(
  setup: string,
  env: Record<string, string>,
): Promise<{ device: string; notes: string[] }> {
  const script = `${setup}
    const { matmul, rows } = await import("./src/index.node.ts");
    const w = { data: new Float32Array(${SIZE * SIZE}), shape: [${SIZE}, ${SIZE}] };
    const g = rows((x) => matmul(w, x));
    const X = { data: new Float32Array(5000 * ${SIZE}), shape: [5000, ${SIZE}] };
    await g(X);
    console.log(JSON.stringify(g.info));`;
  const args = ["--import", "tsx", "--input-type=module", "-e", script];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: { ...process.env, ...env } });
  return JSON.parse(stdout) as { device: string; notes: string[] };
}

test("without a compiler, WebAssembly is used and a note says so", async () => {
  const { device, notes } = await deviceOf("", { PATH: "/nowhere", JACROW_CC: "", CC: "" });
  expect([device, notes]).toEqual(["wasm", [expect.stringMatching(/needs a C compiler|npm install koffi/)]]);
});

test("without koffi, WebAssembly is used and a note says so", async () => {
  const setup = `import module from "node:module";
    const find = module._resolveFilename;
    module._resolveFilename = (name, ...rest) => {
      if (name.includes("koffi")) throw new Error("no koffi");
      return find(name, ...rest);
    };
    const open = process.dlopen;
    process.dlopen = (into, path, ...rest) => {
      if (path.includes("koffi")) throw new Error("no koffi");
      return open(into, path, ...rest);
    };`;
  const { device, notes } = await deviceOf(setup, {});
  expect([device, notes]).toEqual(["wasm", [expect.stringMatching(/npm install koffi/)]]);
});
