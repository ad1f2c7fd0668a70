// Worker threads of Node 20 do not inherit tsx, so they start here.
import { register } from "tsx/esm/api";

register();
await import("./worker.ts");
