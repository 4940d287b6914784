/** Rows in files that hold several arrays: `.npz` as numpy writes it, `.safetensors`, and `--key`. */

import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { writeNpz } from "../../src/data/npz.ts";
import { openRows, readNpyFile } from "../../src/data/read-file.ts";
import { writeSafetensors } from "../../src/data/safetensors.ts";
import { UsageError } from "../../src/errors.ts";
import { fixture, jacrow, newFolder, relativeError } from "./helpers.ts";

const folder = newFolder();
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string): string => join(folder, name);
const model = fixture("mlp_tanh/model.onnx");
const { data, shape } = readNpyFile(fixture("mlp_tanh/X.npy"));
const rows = { data, shape };
const other = { data: Float64Array.of(1, 2), shape: [2] };

describe.each([
  ["npz", writeNpz],
  ["safetensors", writeSafetensors],
])(".%s", (kind, write) => {
  const save = (name: string, arrays: Readonly<Record<string, typeof rows>>): string => {
    writeFileSync(file(`${name}.${kind}`), write(new Map(Object.entries(arrays))));
    return file(`${name}.${kind}`);
  };
  const run = (path: string, ...words: string[]) =>
    jacrow("jacobian", model, path, "-o", file(`Z.npy`), "--force", "--dtype", "f64", "-q", ...words);

  it("the only array, the one named as the input, or the one of --key", async () => {
    for (const [path, words] of [
      [save("only", { anything: rows }), []],
      [save("named", { x: rows, y: other }), []],
      [save("two", { a: other, b: rows }), ["--key", "b"]],
    ] as const) {
      expect(await run(path, ...words)).toMatchObject({ code: 0, err: "" });
      expect(relativeError(file("Z.npy"), fixture("mlp_tanh/Z.npy"))).toBeLessThan(1e-6);
    }
  });

  it("says what there is when the choice is open or wrong", async () => {
    const path = save("open", { a: other, b: rows });
    expect(await run(path)).toMatchObject({
      code: 4,
      err: expect.stringMatching(/JR766.*holds (a, b|b, a); say which/),
    });
    expect(await run(path, "--key", "c")).toMatchObject({
      code: 4,
      err: expect.stringMatching(/no array "c"/),
    });
    expect((await run(path, "--key", "a")).err).toContain("JR606");
  });

  it("is read by rows as .npy files are", () => {
    const opened = openRows(save("rows", { b: rows }), { key: "b" });
    expect([opened.n, opened.rowShape]).toEqual([shape[0], shape.slice(1)]);
    expect(opened.read({ start: 1, end: 3 }).shape).toEqual([2, ...shape.slice(1)]);
    opened.close();
  });

  it("a file that is cut off, or not there", () => {
    const path = save("cut", { b: rows });
    writeFileSync(path, new Uint8Array(20));
    expect(() => openRows(path)).toThrow(UsageError);
    expect(() => openRows(file(`none.${kind}`))).toThrow(/JR720/);
  });
});
