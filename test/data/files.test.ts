/** .npy on disk: parts and blocks equal the whole, writers leave a whole file or nothing, failures name path and fix. */

import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { readNpy, writeNpy } from "../../src/data/npy.ts";
import { npyHeader } from "../../src/data/npy-header.ts";
import { writeNpz } from "../../src/data/npz.ts";
import { openRows, readNpyFile } from "../../src/data/read-file.ts";
import { createNpy, type NpyWriter, writeNpyFile } from "../../src/data/write-file.ts";
import { createNpz } from "../../src/data/write-npz.ts";
import { InternalError, UsageError } from "../../src/errors.ts";

const root = mkdtempSync(join(tmpdir(), "jacrow-files-"));
let folder = root;
let count = 0;
beforeEach(() => {
  folder = join(root, String(count++));
  mkdirSync(folder);
});
afterAll(() => rmSync(root, { recursive: true }));

const numbers = (length: number): Float64Array => Float64Array.from({ length }, (_, i) => i);

/** A file in column-major order, made by transposing the axes of a row-major one. */
function fortranFile(path: string): void {
  const header = new TextDecoder("latin1").decode(npyHeader("<f8", [5, 3])).replace("False", "True ");
  const bytes = new Uint8Array(header.length + 15 * 8);
  bytes.set(Uint8Array.from(header, (c) => c.charCodeAt(0)));
  bytes[0] = 0x93;
  const columns = Float64Array.from({ length: 15 }, (_, i) => (i % 5) * 3 + Math.floor(i / 5));
  bytes.set(new Uint8Array(columns.buffer), header.length);
  writeFileSync(path, bytes);
}

describe("reading", () => {
  it("any range of rows equals that part of the whole, in both orders", () => {
    const paths = [join(folder, "c.npy"), join(folder, "f.npy")] as const;
    writeNpyFile(paths[0], { data: numbers(15), shape: [5, 3] });
    fortranFile(paths[1]);
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.nat(5), fc.nat(5), (path, a, b) => {
        const range = { start: Math.min(a, b), end: Math.max(a, b) };
        const part = readNpyFile(path, range);
        expect(part.shape).toEqual([range.end - range.start, 3]);
        expect(part.data).toEqual(numbers(15).slice(range.start * 3, range.end * 3));
      }),
    );
  });

  it("blocks cover the rows once, in order", () => {
    const path = join(folder, "x.npy");
    writeNpyFile(path, { data: numbers(14), shape: [7, 2] });
    const file = openRows(path);
    const blocks = [...file.blocks(3, { start: 1, end: 7 })];
    file.close();
    expect(blocks.map((b) => [b.start, b.end, b.data[0]])).toEqual([
      [1, 4, 2],
      [4, 7, 8],
    ]);
    expect([file.n, file.rowShape, file.dtype]).toEqual([7, [2], "float64"]);
    expect(() => file.read()).toThrow(InternalError);
  });

  it("rank 0, no rows and empty rows work", () => {
    for (const shape of [[], [0, 3], [2, 0]]) {
      const path = join(folder, `${shape.join("x")}.npy`);
      const size = shape.reduce((a, b) => a * b, 1);
      writeNpyFile(path, { data: numbers(size), shape });
      expect(readNpyFile(path)).toEqual({ dtype: "float64", shape, data: numbers(size) });
    }
  });

  it("reads pipes", () => {
    const path = join(folder, "pipe.npy");
    writeNpyFile(path, { data: numbers(4), shape: [4] });
    const fifo = join(folder, "fifo");
    expect(spawnSync("mkfifo", [fifo]).status).toBe(0);
    const writer = spawn("sh", ["-c", `cat ${path} > ${fifo}`]);
    expect(readNpyFile(fifo, { start: 1, end: 3 }).data).toEqual(Float64Array.of(1, 2));
    writer.kill();
  });

  it("names the path and the fix", () => {
    const path = join(folder, "x.npy");
    writeNpyFile(path, { data: numbers(6), shape: [3, 2] });
    expect(() => readNpyFile(join(folder, "no.npy"))).toThrow(
      /JR720: cannot read .*no.npy: there is no such file/,
    );
    expect(() => readNpyFile(folder)).toThrow(/JR720: cannot read .*: it is a folder/);
    expect(() => readNpyFile(join(path, "x"))).toThrow(/a part of the path is a file/);
    expect(() => readNpyFile(path, { start: 1, end: 4 })).toThrow(
      /JR722: rows 1:4 are not in the file: .* has rows 0:3/,
    );
    expect(() => readNpyFile(path, { start: 2, end: 1 })).toThrow(UsageError);
    expect(() => readNpyFile(path, { start: -1, end: 1 })).toThrow(UsageError);
    truncateSync(path, 170);
    expect(() => readNpyFile(path, { start: 0, end: 1 })).toThrow("JR707");
  });
});

