/** .npz: archives that numpy wrote (npz.json, numpy 2.4), damaged ones, and a round trip. */

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { inflateRawSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { NpyArray } from "../../src/data/npy.ts";
import { readNpz, writeNpz } from "../../src/data/npz.ts";
import { JacrowError, UnsupportedError, UsageError } from "../../src/errors.ts";

const archives: Record<"stored" | "deflated" | "unnamed" | "utf8", string> = JSON.parse(
  readFileSync(new URL("../fixtures/npz.json", import.meta.url), "utf8"),
);
const archive = (name: keyof typeof archives): Uint8Array =>
  Uint8Array.from(Buffer.from(archives[name], "base64"));
const inflate = (bytes: Uint8Array, most: number): Uint8Array =>
  inflateRawSync(bytes, { maxOutputLength: most });
const read = (bytes: Uint8Array, maxBytes?: number): ReadonlyMap<string, NpyArray> =>
  readNpz(bytes, { inflate, name: "a.npz", ...(maxBytes === undefined ? {} : { maxBytes }) });

const a = { dtype: "float64", shape: [2, 3], data: Float64Array.of(0, 1, 2, 3, 4, 5) };
const i = { dtype: "int32", shape: [4], data: Int32Array.of(0, 1, 2, 3) };

/** Where the first directory record starts. */
function directoryOf(bytes: Uint8Array): number {
  return Buffer.from(bytes).indexOf(Uint8Array.of(0x50, 0x4b, 1, 2));
}

function changed(bytes: Uint8Array, at: number, ...values: number[]): Uint8Array {
  const copy = bytes.slice();
  copy.set(values, at);
  return copy;
}

describe("readNpz", () => {
  it("reads what numpy wrote, stored and compressed", () => {
    for (const kind of ["stored", "deflated"] as const) {
      expect(Object.fromEntries(read(archive(kind)))).toEqual({ a, i });
    }
    expect([...read(archive("unnamed")).keys()]).toEqual(["arr_0", "arr_1"]);
    expect([...read(archive("utf8")).keys()]).toEqual(["ä/b"]);
  });

  it("refuses damage with the place", () => {
    const good = archive("stored");
    const record = directoryOf(good);
    expect(() => read(new Uint8Array(0))).toThrow("JR760: a.npz, byte");
    expect(() => read(good.slice(0, -30))).toThrow("no end of a zip archive");
    expect(() => read(changed(good, record, 0))).toThrow(
      `a.npz, byte ${record}: no entry of the zip directory`,
    );
    expect(() => read(changed(good, 200, 99))).toThrow("JR761: a.npz, a.npy: does not match its checksum");
    expect(() => read(changed(good, 0, 0))).toThrow("no header of entry a.npy");
    expect(() => read(changed(good, record + 24, 1))).toThrow("its two sizes differ");
    expect(() => read(changed(archive("deflated"), 60, 255, 255, 255))).toThrow(
      /JR761: a.npz, a.npy: its compressed/,
    );
  });

  it("refuses by name what it does not read", () => {
    const good = archive("stored");
    const record = directoryOf(good);
    expect(() => read(changed(good, record + 8, 1))).toThrow(UnsupportedError);
    expect(() => read(changed(good, record + 10, 12))).toThrow("compression 12 is not read");
  });

  it("caps the inflated size", () => {
    expect(() => read(archive("deflated"), 200)).toThrow(UsageError);
    const bomb = archive("deflated");
    const record = directoryOf(bomb);
    // The directory claims less than there is: inflating stops there.
    expect(() => read(changed(bomb, record + 24, 10, 0, 0, 0))).toThrow("JR761");
  });

  it("damaged bytes give an error of ours or whole arrays", () => {
    const damaged = fc.record({
      good: fc.constantFrom(archive("stored"), archive("deflated")),
      at: fc.nat(),
      value: fc.nat(255),
      cut: fc.nat(200),
    });
    fc.assert(
      fc.property(damaged, ({ good, at, value, cut }) => {
        const bytes = changed(good, at % good.length, value).subarray(
          0,
          good.length - Math.max(cut - 100, 0),
        );
        try {
          for (const { data, shape } of read(bytes).values()) {
            expect(data.length).toBe(shape.reduce((x, y) => x * y, 1));
          }
        } catch (error) {
          if (!(error instanceof JacrowError)) throw error;
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe("writeNpz", () => {
  const bytes = writeNpz(new Map(Object.entries({ a, i })));

  it("writes what it reads", () => {
    expect(Object.fromEntries(read(bytes))).toEqual({ a, i });
    expect(read(writeNpz(new Map())).size).toBe(0);
  });

  it("writes what other zip readers accept", ({ skip }) => {
    skip(spawnSync("python3", ["-c", ""]).status !== 0, "no python3 here to read the archive");
    const script =
      "import sys, io, zipfile; z = zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read())); print(z.testzip(), z.namelist())";
    expect(spawnSync("python3", ["-c", script], { input: bytes }).stdout.toString()).toBe(
      "None ['a.npy', 'i.npy']\n",
    );
  });
});
