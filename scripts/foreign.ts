/**
 * Runs every operation on machines of other kinds, by cross compilers and qemu, and compares with the interpreter.
 *
 * In: names of machines (default: all that are installed). Out: one line per machine, width and kind of source with the largest error,
 * and for arm64 the innermost loops of a product with weights. Needs, in Debian's names, gcc-aarch64-linux-gnu, gcc-arm-linux-gnueabihf,
 * gcc-i686-linux-gnu, gcc-riscv64-linux-gnu or gcc-s390x-linux-gnu, and qemu-user. Run: npx tsx scripts/foreign.ts arm64
 */

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jacobianProgram } from "../src/autodiff/index.ts";
import { Builder } from "../src/ir/builder.ts";
import type { Program } from "../src/ir/types.ts";
import { interpret } from "../src/runtime/interpreter.ts";
import { everything } from "../test/native/programs.ts";
import { inputsFor, relativeError } from "../test/runtime/helpers.ts";
import {
  type Case,
  type Machine,
  machines,
  missing,
  nativeSource,
  runExported,
  runNative,
} from "./lib/foreign.ts";

type Run = (program: Program, each: Case, machine: Machine) => Float64Array[];

const kinds: Readonly<Record<string, Run>> = {
  native: runNative,
  exported: runExported,
  portable: (program, each, machine) =>
    runExported(program, { ...each, flags: ["-DJACROW_PORTABLE"] }, machine),
};

/** The largest error of a program's outputs, and the output's name. */
function worst(program: Program, each: Case, run: () => Float64Array[]): string {
  const wanted = interpret(program, each.inputs, each.n);
  const errors = run().map((values, index) => relativeError(values, wanted[index] as Float64Array));
  const most = Math.max(...errors);
  return `${most.toExponential(1)} in ${program.outputs[errors.indexOf(most)]?.name}`;
}

function compare(name: string, machine: Machine): void {
  const program = everything();
  for (const dtype of ["f32", "f64"] as const)
    for (const [kind, run] of Object.entries(kinds)) {
      const n = 7;
      // The device "native" wants addresses of 64 bits, and memory made in this machine's order of bytes.
      if (kind === "native" && !["arm64", "riscv64"].includes(name)) continue;
      const each = { dtype, inputs: inputsFor(program, n, dtype), n };
      const said = worst(program, each, () => run(program, each, machine));
      process.stdout.write(`${name} ${dtype} ${kind}: largest error ${said}\n`);
    }
}

/** Innermost loops of a 64-wide network's products: multiply-adds among instructions. */
function loops(machine: Machine): void {
  const b = new Builder();
  const [x, w] = [
    b.input("x", [64]),
    b.constant(
      Float64Array.from({ length: 4096 }, (_, cell) => Math.sin(cell)),
      [64, 64],
    ),
  ];
  const y = b.matmul(w, b.unary("tanh", b.matmul(w, x)));
  const program = jacobianProgram(
    { name: "net", inputs: [x], outputs: [{ name: "y", value: y }] },
    { wrt: [0] },
  );
  const folder = mkdtempSync(join(tmpdir(), "jacrow-foreign-"));
  try {
    writeFileSync(join(folder, "k.c"), nativeSource(program, { dtype: "f32" }, machine));
    execFileSync(machine.compiler, [
      "-O2",
      "-fno-tree-vectorize",
      "-c",
      "-o",
      join(folder, "k.o"),
      join(folder, "k.c"),
    ]);
    const dump = machine.compiler.replace("-gcc", "-objdump");
    const text = execFileSync(dump, ["-d", "--no-show-raw-insn", join(folder, "k.o")], { encoding: "utf8" });
    for (const line of new Set(innermost(text))) process.stdout.write(`  ${line}\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function innermost(text: string): string[] {
  const code = [...text.matchAll(/^ +([0-9a-f]+):\t(\S+)(.*)$/gm)].map(([, at, op, rest]) => ({
    at: Number.parseInt(at ?? "", 16),
    op: op ?? "",
    target: Number.parseInt(/([0-9a-f]+) </.exec(rest ?? "")?.[1] ?? "", 16),
  }));
  return code.flatMap(({ at, op, target }, end) => {
    if (!op.startsWith("b.") || !(target < at)) return [];
    const body = code.slice(
      code.findIndex((one) => one.at === target),
      end + 1,
    );
    const fused = body.filter((one) => one.op === "fmla").length;
    const branches = body.filter((one) => one.op.startsWith("b")).length;
    return fused >= 4 && branches === 1 ? [`loop: ${fused} fmla of ${body.length} instructions`] : [];
  });
}

const chosen = process.argv.slice(2);
for (const [name, machine] of Object.entries(machines)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  const absent = missing(machine);
  if (absent !== undefined) process.stdout.write(`${name}: no ${absent} here\n`);
  else {
    compare(name, machine);
    if (name === "arm64") loops(machine);
  }
}
