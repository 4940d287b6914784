/** Whose memory it is: results written over inputs, arrays that share numbers, arrays whose memory was given away. */

import { describe, expect, test } from "vitest";
import "../../src/index.node.ts";
import { jacrow, type Row, rows, sin, type Tensor } from "../../src/index.ts";
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
