/** How the chat page looks and feels: sizes, themes, keyboard, screen readers, motion, frames. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { startPracticeProvider } from '../../examples/practice-provider.ts'
import { exampleTools } from '../../examples/tools.ts'
import { chatReply, errorReply, steps } from '../../src/testing.ts'
import { countingTime } from '../support/counting-time.ts'
import { testEngine } from '../support/engine.ts'
import { CHROMIUM, launch } from './chromium.ts'
import {
  button,
  keepPicture,
  messageBox,
  openPage,
  pageHost,
  replies,
  say,
  servePage,
} from './page-host.ts'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe finds that keeps somebody from using the page. */
async function findings(page: Page): Promise<string[]> {
  await page.evaluate(AXE)
  const found = await page.evaluate(`axe.run().then(({ violations }) => violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => id + ' ' + target + ' ' + failureSummary)))`)
  return found as string[]
}

/** Where the drawer has come to. */
function leftOf(page: Page): Promise<unknown> {
  return page.evaluate("document.querySelector('nav').getBoundingClientRect().left")
}

interface Extent {
  readonly scrollWidth: number
  readonly clientWidth: number
  readonly scrollHeight: number
  readonly scrollTop: number
  readonly clientHeight: number
}

async function extentOf(page: Page, selector: string): Promise<Extent> {
  const extent = await page.evaluate(`(() => {
    const { scrollWidth, clientWidth, scrollHeight, scrollTop, clientHeight } =
      document.querySelector('${selector}')
    return { scrollWidth, clientWidth, scrollHeight, scrollTop, clientHeight }
  })()`)
  return extent as Extent
}

/** The width and the height of the content beyond the window, in CSS pixels: only boxes in it scroll. */
async function overflow(page: Page): Promise<number> {
  const extent = await page.evaluate(`(() => {
    const { scrollWidth, clientWidth, scrollHeight, clientHeight } = document.documentElement
    return scrollWidth - clientWidth + scrollHeight - clientHeight
  })()`)
  return Number(extent)
}

async function practiceHost() {
  const provider = await startPracticeProvider(0)
  onTestFinished(() => provider.close())
  const engine = await testEngine({ tools: exampleTools(() => {}) })
  for (const name of ['online', 'airplane']) {
    await engine.putEndpoint(name, { url: provider.url, model: provider.model })
  }
  const setup = async () => ({
    isPractice: true,
    endpoints: [{ name: 'online', model: 'practice', models: ['practice'] }],
  })
  const { url } = await servePage(engine, { setup })
  return { engine, url }
}

const QUESTIONS = [
  'Think about it before you answer',
  'Show me code and a table',
  'What time is it in Oslo?',
  'Fail in the middle',
]

const DESKTOP = { viewport: { width: 1280, height: 800 } }
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }

