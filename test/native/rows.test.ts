/** Rows of any number of cells are moved to lanes and back, any number of them. */

import { expect, test } from "vitest";
import { Builder } from "../../src/ir/builder.ts";
import { programOf } from "../runtime/helpers.ts";
import { describeNative, nativeKernel } from "./helpers.ts";

const widths = [1, 2, 3, 4, 5, 7, 8, 11, 15, 16, 17, 20, 21, 31, 32, 33, 42];

describeNative("rows of every width", () => {
  test.each(["f32", "f64"] as const)("%s", (dtype) => {
    const b = new Builder();
    const inputs = widths.map((width) => b.input(`x${width}`, [width]));
    const program = programOf(
      "widths",
      inputs,
      inputs.map((x) => b.neg(x)),
    );
    const kernel = nativeKernel(program, { dtype });
    const floats = (length: number): Float32Array | Float64Array =>
      (dtype === "f32" ? new Float32Array(length) : new Float64Array(length)).map((_, i) => i + 1);
    for (const n of [1, 3, 15, 16, 18, 50]) {
      const rows = widths.map((width) => floats(n * width));
      const results = kernel.runSync(rows, n);
      rows.forEach((x, index) => expect(results[index]).toEqual(x.map((value) => -value)));
    }
    kernel.dispose();
  });
});
