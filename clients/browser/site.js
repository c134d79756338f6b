// The page, built, served and open in Chromium: for the checks and the screenshots.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { build } from "./build.js";
import { serve } from "./serve.js";

/**
 * Build and serve the page, and start Chromium: Debian's, or the one that the variable CHROMIUM names.
 *
 * @param {string} classifier folder, served beside the page.
 * @param {string[]} folders to serve, too.
 * @returns {Promise<{ url: string, browser: import("playwright-core").Browser, close: () => Promise<void> }>}
 */
export async function openSite(classifier, ...folders) {
  const page = await mkdtemp(join(tmpdir(), "m2v-onnx-"));
  await build(classifier, page);
  const inPage = fileURLToPath(new URL("in-page/", import.meta.url));
  const server = await serve([page, inPage, classifier, ...folders]);
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
  const close = async () => {
    await browser.close();
    server.close();
    await rm(page, { recursive: true });
  };
  return { url: server.url, browser, close };
}
