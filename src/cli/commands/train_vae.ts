/** easel train_vae. */

import { UserError } from "../../base/errors.ts";
import { command } from "../command.ts";

export const trainVae = command({
  families: [],
  run: () =>
    Promise.reject(new UserError("training an autoencoder from the command line is not supported yet")),
});
