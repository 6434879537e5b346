import { chromium, type Page } from "playwright-core";

/** Chromium asks nobody outside and needs no sandbox, so that it runs as any user on a machine without a network. */
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export interface OpenPage {
  readonly page: Page;
  /** Errors on the console, exceptions, and requests without an answer, as they came. */
  readonly complaints: readonly string[];
  close(): Promise<void>;
}

/** Opens an address in the system's Chromium, headless, with a profile of its own that is gone afterwards. */
export async function openPage(executablePath: string, address: string): Promise<OpenPage> {
  const browser = await chromium.launch({ executablePath, args: FLAGS });
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("requestfailed", (request) => complaints.push(`${request.url()}: ${request.failure()?.errorText}`));
  await page.goto(address);
  return { page, complaints, close: () => browser.close() };
}
