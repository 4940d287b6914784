/** Words of a command line: options, ranges, row files, names of results. */

import { describe, expect, it } from "vitest";
import { bytesText, twoDigits } from "../../src/api/sizes.ts";
import { type Command, parseArguments } from "../../src/cli/command.ts";
import { openSubject } from "../../src/cli/job.ts";
import { Pace } from "../../src/cli/pace.ts";
import { progressText, startProgress } from "../../src/cli/progress.ts";
import { pythonRange, rangeOf } from "../../src/cli/range.ts";
import { rowWord } from "../../src/cli/row-words.ts";
import { commands } from "../../src/cli/run.ts";
import { jacobianPlaces, type Place, valuePlaces } from "../../src/cli/targets.ts";
import type { Terminal } from "../../src/cli/terminal.ts";
import { usualThreads } from "../../src/runtime/threads/platform.ts";
import { nearest } from "../../src/trace/nearest.ts";
import { fixture } from "./helpers.ts";

const jacobian = commands[0] as Command;
const parse = (...argv: string[]) => parseArguments(jacobian, argv);

describe("options", () => {
  it("are read with their values, in any order", () => {
    const args = parse("m.onnx", "-o", "Z.npy", "x=a.npy", "u=b.npy", "--threads", "3", "-q", "--dtype=f64");
    expect(args.words).toEqual(["m.onnx", "x=a.npy", "u=b.npy"]);
    expect(args.text("out")).toBe("Z.npy");
    expect(args.count("threads")).toBe(3);
    expect(args.flag("quiet")).toBe(true);
    expect(args.flag("force")).toBe(false);
    expect(args.choice("dtype", ["f32", "f64"])).toBe("f64");
    expect(args.choice("mode", ["auto"])).toBeUndefined();
  });

  it("take - and negative ranges as values", () => {
    const args = parse("m", "r", "-o", "-", "--rows", "-5:", "--outputs", "-1");
    expect([args.text("out"), args.text("rows"), args.text("outputs")]).toEqual(["-", "-5:", "-1"]);
  });

  it("keep commas inside brackets together", () => {
    expect(parse("m", "r", "--outputs", "a,y[0,2:3], b").list("outputs")).toEqual(["a", "y[0,2:3]", "b"]);
  });

  it.each([
    [["m", "r", "--thread", "3"], "JR601: jacobian has no option --thread; did you mean --threads?"],
    [["m", "r", "--colour"], "JR601"],
    [["m", "r", "-o"], "JR602"],
    [["m", "r", "--force=yes"], "JR602"],
    [["m"], "JR603"],
  ])("%j is refused", (argv, message) => {
    expect(() => parse(...argv)).toThrow(message);
  });

  it("values are checked when they are asked for", () => {
    const args = parse("m", "r", "--threads", "0", "--dtype", "f16", "--wrt", "x,,y");
    expect(() => args.count("threads")).toThrow(
      'JR602: --threads takes a whole number of at least 1; got "0"',
    );
    expect(() => args.choice("dtype", ["f32", "f64"])).toThrow("--dtype takes f32, f64");
    expect(() => args.list("wrt")).toThrow("JR602");
  });

  it("where nothing is said, it is computed where and by as many threads as in the library", async () => {
    const explain = commands.find(({ name }) => name === "explain") as Command;
    const { compute } = await openSubject(parseArguments(explain, [fixture("mlp_relu/model.onnx")]));
    expect(compute).toMatchObject({ device: "auto", threads: usualThreads() });
    expect(usualThreads()).toBeLessThanOrEqual(6);
  });

  it("every option has help, and no two of a command share a name or a letter", () => {
    for (const { options } of commands) {
      const names = options.flatMap(({ name, short }) => [
        name,
        ...(short === undefined ? [] : [`-${short}`]),
      ]);
      expect(new Set(names).size).toBe(names.length);
      expect(options.every(({ help }) => help.length > 0)).toBe(true);
    }
  });
});

describe("ranges", () => {
  it.each([
    ["2:5", 2, 5],
    [":5", 0, 5],
    ["7:", 7, 10],
    ["-3:", 7, 10],
    [":-3", 0, 7],
    [":", 0, 10],
    ["4", 4, 5],
    ["-1", 9, 10],
    ["10:10", 10, 10],
  ])("%s of ten", (text, start, end) => {
    expect(rangeOf(text, 10)).toEqual({ start, end });
  });

  it.each(["0:11", "11:", "5:4", "-11:"])("%s is not within ten", (text) => {
    expect(() => rangeOf(text, 10)).toThrow(
      `JR607: --rows ${text} is not within the file, which has rows 0:10`,
    );
  });

  it.each(["a:b", "1:2:3", "", "1.5"])("%j is no range", (text) => {
    expect(pythonRange(text, 10)).toBeUndefined();
    expect(() => rangeOf(text, 10)).toThrow("JR607");
  });
});