describe("writing an .npz", () => {
  const whole = { a: { data: numbers(6), shape: [3, 2] }, b: { data: numbers(3), shape: [3] } };
  const arrays = new Map(Object.entries(whole).map(([name, { shape }]) => [name, shape]));
  const start = () => createNpz(join(folder, "z.npz"), { dtype: "f64", arrays }) as [NpyWriter, NpyWriter];

  it("blocks in turns make the file that one write makes, when the last is there", () => {
    const [a, b] = start();
    a.write(numbers(6).subarray(0, 4));
    b.write(numbers(3).subarray(0, 2));
    a.write(numbers(6).subarray(4));
    a.close();
    b.write(numbers(3).subarray(2));
    expect(existsSync(join(folder, "z.npz"))).toBe(false);
    b.close();
    a.abort();
    const bytes = writeNpz(new Map(Object.entries(whole)));
    expect(new Uint8Array(readFileSync(join(folder, "z.npz")))).toEqual(bytes);
    expect(readdirSync(folder)).toEqual(["z.npz"]);
    expect(start).toThrow("JR721");
  });

  it("leaves nothing where one array is given up or wrong", () => {
    start()[1].abort();
    expect(() => start()[0].write(numbers(7))).toThrow("z.npz, a.npy of 6 numbers is given more");
    const writers = start();
    writers[0].write(numbers(6));
    writers[0].close();
    expect(() => writers[1].close()).toThrow("got 0 of 3 numbers");
    expect(readdirSync(folder)).toEqual([]);
    expect(process.listenerCount("SIGINT")).toBe(0);
  });

  it("refuses what has no places, and what is too large", () => {
    expect(() => createNpz("/dev/null", { dtype: "f64", arrays })).toThrow("JR726");
    const large = new Map([["a", [2 ** 30]]]);
    expect(() => createNpz(join(folder, "z.npz"), { dtype: "f64", arrays: large })).toThrow("JR763");
  });
});

