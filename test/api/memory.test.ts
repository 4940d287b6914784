/** Whose memory it is: results' own, results written over inputs, arrays that share numbers, arrays whose memory was given away. */

import { describe, expect, test, vi } from "vitest";
import "../../src/index.node.ts";
import { concat, jacrow, type NdArray, type Row, rowSum, rows, sin, type Tensor } from "../../src/index.ts";
import { onlyOn } from "../devices/here.ts";
import { obstacle } from "../native/helpers.ts";

const devices = (["interpreter", "wasm", "native"] as const).filter(
  (device) => device !== "native" || obstacle === undefined,
);
const f = (x: Row<3>): Tensor => sin(x).mul(2);

/** Gives an array's memory away. */
function lost<T extends Float64Array<ArrayBuffer>>(data: T): T {
  structuredClone(data.buffer, { transfer: [data.buffer] });
  return data;
}

/** Cell i of the Jacobians of (sin x0, sin x1, x2). */
function jacobianOf(data: Float64Array, i: number): number {
  const [row, output, input] = [Math.floor(i / 9), Math.floor(i / 3) % 3, i % 3];
  if (output !== input) return 0;
  return output === 2 ? 1 : Math.cos(data[3 * row + output] as number);
}

describe.each(devices)("on %s", (device) => {
  test.each([-300, -3, 0, 3, 300])("out %i numbers after the rows it is computed from", (shift) => {
    const n = 1000;
    const g = rows(f, { device });
    const memory = Float64Array.from({ length: 3 * n + 600 }, (_, i) => Math.sin(i));
    const at = (start: number): Float64Array => memory.subarray(300 + start, 300 + start + 3 * n);
    const wanted = Array.from(at(0), (x) => 2 * Math.sin(x));
    const out = at(shift);
    g.sync({ data: at(0), shape: [n, 3] }, { out });
    expect(wanted.every((y, i) => Math.abs(y - (out[i] as number)) < 1e-14)).toBe(true);
    g.dispose();
  });

  test.each([1, 2, 40, 300])("each result of %i rows has memory of its own", async (n) => {
    const J = jacrow((x: Row<3>) => ({ a: sin(x), b: x.mul(x) }), { device });
    const X = (offset: number) => ({
      data: Float32Array.from({ length: 3 * n }, (_, i) => i + offset),
      shape: [n, 3],
    });
    const nests = [J.sync(X(0)), J.sync(X(1)), await J(X(2)), await J(X(0))] as { a: NdArray; b: NdArray }[];
    const all = nests.flatMap(({ a, b }) => [a, b]);
    const kept = all.map(({ data }) => data.slice());
    for (const { data } of all) {
      expect([data.length, data.byteOffset, data.buffer.byteLength]).toEqual([9 * n, 0, 36 * n]);
      expect(Object.prototype.toString.call(data.buffer)).toBe("[object ArrayBuffer]");
    }
    expect(new Set(all.map(({ data }) => data.buffer)).size).toBe(all.length);
    expect(kept[6]).toEqual(kept[0]);
    structuredClone(all[0]?.data.buffer, { transfer: [all[0]?.data.buffer as ArrayBuffer] });
    expect(all[0]?.data.length).toBe(0);
    expect(all.slice(1).map(({ data }) => data)).toEqual(kept.slice(1));
    expect((J.sync(X(0)) as { a: NdArray }).a.data).toEqual(kept[0]);
    J.dispose();
  });

  test.for([1, 40, 67, 120_000])("every number of the results of %i rows is written", (n, context) => {
    onlyOn(context, device);
    const found: Uint8Array[] = [];
    const before = Buffer.allocUnsafeSlow.bind(Buffer);
    const spy = vi.spyOn(Buffer, "allocUnsafeSlow").mockImplementation((bytes) => {
      found.push(before(bytes).fill(0xff));
      return found.at(-1) as Buffer<ArrayBuffer>;
    });
    const f = (x: Row<3>) => {
      const y = concat([sin(x.slice(0, 2)), x.slice(2)]);
      return { y, zero: x.mul(0).add(2), sum: rowSum(y) };
    };
    const [g, J] = [rows(f, { device, threads: 1 }), jacrow((x: Row<3>) => f(x).y, { device, threads: 1 })];
    const data = Float64Array.from({ length: 3 * n }, (_, i) => Math.sin(i));
    const { y, zero, sum } = g.sync({ data, shape: [n, 3] }) as Record<"y" | "zero" | "sum", NdArray>;
    const Z = J.sync({ data, shape: [n, 3] }).data;
    spy.mockRestore();
    const isUnwritten = device === "native" ? n > 1 : device === "wasm" && n > 1e5;
    expect(found.some(({ buffer }) => buffer === Z.buffer)).toBe(isUnwritten);
    const wanted = data.map((x, i) => (i % 3 === 2 ? x : Math.sin(x)));
    expect(y.data.every((value, i) => Math.abs(value - (wanted[i] as number)) < 1e-14)).toBe(true);
    expect(zero.data.every((value) => value === 2)).toBe(true);
    expect(Z.every((value, i) => Math.abs(value - jacobianOf(data, i)) < 1e-14)).toBe(true);
    expect(sum.data.every(Number.isFinite)).toBe(true);
    g.dispose();
    J.dispose();
  });

  test("shared inputs that results are written over", () => {
    const g = rows(({ x, s }: { x: Row<3>; s: Row<3> }) => x.mul(s), { device, shared: ["s"] });
    const memory = Float64Array.of(1, 2, 3, 4, 5, 6);
    g.sync({ x: { data: memory, shape: [2, 3] }, s: memory.subarray(3) }, { out: memory });
    expect([...memory]).toEqual([4, 10, 18, 16, 25, 36]);
    g.dispose();
  });

  test("results that share memory are refused", () => {
    const g = rows((x: Row<3>) => ({ a: sin(x), b: x.mul(2) }), { device });
    const out = new Float64Array(9);
    const both = { a: out.subarray(0, 6), b: out.subarray(3) };
    expect(() => g.sync({ data: new Float64Array(6), shape: [2, 3] }, { out: both })).toThrow(
      "JR432: out for a and b share memory",
    );
  });

  test("rows, shared inputs and out whose memory was given away", async () => {
    const J = jacrow(f, { device });
    const X = { data: new Float64Array(0), shape: [0, 3] };
    expect(J.sync(X).shape).toEqual([0, 3, 3]);
    const gone = { ...X, data: lost(new Float64Array(3)) };
    expect(() => J.sync(gone)).toThrow("JR134: X.data has no memory any more");
    await expect(J(gone)).rejects.toThrow("JR134");
    expect(() => J.sync(X, { out: gone.data })).toThrow("JR134: out for y/x");
    J.dispose();
  });
});

/** WebAssembly's memory cannot be given away. */
test.for(devices.filter((device) => device !== "wasm"))(
  "a bound run on %s, and a view given away",
  (device, context) => {
    onlyOn(context, "interpreter", "native");
    const bound = rows(f, { device }).bind({ n: 2, inputs: [3], dtype: "f64" });
    const { data } = bound.result as unknown as { data: Float64Array<ArrayBuffer> };
    lost(data);
    expect(() => bound.run()).toThrow("JR448");
  },
);
