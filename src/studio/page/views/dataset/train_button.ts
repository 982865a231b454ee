import { Button, html } from "../../parts/mod.ts";
import { go } from "../../router.ts";
import { dataset } from "../../words/dataset.ts";
import { useWords } from "../../words/mod.ts";
import { trainOn } from "../new_job/draft.ts";
import type { FolderSeen } from "./told.ts";

/** Leads to the form of a training that has these pictures in it, by way of a dataset file where no name says the repeats. */
export function TrainButton({ seen, extension }: { seen: FolderSeen | undefined; extension?: string }) {
  const words = useWords(dataset);
  if (!seen) return null;
  const named = seen.folders.some(({ repeats }) => repeats !== null);
  if (!named && seen.pictures === 0) return null;
  const folder = named ? seen.path : seen.repeats !== null ? seen.parent : null;
  const train = () => {
    if (folder === null) return go("dataset", "file", "", seen.path);
    trainOn({ train_data_dir: folder, ...extension && { caption_extension: extension } });
  };
  return html`<${Button} icon="play" onClick=${train}>${words.train}<//>`;
}
