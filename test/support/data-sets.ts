import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));

/** Runs the command line in a folder. */
export function spikeletIn(folder: string, ...args: string[]) {
  return spawnSync(process.execPath, [CLI, ...args], { cwd: folder, encoding: "utf8" });
}

/** The files of a folder and of those in it, by path; a file itself by its name. */
export function filesIn(folder: string): Map<string, Buffer> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  const files = names.map((name) => join(folder, name)).filter((path) => statSync(path).isFile());
  return new Map(files.map((path) => [relative(folder, path), readFileSync(path)]));
}

/** The first difference between two folders, in words; undefined if they have the same files, byte for byte. */
export function folderDifference(one: string, other: string): string | undefined {
  const [a, b] = [filesIn(one), filesIn(other)];
  for (const name of new Set([...a.keys(), ...b.keys()])) {
    const [x, y] = [a.get(name), b.get(name)];
    if (x === undefined || y === undefined) return `${name} is in one alone`;
    if (!x.equals(y)) return `${name} differs (${x.length} and ${y.length} bytes)`;
  }
  return undefined;
}

/** The Python that has all these modules; undefined if none has. */
export function pythonWith(...modules: string[]): string | undefined {
  const candidates = [
    fileURLToPath(new URL("../../.loaders/bin/python3", import.meta.url)),
    "python3",
    "/usr/bin/python3",
  ];
  const find = `import importlib.util, sys; sys.exit(not all(map(importlib.util.find_spec, ${JSON.stringify(modules)})))`;
  return candidates.find((python) => spawnSync(python, ["-c", find]).status === 0);
}
