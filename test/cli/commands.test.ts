/** Commands from files to files: results against PyTorch's, and one clear error for everything that can be wrong. */

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { jacrow as rowwise } from "../../src/api/jacrow.ts";
import { readNpz } from "../../src/data/npz.ts";
import { readNpyFile } from "../../src/data/read-file.ts";
import { writeNpyFile } from "../../src/data/write-file.ts";
import { loadOnnx } from "../../src/onnx.ts";
import { onlyOn } from "../devices/here.ts";
import { fixture, jacrow, newFolder, relativeError } from "./helpers.ts";

const root = newFolder();
let folder = root;
let count = 0;
beforeEach(() => {
  folder = join(root, String(count++));
  mkdirSync(folder);
});
afterAll(() => rmSync(root, { recursive: true }));

const model = fixture("mlp_relu/model.onnx");
const rows = fixture("mlp_relu/X.npy");
const inFolder = (name: string): string => join(folder, name);

function rowsFile(name: string, shape: readonly number[], value: (i: number) => number = Math.sin): string {
  const size = shape.reduce((product, axis) => product * axis, 1);
  writeNpyFile(inFolder(name), { data: Float64Array.from({ length: size }, (_, i) => value(i)), shape });
  return inFolder(name);
}

describe("jacobian", () => {
  it("writes Z and Y as PyTorch computes them", async () => {
    const { code, err, out } = await jacrow(
      "jacobian",
      model,
      rows,
      "-o",
      inFolder("Z.npy"),
      "--value",
      inFolder("Y.npy"),
    );
    expect({ code, out }).toEqual({ code: 0, out: "" });
    expect(err).toContain("Z.npy: (16, 4, 8) float32, 2.0 kB");
    expect(relativeError(inFolder("Z.npy"), fixture("mlp_relu/Z.npy"))).toBeLessThan(1e-5);
    expect(relativeError(inFolder("Y.npy"), fixture("mlp_relu/Y.npy"))).toBeLessThan(1e-5);
    expect(readdirSync(folder).sort()).toEqual(["Y.npy", "Z.npy"]);
  });

  it("gives one file per input, and float64 where it is asked for", async () => {
    const at = (name: string): string => fixture(`dynamics_two_inputs/${name}`);
    const words = [`u=${at("X_u.npy")}`, `x=${at("X_x.npy")}`, "--dtype", "f64", "--json", "-q"];
    const { code, out } = await jacrow("jacobian", at("model.onnx"), ...words, "-o", inFolder("Z.npy"));
    expect(code).toBe(0);
    expect(relativeError(inFolder("Z_x.npy"), at("Z_x.npy"))).toBeLessThan(1e-12);
    expect(relativeError(inFolder("Z_u.npy"), at("Z_u.npy"))).toBeLessThan(1e-12);
    const report = JSON.parse(out);
    expect(report).toMatchObject({
      schema: 1,
      command: "jacobian",
      rows: { start: 0, end: 16 },
      dtype: "float64",
    });
    expect(report.files[1]).toMatchObject({
      path: inFolder("Z_u.npy"),
      output: "y",
      input: "u",
      shape: [16, 4, 2],
    });
    expect(report.notes).toContain(`${at("X_x.npy")}: float32 → float64`);
  });

  it("device auto computes as wasm does until native code repays compiling, and says so", async (context) => {
    onlyOn(context, "wasm");
    const words = ["jacobian", model, rows, "--device", "auto", "--json", "-q", "-o", inFolder("Z.npy")];
    const { code, out } = await jacrow(...words);
    expect({ code, device: JSON.parse(out).device }).toEqual({ code: 0, device: "wasm" });
    expect(relativeError(inFolder("Z.npy"), fixture("mlp_relu/Z.npy"))).toBeLessThan(1e-5);
    expect((await jacrow("jacobian", "--help")).out).toMatch(/auto \(the default\): wasm until native/);
  });

  it("an .npz holds all results, as the files of their own would", async () => {
    const at = (name: string): string => fixture(`dynamics_two_inputs/${name}`);
    const words = ["jacobian", at("model.onnx"), `u=${at("X_u.npy")}`, `x=${at("X_x.npy")}`];
    await jacrow(...words, "-o", inFolder("Z.npy"), "--value", inFolder("Y.npy"), "-q");
    const one = inFolder("all.npz");
    const { code, err } = await jacrow(...words, "-o", one, "--value", one);
    expect({ code, lines: err.split("\n").slice(0, 3) }).toEqual({
      code: 0,
      lines: ["Y: (16, 4)", "Z_x: (16, 4, 4)", "Z_u: (16, 4, 2)"].map(
        (line) => expect.stringContaining(`all.npz, ${line} float32`) as unknown as string,
      ),
    });
    const arrays = readNpz(readFileSync(one), { inflate: (bytes) => bytes });
    expect([...arrays.keys()]).toEqual(["Y", "Z_x", "Z_u"]);
    for (const [name, array] of arrays) expect(array).toEqual(readNpyFile(inFolder(`${name}.npy`)));
  });

  it("takes a range of rows and entries of the output: the same numbers as the whole", async () => {
    await jacrow("jacobian", model, rows, "-o", inFolder("all.npy"), "-q");
    const part = ["--rows", "-6:-2", "--outputs", "3,0:2", "-q"];
    expect((await jacrow("jacobian", model, rows, "-o", inFolder("part.npy"), ...part)).code).toBe(0);
    const all = readNpyFile(inFolder("all.npy")).data as Float32Array;
    const { data, shape } = readNpyFile(inFolder("part.npy"));
    expect(shape).toEqual([4, 3, 8]);
    const wanted = [10, 11, 12, 13].flatMap((i) =>
      [3, 0, 1].flatMap((j) => [...all.subarray((i * 4 + j) * 8, (i * 4 + j + 1) * 8)]),
    );
    wanted.forEach((value, index) => expect(Number(data[index])).toBeCloseTo(value, 6));
  });

  it("many blocks give what one row at a time gives", async () => {
    const many = rowsFile("many.npy", [2000, 8]);
    expect((await jacrow("jacobian", model, many, "-o", inFolder("Z.npy"))).code).toBe(0);
    await jacrow("jacobian", model, many, "-o", inFolder("one.npy"), "--rows", "1999:2000");
    const whole = readNpyFile(inFolder("Z.npy"));
    expect(whole.shape).toEqual([2000, 4, 8]);
    expect(whole.data.slice(-32)).toEqual(readNpyFile(inFolder("one.npy")).data);
  });

  it("no rows give an empty Z", async () => {
    expect(
      (await jacrow("jacobian", model, rowsFile("none.npy", [0, 8]), "-o", inFolder("Z.npy"))).code,
    ).toBe(0);
    expect(readNpyFile(inFolder("Z.npy")).shape).toEqual([0, 4, 8]);
  });

  it("tells of NaN rows, and what the conversion of the rows did", async () => {
    const strange = rowsFile("strange.npy", [10, 8], (i) => (i === 21 ? Number.NaN : i === 75 ? 1e300 : 0.5));
    const { code, err } = await jacrow("jacobian", model, strange, "-o", inFolder("Z.npy"));
    expect(code).toBe(0);
    expect(err).toContain("float64 → float32 (1 of 80 values overflow to infinity)");
    expect(err).toContain("2 rows hold NaN or infinity (the first is row 2)");
  });

  it("does not touch an existing file without --force", async () => {
    writeFileSync(inFolder("Z.npy"), "mine");
    const refused = await jacrow(
      "jacobian",
      model,
      rows,
      "-o",
      inFolder("Z.npy"),
      "--value",
      inFolder("Y.npy"),
    );
    expect(refused.code).toBe(4);
    expect(refused.err).toMatch(/^jacrow: JR721: .*Z\.npy: it exists already; use --force/);
    expect(readFileSync(inFolder("Z.npy"), "utf8")).toBe("mine");
    expect(readdirSync(folder)).toEqual(["Z.npy"]);
    expect((await jacrow("jacobian", model, rows, "-o", inFolder("Z.npy"), "--force")).code).toBe(0);
    expect(readNpyFile(inFolder("Z.npy")).shape).toEqual([16, 4, 8]);
  });
});

