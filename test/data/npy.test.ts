/** .npy: files that numpy wrote (npy.json, numpy 2.4), files that lie, and random ones. */

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { npyToFloat, readNpy, toRowMajor, writeNpy } from "../../src/data/npy.ts";
import { npyHeader } from "../../src/data/npy-header.ts";
import { JacrowError, UnsupportedError, UsageError } from "../../src/errors.ts";

interface NpyCase {
  name: string;
  dtype: string;
  shape: number[];
  values: string[];
  b64: string;
  exact: boolean;
}

const cases: NpyCase[] = JSON.parse(readFileSync(new URL("../fixtures/npy.json", import.meta.url), "utf8"));
const special: Record<string, number> = { nan: NaN, inf: Infinity, "-inf": -Infinity };

function bytesOf(c: NpyCase): Uint8Array {
  return Uint8Array.from(Buffer.from(c.b64, "base64"));
}

function file(dict: string, data: Uint8Array = new Uint8Array(0), version = 1): Uint8Array {
  const text = new TextEncoder().encode(`${dict}\n`);
  const start = version === 1 ? 10 : 12;
  const bytes = new Uint8Array(start + text.length + data.length);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0]);
  new DataView(bytes.buffer).setUint16(8, text.length, true);
  bytes.set(text, start);
  bytes.set(data, start + text.length);
  return bytes;
}

const dict = (descr: string, shape: string): string =>
  `{'descr': ${descr}, 'fortran_order': False, 'shape': ${shape}, }`;

describe("files that numpy wrote", () => {
  it.each(cases)("$name", (c) => {
    const array = readNpy(bytesOf(c));
    expect(array.dtype).toBe(c.dtype);
    expect(array.shape).toEqual(c.shape);
    const isBig = array.data instanceof BigInt64Array || array.data instanceof BigUint64Array;
    expect([...array.data]).toEqual(c.values.map((v) => (isBig ? BigInt(v) : (special[v] ?? Number(v)))));
    if (c.exact) expect(writeNpy(array)).toEqual(bytesOf(c));
  });

  it("reads data at any alignment, from a view, and copies it", () => {
    const whole = new Uint8Array(200);
    const bytes = file(dict("'<f4'", "(2,)"), new Uint8Array(Float32Array.of(1.5, -2).buffer));
    whole.set(bytes, 3);
    const { data } = readNpy(whole.subarray(3, 3 + bytes.length));
    whole.fill(0);
    expect(data).toEqual(Float32Array.of(1.5, -2));
  });

  it("reads headers of Python 2 and of other writers", () => {
    expect(readNpy(file(dict("'<f8'", "(0L, 3L)"))).shape).toEqual([0, 3]);
    expect(readNpy(file(`{"shape":(0,),"fortran_order":False,"descr":"|u1"}`)).dtype).toBe("uint8");
    expect(readNpy(file(dict("'|b1'", "(2,)"), Uint8Array.of(2, 0))).data).toEqual(Uint8Array.of(1, 0));
  });
});

/** Where the element that is number `row` in row-major order lies in column-major order. */
function columnMajor(row: number, shape: number[]): number {
  let rest = row;
  let column = 0;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const length = shape[axis] as number;
    column = column + (rest % length) * shape.slice(0, axis).reduce((a, b) => a * b, 1);
    rest = Math.floor(rest / length);
  }
  return column;
}

const ok = writeNpy({ data: Float64Array.of(1, 2, 3, 4, 5, 6), shape: [2, 3] });
const with_ = (at: number, ...values: number[]): Uint8Array => {
  const bytes = ok.slice();
  bytes.set(values, at);
  return bytes;
};

