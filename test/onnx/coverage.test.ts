/** Every operator of the first two priorities has a row in the table and a case in the tests of this folder. */

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { readModel } from "../../src/onnx/model.ts";
import { operators } from "../../src/onnx/ops/index.ts";
import { operatorsIn, priorities } from "./priorities.ts";
import { goldens } from "./support.ts";

const folder = fileURLToPath(new URL(".", import.meta.url));
const wanted = [...priorities.P0, ...priorities.P1, ...priorities.P2];

/** Operators that a golden model uses or that stand, quoted, in a test. */
function tested(): Set<string> {
  const used = goldens().flatMap(({ bytes, name }) =>
    readModel(bytes, name).graph.nodes.flatMap(operatorsIn),
  );
  const files = readdirSync(folder).filter((name) => name.endsWith(".test.ts"));
  const texts = files.map((name) => readFileSync(`${folder}${name}`, "utf8")).join("\n");
  return new Set([...used, ...wanted.filter((key) => texts.includes(`"${key}"`))]);
}

test("every operator has a row", () => {
  expect(wanted.filter((key) => operators[key] === undefined)).toEqual([]);
});

test("every operator has a case", () => {
  const known = tested();
  expect(wanted.filter((key) => !known.has(key))).toEqual([]);
});
