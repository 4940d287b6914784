/** Bytes that are cut, lie or are mutated: one clear error each, never a wrong array, a crash or a huge allocation. */

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { UnsupportedError, UsageError } from "../../src/errors.ts";
import { readModel } from "../../src/onnx/model.ts";
import { readTensor } from "../../src/onnx/tensor.ts";
import { decodeMessage } from "../../src/onnx/wire.ts";
import { loadOnnx } from "../../src/onnx.ts";
import { encode, graph, model, node, varint } from "./encode.ts";
import { goldens, imported, runRow } from "./support.ts";

const small = {
  inputs: { x: ["batch", 2] },
  outputs: ["y"],
  nodes: [["Gemm", ["x", "w", "b"], ["y"], { transB: 1 }]],
  tensors: [
    { name: "w", shape: [3, 2], values: [1, 2, 3, 4, 5, 6] },
    { name: "b", shape: [3], values: [1, 0, -1] },
  ],
} as const;

/** A TensorProto decoded from its fields. */
function decodedTensor(fields: Record<string, unknown>) {
  const bytes = Uint8Array.from(encode("Tensor", fields));
  return readTensor(decodeMessage(bytes, "Tensor", "test") as never, `tensor "t"`);
}

const raw = (array: { buffer: ArrayBufferLike }): Uint8Array => new Uint8Array(array.buffer as ArrayBuffer);

describe("tensors", () => {
  test("raw and listed numbers of every type", () => {
    expect([...decodedTensor({ dims: [2], type: 1, raw: raw(Float32Array.of(1.5, -2)) }).values]).toEqual([
      1.5, -2,
    ]);
    expect([...decodedTensor({ dims: [2], type: 11, doubleData: [1e300, 2] }).values]).toEqual([1e300, 2]);
    expect([
      ...decodedTensor({ dims: [2], type: 7, raw: raw(BigInt64Array.of(-1n, 2n ** 53n)) }).values,
    ]).toEqual([-1, 2 ** 53]);
    expect([...decodedTensor({ dims: [3], type: 7, int64Data: [-1, 300, 0] }).values]).toEqual([-1, 300, 0]);
    expect([...decodedTensor({ dims: [2], type: 9, raw: Uint8Array.of(1, 0) }).values]).toEqual([1, 0]);
    expect([...decodedTensor({ dims: [2], type: 3, raw: Uint8Array.of(255, 1) }).values]).toEqual([-1, 1]);
  });

  test("half floats", () => {
    const half = raw(Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7c00, 0x7e00));
    expect([...decodedTensor({ dims: [5], type: 10, raw: half }).values]).toEqual([
      1,
      -2,
      2 ** -24,
      Number.POSITIVE_INFINITY,
      Number.NaN,
    ]);
    expect([
      ...decodedTensor({ dims: [2], type: 16, raw: raw(Uint16Array.of(0x3f80, 0xc040)) }).values,
    ]).toEqual([1, -3]);
    expect([...decodedTensor({ dims: [1], type: 10, int32Data: [0x3c00] }).values]).toEqual([1]);
  });

  test("misaligned raw data is copied, aligned raw data is a view", () => {
    const bytes = new Uint8Array(16);
    new DataView(bytes.buffer).setFloat32(3, 7, true);
    new DataView(bytes.buffer).setFloat32(8, 9, true);
    const base = {
      dims: [[1, 1]],
      floatData: [],
      int32Data: [],
      int64Data: [],
      doubleData: [],
      uint64Data: [],
      external: [],
      type: 1,
    };
    const aligned = readTensor({ ...base, raw: bytes.subarray(8, 12) }, "t").values;
    expect(aligned[0]).toBe(9);
    const misaligned = readTensor({ ...base, dims: [[2]], raw: Buffer.from(bytes.buffer, 3, 8) }, "t").values;
    expect(misaligned[0]).toBe(7);
    expect(readTensor({ ...base, dims: [[4]], raw: bytes }, "t").values.buffer).toBe(bytes.buffer);
  });

  test.each([
    [
      "fewer bytes than the shape",
      { dims: [3], type: 1, raw: new Uint8Array(8) },
      /announces 12 numbers and holds 8/,
    ],
    ["fewer listed numbers", { dims: [3], type: 1, floatData: [1, 2] }, /announces 3 numbers and holds 2/],
    ["an enormous shape", { dims: [2 ** 31, 2 ** 31], type: 1, raw: new Uint8Array(8) }, /claims the shape/],
    ["a negative size", { dims: [-1], type: 1, raw: new Uint8Array(0) }, /claims the shape/],
    ["text", { dims: [1], type: 8 }, /STRING/],
    ["complex numbers", { dims: [1], type: 14, raw: new Uint8Array(8) }, /COMPLEX64/],
    ["small floats", { dims: [1], type: 17, raw: new Uint8Array(1) }, /FLOAT8E4M3FN/],
    ["no type at all", { dims: [1] }, /element type 0/],
  ])("%s", (_, fields, message) => {
    expect(() => decodedTensor(fields)).toThrow(message);
  });
});

