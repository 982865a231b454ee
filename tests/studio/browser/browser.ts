/** A browser and an `easel studio` for journeys: one of each for a test file. */

import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { easelCommand, installed } from "../../cli/easel.ts";
import { processOf } from "../../../src/studio/queue/process.ts";
import { seeJobs } from "../../../src/studio/queue/queue.ts";

/** Where the tests' browser lies; null: journeys are skipped. */
export const CHROMIUM = installed("chromium") ?? installed("chromium-browser");
if (!CHROMIUM) {
  console.log("no chromium here: the studio's page is not tried in a browser (./run test installs it)");
}

const FLAGS = [
  ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
];

export interface RunningStudio extends AsyncDisposable {
  readonly link: string;
  readonly pid: number;
  /** As Ctrl-C; gives exit status and what was printed. */
  stop(signal?: Deno.Signal): Promise<{ code: number; stdout: string; stderr: string }>;
}

/** `easel studio` as another process, on any free port. */
export async function startStudio(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<RunningStudio> {
  const child = easelCommand(["studio", ...args, "--no_open", "--json"], { env }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let stdout = "";
  while (!stdout.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`easel studio did not start: ${await new Response(child.stderr).text()}`);
    stdout += value;
  }
  const { link, home } = JSON.parse(stdout.split("\n")[0]);
  const rest = (async () => {
    for (let next = await reader.read(); !next.done; next = await reader.read()) stdout += next.value;
  })();
  const stderr = new Response(child.stderr).text();
  let ended: Promise<{ code: number; stdout: string; stderr: string }> | null = null;
  const stop = (signal: Deno.Signal = "SIGINT") => {
    ended ??= (async () => {
      child.kill(signal);
      const { code } = await child.status;
      await rest;
      return { code, stdout, stderr: await stderr };
    })();
    return ended;
  };
  return {
    link,
    pid: child.pid,
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
      await endJobs(home);
    },
  };
}

/** Jobs outlive their studio, but not a test: whatever has become of it, its folder is free afterwards. */
async function endJobs(home: string): Promise<void> {
  const running = () => seeJobs({ home }).filter(({ seen }) => seen.state === "running");
  for (let jobs = running(), end = Date.now() + 15_000; jobs.length && Date.now() < end; jobs = running()) {
    for (const { files } of jobs) {
      try {
        Deno.kill(processOf(files)!.pid, "SIGKILL");
      } catch { /* it has not begun, or has ended */ }
    }
    await new Promise((done) => setTimeout(done, 50));
  }
}

export interface Visit extends AsyncDisposable {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly browser: Browser;
  /** What the page's scripts threw and what its policy refused; a journey ends with none. */
  readonly complaints: string[];
}

/** A browser at the studio's link. */
export async function visit(link: string, size = { width: 1280, height: 800 }): Promise<Visit> {
  const browser = await chromium.launch({ executablePath: CHROMIUM!, args: FLAGS });
  const context = await browser.newContext({ viewport: size, locale: "en-US", colorScheme: "light" });
  const page = await context.newPage(), complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  await page.goto(link);
  await page.waitForSelector("main h1");
  return {
    page,
    context,
    browser,
    complaints,
    async [Symbol.asyncDispose]() {
      await browser.close();
    },
  };
}

export const WIDTHS = [360, 768, 1280] as const;

/** Pictures of the page as it is, at three widths in both schemes, as FOLDER/NAME_WIDTH_SCHEME.png; gives their paths. */
export async function shots(page: Page, folder: string, name: string): Promise<string[]> {
  const paths: string[] = [];
  for (const scheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme: scheme });
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 800 });
      const path = `${folder}/${name}_${width}_${scheme}.png`;
      await page.screenshot({ path });
      paths.push(path);
    }
  }
  return paths;
}

/** By how many pixels the page is wider than its window: 0. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
}
