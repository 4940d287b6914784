/** Device "auto": what is counted decides, once, and a native device that fails changes nothing but a note. */

import { afterEach, expect, test } from "vitest";
import { UsageError } from "../../src/errors.ts";
import { Builder } from "../../src/ir/builder.ts";
import type { Program } from "../../src/ir/types.ts";
import { AutoKernel } from "../../src/runtime/auto.ts";
import {
  type Device,
  type NativeOffer,
  registerDevice,
  registeredDevice,
} from "../../src/runtime/devices.ts";
import type { DeviceName, FloatArray, Kernel } from "../../src/runtime/kernel.ts";
import { workOf } from "../../src/runtime/work.ts";
import { programOf } from "./helpers.ts";

const real = registeredDevice("native");
afterEach(() => real && registerDevice("native", real));

/** 2 · 1000² operations a row. */
function heavy(): Program {
  const b = new Builder();
  const x = b.input("x", [1000]);
  const w = b.input("w", [1000, 1000], { level: "bound" });
  return programOf("heavy", [x, w], [b.matmul(w, x)]);
}

/** A kernel that only says who it is: its result is `answer`. */
function stub(device: DeviceName, answer: number): Kernel & { disposed: boolean } {
  const result = (): FloatArray[] => [Float64Array.of(answer)];
  return {
    program: heavy(),
    info: {
      device,
      dtype: "f64",
      threads: 1,
      fused: false,
      moduleBytes: 0,
      tileRows: 1,
      scratchBytes: 0,
      memoryBytes: 0,
    },
    disposed: false,
    runsAtOnce: () => false,
    run: async () => result(),
    runSync: result,
    prepare: async () => {},
    bindFixed: () => ({ inputs: [], outputs: [], run: () => {}, rebind: () => {} }),
    dispose() {
      this.disposed = true;
    },
  };
}

/** A native device that makes such offers; what was asked of it. */
function device(make: () => NativeOffer): { offers: number } {
  const asked = { offers: 0 };
  const refuse = (): never => {
    throw new Error("auto takes offers");
  };
  const offer: Device["offer"] = () => {
    asked.offers++;
    return make();
  };
  registerDevice("native", {
    compile: refuse,
    compileSync: refuse,
    begin: (first) => first,
    offer,
    obstacle: () => undefined,
  });
  return asked;
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const auto = (wasm: Kernel): AutoKernel => new AutoKernel(wasm, { device: "auto", dtype: "f64" });
const answer = async (kernel: Kernel, n: number): Promise<number | undefined> =>
  (await kernel.run([], n))[0]?.[0];

test("work is counted in operations of a row", () => {
  expect(workOf(heavy())).toBe(1000 * 1000 + 1000 * 999);
});

test("little work asks for nothing, more looks for a cached library and takes it", async () => {
  const [wasm, native] = [stub("wasm", 1), stub("native", 2)];
  const asked = device(() => ({
    cached: () => native,
    build: () => Promise.reject(new Error("not wanted")),
  }));
  const kernel = auto(wasm);
  expect(await answer(kernel, 900)).toBe(1);
  expect(asked.offers).toBe(0);
  expect(kernel.runSync([], 200)[0]?.[0]).toBe(2);
  expect([kernel.info.device, wasm.disposed, asked.offers]).toEqual(["native", true, 1]);
});

test("enough work compiles beside the calls; the call that runs meanwhile ends where it began", async () => {
  const [wasm, native] = [stub("wasm", 1), stub("native", 2)];
  let built: () => void = () => {};
  const building = new Promise<Kernel>((resolve) => {
    built = () => resolve(native);
  });
  let builds = 0;
  const build = (): Promise<Kernel> => {
    builds++;
    return building;
  };
  device(() => ({ cached: () => undefined, build }));
  const kernel = auto(wasm);
  expect(await answer(kernel, 9000)).toBe(1);
  expect(builds).toBe(0);
  expect(await answer(kernel, 9000)).toBe(1);
  let end: () => void = () => {};
  wasm.run = () =>
    new Promise((resolve) => {
      end = () => resolve([Float64Array.of(1)]);
    });
  const slow = answer(kernel, 1);
  built();
  await settled();
  expect([kernel.info.device, builds, wasm.disposed]).toEqual(["native", 1, false]);
  expect(await answer(kernel, 1)).toBe(2);
  end();
  expect(await slow).toBe(1);
  expect(wasm.disposed).toBe(true);
});

test("one very long call waits for the compiler", async () => {
  device(() => ({ cached: () => undefined, build: async () => stub("native", 2) }));
  expect(await answer(auto(stub("wasm", 1)), 100_000)).toBe(2);
});

test.each([
  [
    "no compiler",
    () => {
      throw new UsageError("JR881", "found no compiler");
    },
  ],
  [
    "a compiler that fails",
    () => ({
      cached: () => undefined,
      build: () => Promise.reject(new UsageError("JR884", "found no compiler")),
    }),
  ],
] as const)("%s: WebAssembly stays, and a note says why", async (_, make) => {
  device(make);
  const kernel = auto(stub("wasm", 1));
  for (let call = 0; call < 3; call++) expect(await answer(kernel, 20_000)).toBe(1);
  expect(kernel.info.device).toBe("wasm");
  expect(kernel.info.notes?.join()).toMatch(/found no compiler/);
});

test("a kernel that is compiled after dispose is freed", async () => {
  const [wasm, native] = [stub("wasm", 1), stub("native", 2)];
  device(() => ({ cached: () => undefined, build: async () => native }));
  const kernel = auto(wasm);
  kernel.runSync([], 20_000);
  kernel.dispose();
  await settled();
  expect([wasm.disposed, native.disposed]).toEqual([true, true]);
});