describe("broken files", () => {
  test("cut anywhere", () => {
    const bytes = Uint8Array.from(encode("Model", { graph: graph(small), operatorSets: [{ version: 21 }] }));
    imported(bytes);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => imported(bytes.slice(0, length))).toThrow(UsageError);
    }
  });

  test.each([
    ["not protobuf", new TextEncoder().encode("<html><body>404</body></html>"), /JR501|JR502/],
    ["empty", new Uint8Array(0), /it has no graph/],
    ["a length past the end", Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f), /bytes are announced/],
    ["a varint without end", new Uint8Array(20).fill(0xff), /longer than ten bytes/],
    ["a negative length", Uint8Array.from([0x3a, ...varint(-1)]), /bytes are announced/],
    ["a group", Uint8Array.of(0x3b, 0x3c), /wire type 3/],
    ["a graph that is a number", Uint8Array.of(0x38, 1), /the field "graph" has wire type 0/],
  ])("%s", (_, bytes, message) => {
    expect(() => readModel(bytes, "m.onnx")).toThrow(message);
  });

  test("graphs nested without end", () => {
    let inner: Record<string, unknown> = graph({ inputs: {}, outputs: [], nodes: [] });
    for (let depth = 0; depth < 30; depth++) inner = { nodes: [{ attributes: [{ g: inner }] }] };
    expect(() => decodeMessage(Uint8Array.from(encode("Graph", inner)), "Graph", "m")).toThrow(
      /nested more than/,
    );
  });

  test("implausibly many messages", () => {
    const bytes = new Uint8Array(2_000_000);
    for (let at = 0; at < bytes.length; at += 2) bytes[at] = 0x0a;
    expect(() => decodeMessage(bytes, "Graph", "m")).toThrow(/implausibly many/);
  });

  test("an opset from before jacrow's time", () => {
    expect(() => imported({ ...small, opset: 6 })).toThrow(/uses opset 6/);
  });

  test("a name that nothing makes", () => {
    expect(() => imported({ ...small, tensors: [] })).toThrow(
      /Gemm "gemm0" reads "w", which nothing before it makes/,
    );
  });

  test("functions that call themselves", () => {
    const own = {
      name: "F",
      domain: "custom",
      inputs: ["a"],
      outputs: ["b"],
      nodes: [node(["custom.F", ["a"], ["b"]])],
      operatorSets: [{ version: 21 }],
    };
    expect(() => imported({ ...small, nodes: [["custom.F", ["x"], ["y"]]], functions: [own] })).toThrow(
      /call each other/,
    );
  });
});

/** Only these may come out of bad bytes. */
function importOrRefuse(bytes: Uint8Array): void {
  try {
    imported(bytes);
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof UnsupportedError)) throw error;
  }
}

