/** .safetensors: every type, every lie of a header, and round trips. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { duplicateKey } from "../../src/data/json-keys.ts";
import { readSafetensors, type TensorData, writeSafetensors } from "../../src/data/safetensors.ts";
import { JacrowError, UnsupportedError, UsageError } from "../../src/errors.ts";

function file(header: unknown, data: ArrayBufferView = new Uint8Array(0)): Uint8Array {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + data.byteLength);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 8 + text.length);
  return bytes;
}

const tensor = (dtype: string, shape: number[], ends: [number, number]): Record<string, unknown> => ({
  dtype,
  shape,
  data_offsets: ends,
});

describe("readSafetensors", () => {
  it.each([
    ["F64", Float64Array.of(1.5, -2)],
    ["F32", Float32Array.of(1.5, -2)],
    ["I64", BigInt64Array.of(-1n, 2n ** 62n)],
    ["I32", Int32Array.of(-1, 2)],
    ["I16", Int16Array.of(-1, 2)],
    ["I8", Int8Array.of(-1, 2)],
    ["U64", BigUint64Array.of(1n, 2n ** 63n)],
    ["U32", Uint32Array.of(1, 2)],
    ["U16", Uint16Array.of(1, 2)],
    ["U8", Uint8Array.of(1, 2)],
  ])("reads %s, aligned or not", (dtype, data) => {
    for (const pad of ["", " ", "   "]) {
      const header = JSON.stringify({ t: tensor(dtype, [2], [0, data.byteLength]) }) + pad;
      expect(readSafetensors(file(header, data)).tensors.get("t")).toEqual({ dtype, shape: [2], data });
    }
  });

  it("decodes F16, BF16 and BOOL", () => {
    const read = (dtype: string, data: ArrayBufferView): unknown =>
      readSafetensors(file({ t: tensor(dtype, [2], [0, data.byteLength]) }, data)).tensors.get("t")?.data;
    expect(read("F16", Uint16Array.of(0x3c00, 0xfbff))).toEqual(Float32Array.of(1, -65504));
    expect(read("BF16", Uint16Array.of(0x3f80, 0xc049))).toEqual(Float32Array.of(1, -3.140625));
    expect(read("BOOL", Uint8Array.of(1, 0))).toEqual(Uint8Array.of(1, 0));
  });

  it("reads numbers, empty tensors and metadata", () => {
    const header = {
      __metadata__: { format: "pt" },
      s: tensor("F32", [], [0, 4]),
      e: tensor("F32", [0, 3], [4, 4]),
    };
    const { tensors, metadata } = readSafetensors(file(header, Float32Array.of(7)));
    expect(tensors.get("s")).toEqual({ dtype: "F32", shape: [], data: Float32Array.of(7) });
    expect(tensors.get("e")?.data).toEqual(new Float32Array(0));
    expect([...metadata]).toEqual([["format", "pt"]]);
    expect(readSafetensors(file("{}")).tensors.size).toBe(0);
  });
});

const eight = new Float64Array(1);
const mistakes: [what: string, bytes: Uint8Array, message: string][] = [
  ["too short", new Uint8Array(7), "JR750: m, byte 0: a .safetensors file starts with 8 bytes"],
  [
    "header past the end",
    file("{}").subarray(0, 9),
    "JR750: m, byte 0: a header of 2 bytes does not fit a file of 9",
  ],
  ["giant header", new Uint8Array(8).fill(255), "over the limit of 100000000"],
  ["no brace", file("[]"), 'JR750: m, byte 8: the header does not start with "{"'],
  ["no header", file(""), 'does not start with "{"'],
  ["not JSON", file("{,}"), "JR751: m, byte 8: the header is not JSON"],
  ["not UTF-8", file("{'é'}").map((byte) => (byte === 0xc3 ? 0xff : byte)), "JR751"],
  ["twice", file('{"a":{"dtype":"F32"},"\\u0061":{}}'), 'JR752: m: the header has the key "a" twice'],
  ["no object", file({ a: 1 }), 'JR753: m, tensor "a": its entry is not an object'],
  ["no dtype", file({ a: { shape: [] } }), "it has no dtype"],
  ["negative axis", file({ a: tensor("F32", [-1], [0, 4]) }), "its shape is not a list of whole numbers"],
  [
    "three offsets",
    file({ a: { dtype: "F32", shape: [], data_offsets: [0, 4, 8] } }),
    "not two whole numbers",
  ],
  [
    "wrong length",
    file({ a: tensor("F32", [3], [0, 8]) }, eight),
    "shape (3,) of F32 takes 12 bytes, data_offsets [0, 8] hold 8",
  ],
  ["backwards", file({ a: tensor("F32", [1], [8, 4]) }, eight), "hold -4"],
  ["huge shape", file({ a: tensor("F32", [2 ** 40, 2 ** 40], [0, 4]) }), "JR114"],
  [
    "past the end",
    file({ a: tensor("F64", [2], [0, 16]) }, eight),
    "JR755: m: its tensors take 16 bytes, but 8 follow",
  ],
  ["bytes left", file({ a: tensor("F32", [1], [0, 4]) }, eight), "its tensors take 4 bytes, but 8 follow"],
  [
    "hole",
    file({ a: tensor("F32", [1], [4, 8]) }, eight),
    'tensor "a": starts at 4 and leaves a hole from 0',
  ],
  [
    "overlap",
    file({ a: tensor("F32", [2], [0, 8]), b: tensor("F32", [1], [4, 8]) }, eight),
    'tensor "b": starts at 4 and overlaps the one before it, which ends at 8',
  ],
  ["metadata", file({ __metadata__: { a: 1 } }), "__metadata__ is not an object of strings"],
];

describe("malformed files", () => {
  it.each(mistakes)("%s", (_, bytes, message) => {
    expect(() => readSafetensors(bytes, "m")).toThrow(UsageError);
    expect(() => readSafetensors(bytes, "m")).toThrow(message);
  });

  it.each(["F8_E4M3", "F8_E5M2", "F4", "C64", "toString"])("refuses %s by name", (dtype) => {
    const call = (): unknown => readSafetensors(file({ a: tensor(dtype, [1], [0, 1]) }, new Uint8Array(1)));
    expect(call).toThrow(UnsupportedError);
    expect(call).toThrow(`tensor "a": dtype ${dtype} is not read`);
  });
});

describe("properties", () => {
  const kinds = [Float64Array, Float32Array, Int32Array, Uint8Array] as const;
  const tensors = fc
    .dictionary(fc.string(), fc.tuple(fc.array(fc.nat(3), { maxLength: 3 }), fc.nat(3)))
    .map((entries) => {
      const made = Object.entries(entries).map(([key, [shape, kind]]): [string, TensorData] => {
        const size = shape.reduce((x, y) => x * y, 1);
        return [key, { shape, data: new (kinds[kind] as (typeof kinds)[number])(size).fill(key.length) }];
      });
      return new Map(made.filter(([key]) => key !== "__metadata__"));
    });

  it("what is written is read back", () => {
    fc.assert(
      fc.property(tensors, (original) => {
        const { tensors: read, metadata } = readSafetensors(writeSafetensors(original, { note: "x" }));
        expect(new Set(read.keys())).toEqual(new Set(original.keys()));
        expect([...metadata]).toEqual([["note", "x"]]);
        for (const [key, { data, shape }] of original) expect(read.get(key)).toMatchObject({ data, shape });
      }),
    );
  });

  it("damaged bytes give an error of ours or whole tensors", () => {
    fc.assert(
      fc.property(
        tensors,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }),
        fc.nat(20),
        (original, changes, cut) => {
          const bytes = writeSafetensors(original);
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          try {
            const { tensors: read } = readSafetensors(
              bytes.subarray(0, bytes.length - Math.max(cut - 10, 0)),
            );
            for (const { data, shape } of read.values())
              expect(data.length).toBe(shape.reduce((x, y) => x * y, 1));
          } catch (error) {
            if (!(error instanceof JacrowError)) throw error;
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe("duplicateKey", () => {
  it("sees keys, not values, and each object for itself", () => {
    expect(duplicateKey('{"a":{"b":1},"c":{"b":"a"},"d":["a","a"]}')).toBeUndefined();
    expect(duplicateKey('{"a":"{\\"b\\":1,\\"b\\":2}"}')).toBeUndefined();
    expect(duplicateKey('{"a" : 1, "b": {"x":1,"x" :2}}')).toBe("x");
  });

  it("agrees with JSON.parse on texts without repetition", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(duplicateKey(text)).toBeUndefined();
      }),
    );
  });
});
