#!/usr/bin/env node
import { constants } from "node:os";
import { CommanderError } from "commander";
import { type ErrorCode, SpikeletError } from "../src/errors.js";
import { createProgram } from "./program.js";
import { Interruption } from "./run/interruption.js";

/** Exit status for something that went wrong, and for something that the user has to put right. */
const FAILURE = 1;
const USER_MISTAKE = 2;

/** Errors that are not the user's mistake. */
const FAILURES: readonly ErrorCode[] = ["cannot-write", "core-failed", "diverged", "firmware-failed"];

/** A text with what would move the cursor, colour or reorder it made readable: names in a file can hold anything. */
function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}]/gu, (character) =>
    character === "\n" ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Prints what went wrong, and returns the exit status for it. */
function report(error: unknown): number {
  // Commander has printed its message, or the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USER_MISTAKE;

  const isExpected = error instanceof SpikeletError || error instanceof Interruption;
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const isDebugging = process.argv.includes("--debug");
  const text = isExpected ? message : `unexpected: ${message} (--debug tells where)`;
  process.stderr.write(`spikelet: ${isDebugging ? stack : visible(text)}\n`);

  if (error instanceof Interruption) return 128 + constants.signals[error.signal];
  return error instanceof SpikeletError && !FAILURES.includes(error.code) ? USER_MISTAKE : FAILURE;
}

/** A reader that has seen enough (`| head`) is no error; any other failure to print is one. */
function watchOutput(stream: NodeJS.WriteStream): void {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit();
    if (stream === process.stdout) process.stderr.write(`spikelet: cannot print: ${error.message}\n`);
    process.exit(FAILURE);
  });
}

watchOutput(process.stdout);
watchOutput(process.stderr);
try {
  await createProgram().parseAsync();
} catch (error) {
  process.exitCode = report(error);
}
