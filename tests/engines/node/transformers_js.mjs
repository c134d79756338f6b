// transformers.js: `node transformers_js.mjs FOLDER ANSWER fp32|q8 cls|mean onnx|""`; last, where the graph lies.
import { basename, dirname, resolve } from "node:path";
import { env, pipeline } from "@huggingface/transformers";
import { answer, folder, goldens, rest } from "./answer.mjs";

const [dtype, pooling, subfolder] = rest;
env.allowRemoteModels = false;
env.localModelPath = dirname(resolve(folder));
const embed = await pipeline("feature-extraction", basename(folder), { dtype, subfolder });
const vectors = await embed(goldens.texts, { pooling });
answer(env.version, vectors.tolist());
