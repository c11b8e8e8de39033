/** Starts a real Chromium for tests of pages, and keeps their screenshots. */
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import chromium from '@sparticuz/chromium'
import { type Browser, chromium as driver, type Page } from 'playwright-core'
import { unpackedChromium } from './unpacked-chromium.ts'

/** Starts the browser. The caller closes it. */
export async function startBrowser(): Promise<Browser> {
  // The package is made for cloud functions: its arguments use one process, switch off security between sites, and draw in 3D
  // without a graphics card, on threads that cost more than the pages.
  const args = chromium.args.filter(
    (each) =>
      !/^--(single-process|disable-web-security|allow-running-insecure-content)$|gpu|gl=|swiftshader/.test(each),
  )
  return await driver.launch({
    executablePath: await unpackedChromium(),
    args: [...args, '--disable-gpu', '--no-sandbox'],
    headless: true,
  })
}

/**
 * What axe finds on the page as it is loaded, and whether it is wider than its window, at each width. Keeps its pictures.
 * The default rules are those of WCAG 2.0 to 2.2, levels A and AA, and good practice.
 */
export async function problemsAt<Width extends number>(
  page: Page,
  widths: readonly Width[],
  picture: (width: Width) => string,
): Promise<Record<Width, string[]>> {
  const found = {} as Record<Width, string[]>
  await page.evaluate(AXE)
  for (const width of widths) {
    await page.setViewportSize({ width, height: 900 })
    // Only what is wrong is described in full; every rule runs.
    const violations = await page.evaluate<{ id: string; nodes: { html: string }[] }[]>(
      "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations)",
    )
    found[width] = violations.map(({ id, nodes }) => `${id} ${nodes.map(({ html }) => html).join()}`)
    const isWide = 'document.documentElement.scrollWidth > document.documentElement.clientWidth'
    if (await page.evaluate(isWide)) found[width].push(`wider than ${width}`)
    await keepPicture(page, picture(width))
  }
  return found
}

/** Saves a screenshot of the whole page in `artefacts/`, which is not in the repository. */
export async function keepPicture(page: Page, name: string): Promise<void> {
  mkdirSync(ARTEFACTS, { recursive: true })
  await page.screenshot({ path: `${ARTEFACTS}/${name}.png`, fullPage: true })
}

const ARTEFACTS = fileURLToPath(new URL('../../../../../artefacts', import.meta.url))
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