describe("what is wrong is said once, with code, place and fix", () => {
  const wide = (): string => rowsFile("wide.npy", [5, 9]);
  const truncated = (): string => {
    writeFileSync(inFolder("short.onnx"), readFileSync(model).subarray(0, 3000));
    return inFolder("short.onnx");
  };
  const lying = (): string => {
    writeFileSync(inFolder("short.npy"), readFileSync(rows).subarray(0, 300));
    return inFolder("short.npy");
  };
  const text = (): string => {
    writeFileSync(inFolder("rows.csv"), "1,2,3\n");
    return inFolder("rows.csv");
  };
  const mixes = (name: string) => (): string[] => [fixture(`${name}/model.onnx`), fixture(`${name}/X.npy`)];

  it.each<[string, number, RegExp, () => string[]]>([
    [
      "wrong column count",
      2,
      /JR606: .*wide\.npy has shape \(5, 9\), but input "x" takes \(n, 8\)/,
      () => [model, wide()],
    ],
    [
      "one row where rows are meant",
      2,
      /JR606: .*it is one row: save x\[None\]/,
      () => [model, rowsFile("row.npy", [8])],
    ],
    ["one number", 2, /JR606: .*is one number where rows are meant/, () => [model, rowsFile("x.npy", [])]],
    [
      "a missing rows file",
      4,
      /JR720: cannot read .*there is no such file/,
      () => [model, inFolder("no.npy")],
    ],
    ["a missing model", 4, /JR720: .*no\.onnx could not be read/, () => [inFolder("no.onnx"), rows]],
    ["a truncated model", 4, /JR50\d: .*short\.onnx/, () => [truncated(), rows]],
    ["a truncated rows file", 4, /JR70\d: .*short\.npy/, () => [model, lying()]],
    ["rows that are no .npy", 4, /JR70\d: .*rows\.csv/, () => [model, text()]],
    ["an unknown input", 2, /JR605: .*has no input z; it has x \(8,\)/, () => [model, `z=${rows}`]],
    ["too many files", 2, /JR605: .*x=FILE/, () => [model, rows, rows]],
    [
      "named and unnamed files",
      2,
      /JR605: either every rows file is named/,
      () => [model, rows, `x=${rows}`],
    ],
    ["rows outside the file", 2, /JR607: --rows 0:17/, () => [model, rows, "--rows", "0:17"]],
    [
      "an unknown output",
      2,
      /JR608: the model has no output logits; it has y/,
      () => [model, rows, "--outputs", "logits"],
    ],
    ["an entry that is not there", 2, /JR608: .*entries 0 to 3/, () => [model, rows, "--outputs", "4"]],
    [
      "an unknown input to differentiate by",
      2,
      /JR608: the model has no input u/,
      () => [model, rows, "--wrt", "u"],
    ],
    [
      "Y and Z in one file",
      2,
      /JR609: two results would go to/,
      () => [model, rows, "--value", inFolder("Z.npy")],
    ],
    ["rows mixed by a product", 3, /JR520: MatMul .* mixes rows/, mixes("mixes_gram")],
    [
      "rows mixed by a softmax",
      3,
      /JR520: Softmax .* mixes rows: normalising along axis 0/,
      mixes("mixes_softmax_axis0"),
    ],
    [
      "a wrong batch axis",
      2,
      /JR602: --batch-axis takes an axis/,
      () => [model, rows, "--batch-axis", "first"],
    ],
    ["a module without #name", 2, /JR604: .*say which of its functions/, () => ["arm.js", rows]],
    [
      "a module with an empty #name",
      2,
      /JR604: arm\.js is a module; .*: arm\.js#NAME/,
      () => ["arm.js#", rows],
    ],
    ["rows in the place of the model", 2, /JR604: .*the model comes first/, () => [rows, model]],
    ["a checkpoint", 2, /JR604: net\.pt is no model: export .* torch\.onnx\.export/, () => ["net.pt", rows]],
    [
      "values in a file of another format",
      2,
      /JR609: --value Y\.csv.* --value Y\.npy/,
      () => [model, rows, "--value", "Y.csv"],
    ],
    ["a module that is not there", 4, /JR610: cannot read arm\.js/, () => ["arm.js#arm", rows]],
  ])("%s", async (_, code, message, words) => {
    const before = readdirSync(folder).length;
    const given = words();
    const made = readdirSync(folder).length - before;
    const { code: found, err, out } = await jacrow("jacobian", ...given, "-o", inFolder("Z.npy"));
    expect(err).toMatch(message);
    expect(err).toMatch(/^jacrow: JR\d{3}: /);
    expect(err.trimEnd().split("\n")).toHaveLength(1);
    expect({ found, out }).toEqual({ found: code, out: "" });
    expect(readdirSync(folder)).toHaveLength(before + made);
  });

  it("a folder that is not there", async () => {
    const { code, err } = await jacrow("jacobian", model, rows, "-o", inFolder("no/Z.npy"));
    expect(code).toBe(4);
    expect(err).toMatch(/JR720: cannot write .*no\/Z\.npy/);
  });

  it("different numbers of rows", async () => {
    const words = [`x=${rowsFile("x.npy", [5, 4])}`, `u=${rowsFile("u.npy", [6, 2])}`];
    const { code, err } = await jacrow(
      "jacobian",
      fixture("dynamics_two_inputs/model.onnx"),
      ...words,
      "-o",
      inFolder("Z.npy"),
    );
    expect(code).toBe(2);
    expect(err).toMatch(/x\.npy has 5 rows, but .*u\.npy has 6/);
  });

  it("--json puts the error on standard output, too", async () => {
    const { code, out } = await jacrow(
      "jacobian",
      model,
      inFolder("no.npy"),
      "-o",
      inFolder("Z.npy"),
      "--json",
    );
    expect(code).toBe(4);
    expect(JSON.parse(out)).toMatchObject({ schema: 1, error: { code: "JR720", kind: "UsageError" } });
  });

  it.each([
    [["jacobien"], /JR600: there is no command jacobien; did you mean jacobian\?/],
    [["net.onnx"], /JR600: .*jacrow jacobian net\.onnx ROWS/],
    [["jacobian", model, "-o", "Z.npy"], /JR603: ROWS are missing; usage/],
    [["export", model, "-o", "net"], /JR602: the ending of net tells no format: say --format/],
    [["export", model, "-o", "a/net.c"], /JR602: c is a folder of sources, .*: -o a\/net_c --format c/],
    [["jacobian", model, rows], /JR603: say where the result goes/],
    [["jacobian", model, rows, "-o", "-", "--json"], /JR609: -o - and --json all want standard output/],
    [["explain", "a", "--show", "loops,wat"], /JR602: --show takes ir, plan, loops/],
  ])("%j is a mistake of usage", async (argv, message) => {
    const { code, err } = await jacrow(...argv);
    expect(code).toBe(2);
    expect(err).toMatch(message);
  });
});