describe("writing", () => {
  it("blocks make the file that one write makes", () => {
    const path = join(folder, "z.npy");
    const writer = createNpy(path, { dtype: "f64", shape: [5, 2] });
    writer.write(numbers(10).subarray(0, 4));
    expect(existsSync(path)).toBe(false);
    writer.write(numbers(10).subarray(4));
    writer.close();
    writer.abort();
    expect(new Uint8Array(readFileSync(path))).toEqual(writeNpy({ data: numbers(10), shape: [5, 2] }));
    expect(readdirSync(folder)).toEqual(["z.npy"]);
  });

  it("never touches an existing file without force", () => {
    const path = join(folder, "z.npy");
    writeFileSync(path, "mine");
    expect(() => createNpy(path, { dtype: "f64", shape: [1] })).toThrow("JR721");
    expect(() => writeNpyFile(path, { data: numbers(1), shape: [1] })).toThrow(
      /JR721: cannot write .*z.npy: it exists/,
    );
    expect(readFileSync(path, "utf8")).toBe("mine");
    writeNpyFile(path, { data: numbers(1), shape: [1] }, { force: true });
    expect(readNpyFile(path).shape).toEqual([1]);
  });

  it("does not overwrite a file that appears meanwhile", () => {
    const path = join(folder, "z.npy");
    const writer = createNpy(path, { dtype: "f64", shape: [0] });
    writeFileSync(path, "mine");
    expect(() => writer.close()).toThrow("JR721");
    expect(readFileSync(path, "utf8")).toBe("mine");
    expect(readdirSync(folder)).toEqual(["z.npy"]);
  });

  it("with force writes through a link", () => {
    writeFileSync(join(folder, "real.npy"), "old");
    symlinkSync("real.npy", join(folder, "link.npy"));
    writeNpyFile(join(folder, "link.npy"), { data: numbers(1), shape: [1] }, { force: true });
    expect(readNpyFile(join(folder, "real.npy")).shape).toEqual([1]);
  });

  it("a wrong number or type of elements leaves nothing", () => {
    const path = join(folder, "z.npy");
    const start = (): ReturnType<typeof createNpy> => createNpy(path, { dtype: "f64", shape: [2] });
    expect(() => start().write(numbers(3))).toThrow(InternalError);
    expect(() => start().write(new Float32Array(2))).toThrow("takes f64, got f32");
    expect(() => start().close()).toThrow("got 0 of 2 numbers");
    start().abort();
    expect(readdirSync(folder)).toEqual([]);
    expect(process.listenerCount("SIGINT")).toBe(0);
  });

  it("names the path and the fix before writing", () => {
    const write = (path: string, shape: number[] = [0]): void =>
      createNpy(path, { dtype: "f64", shape }).abort();
    expect(() => write(join(folder, "no", "z.npy"))).toThrow(
      /JR720: cannot write .*z.npy: there is no such file or folder/,
    );
    expect(() => write(folder)).toThrow("it is a folder");
    expect(() => write(join(folder, "z.npy"), [2 ** 49])).toThrow(
      /JR725: .*z.npy: it takes 4503599627 MB, and its disk has/,
    );
    expect(readdirSync(folder)).toEqual([]);
    expect(process.listenerCount("exit")).toBe(0);
  });

  it("says so where it may not write", ({ skip }) => {
    skip(process.getuid?.() === 0, "root may write everywhere");
    chmodSync(folder, 0o500);
    expect(() => createNpy(join(folder, "z.npy"), { dtype: "f32", shape: [0] })).toThrow("permission denied");
  });

  it("devices are written in place", () => {
    writeNpyFile("/dev/null", { data: numbers(3), shape: [3] });
    expect(() => writeNpyFile("/dev/full", { data: numbers(3), shape: [3] })).toThrow("the disk is full");
  });
});

describe("processes", () => {
  const script = (body: string): string[] => [
    "--import",
    import.meta.resolve("tsx"),
    "--input-type=module",
    "-e",
    `import { createNpy, writeNpyFile } from ${JSON.stringify(new URL("../../src/data/write-file.ts", import.meta.url).href)};\n${body}`,
  ];

  it("- is standard output", () => {
    const body = "writeNpyFile('-', { data: new Float64Array(300000).fill(2), shape: [300000] });";
    const { stdout, stderr } = spawnSync(process.execPath, script(body), { maxBuffer: 2 ** 24 });
    expect(stderr.toString()).toBe("");
    expect(readNpy(stdout).data).toEqual(new Float64Array(300000).fill(2));
  });

  it("an interrupt removes the partial file and ends the process as it would have", async () => {
    const path = JSON.stringify(join(folder, "z.npy"));
    const body = `createNpy(${path}, { dtype: "f32", shape: [9] }); setInterval(() => {}, 1000); console.log("ready");`;
    const child = spawn(process.execPath, script(body));
    await new Promise((resolve) => child.stdout.once("data", resolve));
    expect(readdirSync(folder)).toHaveLength(1);
    const ended = new Promise((resolve) => child.once("exit", (_, signal) => resolve(signal)));
    child.kill("SIGINT");
    expect(await ended).toBe("SIGINT");
    expect(readdirSync(folder)).toEqual([]);
  });
});
