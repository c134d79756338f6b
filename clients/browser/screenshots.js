// Take the pictures of the documentation: node screenshots.js my-model ../../docs

import { join } from "node:path";
import { openSite } from "./site.js";

const SCREENS = {
  desktop: { viewport: { width: 1000, height: 760 } },
  phone: { viewport: { width: 390, height: 760 }, isMobile: true, hasTouch: true },
};

const [model, folder] = process.argv.slice(2);
const site = await openSite(model);
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
    await page.close();
  }
}
await site.close();
