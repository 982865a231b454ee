/** What all samplers share: a list of timesteps at which the model is asked, and what is made of each answer. */

/** The target the model was trained for. */
export type Prediction = "epsilon" | "v_prediction";

export interface SchedulerOptions {
  /** Sampling steps; samplers of second order ask the model about twice as often. */
  readonly steps: number;
  readonly prediction: Prediction;
  /** Added to DDIM's and PNDM's timesteps: 1, but 0 in pictures that sd-scripts samples during training. */
  readonly stepsOffset: number;
  /** DDIM only: the predicted latents are held in [-1, 1], as in pictures that sd-scripts samples during training. */
  readonly clipSample: boolean;
}

/** Standard normal noise of the latents' size, from the sampling run's generator. */
export type DrawNoise = () => Float32Array;

/**
 * One sampling run. Evaluations are numbered; a run goes through them in order, from 0 or (image to image) later.
 * Latents are any float32 arrays: samplers treat every element alike, so layout and batch do not matter to them.
 */
export interface Scheduler {
  /** The timestep of each model evaluation; not whole numbers in the sigma-based samplers. */
  readonly timesteps: Float32Array;
  /** Standard deviation of the noise that sampling starts from. */
  readonly initNoiseSigma: number;
  /** Latents are divided by this before the model sees them at evaluation i. */
  inputDivisor(i: number): number;
  /** Latents with as much noise as evaluation i expects: where image to image starts. */
  addNoise(latents: Float32Array, noise: Float32Array, i: number): Float32Array;
  /** From the model's answer at evaluation i to the next latents. Draws noise exactly as often as the reference. */
  step(i: number, output: Float32Array, latents: Float32Array, draw: DrawNoise): Float32Array;
}
