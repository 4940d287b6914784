/**
 * Checks that the lock files install everywhere.
 *
 * In: the `package-lock.json` of the root and of the second Node. Out: a finding per download address, per package
 * without an integrity sum, and per optional (platform) package that the lock file lacks.
 * Always: `npm ci` refuses a lock file that lacks any platform's package, so a gap here breaks fresh clones.
 */
import { readText } from "./lib/files.ts";
import { report } from "./lib/report.ts";

interface Locked {
  readonly resolved?: string;
  readonly integrity?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

interface Lock {
  readonly packages: Readonly<Record<string, Locked>>;
}

function findings(path: string): string[] {
  const { packages } = JSON.parse(readText(path)) as Lock;
  const names = new Set(Object.keys(packages).map((key) => key.replace(/^.*node_modules\//, "")));
  return Object.entries(packages).flatMap(([key, { resolved, integrity, optionalDependencies = {} }]) => {
    const address = resolved === undefined ? [] : [`${path}: ${key} names an address`];
    const unsure = key !== "" && integrity === undefined ? [`${path}: ${key} has no integrity sum`] : [];
    const gaps = Object.keys(optionalDependencies).filter((name) => !names.has(name));
    return [
      ...address,
      ...unsure,
      ...gaps.map((name) => `${path}: ${name}, which ${key} may need, is missing`),
    ];
  });
}

const locks = ["package-lock.json", "tools/current-node/package-lock.json"];
report({
  checker: "lock",
  summary: "lock files name no addresses and lack no platform",
  findings: locks.flatMap(findings),
  fix: "pin a version whose platform packages all exist, delete the lock file, `npm i --package-lock-only`",
});
