/** Generated C on 64-bit ARM, on 32-bit x86 and on a machine with its bytes in the other order, where a cross compiler and qemu are installed. */

import { describe, expect, test } from "vitest";
import { type Case, machines, missing, runExported, runNative } from "../../scripts/lib/foreign.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
import { inputsFor, relativeError } from "../runtime/helpers.ts";
import { everything } from "./programs.ts";

/** Every so many of the operations: compiling them all takes long. */
const program = everything(8);

function expectClose(dtype: "f32" | "f64", n: number, run: (each: Case) => Float64Array[]): void {
  const each = { dtype, inputs: inputsFor(program, n, dtype), n };
  const wanted = interpret(program, each.inputs, n);
  const found = run(each);
  expect(found).toHaveLength(wanted.length);
  found.forEach((values, index) =>
    expect(relativeError(values, wanted[index] as Float64Array), program.outputs[index]?.name).toBeLessThan(
      dtype === "f32" ? 3e-6 : 1e-13,
    ),
  );
}

const { arm64, i686, s390x } = machines;
const [noArm, noSmall, noBig] = [missing(arm64), missing(i686), missing(s390x)];

describe.skipIf(noArm !== undefined)(`64-bit ARM${noArm === undefined ? "" : ` (no ${noArm} here)`}`, () => {
  test("native code, f32", () => expectClose("f32", 21, (each) => runNative(program, each, arm64)));
  test("native code, f64", () => expectClose("f64", 5, (each) => runNative(program, each, arm64)));
  test("exported code, f32", () => expectClose("f32", 5, (each) => runExported(program, each, arm64)));
});

/** Without SSE: no vectors, and numbers of 80 bits between the operations. */
describe.skipIf(noSmall !== undefined)(
  `32-bit x86${noSmall === undefined ? "" : ` (no ${noSmall} here)`}`,
  () => {
    test.each(["f32", "f64"] as const)("exported code, %s", (dtype) =>
      expectClose(dtype, 5, (each) => runExported(program, each, i686)),
    );
  },
);

describe.skipIf(noBig !== undefined)(`big-endian${noBig === undefined ? "" : ` (no ${noBig} here)`}`, () => {
  test("exported code, f64", () => expectClose("f64", 3, (each) => runExported(program, each, s390x)));
});
