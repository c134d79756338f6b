// The page: loads the model, ranks its sentences at every key, and says what news are about.
import { TextClassifier } from "./text-classifier.js";

const SHOWN = 10;
const NO_WEBASSEMBLY =
  "This page needs WebAssembly, and this browser does not have it or has it switched off (Lockdown Mode does that). " +
  "Open the page in another browser, or allow WebAssembly here.";

const [query, news, state, status, progress, results, shares, resultTemplate] = [
  ...["query", "news", "state", "status", "progress", "results", "shares", "result"],
].map((id) => document.getElementById(id));
const tabs = [...document.querySelectorAll("[role=tab]")];
/** What the status says in each tab. */
const said = { search: "", topics: "" };
let shown = "search";

for (const [input, panel] of [
  [query, "search"],
  [news, "topics"],
]) {
  for (const button of document.querySelectorAll(`#${panel} .examples button`)) {
    button.addEventListener("click", () => {
      input.value = button.textContent;
      input.dispatchEvent(new Event("input"));
    });
  }
}
for (const tab of tabs) {
  tab.addEventListener("click", () => location.replace(`#${panelOf(tab)}`));
  tab.addEventListener("keydown", ({ key }) => {
    if (key !== "ArrowLeft" && key !== "ArrowRight") return;
    const other = tabs[(tabs.indexOf(tab) + 1) % tabs.length]; // of two, both ways lead to the other
    other.focus();
    other.click();
  });
}
addEventListener("hashchange", showPanel);
showPanel();
start().catch(showError);

async function start() {
  if (typeof WebAssembly === "undefined") throw new Error(NO_WEBASSEMBLY);
  progress.hidden = false;
  const { graph, runtime, labels } = await (await fetchFile("files.json")).json();
  const [graphBytes, runtimeBytes] = await download([graph, runtime]);
  progress.removeAttribute("value");
  sayEverywhere("Starting the model…");
  const classifier = await openModel(graphBytes, runtimeBytes, labels);
  sayEverywhere("Embedding the sentences…");
  const sentences = (await (await fetchFile("sentences.txt")).text()).trimEnd().split("\n");
  const [vectors, milliseconds] = await timed(() => classifier.encode(sentences));

  progress.hidden = true;
  const count = sentences.length.toLocaleString("en");
  say("search", `Ready: embedded ${count} sentences in ${(milliseconds / 1000).toFixed(2)} s.`);
  say("topics", `Ready: knows news of ${new Intl.ListFormat("en").format(labels)}.`);
  const size = megabytes(graph.bytes);
  showFigures({ count, size, "topic-count": String(labels.length), "same-size": size });
  for (const figures of document.querySelectorAll(".figures")) figures.hidden = false;

  const search = () => showClosest(classifier, sentences, vectors).catch(showError);
  query.addEventListener("input", search);
  search();
  const sort = () => showTopics(classifier).catch(showError);
  news.addEventListener("input", sort);
  sort();
}

/** Opens the model in a worker, so that the page never stops. */
async function openModel(graphBytes, runtimeBytes, labels) {
  const ort = await import("./ort.wasm.bundle.min.mjs");
  ort.env.wasm.wasmBinary = runtimeBytes;
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.proxy = true;
  return TextClassifier.create(ort, graphBytes, labels);
}

function panelOf(tab) {
  return tab.getAttribute("aria-controls");
}

/** Shows the panel that the address names, and takes the status there. */
function showPanel() {
  const asked = location.hash.slice(1);
  shown = asked in said ? asked : "search";
  for (const tab of tabs) {
    const isShown = panelOf(tab) === shown;
    tab.setAttribute("aria-selected", isShown);
    tab.tabIndex = isShown ? 0 : -1;
    document.getElementById(panelOf(tab)).hidden = !isShown;
  }
  document.querySelector(`#${shown} .answer`).before(state);
  status.textContent = said[shown];
}

function say(panel, text) {
  said[panel] = text;
  if (panel === shown) status.textContent = text;
}

function sayEverywhere(text) {
  for (const panel of Object.keys(said)) say(panel, text);
}

/** Shows the sentences that are closest to what the input holds. */
async function showClosest(classifier, sentences, vectors) {
  const text = typed(query);
  if (!text) return results.replaceChildren();
  const [[target], embedded] = await timed(() => classifier.encode([text]));
  const [best, ranked] = await timed(async () => closest(target, vectors));
  if (text !== typed(query)) return; // a later key has its own turn
  results.replaceChildren(...best.map(({ index, score }) => resultItem(sentences[index], score)));
  showFigures({ embedded: `${embedded.toFixed(1)} ms`, ranked: `${ranked.toFixed(1)} ms` });
  say("search", `The ${best.length} closest to “${text}”:`);
}

/** Shows how probable each topic is for what the field holds; their order stays, so that only the bars move. */
async function showTopics(classifier) {
  const text = typed(news);
  if (!text) return shares.replaceChildren();
  const [ranked, classified] = await timed(() => classifier.rank(text));
  if (text !== typed(news)) return; // a later key has its own turn
  const likeliest = ranked[0].label;
  if (!shares.children.length) {
    for (const label of classifier.labels) shares.append(resultItem(label, 0));
    for (const name of shares.querySelectorAll(".sentence")) name.classList.add("topic");
    shares.getBoundingClientRect(); // drawn once, so that the bars can grow
  }
  for (const { label, probability } of ranked) {
    const item = shares.children[classifier.labels.indexOf(label)];
    item.classList.toggle("likeliest", label === likeliest);
    item.querySelector(".score").textContent = `${Math.round(100 * probability)} %`;
    item.querySelector(".bar").style.setProperty("--share", probability);
  }
  showFigures({ classified: `${classified.toFixed(1)} ms` });
  say("topics", `This is about ${likeliest}, at ${Math.round(100 * ranked[0].probability)} %.`);
}

/** What a field holds, as Unicode: a browser may cut an emoji in two. */
function typed(field) {
  return field.value.replace(/\p{Surrogate}/gu, "\ufffd").trim();
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
  sayEverywhere(error.message);
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
        sayEverywhere(`Loading ${megabytes(loaded)} of ${megabytes(total)}`);
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