describe("check", () => {
  it("agrees, in both widths", async () => {
    const single = await jacrow(
      "check",
      fixture("mlp_tanh/model.onnx"),
      fixture("mlp_tanh/X.npy"),
      "--samples",
      "4",
    );
    expect(single.out).toMatch(
      /^model\.onnx: the Jacobian agrees with central differences: .* 4 rows checked\n$/,
    );
    const double = await jacrow(
      "check",
      fixture("mlp_tanh/model.onnx"),
      fixture("mlp_tanh/X.npy"),
      "--dtype",
      "f64",
      "--json",
    );
    expect([single.code, double.code]).toEqual([0, 0]);
    expect(JSON.parse(double.out)).toMatchObject({
      schema: 1,
      command: "check",
      ok: true,
      tolerance: 1e-6,
      kinks: 0,
    });
    expect(JSON.parse(double.out).relativeError).toBeLessThan(1e-8);
  });

  it("ends with 1 where the tolerance is not kept, and says where", async () => {
    const words = [fixture("mlp_tanh/model.onnx"), fixture("mlp_tanh/X.npy"), "--tolerance", "1e-15"];
    const { code, out } = await jacrow("check", ...words);
    expect(code).toBe(1);
    expect(out).toMatch(
      /DIFFERS .*; worst at row \d+, ∂\w+\/∂\w+ at \(\d+, \d+\): Jacobian \S+, differences \S+\n$/,
    );
  });
});

