/** Starts the Chromium of the machine. */
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** The path of a Chromium, or `undefined` if there is none: then the tests are skipped, and say so. */
export const CHROMIUM = [process.env['CHROMIUM'] ?? '', ...PLACES].find((path) => existsSync(path))

if (CHROMIUM === undefined) {
  process.stderr.write(
    'No Chromium is here: the tests of the page are skipped. CHROMIUM names one.\n',
  )
}

export function launch(): Promise<Browser> {
  // Its sandbox does not work for root, which CI is. The pages are ours.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  return chromium.launch({ executablePath: CHROMIUM ?? '', args })
}
