/** A real Chromium for tests of pages, and where their screenshots go. */
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import chromium from '@sparticuz/chromium'
import { type Browser, chromium as driver, type Page } from 'playwright-core'

/** Starts the browser; close it. */
export async function startBrowser(): Promise<Browser> {
  const executablePath = await chromium.executablePath()
  // Its arguments are for a function that is thrown away after one page: one process for all, and a web without borders.
  const args = chromium.args.filter(
    (each) => !/^--(single-process|disable-web-security|allow-running-insecure-content)$/.test(each),
  )
  return await driver.launch({ executablePath, args: [...args, '--no-sandbox'], headless: true })
}

/** Keeps a picture of the whole page among the artefacts, which are not in the repository. */
export async function keepPicture(page: Page, name: string): Promise<void> {
  mkdirSync(ARTEFACTS, { recursive: true })
  await page.screenshot({ path: `${ARTEFACTS}/${name}.png`, fullPage: true })
}

const ARTEFACTS = fileURLToPath(new URL('../../../../../artefacts', import.meta.url))