describe.skipIf(CHROMIUM === undefined)('the look of the chat page', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(() => browser.close())

  test.each([
    ['desktop-light', { ...DESKTOP, colorScheme: 'light' }],
    ['desktop-dark', { ...DESKTOP, colorScheme: 'dark' }],
    ['phone-light', { ...PHONE, colorScheme: 'light' }],
    ['phone-dark', { ...PHONE, colorScheme: 'dark' }],
  ] as const)('is usable by everybody, and fits: %s', async (name, options) => {
    const { engine, url } = await practiceHost()
    await engine.startConversation({ title: 'مرحبا بالعالم' })
    await engine.startConversation({
      title: 'A title that is much too long for the list of conversations',
    })
    const page = await openPage(browser, url, options)
    await page.getByText('What is on your mind?').waitFor()
    await keepPicture(page, `${name}-1-new`)
    expect(await findings(page)).toEqual([])
    for (const [index, question] of QUESTIONS.entries()) {
      await say(page, question)
      await expect.poll(async () => (await replies(page)).length).toBe(index + 1)
      await button(page, 'Stop').waitFor({ state: 'hidden' })
      if (index === 1) await page.locator('.hljs-keyword').first().waitFor()
      if (index < 3) await button(page, 'Regenerate').last().waitFor()
      await keepPicture(page, `${name}-${index + 2}`)
      expect(await overflow(page)).toBe(0)
    }
    await say(page, 'Leave a note in my terminal')
    await button(page, 'Approve').waitFor()
    await keepPicture(page, `${name}-6-question`)
    expect(await findings(page)).toEqual([])
    await button(page, 'Approve').click()
    await button(page, 'Stop').waitFor({ state: 'hidden' })
    expect(await page.locator('.tool-card').last().innerText()).toMatch(/note\s+Done/)
    for (const summary of await page.locator('summary').all()) await summary.click()
    expect(await findings(page)).toEqual([])
    if (name.startsWith('phone')) {
      await button(page, 'Show conversations').click()
      await page.locator('nav a').first().waitFor()
      await expect.poll(() => leftOf(page)).toBe(0)
      await keepPicture(page, `${name}-7-list`)
      expect(await findings(page)).toEqual([])
    }
  })

  test.each([320, 390, 768, 1024, 1920, 3840])('fits a window of %i pixels', async (width) => {
    const { provider, url } = await pageHost()
    const wide = `| ${'column | '.repeat(20)}\n| ${'- | '.repeat(20)}\n| ${'cell | '.repeat(20)}\n`
    const word = 'x'.repeat(400)
    const code = `\`\`\`\n${'long line '.repeat(60)}\n\`\`\`\n`
    provider.next(
      chatReply([`${word}\n\n\`${word}\`\n\n${wide}\n${code}\nhttps://example.com/${word}`]),
    )
    const page = await openPage(browser, url, { viewport: { width, height: 700 } })
    await say(page, word)
    await button(page, 'Regenerate').waitFor()
    expect(await overflow(page)).toBe(0)
    const { scrollWidth, clientWidth } = await extentOf(page, '.table-box')
    expect(scrollWidth).toBeGreaterThan(clientWidth)
    const column = await page.locator('main .column').boundingBox()
    // Lines that are too long cannot be read.
    expect(column?.width).toBeLessThan(1_000)
    await keepPicture(page, `width-${width}`)
  })

  test('has targets of 44 pixels for fingers', async () => {
    const { url } = await practiceHost()
    const page = await openPage(browser, url, PHONE)
    await say(page, 'Show me code and a table')
    await button(page, 'Regenerate').waitFor()
    const small = `[...document.querySelectorAll('button, select, nav a, summary, textarea')]
      .filter((element) => element.checkVisibility({ visibilityProperty: true }))
      .map((element) => [element.getAttribute('aria-label') ?? element.textContent, element.getBoundingClientRect()])
      .filter(([, { width, height }]) => width < 43.5 || height < 43.5)
      .map(([name, { width, height }]) => name + ' ' + width + 'x' + height)`
    expect(await page.evaluate(small)).toEqual([])
    await button(page, 'Show conversations').click()
    await expect.poll(() => leftOf(page)).toBe(0)
    expect(await page.evaluate(small)).toEqual([])
  })

  test('follows the theme of the system, and the switch, also after a reload', async () => {
    const { url } = await pageHost()
    const page = await openPage(browser, url, { colorScheme: 'dark' })
    const ground = () => page.evaluate('getComputedStyle(document.body).backgroundColor')
    const dark = await ground()
    await button(page, 'Theme: as the system').click()
    const light = await ground()
    expect(light).not.toBe(dark)
    await page.reload()
    await messageBox(page).waitFor()
    expect(await ground()).toBe(light)
    await button(page, 'Theme: light').click()
    expect(await ground()).toBe(dark)
    await button(page, 'Theme: dark').click()
    await page.emulateMedia({ colorScheme: 'light' })
    expect(await ground()).toBe(light)
  })

  test('takes what is typed at once, after it is loaded and after New chat', async () => {
    const { engine, url } = await pageHost()
    const { id } = await engine.startConversation({ title: 'Old' })
    for (const address of [url, `${url}c/${id}`]) {
      const page = await openPage(browser, address)
      await page.keyboard.type('hello')
      expect(await messageBox(page).inputValue()).toBe('hello')
      await page.getByRole('link', { name: 'Old' }).click()
      await button(page, 'New chat').click()
      await messageBox(page).fill('')
      await button(page, 'New chat').click()
      await page.keyboard.type('again')
      expect(await messageBox(page).inputValue()).toBe('again')
    }
  })

  test('brings no keyboard up on a phone before somebody wants to write', async () => {
    const { engine, url } = await pageHost()
    await engine.startConversation({ title: 'Old' })
    const page = await openPage(browser, url, PHONE)
    const writes = () => page.evaluate("document.activeElement.id === 'message'")
    expect(await writes()).toBe(false)
    await button(page, 'Show conversations').click()
    await page.getByRole('link', { name: 'Old' }).click()
    await expect.poll(() => page.locator('h1').innerText()).toBe('Old')
    expect(await writes()).toBe(false)
    await button(page, 'Show conversations').click()
    await button(page, 'New chat').click()
    expect(await writes()).toBe(true)
  })

  test('is used by the keyboard alone', async () => {
    const { engine, provider, url } = await pageHost({ clock: countingTime() })
    await engine.startConversation({ title: 'Older' })
    await engine.startConversation({ title: 'Newer' })
    provider.next(chatReply(['hello']))
    const page = await openPage(browser, url)
    const focused = () =>
      page.evaluate(
        "document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText.split('\\n')[0]",
      )
    await page.getByRole('link', { name: 'Newer' }).waitFor()
    await page.keyboard.press('Control+k')
    await expect.poll(focused).toBe('Newer')
    await page.keyboard.press('ArrowDown')
    expect(await focused()).toBe('Older')
    await page.keyboard.press('Enter')
    await expect.poll(() => page.locator('h1').innerText()).toBe('Older')
    await expect.poll(focused).toBe('Message')
    await page.keyboard.type('one')
    await page.keyboard.press('Shift+Enter')
    await page.keyboard.type('two')
    await page.keyboard.press('Enter')
    await button(page, 'Regenerate').waitFor()
    expect(await page.locator('.user .said').innerText()).toBe('one\ntwo')
    await page.evaluate('document.activeElement.blur()')
    const reached: unknown[] = []
    for (let n = 0; n < 25; n += 1) {
      await page.keyboard.press('Tab')
      reached.push(await focused())
    }
    for (const name of [
      'Skip to the message box',
      'New chat',
      'Older',
      'Airplane mode',
      'Rename',
      'Delete',
      'Edit',
      'Copy',
      'Regenerate',
      'Message',
      'Model',
    ]) {
      expect(reached).toContain(name)
    }
  })

  test('announces the beginning and the end of a reply, and no piece of it', async () => {
    const { provider, url } = await pageHost()
    const { gate, step } = steps()
    provider.next(chatReply(['a', 'b', 'c', 'd'], { gate }))
    const page = await openPage(browser, url)
    await page.evaluate(`(() => {
      globalThis.said = []
      const region = document.querySelector('[aria-live]')
      new MutationObserver(() => said.push(region.textContent)).observe(region, { childList: true, subtree: true, characterData: true })
    })()`)
    await say(page, 'hello')
    for (const text of ['a', 'ab', 'abc', 'abcd']) {
      step(1)
      await expect.poll(() => replies(page)).toEqual([text])
    }
    await button(page, 'Regenerate').waitFor()
    expect(await page.evaluate('said')).toEqual(['The reply begins.', 'The reply is complete.'])
    expect(
      await page.locator('[aria-live]:not([aria-live=polite]), [role=alert], [role=log]').count(),
    ).toBe(0)
  })

  test('moves nothing where less motion is asked for', async () => {
    const { provider, url } = await pageHost()
    const { gate, step } = steps()
    provider.next(chatReply(['a', 'b'], { gate }))
    const page = await openPage(browser, url, { reducedMotion: 'reduce' })
    await say(page, 'hello')
    step(1)
    await expect.poll(() => replies(page)).toEqual(['a'])
    expect(await page.evaluate('document.getAnimations().length')).toBe(0)
    step(1)
  })

  test('sets text from right to left by its own direction', async () => {
    const { provider, url } = await pageHost()
    provider.next(chatReply(['مرحبا بالعالم\n\nhello']))
    const page = await openPage(browser, url)
    await say(page, 'שלום')
    await button(page, 'Regenerate').waitFor()
    const directions = `[...document.querySelectorAll('.said, .assistant p')]
      .filter((element) => element.textContent !== '' && element.closest('.parts, .user'))
      .map((element) => getComputedStyle(element).direction)`
    expect(await page.evaluate(directions)).toEqual(['rtl', 'rtl', 'ltr'])
  })

  test('stays at the end while its reader is there, and offers the way back otherwise', async () => {
    const { provider, url } = await pageHost()
    const { gate, step } = steps()
    const pieces = Array.from({ length: 60 }, (_, n) => `paragraph ${n}\n\n`)
    provider.next(chatReply(pieces, { gate }))
    const page = await openPage(browser, url)
    await say(page, 'hello')
    const below = async () => {
      const { scrollHeight, scrollTop, clientHeight } = await extentOf(page, 'main')
      return scrollHeight - scrollTop - clientHeight
    }
    step(40)
    await expect.poll(async () => (await replies(page))[0]).toContain('paragraph 39')
    await expect.poll(below).toBeLessThan(2)
    await page.locator('main').hover()
    await page.mouse.wheel(0, -400)
    // A wheel scrolls smoothly: until it has come to its end, no place is the last one.
    await expect.poll(below).toBeGreaterThan(398)
    const place = (await extentOf(page, 'main')).scrollTop
    step(10)
    await button(page, 'New text').waitFor()
    expect((await extentOf(page, 'main')).scrollTop).toBe(place)
    await button(page, 'New text').click()
    await expect.poll(below).toBeLessThan(2)
    await button(page, 'New text').waitFor({ state: 'hidden' })
    step(10)
    await expect.poll(async () => (await replies(page))[0]).toContain('paragraph 59')
    await expect.poll(below).toBeLessThan(2)
  })

  test('waits as long as the provider asks before it offers another try', async () => {
    const { provider, url } = await pageHost()
    provider.next(errorReply(429, 'Slow down.', { retryAfter: 60 }))
    const page = await openPage(browser, url)
    await page.clock.install()
    await say(page, 'hello')
    const wait = page.getByRole('button', { name: /^Wait \d+ s$/ })
    await wait.waitFor()
    expect(await wait.isDisabled()).toBe(true)
    await page.clock.fastForward(60_000)
    provider.next(chatReply(['again']))
    await button(page, 'Try again').click()
    await expect.poll(() => replies(page)).toEqual(['again'])
  })
})
