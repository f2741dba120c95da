/** The chat page for one test: a scripted provider, an engine, the server of the page, a browser page. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { expect, onTestFinished } from 'vitest'
import { type PageOptions, startPage } from '../../examples/web/server.ts'
import type { Engine, EngineOptions } from '../../src/index.ts'
import { testEngine, testProvider } from '../support/engine.ts'

const SCREENSHOTS =
  process.env['COLLOQUY_SCREENSHOTS'] ?? join(import.meta.dirname, '..', '..', '.screenshots')

/** A conversation as the API tells it. Tests look into it as they like. */
// oxlint-disable-next-line typescript/no-explicit-any -- tests look into it as they like
export type Json = any

/** The server of the page over an engine of the test. */
export async function servePage(engine: Engine, options: Partial<PageOptions> = {}) {
  const page = await startPage(engine, {
    port: 0,
    setup: async () => ({
      isPractice: false,
      endpoints: [{ name: 'online', model: 'm', models: ['m', 'large'] }],
    }),
    ...options,
  })
  onTestFinished(() => page.close())
  return page
}

export async function pageHost(options: EngineOptions = {}) {
  const provider = await testProvider()
  const engine = await testEngine(options)
  await engine.putEndpoint('online', { url: provider.url, apiKey: 'sk-test-key', model: 'm' })
  const { url } = await servePage(engine)
  return { provider, engine, url }
}

/**
 * Opens an address in a browser page of its own context. At the end of the test it must have had no
 * error, no report of its content policy, and no request to another origin.
 */
export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions & { readonly allow?: RegExp } = {},
): Promise<Page> {
  const { allow, ...contextOptions } = options
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    ...contextOptions,
  })
  context.setDefaultTimeout(15_000)
  const page = await context.newPage()
  const troubles: string[] = []
  page.on('pageerror', (error) => troubles.push(`error: ${error.stack ?? error.message}`))
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') troubles.push(message.text())
  })
  const { origin } = new URL(url)
  page.on('request', (request) => {
    const asked = request.url()
    if (!asked.startsWith(origin) && !asked.startsWith('data:')) troubles.push(`request: ${asked}`)
  })
  onTestFinished(async () => {
    await context.close()
    expect(troubles.filter((trouble) => allow?.test(trouble) !== true)).toEqual([])
  })
  await page.goto(url)
  await messageBox(page).waitFor()
  return page
}

export function messageBox(page: Page) {
  return page.getByRole('textbox', { name: 'Message', exact: true })
}

export function button(page: Page, name: string) {
  return page.getByRole('button', { name, exact: true })
}

/** Sends a text, once the one before has left the box. */
export async function say(page: Page, text: string): Promise<void> {
  await expect.poll(() => messageBox(page).inputValue()).toBe('')
  await messageBox(page).fill(text)
  await messageBox(page).press('Enter')
}

/** The replies on the page, as text. */
export function replies(page: Page): Promise<string[]> {
  return page.locator('.assistant .parts').allInnerTexts()
}

/** The questions on the page, as text. */
export function questions(page: Page): Promise<string[]> {
  return page.locator('.user .said').allInnerTexts()
}

/** Keeps a picture for those who look at the page. */
export async function keepPicture(page: Page, name: string): Promise<void> {
  mkdirSync(SCREENSHOTS, { recursive: true })
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) })
}
