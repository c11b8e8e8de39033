/** Starts a real Chromium for tests of pages, and keeps their screenshots. */
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import chromium from '@sparticuz/chromium'
import { type Browser, chromium as driver, type Page } from 'playwright-core'
import { unpackedChromium } from './unpacked-chromium.ts'

/** Starts the browser. The caller closes it. */
export async function startBrowser(): Promise<Browser> {
  // The package is made for cloud functions: its arguments use one process and switch off security between sites.
  const args = chromium.args.filter(
    (each) => !/^--(single-process|disable-web-security|allow-running-insecure-content)$/.test(each),
  )
  return await driver.launch({
    executablePath: await unpackedChromium(),
    args: [...args, '--no-sandbox'],
    headless: true,
  })
}

/** Saves a screenshot of the whole page in `artefacts/`, which is not in the repository. */
export async function keepPicture(page: Page, name: string): Promise<void> {
  mkdirSync(ARTEFACTS, { recursive: true })
  await page.screenshot({ path: `${ARTEFACTS}/${name}.png`, fullPage: true })
}

const ARTEFACTS = fileURLToPath(new URL('../../../../../artefacts', import.meta.url))
