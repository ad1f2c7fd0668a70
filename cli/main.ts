#!/usr/bin/env node
import { constants } from "node:os";
import { Command, CommanderError } from "commander";
import { type ErrorCode, SpikeletError } from "../src/errors.js";
import { addEncodeCommand } from "./commands/encode.js";
import { addEvaluateCommand } from "./commands/evaluate/command.js";
import { addFirmwareCommand } from "./commands/firmware.js";
import { addFitCommand } from "./commands/fit.js";
import { addGenerateCommand } from "./commands/generate.js";
import { addImportCommand } from "./commands/import.js";
import { addInspectCommand } from "./commands/inspect.js";
import { addInterpolateCommand } from "./commands/interpolate.js";
import { addPlaygroundCommand } from "./commands/playground.js";
import { addProfileCommand } from "./commands/profile.js";
import { addReconstructCommand } from "./commands/reconstruct.js";
import { addSimulateCommand } from "./commands/simulate.js";
import { addTrainCommand } from "./commands/train/command.js";
import { Interruption } from "./run/interruption.js";
import { version } from "./version.js";

/** Exit status for something that went wrong, and for something that the user has to put right. */
const FAILURE = 1;
const USER_MISTAKE = 2;

/** Errors that are not the user's mistake. */
const FAILURES: readonly ErrorCode[] = ["cannot-write", "core-failed", "diverged", "firmware-failed"];

function createProgram(): Command {
  const program = new Command("spikelet")
    .description("Images from a spiking variational autoencoder, computed in integers in WebAssembly.")
    .version(version, "-V, --version", "print the version")
    .option("--debug", "print the stack trace of an error")
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "spikelet: ")) })
    .showHelpAfterError("(--help tells more)")
    .exitOverride();
  addGenerateCommand(program);
  addReconstructCommand(program);
  addInterpolateCommand(program);
  addEncodeCommand(program);
  addImportCommand(program);
  addFitCommand(program);
  addEvaluateCommand(program);
  addInspectCommand(program);
  addFirmwareCommand(program);
  addProfileCommand(program);
  addSimulateCommand(program);
  addPlaygroundCommand(program);
  addTrainCommand(program);
  return program;
}

/** Prints what went wrong, and returns the exit status for it. */
function report(error: unknown): number {
  // Commander has printed its message, or the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USER_MISTAKE;

  const isExpected = error instanceof SpikeletError || error instanceof Interruption;
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const isDebugging = process.argv.includes("--debug");
  const text = isExpected ? message : `unexpected: ${message} (--debug tells where)`;
  process.stderr.write(`spikelet: ${isDebugging ? stack : text}\n`);

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
