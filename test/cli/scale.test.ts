import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { folderDifference, pythonWith, spikeletIn } from "../support/data-sets.js";

const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const NODES = fileURLToPath(new URL("../support/ray-nodes.py", import.meta.url));
const document = readFileSync(new URL("../../docs/scale.md", import.meta.url), "utf8");

const work = mkdtempSync(join(tmpdir(), "spikelet-scale-"));
after(() => rmSync(work, { recursive: true }));

/** A block of the document in this language. */
function block(language: string): string {
  const found = new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(document);
  assert.ok(found, `a block of ${language}`);
  return found[1];
}

/** What a scheduler would start, but for a small data set. */
const small = (text: string) => text.replace("--count 1000000", "--count 240 --images-per-file 20");

const python = pythonWith("ray", "yaml");
const skip = python === undefined && "Ray is not installed (.ci/run installs it)";

describe("docs/scale.md", () => {
  const options = ["--classes", "all", "--count", "240", "--images-per-file", "20", "--format", "tar"];
  const { status, stderr } = spikeletIn(work, "generate", ...options, "--out", "whole/");
  assert.equal(status, 0, stderr);
  writeFileSync(join(work, "spikelet"), `#!/bin/sh\nexec "${process.execPath}" "${CLI}" "$@"\n`);
  chmodSync(join(work, "spikelet"), 0o755);
  const env = { ...process.env, PATH: work + delimiter + process.env.PATH };
  const sameAsWhole = (out: string) =>
    assert.equal(folderDifference(join(work, "whole"), join(work, out)), undefined);

  test("the Slurm array's script makes the whole", () => {
    writeFileSync(join(work, "slurm.sh"), small(block("sh")));
    for (const id of ["2", "1", "3"]) {
      const slurm = {
        OUT: "slurm/",
        SLURM_ARRAY_TASK_ID: id,
        SLURM_ARRAY_TASK_COUNT: "3",
        SLURM_CPUS_PER_TASK: "1",
      };
      const run = spawnSync("bash", ["slurm.sh"], { cwd: work, env: { ...env, ...slurm }, encoding: "utf8" });
      assert.equal(run.status, 0, run.stderr);
    }
    sameAsWhole("slurm");
  });

  test("the Kubernetes job's command makes the whole", { skip }, () => {
    const read = "import sys, yaml, json; print(json.dumps(yaml.safe_load(sys.stdin)))";
    const yaml = spawnSync(python!, ["-c", read], { input: block("yaml"), encoding: "utf8" });
    const { completions, template } = JSON.parse(yaml.stdout).spec;
    const [program, ...args] = template.spec.containers[0].command.map(small);
    for (let index = 0; index < completions; index++) {
      const pod = { OUT: "kubernetes/", JOB_COMPLETION_INDEX: String(index) };
      const run = spawnSync(program, args, { cwd: work, env: { ...env, ...pod }, encoding: "utf8" });
      assert.equal(run.status, 0, run.stderr);
    }
    sameAsWhole("kubernetes");
  });

  test("the Ray script makes the whole though one of two nodes is killed", { skip, timeout: 600_000 }, () => {
    writeFileSync(join(work, "make.py"), block("python"));
    const out = join(work, "ray/");
    const ray = spawnSync(python!, [NODES, join(work, "make.py"), out], {
      cwd: work,
      encoding: "utf8",
      env: {
        ...env,
        RAY_USAGE_STATS_ENABLED: "0",
        SPIKELET: join(work, "spikelet"),
        OPTIONS: [...options, "--out", out].join(" "),
      },
    });
    assert.equal(ray.status, 0, ray.stdout + ray.stderr);
    assert.match(ray.stdout, /^nodes 2\n/);
    const before = Number(/files before the kill (\d+)/.exec(ray.stdout)?.[1]);
    assert.ok(before >= 2 && before < 12, `killed in the middle: ${before} of 12 files`);
    assert.match(ray.stdout, /killed a node/);
    sameAsWhole("ray");
  });
});
