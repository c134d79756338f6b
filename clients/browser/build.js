// Put the whole page into one folder, for any static server: node build.js my-classifier [folder]

import { copyFile, mkdir, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { argv } from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";

const GRAPH = "model_codepoints_quantized.onnx";
const RUNTIME = "ort-wasm-simd-threaded.wasm";
const ORT = "ort.wasm.bundle.min.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/**
 * Build the page.
 *
 * @param {string} classifier folder with the int8 graph of code points, and labels in config.json.
 * @param {string} output folder to write; what it holds is removed.
 */
export async function build(classifier, output) {
  const graph = join(classifier, "onnx", GRAPH);
  const graphBytes = await sizeOf(graph, `m2v-onnx train MODEL headlines.tsv ${classifier} --graph codepoints`);
  const { id2label } = JSON.parse(await readFile(join(classifier, "config.json"), "utf8"));
  if (!id2label) throw new Error(`Expected a classifier in ${classifier}, found a model without labels.`);
  const labels = Object.keys(id2label).map((_, column) => id2label[column]);
  const dist = here("node_modules/onnxruntime-web/dist/");
  const runtimeBytes = await sizeOf(join(dist, RUNTIME), "npm install --ignore-scripts");

  await rm(output, { recursive: true, force: true });
  await mkdir(output, { recursive: true });
  const page = here("page/");
  const sources = (await readdir(page)).map((name) => [page, name]);
  for (const name of ["static-model.js", "text-classifier.js"]) sources.push([here("../node/src/"), name]);
  sources.push([dist, ORT], [dist, RUNTIME], [join(classifier, "onnx"), GRAPH]);
  for (const [folder, name] of sources) await copyFile(join(folder, name), join(output, name));
  const files = { graph: { name: GRAPH, bytes: graphBytes }, runtime: { name: RUNTIME, bytes: runtimeBytes }, labels };
  await writeFile(join(output, "files.json"), JSON.stringify(files));
}

/** Size of a file; where there is none, says which command makes it. */
async function sizeOf(path, command) {
  try {
    return (await stat(path)).size;
  } catch (cause) {
    throw new Error(`Expected a file at ${path}, found none. Make it with: ${command}`, { cause });
  }
}

/** Prints every file of the page, its size, and its size when a server compresses it. */
async function printSizes(folder) {
  const rows = await Promise.all(
    (await readdir(folder)).map(async (name) => {
      const content = await readFile(join(folder, name));
      return { name, bytes: content.length, gzipped: gzipSync(content, { level: 9 }).length };
    }),
  );
  const sum = (column) => rows.reduce((total, row) => total + row[column], 0);
  console.table([...rows, { name: "all", bytes: sum("bytes"), gzipped: sum("gzipped") }]);
}

if (import.meta.url === pathToFileURL(argv[1]).href) {
  const [classifier, output = here("dist/")] = argv.slice(2);
  await build(classifier, output);
  await printSizes(output);
}
