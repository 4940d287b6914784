/** Long weights are used where they lie in a file, at any alignment, and weights beyond 2 GB are found. */

import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { nodesOf } from "../../src/ir/graph.ts";
import { range } from "../../src/ir/shape.ts";
import type { ConstantNode } from "../../src/ir/types.ts";
import { loadOnnx } from "../../src/onnx.ts";
import { encode, graph } from "./encode.ts";
import { runRow } from "./support.ts";

const folder = mkdtempSync(join(tmpdir(), "jacrow-long-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** y = x W with W (2, 2100), named by so many letters. */
function model(weights: object): Uint8Array {
  const plain = graph({ inputs: { x: ["n", 2] }, outputs: ["y"], nodes: [["MatMul", ["x", "w"], ["y"]]] });
  const whole = { ...plain, name: "", initializers: [weights] };
  return Uint8Array.from(encode("Model", { irVersion: 10, graph: whole, operatorSets: [{ version: 17 }] }));
}

const cells = Float32Array.from(range(4200), (k) => Math.sin(k));
const raw = new Uint8Array(cells.buffer);
const expected = range(2100).map((k) => (cells[k] as number) + 3 * (cells[2100 + k] as number));

describe("weights at every alignment", () => {
  test.each(range(4))("%i bytes on", async (more) => {
    const producer = encode("Model", { producer: "p".repeat(more + 1) });
    const bytes = Uint8Array.from([...producer, ...model({ name: "w", dims: [2, 2100], type: 1, raw })]);
    const path = join(folder, `w${more}.onnx`);
    writeFileSync(path, bytes);
    const before = bytes.slice();
    const loaded = [await loadOnnx(path), await loadOnnx(bytes)];
    for (const { program } of loaded) {
      expect(runRow(program, [1, 3])[0]).toEqual(expected);
      for (const node of nodesOf(program).filter(({ op }) => op === "constant"))
        expect((node as ConstantNode).values.buffer).not.toBe(bytes.buffer); // callers may use theirs again
    }
    expect(bytes).toEqual(before);
  });
});

describe("weights beyond 2 GB of another file", () => {
  const offset = 2 ** 31 + 12;
  const path = join(folder, "far.bin");
  const canHold = (() => {
    const file = openSync(path, "w");
    try {
      ftruncateSync(file, offset + raw.length);
      return true;
    } catch {
      return false;
    } finally {
      closeSync(file);
    }
  })();

  test.skipIf(!canHold)("are read (skipped where files cannot have holes)", async () => {
    const file = openSync(path, "r+");
    writeSync(file, raw, 0, raw.length, offset);
    closeSync(file);
    const entries = { location: "far.bin", offset: String(offset), length: String(raw.length) };
    const external = Object.entries(entries).map(([key, value]) => ({ key, value }));
    writeFileSync(
      join(folder, "far.onnx"),
      model({ name: "w", dims: [2, 2100], type: 1, location: 1, external }),
    );
    const { program } = await loadOnnx(join(folder, "far.onnx"));
    expect(runRow(program, [1, 3])[0]).toEqual(expected);
  });
});
