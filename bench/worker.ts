// A decoder in a worker thread: "run" has it run and answers how long that took, "images" answers the images.
import { parentPort, workerData } from "node:worker_threads";
import { type DecoderSetup, openDecoder } from "./decoders.js";

export interface WorkerSetup {
  readonly setup: DecoderSetup;
  /** Runs for each "run". */
  readonly repeats: number;
}

export type Request = "run" | "images";

const port = parentPort!;
const { setup, repeats } = workerData as WorkerSetup;
const decoder = await openDecoder(setup);

port.on("message", async (request: Request) => {
  if (request === "images") return port.postMessage(decoder.images());
  for (let i = 0; i < repeats; i++) await decoder.run();
  port.postMessage("done");
});
port.postMessage("ready");
