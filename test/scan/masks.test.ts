/** Masks as carries of loops: values and derivatives of an iteration that stops by itself, on every device and in every mode. */

import { describe, expect, test } from "vitest";
import "../../src/node.ts";
import * as m from "../../src/index.ts";
import { type Mask, rows, scan, type Tensor } from "../../src/index.ts";
import { registeredDevice } from "../../src/runtime/devices.ts";
import { distance } from "../autodiff/differences.ts";

type Carry = { z: Tensor; done: Mask };

/** z ← z²/2 + x until |z| > 2; also how many steps that took. */
const escape =
  (steps: number) =>
  (x: Tensor): Tensor => {
    const start = { z: x.at(0), done: m.gt(m.abs(x.at(0)), 2) };
    const [{ z, done }, running] = scan(
      ({ z: before, done: ended }: Carry): [Carry, Mask] => {
        const next = m.where(ended, before, before.mul(before).mul(0.5).add(x.at(1)));
        return [{ z: next, done: ended.or(m.gt(m.abs(next), 2)) }, ended.not()];
      },
      start,
      { steps },
    );
    return m.stack([z, m.sum(running), m.where(done, 1, 0)]);
  };

/** The same in plain numbers, with dz/dx. */
function expected([x0 = 0, x1 = 0]: readonly number[], steps: number): { value: number[]; slope: number[] } {
  let [z, d0, d1, running] = [x0, 1, 0, 0];
  for (let step = 0; step < steps && Math.abs(z) <= 2; step++) {
    [d0, d1] = [z * d0, z * d1 + 1];
    z = z * z * 0.5 + x1;
    running++;
  }
  return { value: [z, running, Math.abs(z) > 2 ? 1 : 0], slope: [d0, d1, 0, 0, 0, 0] };
}

const points = (n: number): number[][] =>
  Array.from({ length: n }, (_, row) => [3 * Math.sin(2 * row + 0.3), 0.9 * Math.cos(5 * row)]);

describe.each([6, 300])("%i steps", (steps) => {
  test.each(["interpreter", "wasm", "native"] as const)("%s", (device) => {
    if (device === "native" && registeredDevice("native")?.obstacle() !== undefined) return;
    const values = rows(escape(steps), { device, dtype: "f64" });
    const maps = (["forward", "reverse"] as const).map((mode) =>
      m.jacrow(escape(steps), { device, mode, allowZero: true, dtype: "f64" }),
    );
    for (const n of [0, 1, 19]) {
      const X = { data: Float64Array.from(points(n).flat()), shape: [n, 2] };
      const wanted = points(n).map((row) => expected(row, steps));
      const value = Float64Array.from(wanted.flatMap((one) => one.value));
      expect(distance(values.sync(X).data, value)).toBeLessThan(1e-12);
      const slope = Float64Array.from(wanted.flatMap((one) => one.slope));
      for (const map of maps) expect(distance(map.sync(X).data, slope)).toBeLessThan(1e-9);
    }
  });
});

test("a mask that becomes numbers is refused", () => {
  const f = (x: Tensor): Tensor =>
    m.where(scan((done: Mask): [Tensor] => [m.where(done, 1, 0)], m.gt(x.at(0), 0), { steps: 3 })[0], 1, 0);
  expect(() => rows(f).sync([[1]])).toThrow(/JR363.*mask \(\).*comes out as \(\)/);
});
