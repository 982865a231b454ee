/** The runtime's front door: devices, parameters, programs. */

export { Arena } from "./arena.ts";
export { cardHere } from "./card.ts";
export {
  type DeviceChoice,
  openChosenDevice,
  parseDevice,
  whyNoGpu,
  WITHOUT_GPU_CODE,
} from "./choose_device.ts";
export { Device, type DeviceOptions, openDevice } from "./device.ts";
export { type AllocateOptions, type Parameter, ParameterStore } from "./store.ts";
export { Program, type ProgramMemory, type Values } from "./program.ts";
