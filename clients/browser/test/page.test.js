import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "../build.js";
import { openSite } from "../site.js";

const FOLDER = process.env.M2V_ONNX_MODEL;
if (!FOLDER)
  throw new Error("Expected the folder of a model in M2V_ONNX_MODEL. Set it: M2V_ONNX_MODEL=my-model npm test");

/** @type {Awaited<ReturnType<typeof openSite>>} */
let site;
before(async () => void (site = await openSite(FOLDER)));
after(() => site.close());

/** A new page that is not open yet; what it asks for outside of the site fails the test. */
async function newPage(options) {
  const page = await site.browser.newPage(options);
  page.on("request", (request) => assert.ok(request.url().startsWith(site.url), request.url()));
  page.setDefaultTimeout(60_000);
  return page;
}

async function openPage(options) {
  const page = await newPage(options);
  await page.goto(site.url);
  await page.getByText("Ready: embedded 1,000 sentences").waitFor();
  return page;
}

async function resultsOf(page, text) {
  await page.getByText(`closest to “${text}”`).waitFor();
  return page.locator("#results li").allInnerTexts();
}

describe("the page", () => {
  test("ranks the sentences at every key", async () => {
    const page = await openPage();
    const input = page.getByLabel("What should it be about?");
    await input.pressSequentially("breakfast");
    const results = await resultsOf(page, "breakfast");
    assert.equal(results.length, 10);
    const scores = results.map((result) => Number(result.match(/-?\d\.\d\d$/)[0]));
    assert.deepEqual(
      scores,
      scores.toSorted((a, b) => b - a),
    );
    for (const id of ["embedded", "ranked"]) assert.match(await page.locator(`#${id}`).innerText(), /^\d+\.\d ms$/);
    assert.match(await page.locator("#size").innerText(), /^\d+\.\d MB$/);

    await input.fill("a letter");
    assert.notDeepEqual(await resultsOf(page, "a letter"), results);
    await input.fill("");
    await page.locator("#results li").first().waitFor({ state: "detached" });
    await page.close();
  });

  for (const [text, sentence] of [
    ["breakfast", "He fries two eggs and a slice of bacon every morning."],
    ["a storm at sea", "A fishing boat sank off the coast in heavy weather."],
  ]) {
    test(`finds what is about ${text} in other words`, async () => {
      const page = await openPage();
      await page.getByRole("searchbox").fill(text);
      const results = await resultsOf(page, text);
      assert.ok(
        results.some((result) => result.startsWith(sentence)),
        results.join("\n"),
      );
      await page.close();
    });
  }

  test("answers what was typed while it loaded", async () => {
    const page = await newPage();
    let release;
    const held = new Promise((resolve) => (release = resolve));
    await page.route("**/*.wasm", async (route) => held.then(() => route.continue()));
    await page.goto(site.url);
    await page.getByText(/^Loading \d+\.\d MB of \d+\.\d MB$/).waitFor();
    assert.ok((await page.getByRole("progressbar", { name: "Loading" }).getAttribute("value")) > 0);
    await page.getByRole("button", { name: "romance" }).click();
    release();
    assert.equal((await resultsOf(page, "romance")).length, 10);
    assert.ok(await page.getByRole("progressbar").isHidden());
    await page.close();
  });

  test("needs no network once it is loaded, and takes any text", async () => {
    const page = await openPage();
    await page.context().setOffline(true);
    for (const text of ["😀 👩‍👩‍👧", "<b>not</b> HTML", "ΟΔΥΣΣΕΥΣ"]) {
      await page.getByRole("searchbox").fill(text);
      assert.equal((await resultsOf(page, text)).length, 10);
    }
    await page.close();
  });

  test("can be used by keyboard", async () => {
    const page = await openPage();
    await page.getByRole("searchbox").focus();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    assert.equal((await resultsOf(page, "a storm at sea")).length, 10);
    await page.close();
  });

  for (const width of [320, 390, 1280]) {
    test(`fits into ${width} pixels`, async () => {
      const page = await openPage({ viewport: { width, height: 800 } });
      await page.getByRole("searchbox").fill("a storm at sea");
      await resultsOf(page, "a storm at sea");
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
      await page.close();
    });
  }

  test("says so where WebAssembly is missing", async () => {
    const page = await newPage();
    await page.addInitScript(() => delete globalThis.WebAssembly);
    await page.goto(site.url);
    await page
      .getByRole("status")
      .getByText(/needs WebAssembly.*another browser/)
      .waitFor();
    await page.close();
  });

  test("says which file is missing", async () => {
    const page = await newPage();
    // The model fails while the runtime is still under way.
    let release;
    const released = new Promise((resolve) => (release = resolve));
    await page.route("**/*.wasm", (route) => released.then(() => route.continue()).catch(() => {}));
    await page.route("**/*.onnx", (route) => route.fulfill({ status: 404 }));
    await page.goto(site.url);
    const message = page.getByText(/Expected \S+\.onnx beside this page, but the server answers 404/);
    await message.waitFor();
    release();
    await page.waitForTimeout(1_000);
    assert.ok(await message.isVisible());
    await page.close();
  });

  test("says when the model is damaged", async () => {
    const page = await newPage();
    await page.route("**/*.onnx", (route) => route.fulfill({ body: "half a mod" }));
    await page.goto(site.url);
    await page.getByText(/^Cannot read the graph .* Copy the whole file again/).waitFor();
    await page.close();
  });
});

describe("the vectors", () => {
  test("are those of Python, in Chromium, too", async () => {
    const program = fileURLToPath(new URL("../check.js", import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [program, FOLDER, join(FOLDER, "goldens.json")]);
    const report = JSON.parse(stdout);
    assert.equal(report.client, "browser");
    assert.ok(report.largest_difference <= 1e-5);
  });

  test("are the same in eight workers at once", async () => {
    const page = await newPage();
    await page.goto(`${site.url}sentences.txt`);
    const differences = await page.evaluate(() => {
      const run = () =>
        new Promise((resolve, reject) => {
          const worker = new Worker("/worker.js", { type: "module" });
          worker.onmessage = ({ data }) => resolve(data);
          worker.onerror = ({ message }) => reject(new Error(message));
        });
      return Promise.all(Array.from({ length: 8 }, run));
    });
    for (const difference of differences) assert.ok(difference <= 1e-5);
    await page.close();
  });
});

test("build names the graph that is missing and the command that writes it", async () => {
  const empty = await mkdtemp(join(tmpdir(), "m2v-onnx-"));
  await assert.rejects(build(empty, join(empty, "dist")), {
    message: /model_codepoints_quantized\.onnx, found none\. .*--graph codepoints --precision int8/,
  });
  await rm(empty, { recursive: true });
});
