// Every command and option that the docs and the help texts show is one that its program takes.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import type { Command } from "commander";
import { createProgram } from "../../cli/program.js";
import { readPage, repositoryFiles } from "../support/markdown.js";

const pages = repositoryFiles()
  .filter((file) => file.endsWith(".md"))
  .map(readPage);
const { scripts } = JSON.parse(readFileSync("package.json", "utf8"));
const silent = { writeErr: () => {}, writeOut: () => {} };

/** Options of programs other than `spikelet` that pages tell of: the benchmark, the firmware, and tools. */
const OTHER_OPTIONS = new Set([
  ...(readFileSync("bench/bench.ts", "utf8").match(/--\w+/g) ?? []),
  ...["--raw", "--test-name-pattern"],
]);

/** The words of a command line, without what follows it: a remark, or what the shell does with its output. */
function wordsOf(line: string): string[] {
  const [command] = line.split(/ {2,}| #| [|>&]/);
  return [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) =>
    // A scheduler's variables, and sums of them, stand for numbers.
    (quoted ?? plain).replace(/\$(\(\(.*?\)\)|\w+)/g, "1"),
  );
}

/** The lines of a block of code, continued ones joined and chained ones apart. */
function commandLines(block: string): string[] {
  return block
    .replace(/ \\\n\s*/g, " ")
    .split("\n")
    .flatMap((line) => line.trim().split(" && "));
}

/** The words after `spikelet`, if a line is a call of it. */
function callOf(line: string): string[] | undefined {
  const [, rest] = /^(?:(?:npx )?spikelet|node dist\/cli\.js) (.*)/.exec(line) ?? [];
  return rest === undefined ? undefined : wordsOf(rest);
}

/** Rejects if the command line refuses these words before it looks at any file. */
async function parse(words: readonly string[]): Promise<void> {
  const program = createProgram().configureOutput(silent);
  for (const command of program.commands) command.configureOutput(silent).action(() => {});
  await program.parseAsync([...words], { from: "user" });
}

function optionsOf(command: Command): string[] {
  return command.options.flatMap(({ long, short }) => [long, short]).filter((flag) => flag !== undefined);
}

async function parseAll(blocks: readonly string[], place: string): Promise<number> {
  let calls = 0;
  for (const line of blocks.flatMap(commandLines)) {
    const words = callOf(line);
    if (!words) continue;
    calls++;
    await assert.doesNotReject(parse(words), `${place}: ${line}`);
  }
  return calls;
}

test("the parser that these tests use refuses what the command line refuses", async () => {
  await assert.rejects(parse(["generate", "--no-such-option"]));
  await assert.rejects(parse(["no-such-command"]));
  await assert.rejects(parse(["generate", "--count", "many"]));
  await assert.rejects(parse(["fit", "model.spk", "another"]));
});

test("every command in the docs' blocks of code parses", async () => {
  let calls = 0;
  for (const { path, codeBlocks } of pages) calls += await parseAll(codeBlocks, path);
  assert.ok(calls > 30, `only ${calls} calls were found`);
});

for (const command of createProgram().commands) {
  test(`every example in the help of ${command.name()} parses`, async () => {
    let help = "";
    command
      .configureOutput({
        writeOut: (text) => {
          help += text;
        },
      })
      .outputHelp();
    const examples = help.slice(help.indexOf("Examples:"));
    assert.ok((await parseAll([examples], command.name())) > 0, "no examples");
  });
}

test("commands and options in running text exist", () => {
  const program = createProgram();
  const all = new Set([program, ...program.commands].flatMap(optionsOf));
  for (const { path, inlineCode } of pages) {
    for (const code of inlineCode) {
      const [name, ...rest] = callOf(code) ?? [];
      if (name && /^[a-z]/.test(name)) {
        const command = program.commands.find((candidate) => candidate.name() === name);
        assert.ok(command, `${path}: \`${code}\``);
        const own = new Set([...optionsOf(command), "--help", "--debug"]);
        for (const word of rest.filter((w) => w.startsWith("--"))) {
          assert.ok(own.has(word), `${path}: ${name} has no ${word}`);
        }
      }
      const [option] = /^--[\w-]+/.exec(code) ?? [];
      if (option)
        assert.ok(all.has(option) || OTHER_OPTIONS.has(option), `${path}: no command has ${option}`);
    }
  }
});

test("npm commands in the docs name scripts, folders and options that are there", () => {
  let calls = 0;
  for (const { path, codeBlocks, inlineCode } of pages) {
    for (const line of [...codeBlocks.flatMap(commandLines), ...inlineCode.flatMap(commandLines)]) {
      if (!line.startsWith("npm ")) continue;
      calls++;
      const [, action, name, ...rest] = wordsOf(line);
      const place = `${path}: ${line}`;
      if (action === "run") assert.ok(scripts[name], place);
      else if (action === "ci") assert.ok(name === undefined || existsSync(`${rest[0]}/package.json`), place);
      else assert.ok(scripts[action] || action === "pack", place);
      if (name !== "bench") continue;
      for (const word of rest.filter((w) => /^--./.test(w))) assert.ok(OTHER_OPTIONS.has(word), place);
    }
  }
  assert.ok(calls > 10, `only ${calls} calls were found`);
});