const malformed: [what: string, bytes: Uint8Array, message: string][] = [
  ["empty", new Uint8Array(0), "JR701: a.npy, byte 0: not a .npy file; the file is empty"],
  ["text", new TextEncoder().encode("1.5,2.5\n3,4\n"), "loadtxt(path, delimiter=',', ndmin=2)"],
  ["zip", Uint8Array.of(0x50, 0x4b, 3, 4, 0, 0), "it looks like a zip"],
  ["pickle", Uint8Array.of(0x80, 4, 0x95, 0), "it looks like a pickle"],
  ["only the magic", ok.slice(0, 6), "JR703: a.npy, byte 8: the file should hold the first"],
  ["cut in the length", ok.slice(0, 9), "JR703"],
  ["version 9", with_(6, 9), "JR702: a.npy, byte 6: .npy version 9.0 is unknown"],
  ["version 1.7", with_(7, 7), "version 1.7"],
  [
    "header past the end",
    with_(8, 255, 255),
    "JR703: a.npy, byte 8: the file should hold a header of 65535 bytes",
  ],
  ["cut in the header", ok.slice(0, 60), "but it ends at byte 60; it is cut off"],
  [
    "cut in the data",
    ok.slice(0, -1),
    "JR707: a.npy, byte 175: the header says shape (2, 3) of float64, 48 bytes of data from byte 128, but only 47",
  ],
  ["no data", ok.slice(0, 128), "but only 0 are there"],
  ["trailing bytes", Uint8Array.of(...ok, 0), "JR708: a.npy, byte 176: the header says shape (2, 3)"],
  [
    "not a literal",
    file("hello"),
    'JR704: a.npy, byte 10: the header is not a Python literal: expected a value, found "hello',
  ],
  ["unclosed dict", file("{'descr': '<f8'"), "expected , or }"],
  ["unclosed string", file("{'descr': '<f8"), "expected a closing '"],
  ["escape", file("{'des\\x41cr': 1}"), "a string without a backslash"],
  ["two values", file(`${dict("'<f8'", "(0,)")} 1`), "expected the end of the header"],
  ["duplicate key", file("{'descr': '<f8', 'descr': '<f4'}"), "no second key 'descr'"],
  ["number as key", file("{1: 2}"), "expected a key in quotes"],
  ["huge number", file(dict("'<f8'", "(99999999999999999999,)")), "an integer below 2^53"],
  ["deep brackets", file("(".repeat(5000)), "at most 32 levels"],
  ["not a dict", file("[1, 2]"), "JR705: a.npy, byte 10: the header is not a dict"],
  ["missing key", file("{'descr': '<f8', 'shape': (1,)}"), "the header has the keys {descr, shape}"],
  [
    "more keys",
    file("{'descr': '<f8', 'fortran_order': False, 'shape': (0,), 'x': 1}"),
    "fortran_order, shape, x}",
  ],
  [
    "order is a number",
    file("{'descr': '<f8', 'fortran_order': 0, 'shape': (0,)}"),
    "fortran_order is not True or False",
  ],
  ["shape is a list", file(dict("'<f8'", "[2]")), "shape is not a tuple"],
  ["shape is a number", file(dict("'<f8'", "(2)")), "shape is not a tuple"],
  ["negative axis", file(dict("'<f8'", "(-1, 2)")), "an entry that is not a whole number ≥ 0"],
  ["boolean axis", file(dict("'<f8'", "(True,)")), "an entry that is not a whole number"],
  ["65 axes", file(dict("'<f8'", `(${"1, ".repeat(65)})`)), "shape has 65 axes"],
  ["too many bytes", file(dict("'<f8'", "(4503599627370496, 4503599627370496)")), "JR709"],
  ["claims much", file(dict("'<f8'", "(1000000000000,)")), "JR707"],
];

describe("malformed files", () => {
  it.each(malformed)("%s", (_, bytes, message) => {
    expect(() => readNpy(bytes, "a.npy")).toThrow(UsageError);
    expect(() => readNpy(bytes, "a.npy")).toThrow(message);
  });

  it("a header longer than any array needs", () => {
    const bytes = file(dict("'<f8'", "(0,)").padEnd(2 ** 20 + 9), undefined, 2);
    new DataView(bytes.buffer).setUint32(8, bytes.length - 12, true);
    expect(() => readNpy(bytes)).toThrow("no numeric array needs more");
  });

  it.each([
    ["'<c16'", "dtype '<c16' holds complex numbers"],
    ["'|O'", "dtype '|O' holds Python objects"],
    ["'<U3'", "unicode strings"],
    ["'|S3'", "byte strings"],
    ["'<M8[ns]'", "dtype '<M8[ns]' holds dates"],
    ["'<m8[s]'", "time spans"],
    ["'<f16'", "extended floats"],
    ["'|V8'", "records"],
    ["[('x', '<f4'), ('y', '<f4', (2,))]", "structured"],
    ["'<f5'", "JR706"],
    ["'<f4x'", "JR706"],
    ["'nonsense'", "no type of numbers"],
    ["''", "JR706"],
  ])("refuses %s by name", (descr, message) => {
    expect(() => readNpy(file(dict(descr, "(0,)")), "a.npy")).toThrow(UnsupportedError);
    expect(() => readNpy(file(dict(descr, "(0,)")), "a.npy")).toThrow(message);
  });
});

