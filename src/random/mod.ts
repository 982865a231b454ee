/** Random numbers of the programs whose results easel repeats. */

export { NumpyRandom } from "./numpy.ts";
export { philox4x32, philoxRandn } from "./philox.ts";
export { PythonRandom, type PythonRandomState } from "./python.ts";
export { TorchGenerator } from "./torch.ts";
