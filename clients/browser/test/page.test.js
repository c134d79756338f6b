import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "../build.js";
import { openSite } from "../site.js";

const FOLDER = process.env.M2V_ONNX_CLASSIFIER;
if (!FOLDER)
  throw new Error("Expected a classifier in M2V_ONNX_CLASSIFIER. Set it: M2V_ONNX_CLASSIFIER=my-classifier npm test");

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

async function openTopics(options) {
  const page = await newPage(options);
  await page.goto(`${site.url}#topics`);
  await page.getByText("Ready: knows news of business, culture,").waitFor();
  return page;
}

async function topicOf(page, text) {
  await page.getByLabel("A headline").fill(text);
  await page.waitForFunction(() => document.getElementById("status").textContent.startsWith("This is about"));
  return page.locator("#shares .likeliest .sentence").innerText();
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

describe("the second tab", () => {
  for (const [text, topic] of [
    ["Striker scores twice in the cup final", "sport"],
    ["Bank cuts its forecast for growth", "business"],
    ["Novel about a family wins the prize", "culture"],
    ["Telescope sees the oldest galaxy", "science"],
    ["New vaccine against the flu", "health"],
    ["Opposition wins the election", "politics"],
  ]) {
    test(`sorts “${text}” under ${topic}`, async () => {
      const page = await openTopics();
      assert.equal((await topicOf(page, text)).toLowerCase(), topic);
      const shares = await page.locator("#shares .score").allInnerTexts();
      assert.equal(shares.length, 6);
      assert.ok(Math.abs(shares.reduce((sum, share) => sum + parseInt(share), 0) - 100) <= 3);
      assert.match(await page.locator("#classified").innerText(), /^\d+\.\d ms$/);
      await page.getByLabel("A headline").fill("");
      await page.locator("#shares li").first().waitFor({ state: "detached" });
      await page.close();
    });
  }

  test("is reached by mouse and by keyboard, and each tab keeps what it says", async () => {
    const page = await openPage();
    await page.getByRole("searchbox").fill("breakfast");
    await resultsOf(page, "breakfast");
    await page.getByRole("tab", { name: "Sort news" }).click();
    await page.getByText("Ready: knows news of").waitFor();
    assert.ok(await page.getByRole("searchbox").isHidden());
    await page.getByRole("button", { name: "Probe lands on an asteroid" }).click();
    await page.getByText("This is about science").waitFor();
    await page.getByRole("tab", { name: "Sort news" }).focus();
    await page.keyboard.press("ArrowLeft");
    assert.equal((await resultsOf(page, "breakfast")).length, 10);
    assert.equal(await page.getByRole("tab", { name: "Search" }).getAttribute("aria-selected"), "true");
    await page.close();
  });

  test("answers what was typed while it loaded", async () => {
    const page = await newPage();
    let release;
    const held = new Promise((resolve) => (release = resolve));
    await page.route("**/*.wasm", async (route) => held.then(() => route.continue()));
    await page.goto(`${site.url}#topics`);
    await page.getByText(/^Loading \d+\.\d MB of \d+\.\d MB$/).waitFor();
    await page.getByRole("button", { name: "Profits of the airline double" }).click();
    release();
    await page.getByText("This is about business").waitFor();
    await page.close();
  });

  test("needs no network once it is loaded, and takes any text", async () => {
    const page = await openTopics();
    await page.context().setOffline(true);
    for (const text of ["😀 👩‍👩‍👧", "<b>not</b> HTML", "ΟΔΥΣΣΕΥΣ", "two\nlines"]) await topicOf(page, text);
    await page.close();
  });

  for (const width of [320, 390, 1280]) {
    test(`fits into ${width} pixels`, async () => {
      const page = await openTopics({ viewport: { width, height: 800 } });
      await topicOf(page, "Striker scores twice in the cup final");
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
      await page.close();
    });
  }

  test("is dark where the system is", async () => {
    const page = await openTopics({ colorScheme: "dark" });
    const shade = (selector) => page.locator(selector).evaluate((element) => getComputedStyle(element).backgroundColor);
    assert.equal(await shade("body"), "rgb(22, 21, 27)");
    assert.equal(await shade("#news"), "rgb(32, 31, 39)");
    await page.close();
  });
});

describe("the labels", () => {
  test("are those of Python, in Chromium, too", async () => {
    const page = await newPage();
    await page.goto(`${site.url}sentences.txt`);
    const found = await page.evaluate(async () => (await import("/compare.js")).classify("goldens.json"));
    const { labels } = JSON.parse(await readFile(join(FOLDER, "goldens.json"), "utf8"));
    assert.deepEqual(
      found.map(({ label }) => label),
      labels,
    );
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
    message: /model_codepoints_quantized\.onnx, found none\. .*--graph codepoints/,
  });
  await rm(empty, { recursive: true });
});