describe("explain and inspect", () => {
  it("explain shows sizes and the cost of each mode", async () => {
    const { code, out } = await jacrow("explain", model, "--show", "ir,loops");
    expect(code).toBe(0);
    expect(out).toContain("  out  y/x (4, 8)\n");
    expect(out).toContain("; results take 128 bytes\n");
    expect(out).toMatch(/^ {2}scratch: .* per row/m);
    expect(out).toMatch(/^kernel: /m);
    expect(out).toMatch(/Jacobian, reverse mode +\d+/);
    expect(out).toContain("\none row\n");
    expect(out).toContain("\nloops\n");
  });

  it("explain says what the library says of the same model, and more", async (context) => {
    onlyOn(context, "wasm");
    const J = rowwise(await loadOnnx(model), { device: "wasm" });
    await J.compile();
    const { out } = await jacrow("explain", model);
    const [, ...lines] = J.explain().split("\n");
    expect(lines.length).toBeGreaterThan(8);
    expect(out.split("\n").slice(1, 1 + lines.length)).toEqual(lines);
    const { operations, outputs, plan } = JSON.parse(J.explain({ format: "json" }));
    const told = JSON.parse((await jacrow("explain", model, "--json")).out);
    expect(told).toMatchObject({ operations, outputs, plan });
  });

  it("explain --json has the counts as numbers, and the plan is never dearer than a mode", async (context) => {
    onlyOn(context, "wasm");
    const { out } = await jacrow("explain", fixture("autoencoder/model.onnx"), "--json");
    const { schema, operations, byMode, kernel, dtype } = JSON.parse(out);
    expect([schema, dtype]).toEqual([1, "float32"]);
    expect(operations.cost).toBeLessThanOrEqual(Math.min(byMode.forward.cost, byMode.reverse.cost));
    expect(operations.cost).toBeGreaterThan(byMode.values.cost);
    expect(kernel).toMatchObject({ device: "wasm", dtype: "f32" });
  });

  it("explain --svg draws the plan, and overwrites only with --force", async () => {
    const file = inFolder("plan.svg");
    const words = ["explain", fixture("autoencoder/model.onnx"), "--svg", file];
    expect((await jacrow(...words)).code).toBe(0);
    expect(readFileSync(file, "utf8")).toMatch(/^<svg [^]*cut: both sides multiplied[^]*<\/svg>\n$/);
    expect((await jacrow(...words)).code).toBe(4);
    expect((await jacrow(...words, "--force")).code).toBe(0);
  });

  it("inspect lists what the file holds", async () => {
    const { code, out } = await jacrow("inspect", model);
    expect(code).toBe(0);
    expect(out).toContain("input   x: rows of (8,), float32");
    expect(out).toContain("2 operators: Gemm × 3, Relu × 2");
    expect(out).toContain("4996 parameters");
  });

  it("inspect tells the contents of a model that mixes rows, and why it is refused", async () => {
    const { code, out, err } = await jacrow("inspect", fixture("mixes_gram/model.onnx"));
    expect(code).toBe(3);
    expect(out).toContain("MatMul × 3");
    expect(err).toContain("JR520");
  });
});

describe("help", () => {
  it.each([[["--help"]], [["help"]], [["jacobian", "--help"]], [["help", "check"]]])(
    "%j is printed and is no error",
    async (argv) => {
      const { code, out, err } = await jacrow(...argv);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out).toMatch(/usage: jacrow /);
      expect(Math.max(...out.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
    },
  );

  it("nothing at all is answered with the help page and the code of usage", async () => {
    const { code, err } = await jacrow();
    expect(code).toBe(2);
    expect(err).toContain("usage: jacrow COMMAND");
  });

  it("--version is the package's", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    expect((await jacrow("--version")).out).toBe(`${version}\n`);
  });
});