describe("mutated files", () => {
  const seeds = goldens()
    .filter(({ bytes }) => bytes.length < 30_000)
    .map(({ bytes }) => bytes);

  test("a few bytes changed", () => {
    const edit = fc.tuple(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), fc.nat(255));
    fc.assert(
      fc.property(
        fc.constantFrom(...seeds),
        fc.array(edit, { minLength: 1, maxLength: 6 }),
        (seed, edits) => {
          const bytes = seed.slice();
          for (const [place, byte] of edits) bytes[Math.floor(place * bytes.length)] = byte;
          importOrRefuse(bytes);
        },
      ),
      { numRuns: 1500 },
    );
  }, 60_000);

  test("bytes cut out or doubled", () => {
    const spot = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
    fc.assert(
      fc.property(
        fc.constantFrom(...seeds),
        fc.tuple(spot, fc.nat(40)),
        fc.boolean(),
        (seed, [place, count], doubled) => {
          const at = Math.floor(place * seed.length);
          const rest = seed.subarray(doubled ? Math.max(0, at - count) : at + count);
          importOrRefuse(Uint8Array.from([...seed.subarray(0, at), ...rest]));
        },
      ),
      { numRuns: 300 },
    );
  }, 60_000);
});

describe("loading", () => {
  const folder = mkdtempSync(join(tmpdir(), "jacrow-onnx-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const external = (location: string, offset = "4"): Uint8Array => {
    const entries = { location, offset, length: "24" };
    const weights = {
      name: "w",
      dims: [3, 2],
      type: 1,
      location: 1,
      external: Object.entries(entries).map(([key, value]) => ({ key, value })),
    };
    const plain = graph({ ...small, tensors: [{ name: "b", shape: [3], values: [1, 0, -1] }] });
    const whole = { ...plain, initializers: [...(plain["initializers"] as object[]), weights] };
    return Uint8Array.from(encode("Model", { irVersion: 10, graph: whole, operatorSets: [{ version: 21 }] }));
  };
  const saved = (bytes: Uint8Array): string => {
    const path = join(folder, `m${Math.random()}.onnx`);
    writeFileSync(path, bytes);
    return path;
  };

  test("a path, a file URL, bytes and a buffer", async () => {
    const bytes = model(small);
    const path = saved(bytes);
    for (const source of [
      path,
      pathToFileURL(path),
      pathToFileURL(path).href,
      bytes,
      bytes.buffer as ArrayBuffer,
    ]) {
      const net = await loadOnnx(source);
      expect(net.inputs).toEqual([{ name: "x", shape: [2], dtype: "float32", batchAxis: 0, shared: false }]);
      expect(runRow(net.program, [1, 1])[0]).toEqual([4, 7, 10]);
    }
  });

  test("a path that is not there, a folder, something else", async () => {
    await expect(loadOnnx(join(folder, "none.onnx"))).rejects.toThrow(/there is no such file/);
    await expect(loadOnnx(folder)).rejects.toThrow(/it is a folder/);
    await expect(loadOnnx(42 as never)).rejects.toThrow(/takes a path, a URL or bytes, not number/);
  });

  test("weights in another file", async () => {
    writeFileSync(join(folder, "weights.bin"), new Uint8Array(Float32Array.of(0, 1, 2, 3, 4, 5, 6).buffer));
    const net = await loadOnnx(saved(external("weights.bin")));
    expect(runRow(net.program, [1, 1])[0]).toEqual([4, 7, 10]);
  });

  test("weights outside of the model's folder are refused", async () => {
    mkdirSync(join(folder, "inner"));
    symlinkSync(tmpdir(), join(folder, "out"));
    writeFileSync(join(tmpdir(), "jacrow-outside.bin"), new Uint8Array(64));
    for (const location of ["../weights.bin", "/etc/passwd", "inner/../../x", ""]) {
      await expect(loadOnnx(saved(external(location)))).rejects.toThrow(
        /no plain path inside the model's folder/,
      );
    }
    await expect(loadOnnx(saved(external("out/jacrow-outside.bin")))).rejects.toThrow(
      /a link out of the model's folder/,
    );
    await expect(loadOnnx(saved(external("absent.bin")))).rejects.toThrow(
      /absent\.bin could not be read: there is no such file; the model keeps tensor ".*" there: copy it/,
    );
    await expect(loadOnnx(saved(external("weights.bin", "8")))).rejects.toThrow(/claims bytes 8 to 32/);
    await expect(loadOnnx(saved(external("weights.bin", "0x8")))).rejects.toThrow(
      /the offset or length "0x8"/,
    );
    await expect(loadOnnx(external("weights.bin"))).rejects.toThrow(/load the model by its path/);
  });
});
