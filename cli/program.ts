import { Command } from "commander";
import { addEncodeCommand } from "./commands/encode.js";
import { addEvaluateCommand } from "./commands/evaluate/command.js";
import { addFirmwareCommand } from "./commands/firmware.js";
import { addFitCommand } from "./commands/fit.js";
import { addGenerateCommand } from "./commands/generate.js";
import { addImportCommand } from "./commands/import.js";
import { addInspectCommand } from "./commands/inspect.js";
import { addInterpolateCommand } from "./commands/interpolate.js";
import { addMergeCommand } from "./commands/merge.js";
import { addNearestCommand } from "./commands/nearest.js";
import { addPlaygroundCommand } from "./commands/playground.js";
import { addProfileCommand } from "./commands/profile.js";
import { addReconstructCommand } from "./commands/reconstruct.js";
import { addSimulateCommand } from "./commands/simulate.js";
import { addTrainCommand } from "./commands/train/command.js";
import { version } from "./version.js";

/** The command line with all its commands. A mistake in the arguments is printed and thrown; it does not end the process. */
export function createProgram(): Command {
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
  addMergeCommand(program);
  addNearestCommand(program);
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
