// The page: loads the model, embeds the sentences, and ranks them at every key.
import { StaticModel } from "./static-model.js";

const SHOWN = 10;
const NO_WEBASSEMBLY =
  "This page needs WebAssembly, and this browser does not have it or has it switched off (Lockdown Mode does that). " +
  "Open the page in another browser, or allow WebAssembly here.";

const [query, status, progress, results, resultTemplate] = ["query", "status", "progress", "results", "result"].map(
  (id) => document.getElementById(id),
);

for (const button of document.querySelectorAll("#examples button")) {
  button.addEventListener("click", () => {
    query.value = button.textContent;
    query.dispatchEvent(new Event("input"));
  });
}
start().catch(showError);

async function start() {
  if (typeof WebAssembly === "undefined") throw new Error(NO_WEBASSEMBLY);
  progress.hidden = false;
  const { graph, runtime } = await (await fetchFile("files.json")).json();
  const [graphBytes, runtimeBytes] = await download([graph, runtime]);
  progress.removeAttribute("value");
  status.textContent = "Starting the model…";
  const model = await openModel(graphBytes, runtimeBytes);
  status.textContent = "Embedding the sentences…";
  const sentences = (await (await fetchFile("sentences.txt")).text()).trimEnd().split("\n");
  const [vectors, milliseconds] = await timed(() => model.encode(sentences));

  progress.hidden = true;
  const count = sentences.length.toLocaleString("en");
  status.textContent = `Ready: embedded ${count} sentences in ${(milliseconds / 1000).toFixed(2)} s.`;
  showFigures({ count, size: megabytes(graph.bytes) });
  document.getElementById("figures").hidden = false;

  const search = () => showClosest(model, sentences, vectors).catch(showError);
  query.addEventListener("input", search);
  search();
}

/** Opens the model in a worker, so that the page never stops. */
async function openModel(graphBytes, runtimeBytes) {
  const ort = await import("./ort.wasm.bundle.min.mjs");
  ort.env.wasm.wasmBinary = runtimeBytes;
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.proxy = true;
  return StaticModel.create(ort, graphBytes);
}

/** Shows the sentences that are closest to what the input holds. */
async function showClosest(model, sentences, vectors) {
  const text = query.value.replace(/\p{Surrogate}/gu, "\ufffd").trim();
  if (!text) return results.replaceChildren();
  const [target, embedded] = await timed(() => model.encode(text));
  const [best, ranked] = await timed(async () => closest(target, vectors));
  if (text !== query.value.trim()) return; // a later key has its own turn
  results.replaceChildren(...best.map(({ index, score }) => resultItem(sentences[index], score)));
  showFigures({ embedded: `${embedded.toFixed(1)} ms`, ranked: `${ranked.toFixed(1)} ms` });
  status.textContent = `The ${best.length} closest to “${text}”:`;
}

function closest(target, vectors) {
  return vectors
    .map((vector, index) => ({ index, score: dot(target, vector) }))
    .sort((a, b) => b.score - a.score)
    .slice(0, SHOWN);
}

/** Similarity of two unit vectors. */
function dot(a, b) {
  let sum = 0;
  for (let place = 0; place < a.length; place++) sum += a[place] * b[place];
  return sum;
}

function resultItem(sentence, score) {
  const item = resultTemplate.content.cloneNode(true);
  item.querySelector(".sentence").textContent = sentence;
  item.querySelector(".score").textContent = score.toFixed(2);
  item.querySelector(".bar").style.setProperty("--share", Math.max(0, score));
  return item;
}

function showFigures(figures) {
  for (const [id, figure] of Object.entries(figures)) document.getElementById(id).textContent = figure;
}

function showError(error) {
  progress.hidden = true;
  status.className = "error";
  status.textContent = error.message;
}

/** Downloads files at once and shows how far they are. Their sizes are known before: a server may compress. */
async function download(files) {
  // When one fails the others stop, and no longer write over its message.
  const failure = new AbortController();
  const total = files.reduce((sum, file) => sum + file.bytes, 0);
  let loaded = 0;
  return Promise.all(
    files.map(async ({ name, bytes }) => {
      const content = new Uint8Array(bytes);
      let filled = 0;
      const reader = (await fetchFile(name, failure.signal)).body.getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        content.set(part.value, filled);
        filled += part.value.length;
        loaded += part.value.length;
        progress.value = loaded / total;
        status.textContent = `Loading ${megabytes(loaded)} of ${megabytes(total)}`;
      }
      return content;
    }),
  ).catch((error) => {
    failure.abort();
    throw error;
  });
}

async function fetchFile(name, signal) {
  const response = await fetch(name, { signal });
  if (response.ok) return response;
  throw new Error(
    `Expected ${name} beside this page, but the server answers ${response.status}. Build the page again.`,
  );
}

/** What a task gives, and the milliseconds that it took. */
async function timed(task) {
  const start = performance.now();
  const result = await task();
  return [result, performance.now() - start];
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
