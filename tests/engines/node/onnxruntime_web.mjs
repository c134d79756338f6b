// onnxruntime-web in Node: `node onnxruntime_web.mjs FOLDER ANSWER FILE [TABLE]`.
import { readFileSync } from "node:fs";
import { InferenceSession, Tensor, env } from "onnxruntime-web";
import { answer, folder, rest } from "./answer.mjs";
import { makeFeeds, toRows } from "./tokens.mjs";

const [graph, table] = rest;
const options = { executionProviders: ["wasm"] };
if (table) options.externalData = [{ path: table, data: readFileSync(`${folder}/${table}`) }];
const session = await InferenceSession.create(readFileSync(`${folder}/${graph}`), options);
const { sentence_embedding } = await session.run(await makeFeeds(Tensor));
answer(env.versions.web, toRows(sentence_embedding));
