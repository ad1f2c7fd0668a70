// The further threads of a training run.
import { parentPort, workerData } from "node:worker_threads";
import { follow, type WorkerSetup } from "./control.js";

await follow(workerData as WorkerSetup, () => parentPort?.postMessage("ready"));
