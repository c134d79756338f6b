// Take the pictures of the documentation: node screenshots.js my-classifier ../../docs

import { join } from "node:path";
import { openSite } from "./site.js";

const SCREENS = {
  desktop: { viewport: { width: 1000, height: 760 } },
  phone: { viewport: { width: 390, height: 760 }, isMobile: true, hasTouch: true },
};

const [classifier, folder] = process.argv.slice(2);
const site = await openSite(classifier);
for (const [name, screen] of Object.entries(SCREENS)) {
  for (const colorScheme of ["light", "dark"]) {
    const page = await site.browser.newPage({ ...screen, colorScheme });
    await page.goto(site.url);
    await page.getByText("Ready").waitFor();
    for (const text of ["a storm", "a storm at", "a storm at sea"]) {
      await page.getByRole("searchbox").fill(text);
      await page.getByText(`closest to “${text}”`).waitFor();
      await page.waitForTimeout(500); // as if one read, so that the next time is not that of drawing
    }
    await page.screenshot({ path: join(folder, `browser-${name}-${colorScheme}.png`) });
    await page.getByRole("tab", { name: "Sort news" }).click();
    for (const text of ["Ministers quarrel about the price of", "Ministers quarrel about the price of insulin"]) {
      await page.getByLabel("A headline").fill(text);
      await page.getByText("This is about").waitFor();
      await page.waitForTimeout(500);
    }
    await page.screenshot({ path: join(folder, `browser-topics-${name}-${colorScheme}.png`) });
    await page.close();
  }
}
await site.close();