describe("conversion to floats", () => {
  const read = (data: ArrayBufferView & ArrayLike<unknown>): ReturnType<typeof readNpy> =>
    readNpy(writeNpy({ data, shape: [data.length] }));

  it("keeps float32 and float64 without a report", () => {
    const array = read(Float32Array.of(1, 2));
    const { report, ...floats } = npyToFloat(array);
    expect(floats).toEqual({ data: array.data, shape: [2], dtype: "f32" });
    expect(floats.data).toBe(array.data);
    expect(report).toBeUndefined();
    expect(npyToFloat(read(Float64Array.of(1))).report).toBeUndefined();
  });

  it("reports what it does and what it loses", () => {
    expect(npyToFloat(read(Float64Array.of(0.1, 1)), "f32")).toMatchObject({
      report: "float64 → float32",
      dtype: "f32",
    });
    expect(npyToFloat(read(Float64Array.of(1e300, Infinity)), "f32").report).toBe(
      "float64 → float32 (1 of 2 values overflow to infinity)",
    );
    expect(npyToFloat(read(Int32Array.of(1, 2 ** 24 + 1)), "f32").report).toBe(
      "int32 → float32 (1 of 2 integers rounded)",
    );
    expect(npyToFloat(read(BigInt64Array.of(2n ** 53n + 1n, -1n))).report).toBe(
      "int64 → float64 (1 of 2 integers rounded)",
    );
    expect(npyToFloat(read(Uint8Array.of(7)))).toMatchObject({
      data: Float64Array.of(7),
      report: "uint8 → float64",
    });
  });
});

describe("properties", () => {
  const shapes = fc.array(fc.nat(4), { maxLength: 4 });
  const arrays = fc
    .tuple(shapes, fc.boolean(), fc.infiniteStream(fc.double()))
    .map(([shape, single, numbers]) => {
      const size = shape.reduce((a, b) => a * b, 1);
      const data = [...numbers.take(size)];
      return { shape, data: single ? Float32Array.from(data) : Float64Array.from(data) };
    });

  it("what is written is read back, bit for bit", () => {
    fc.assert(
      fc.property(arrays, (array) => {
        const read = readNpy(writeNpy(array));
        expect(read.shape).toEqual(array.shape);
        expect(new Uint8Array(read.data.buffer)).toEqual(new Uint8Array(array.data.buffer));
      }),
    );
  });

  it("column-major order is undone", () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const size = shape.reduce((a, b) => a * b, 1);
        const stored = new Float64Array(size);
        for (let row = 0; row < size; row++) stored[columnMajor(row, shape)] = row;
        expect(toRowMajor(stored, shape)).toEqual(Float64Array.from({ length: size }, (_, i) => i));
      }),
    );
  });

  it("damaged bytes give an error of ours or an array of the right size, nothing else", () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
    const cut = fc.option(fc.nat(), { nil: undefined });
    fc.assert(
      fc.property(fc.constantFrom(...cases), damage, cut, (c, changes, end) => {
        let bytes = bytesOf(c);
        const header = Math.min(bytes.length, 128);
        for (const [at, value] of changes) bytes[at % header] = value;
        if (end !== undefined) bytes = bytes.subarray(0, end % (bytes.length + 1));
        try {
          const { shape, data } = readNpy(bytes);
          expect(data.length).toBe(shape.reduce((a, b) => a * b, 1));
        } catch (error) {
          if (!(error instanceof JacrowError)) throw error;
        }
      }),
      { numRuns: 3000 },
    );
  });

  it("headers are padded to 64 bytes whatever the shape", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(10 ** 9), { maxLength: 64 }), (shape) => {
        expect(npyHeader("<f4", shape).length % 64).toBe(0);
      }),
    );
  });
});
