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
    await page.getByRole("searchbox").pressSequentially("a storm at sea", { delay: 50 });
    await page.getByText("closest to “a storm at sea”").waitFor();
    await page.screenshot({ path: join(folder, `browser-${name}-${colorScheme}.png`) });
    await page.close();
  }
}
await site.close();
