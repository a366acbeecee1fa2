/**
 * Row D13: the pool's page in a real browser, headless, as a person uses it.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { chromium, type Page } from "playwright-core";
import { findOnPath, languageSkip, toolSkip } from "../languages.ts";
import { startPool, withPoolFolder } from "./pool_program.ts";

const skip = languageSkip("python") || languageSkip("go") || toolSkip("chromium");
const LONGEST_MS = 20_000;

test("D13: the page shows ten items flow until they are committed", { skip }, async () => {
  await withPoolFolder(async (folder) => {
    const pool = await startPool(folder);
    const browser = await chromium.launch({ executablePath: findOnPath("chromium") ?? "chromium" });
    try {
      const page = await browser.newPage();
      page.setDefaultTimeout(LONGEST_MS);
      const wrong = listenForErrors(page);
      let navigations = 0;
      page.on("framenavigated", () => navigations += 1);
      await page.goto(pool.origin);
      await page.getByText("live", { exact: true }).waitFor();
      assert.deepEqual(await countsOf(page), ["0", "0", "0"]);
      await page.getByRole("button", { name: "Submit ten items" }).click();
      // Ten items, and one that was made of the dust among them.
      await page.locator("#committed", { hasText: /^11$/ }).waitFor();
      assert.deepEqual(await countsOf(page), ["0", "0", "11"]);
      checkRows(await page.locator("#flow tr").allInnerTexts());
      assert.deepEqual([wrong, navigations], [[], 1]);
    } finally {
      await browser.close();
    }
    await pool.end("SIGTERM");
  });
});

/** What the browser complains of, as it comes. */
function listenForErrors(page: Page): readonly string[] {
  const wrong: string[] = [];
  page.on("console", (message) => void (message.type() === "error" && wrong.push(message.text())));
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("requestfailed", (request) => wrong.push(`${request.url()}: ${request.failure()?.errorText}`));
  return wrong;
}

async function countsOf(page: Page): Promise<readonly string[]> {
  return await Promise.all(["#open", "#merged", "#committed"].map((id) => page.locator(id).innerText()));
}

/** Each row is what happened to one item, the newest first. */
function checkRows(rows: readonly string[]): void {
  const told = rows.toReversed().map((row) => row.split("\t"));
  const idsOf = (what: string) => told.filter(([, each]) => each === what).map(([id]) => id);
  const [submitted, merged, committed] = ["new", "merged", "committed"].map(idsOf);
  assert.deepEqual([submitted!.length, merged!.length, committed!.length, rows.length], [10, 1, 11, 22]);
  assert.deepEqual([...submitted!, ...merged!].toSorted(), committed!.toSorted());
  for (const id of submitted!) {
    assert.deepEqual(told.filter(([each]) => each === id).map(([, what]) => what), ["new", "committed"]);
  }
}
