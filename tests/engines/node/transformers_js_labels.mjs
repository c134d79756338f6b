// transformers.js: `node transformers_js_labels.mjs FOLDER ANSWER FILE`.
import { basename, dirname, resolve } from "node:path";
import { env, pipeline } from "@huggingface/transformers";
import { answerLabels, folder, goldens, rest } from "./answer.mjs";

env.allowRemoteModels = false;
env.localModelPath = dirname(resolve(folder));
const dtype = rest[0].includes("quantized") ? "q8" : "fp32";
const classify = await pipeline("text-classification", basename(folder), { dtype });
answerLabels(env.version, await classify(goldens.texts));
