// In a headless Chromium: `node browser.mjs FOLDER ANSWER FILE onnxruntime-web|transformers.js [TABLE]`.
import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { extname } from "node:path";
import { Tensor } from "onnxruntime-node";
import { chromium } from "playwright-core";
import { answer, folder, goldens, rest } from "./answer.mjs";
import { makeFeeds, toRows } from "./tokens.mjs";

const [file, engine, table] = rest;
const packages = `${import.meta.dirname}/node_modules`;
const types = { ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };

function serve({ url }, response) {
  if (url === "/") return response.setHeader("content-type", "text/html").end("<title>engine</title>");
  const path = url.replace(/^\/model\//, `${folder}/`).replace(/^\/packages\//, `${packages}/`);
  if (!existsSync(path)) return response.writeHead(404).end();
  response.setHeader("content-type", types[extname(path)] ?? "application/octet-stream");
  return createReadStream(path).pipe(response);
}

// What follows runs in the page.
async function runOnnxruntime({ feeds, file, table }) {
  const { InferenceSession, Tensor, env } = await import("/packages/onnxruntime-web/dist/ort.wasm.min.mjs");
  const options = table ? { externalData: [{ path: table, data: `/model/${table}` }] } : {};
  const session = await InferenceSession.create(`/model/${file}`, options);
  const tensors = feeds.map(([name, values, dims]) => [name, new Tensor("int64", values, dims)]);
  const { sentence_embedding } = await session.run(Object.fromEntries(tensors));
  return { version: env.versions.web, data: [...sentence_embedding.data], dims: sentence_embedding.dims };
}

async function runTransformers({ texts, file }) {
  const { env, pipeline } = await import("/packages/@huggingface/transformers/dist/transformers.min.js");
  Object.assign(env, { allowRemoteModels: false, allowLocalModels: true, localModelPath: "/" });
  env.backends.onnx.wasm.wasmPaths = "/packages/@huggingface/transformers/node_modules/onnxruntime-web/dist/";
  const embed = await pipeline("feature-extraction", "model", file.includes("quantized") ? {} : { dtype: "fp32" });
  const vectors = await embed(texts, { pooling: "mean" });
  return { version: env.version, data: [...vectors.data], dims: vectors.dims };
}

const server = createServer(serve).listen(0, "127.0.0.1");
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
const page = await browser.newPage();
await page.goto(`http://127.0.0.1:${server.address().port}/`);
const feeds = Object.entries(await makeFeeds(Tensor)).map(([name, { data, dims }]) => [name, [...data], dims]);
const run = engine === "transformers.js" ? runTransformers : runOnnxruntime;
const { version, data, dims } = await page.evaluate(run, { texts: goldens.texts, feeds, file, table });
answer(version, toRows({ data: Float32Array.from(data), dims }));
await browser.close();
server.close();