describe("row files", () => {
  it("may be named", () => {
    expect(rowWord("x=rows.npy")).toEqual({ name: "x", path: "rows.npy" });
    expect(rowWord("/a/b=c.npy")).toEqual({ name: "/a/b", path: "c.npy" });
    expect(rowWord("rows.npy")).toEqual({ name: undefined, path: "rows.npy" });
  });
});

describe("names of results", () => {
  const named = ({ path, key }: Place): string => (key === undefined ? path : `${path}:${key}`);
  const jacobianPaths = (...given: Parameters<typeof jacobianPlaces>) => jacobianPlaces(...given).map(named);
  const valuePaths = (...given: Parameters<typeof valuePlaces>) => valuePlaces(...given).map(named);

  it("an .npz holds all of them, under names of their own", () => {
    expect(jacobianPaths("a.npz", ["y"], ["x"])).toEqual(["a.npz:Z"]);
    expect(jacobianPaths("a.npz", ["y"], ["x", "u/0"])).toEqual(["a.npz:Z_x", "a.npz:Z_u_0"]);
    expect(jacobianPaths("a.npz", ["p", "v"], ["x"])).toEqual(["a.npz:Z_p_x", "a.npz:Z_v_x"]);
    expect([valuePaths("a.npz", ["y"]), valuePaths("b.NPZ", ["p", "v"])]).toEqual([
      ["a.npz:Y"],
      ["b.NPZ:Y_p", "b.NPZ:Y_v"],
    ]);
  });

  it("one pair keeps the path, several inputs or outputs get their names", () => {
    expect(jacobianPaths("a.b/Z.npy", ["y"], ["x"])).toEqual(["a.b/Z.npy"]);
    expect(jacobianPaths("Z.npy", ["y"], ["x", "u"])).toEqual(["Z_x.npy", "Z_u.npy"]);
    expect(jacobianPaths("Z.npy", ["p", "v"], ["x"])).toEqual(["Z_p_x.npy", "Z_v_x.npy"]);
    expect(jacobianPaths("a.b/Z", ["y"], ["x", "u"])).toEqual(["a.b/Z_x", "a.b/Z_u"]);
    expect(valuePaths("Y.npy", ["p", "v"])).toEqual(["Y_p.npy", "Y_v.npy"]);
  });

  it("are legal and differ, whatever tensors are called", () => {
    expect(jacobianPaths("Z.npy", ["y"], ["/in/x:0", "/in/x.0", "../u"])).toEqual([
      "Z__in_x_0.npy",
      "Z__in_x.0.npy",
      "Z_.._u.npy",
    ]);
    expect(new Set(valuePaths("Y.npy", ["a/b", "a:b"])).size).toBe(2);
  });

  it("standard output holds one array", () => {
    expect(jacobianPaths("-", ["y"], ["x"])).toEqual(["-"]);
    expect(() => jacobianPaths("-", ["y"], ["x", "u"])).toThrow("JR609: -o - cannot hold 2 arrays");
  });
});

describe("helpers", () => {
  it("sizes and times have two digits, or all before the point; none has an exponent", () => {
    expect([0.0123, 1.25, 99.4, 99.6, 123.4, 5e6].map(twoDigits)).toEqual(
      "0.012 1.3 99 100 123 5000000".split(" "),
    );
    expect([0, 999, 99_600, 123_456, 1.2e9].map(bytesText)).toEqual([
      "0 bytes",
      "999 bytes",
      "100 kB",
      "123 kB",
      "1.2 GB",
    ]);
  });

  it("nearest finds typing mistakes and nothing else", () => {
    expect(nearest("jacobien", ["jacobian", "check"])).toBe("jacobian");
    expect(nearest("--thread", ["--threads", "--rows"])).toBe("--threads");
    expect(nearest("zebra", ["jacobian", "check"])).toBeUndefined();
  });

  it("blocks grow while they are fast, shrink when they are slow, within their bounds", () => {
    const pace = new Pace(1000);
    let now = performance.now() + 1;
    const after = (ms: number): number => {
      pace.step((now += ms));
      return pace.size;
    };
    expect([pace.size, after(1), after(1), after(1)]).toEqual([256, 512, 1000, 1000]);
    expect([after(100), after(500), after(500)]).toEqual([1000, 500, 250]);
    for (let i = 0; i < 20; i++) after(1e4);
    expect(pace.size).toBe(1);
  });

  it("progress is told at most once per pause, and not at all when quiet", () => {
    expect(progressText({ done: 25, total: 100, seconds: 2 })).toBe("25 %, 25 of 100 rows, 6 s left");
    const said: string[] = [];
    const terminal: Terminal = {
      out: () => {},
      err: (text) => void said.push(text),
      isLive: true,
      columns: 80,
      debug: "",
    };
    startProgress(terminal, 10, false).update(5);
    startProgress(terminal, 10, true).update(5);
    expect(said).toEqual([]);
  });
});
