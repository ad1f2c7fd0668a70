import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

/** What the benchmark uses of ONNX Runtime; written out here so that the type check needs no install in bench/. */
export interface Session {
  run(
    feeds: Readonly<Record<string, object>>,
  ): Promise<Readonly<Record<string, { readonly data: Float32Array }>>>;
}

interface OnnxRuntime {
  readonly env: { readonly wasm: { numThreads?: number } };
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<Session> };
  readonly Tensor: new (type: "float32", data: Float32Array, shape: readonly number[]) => object;
}

export type Runtime = "onnxruntime-node" | "onnxruntime-web";

const require = createRequire(import.meta.url);

async function load(runtime: Runtime): Promise<OnnxRuntime> {
  const namespace = await import(pathToFileURL(require.resolve(runtime)).href);
  return namespace.InferenceSession ? namespace : namespace.default;
}

export function runtimeVersion(runtime: Runtime): string {
  const main = require.resolve(runtime);
  const root = main.slice(0, main.lastIndexOf(runtime) + runtime.length);
  return require(`${root}/package.json`).version;
}

/**
 * A session on the CPU and the class of its tensors. onnxruntime-web takes its number of threads once in a process or
 * worker thread, so each number needs a thread of its own.
 */
export async function openSession(runtime: Runtime, model: Uint8Array, threads: number) {
  const { env, InferenceSession, Tensor } = await load(runtime);
  if (runtime === "onnxruntime-web") env.wasm.numThreads = threads;
  const session = await InferenceSession.create(model, {
    executionProviders: [runtime === "onnxruntime-web" ? "wasm" : "cpu"],
    graphOptimizationLevel: "all",
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  });
  return { session, Tensor };
}
