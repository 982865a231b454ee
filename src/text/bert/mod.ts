/** BERT's tokenizer, which captioning models use. */
export { type BertTokenizer, bertTokenizer } from "./tokenizer.ts";
export { bertVocabulary, readVocabulary } from "./vocabulary.ts";
