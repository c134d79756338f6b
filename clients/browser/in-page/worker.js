import { largestDifference } from "./compare.js";

postMessage(await largestDifference("goldens.json"));
