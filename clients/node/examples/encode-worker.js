// A worker thread with a model of its own; see workers.js.
import { parentPort, workerData } from "node:worker_threads";
import { StaticModel } from "m2v-onnx";

const model = await StaticModel.load(workerData.folder);
const vectors = await model.encode(workerData.texts);
await model.dispose();
const buffers = vectors.map((vector) => vector.buffer); // moved to the main thread, not copied
parentPort.postMessage(vectors, buffers);
