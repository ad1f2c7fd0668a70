// What the page uses of the simulator, in a file of its own that is loaded when it is needed.
export {
  deviceModel,
  firmwareFiles,
  firmwareTarget,
  listDevices,
  profile,
} from "../../firmware-sim/index.js";
