// transformers.js: `node transformers_js.mjs FOLDER ANSWER FILE cls|mean`.
import { basename, dirname, resolve } from "node:path";
import { env, pipeline } from "@huggingface/transformers";
import { answer, folder, goldens, rest } from "./answer.mjs";

const [file, pooling] = rest;
env.allowRemoteModels = false;
env.localModelPath = dirname(resolve(folder));
const embed = await pipeline("feature-extraction", basename(folder), {
  dtype: file.includes("quantized") ? "q8" : "fp32",
  subfolder: dirname(file).replace(".", ""),
});
const vectors = await embed(goldens.texts, { pooling });
answer(env.version, vectors.tolist());
