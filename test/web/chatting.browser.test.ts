/** A conversation on the chat page: replies that stream, are stopped, asked again, edited, queued. */
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EngineOptions } from '../../src/index.ts'
import { chatReply, errorReply, inOrder, reset, send, steps } from '../../src/testing.ts'
import { chunk } from '../../src/testing.ts'
import { block, message, textBlock } from '../support/messages-events.ts'
import { CHROMIUM, launch } from './chromium.ts'
import { button, messageBox, openPage, pageHost, questions, replies, say } from './page-host.ts'

describe.skipIf(CHROMIUM === undefined)('the chat page', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(() => browser.close())

  test('shows a reply as it grows, and what it cost', async () => {
    const { provider, url } = await pageHost()
    const { gate, step } = steps()
    const usage = { prompt_tokens: 1_234, completion_tokens: 2, total_tokens: 1_236 }
    provider.next(chatReply(['Once **up', 'on** a time'], { gate, usage }))
    const page = await openPage(browser, url)
    await say(page, 'tell me a story')
    step(1)
    // Half of the mark for bold is shown as bold already.
    await expect.poll(() => page.locator('.assistant strong').allInnerTexts()).toEqual(['up'])
    await expect.poll(() => messageBox(page).inputValue()).toBe('')
    expect(new URL(page.url()).pathname).toMatch(/^\/c\/[\w-]{16,}$/)
    step(1)
    await expect.poll(() => replies(page)).toEqual(['Once upon a time'])
    await expect
      .poll(() => page.locator('.figures').last().innerText())
      .toContain('1,234 tokens read')
    await expect.poll(() => page.locator('[aria-live]').innerText()).toBe('The reply is complete.')
    expect(await questions(page)).toEqual(['tell me a story'])
  })

  test('stops by the button and by Esc, and says what was kept', async () => {
    const { provider, url } = await pageHost()
    const first = steps()
    const second = steps()
    provider.next(chatReply(['four', ' more'], { gate: first.gate }))
    provider.next(chatReply(['seven!!', ' more'], { gate: second.gate }))
    const page = await openPage(browser, url)
    await say(page, 'one')
    first.step(1)
    await expect.poll(() => replies(page)).toEqual(['four'])
    await button(page, 'Stop').click()
    await expect
      .poll(() => page.locator('.note:visible').allInnerTexts())
      .toEqual(['Stopped, 4 characters kept'])
    await say(page, 'two')
    second.step(1)
    await expect.poll(() => replies(page)).toEqual(['four', 'seven!!'])
    await messageBox(page).press('Escape')
    await expect
      .poll(() => page.locator('.note:visible').last().innerText())
      .toBe('Stopped, 7 characters kept')
    await button(page, 'Stop').waitFor({ state: 'hidden' })
  })

  test('regenerates a reply, and turns between its versions', async () => {
    const { provider, url } = await pageHost()
    const { gate, step } = steps()
    provider.next(chatReply(['first']), chatReply(['sec', 'ond'], { gate }))
    const page = await openPage(browser, url)
    await say(page, 'hello')
    await expect.poll(() => replies(page)).toEqual(['first'])
    await button(page, 'Regenerate').click()
    step(1)
    // The reply that is replaced is not shown beside the new one.
    await expect.poll(() => replies(page)).toEqual(['sec'])
    step(1)
    await expect.poll(() => replies(page)).toEqual(['second'])
    await expect.poll(() => page.locator('.branches').allInnerTexts()).toEqual(['2/2'])
    await button(page, 'Previous version').click()
    await expect.poll(() => replies(page)).toEqual(['first'])
    await expect.poll(() => page.locator('.branches').allInnerTexts()).toEqual(['1/2'])
    await button(page, 'Next version').click()
    await expect.poll(() => replies(page)).toEqual(['second'])
    // Other versions are seen without a pointer, also above the last message.
    provider.next(chatReply(['third']))
    await say(page, 'go on')
    await expect.poll(() => replies(page)).toEqual(['second', 'third'])
    await messageBox(page).hover()
    const sight = `document.querySelector('.branches').checkVisibility({ opacityProperty: true })`
    expect(await page.evaluate(sight)).toBe(true)
  })

  test('edits a question in its place, also by the arrow key', async () => {
    const { provider, url } = await pageHost()
    provider.next(chatReply(['to the first']), chatReply(['to the second']))
    const page = await openPage(browser, url)
    await say(page, 'first')
    await expect.poll(() => replies(page)).toEqual(['to the first'])
    // Nothing can be edited while its reply is written, or with a text in the box.
    await button(page, 'Edit').waitFor()
    await expect.poll(() => messageBox(page).inputValue()).toBe('')
    await messageBox(page).press('ArrowUp')
    const box = page.getByRole('textbox', { name: 'Edit your message' })
    await expect.poll(() => box.inputValue()).toBe('first')
    await box.press('Escape')
    await box.waitFor({ state: 'detached' })
    await button(page, 'Edit').click()
    await box.fill('second')
    await box.press('Enter')
    await expect.poll(() => replies(page)).toEqual(['to the second'])
    expect(await questions(page)).toEqual(['second'])
    await page.locator('.user').getByRole('button', { name: 'Previous version' }).click()
    await expect.poll(() => questions(page)).toEqual(['first'])
    expect(await replies(page)).toEqual(['to the first'])
  })

  test('queues what is sent during a reply, and takes it back', async () => {
    const { provider, url } = await pageHost()
    const { gate, step } = steps()
    provider.next(chatReply(['slow', ' one'], { gate }), chatReply(['to the second']))
    const page = await openPage(browser, url)
    await say(page, 'one')
    step(1)
    await expect.poll(() => replies(page)).toEqual(['slow'])
    await say(page, 'two')
    await say(page, 'three')
    const waiting = page.locator('.queue li')
    await expect.poll(() => waiting.allInnerTexts()).toEqual(['two', 'three'])
    await button(page, 'Remove the waiting message: three').click()
    await expect.poll(() => waiting.allInnerTexts()).toEqual(['two'])
    step(1)
    await expect.poll(() => replies(page)).toEqual(['slow one', 'to the second'])
    expect(await questions(page)).toEqual(['one', 'two'])
    await page.locator('.queue').waitFor({ state: 'hidden' })
  })

  test('shows the queue as it is, whichever answer of the server comes last', async () => {
    const { provider, url } = await pageHost()
    const { gate, step } = steps()
    provider.next(chatReply(['slow', ' one'], { gate }), chatReply(['to the second']))
    const page = await openPage(browser, url)
    await say(page, 'one')
    step(1)
    await expect.poll(() => replies(page)).toEqual(['slow'])
    // Answers to what was asked while nothing was queued come after all others.
    const early = Promise.withResolvers<void>()
    let held = 0
    await page.route('**/queue', async (route) => {
      const response = await route.fetch()
      if (/"queued":\[\]/.test(await response.text())) {
        held += 1
        await early.promise
      }
      await route.fulfill({ response })
    })
    await page.reload()
    await expect.poll(() => held).toBeGreaterThan(0)
    for (const text of ['two', 'three']) {
      await say(page, text)
      await expect.poll(() => messageBox(page).inputValue()).toBe('')
    }
    early.resolve()
    const waiting = page.locator('.queue li')
    await expect.poll(() => waiting.allInnerTexts()).toEqual(['two', 'three'])
    await page.unrouteAll({ behavior: 'wait' })
    await page.evaluate('new Promise((resolve) => requestAnimationFrame(resolve))')
    expect(await waiting.allInnerTexts()).toEqual(['two', 'three'])
    provider.next(chatReply(['to the third']))
    step(1)
    await page.locator('.queue').waitFor({ state: 'hidden' })
  })

  test('sends what was typed and entered while another text was sent', async () => {
    const { provider, url } = await pageHost()
    provider.always(chatReply(['ok']))
    const page = await openPage(browser, url)
    const sent = Promise.withResolvers<void>()
    await page.route('**/messages', async (route) => {
      if (route.request().method() === 'POST') await sent.promise
      await route.continue()
    })
    await say(page, 'two')
    // Enter once more is no text.
    await messageBox(page).press('Enter')
    await messageBox(page).fill('three')
    await messageBox(page).press('Enter')
    sent.resolve()
    await expect.poll(() => questions(page)).toEqual(['two', 'three'])
    await expect.poll(() => replies(page)).toEqual(['ok', 'ok'])
    await expect.poll(() => messageBox(page).inputValue()).toBe('')
  })

  test('clears the box of a text that the server has, though its answer never comes', async () => {
    const { provider, url } = await pageHost()
    const { gate, step } = steps()
    provider.next(chatReply(['Once', ' upon'], { gate }))
    const page = await openPage(browser, url)
    const over = Promise.withResolvers<void>()
    await page.route('**/messages', async (route) => {
      if (route.request().method() !== 'POST') return route.continue()
      await route.fetch()
      await over.promise
      return route.abort().catch(() => undefined)
    })
    await say(page, 'a story')
    step(1)
    await expect.poll(() => replies(page)).toEqual(['Once'])
    await expect.poll(() => messageBox(page).inputValue()).toBe('')
    await messageBox(page).fill('and')
    await page.reload()
    await expect.poll(() => replies(page)).toEqual(['Once'])
    expect(await messageBox(page).inputValue()).toBe('and')
    over.resolve()
    await page.unrouteAll({ behavior: 'wait' })
    step(1)
  })

  test('clears the box also of a tab that was opened while the text was sent', async () => {
    const { provider, url } = await pageHost()
    provider.next(chatReply(['Once']))
    const page = await openPage(browser, url)
    const begin = Promise.withResolvers<void>()
    await page.route('**/messages', async (route) => {
      if (route.request().method() === 'POST') await begin.promise
      await route.continue()
    })
    await say(page, 'a story')
    await expect.poll(() => new URL(page.url()).pathname).toMatch(/^\/c\//)
    const other = await page.context().newPage()
    await other.goto(page.url())
    await expect.poll(() => messageBox(other).inputValue()).toBe('a story')
    begin.resolve()
    for (const tab of [page, other]) {
      await expect.poll(() => replies(tab)).toEqual(['Once'])
      await expect.poll(() => messageBox(tab).inputValue()).toBe('')
    }
    await other.close()
  })

  test('takes a double click for one', async () => {
    const { provider, url } = await pageHost()
    provider.next(chatReply(['first']), chatReply(['second']))
    const page = await openPage(browser, url)
    await say(page, 'hello')
    await expect.poll(() => replies(page)).toEqual(['first'])
    let asked = 0
    await page.route('**/regenerate', (route) => {
      asked += 1
      return route.continue()
    })
    await button(page, 'Regenerate').dblclick()
    await expect.poll(() => replies(page)).toEqual(['second'])
    expect(asked).toBe(1)
    await button(page, 'Edit').click()
    await page.route('**/edit', (route) => {
      asked += 1
      return route.continue()
    })
    provider.next(chatReply(['third']))
    await page.getByRole('textbox', { name: 'Edit your message' }).fill('another')
    await button(page, 'Send again').dblclick()
    await expect.poll(() => replies(page)).toEqual(['third'])
    expect(asked).toBe(2)
    expect(await page.locator('.toast').count()).toBe(0)
  })

  test('holds the queue after a stop, until it is told to go on', async () => {
    const { provider, url } = await pageHost()
    const { gate, step } = steps()
    provider.next(chatReply(['slow', ' one'], { gate }), chatReply(['second']))
    const page = await openPage(browser, url)
    await say(page, 'one')
    step(1)
    await expect.poll(() => replies(page)).toEqual(['slow'])
    await say(page, 'two')
    await expect.poll(() => page.locator('.queue li').allInnerTexts()).toEqual(['two'])
    await button(page, 'Stop').click()
    await button(page, 'Send them now').click()
    await expect.poll(() => replies(page)).toEqual(['slow', 'second'])
  })

  test('shows a failure with its remedy, and the reply that came of it', async () => {
    const { provider, url } = await pageHost()
    provider.next(errorReply(400, 'The request is odd.'))
    provider.next(inOrder(send(chunk({ content: 'half' })), reset()))
    provider.next(chatReply(['whole']))
    const page = await openPage(browser, url)
    await say(page, 'hello')
    const failure = page.locator('main .failure')
    await expect.poll(() => failure.innerText()).toContain('The request is odd.')
    await expect.poll(() => failure.innerText()).toContain('request-rejected')
    await button(page, 'Try again').click()
    await expect.poll(() => replies(page)).toEqual(['half'])
    await page.reload()
    await expect.poll(() => replies(page)).toEqual(['half'])
    await button(page, 'Try again').click()
    await expect.poll(() => replies(page)).toEqual(['whole'])
    await failure.waitFor({ state: 'hidden' })
  })

  test('counts down to the next attempt', async () => {
    let retry: () => void = () => undefined
    // The time until the next attempt passes only as the test says.
    const clock: EngineOptions['clock'] = {
      now: () => Date.now(),
      setTimeout: (fn, ms) => (ms === 50_000 ? (retry = fn) : setTimeout(fn, ms)),
      clearTimeout: (id) => clearTimeout(id as NodeJS.Timeout),
    }
    const { provider, url } = await pageHost({
      clock,
      retry: { maxAttempts: 2, maxDelayMs: 60_000 },
    })
    const busy = errorReply(429, 'Slow down.', { retryAfter: 50 })
    provider.next(busy, chatReply(['at last']))
    const page = await openPage(browser, url)
    await say(page, 'hello')
    const status = page.locator('.status')
    const seconds = async () => {
      const [, count] = /Next attempt in (\d+) s\.$/.exec(await status.innerText()) ?? []
      return Number(count)
    }
    await expect.poll(seconds).toBeGreaterThan(0)
    const first = await seconds()
    await expect.poll(seconds).toBeLessThan(first)
    retry()
    await expect.poll(() => replies(page)).toEqual(['at last'])
  })

  test('keeps the text in the box when a send is refused', async () => {
    const { engine, provider, url } = await pageHost()
    provider.next(chatReply(['hello']))
    const page = await openPage(browser, url, { allow: /status of 503/ })
    await say(page, 'first')
    await expect.poll(() => replies(page)).toEqual(['hello'])
    await engine.deleteEndpoint('online')
    await say(page, 'do not lose this')
    await page.locator('.composer .failure').waitFor()
    expect(await messageBox(page).inputValue()).toBe('do not lose this')
    await engine.putEndpoint('online', { url: provider.url, apiKey: 'k', model: 'm' })
    provider.next(chatReply(['it was not lost']))
    await messageBox(page).press('Enter')
    await expect.poll(() => replies(page)).toEqual(['hello', 'it was not lost'])
    await expect.poll(() => messageBox(page).inputValue()).toBe('')
  })

  test('keeps the first text of a conversation that was refused, also over a reload', async () => {
    const { provider, url } = await pageHost()
    const page = await openPage(browser, url, { allow: /status of 500/ })
    await page.route('**/messages', (route) => route.fulfill({ status: 500, body: 'no' }))
    await say(page, 'do not lose this')
    await page.locator('.composer .failure').waitFor()
    expect(new URL(page.url()).pathname).toMatch(/^\/c\//)
    await page.unroute('**/messages')
    await page.reload()
    await expect.poll(() => messageBox(page).inputValue()).toBe('do not lose this')
    provider.next(chatReply(['it was not lost']))
    await messageBox(page).press('Enter')
    await expect.poll(() => replies(page)).toEqual(['it was not lost'])
    await expect.poll(() => messageBox(page).inputValue()).toBe('')
    await page.reload()
    await expect.poll(() => replies(page)).toEqual(['it was not lost'])
    expect(await messageBox(page).inputValue()).toBe('')
  })

  test('folds reasoning once it is over, and says how long it took', async () => {
    const { provider, url } = await pageHost()
    const { gate, step } = steps()
    provider.next(chatReply(['Forty-two.'], { reasoning: ['Let me', ' see.'], gate }))
    const page = await openPage(browser, url)
    await say(page, 'hello')
    step(1)
    const details = page.locator('.reasoning')
    await expect.poll(() => details.innerText()).toContain('Let me')
    expect(await details.getAttribute('open')).toBe('')
    // Its beginning was seen before the reload.
    await page.reload()
    await expect.poll(() => details.locator('summary').innerText()).toBe('Thinking…')
    step(2)
    const summary = () => details.locator('summary').innerText()
    await expect.poll(summary).toMatch(/^Thought for /)
    expect(await details.getAttribute('open')).toBe(null)
    const told = await summary()
    await page.reload()
    await expect.poll(summary).toBe(told)
    // Another browser has not seen it.
    const other = await openPage(browser, page.url())
    await expect.poll(() => other.locator('.reasoning summary').innerText()).toBe('Reasoning')
  })

  test('shows a tool with its arguments, state and result', async () => {
    let finish: (value: unknown) => void = () => undefined
    const execute = () => new Promise<unknown>((resolve) => (finish = resolve))
    const { provider, url } = await pageHost({
      tools: { weather: { execute, inputSchema: { type: 'object' } } },
    })
    const call = { id: 'c1', name: 'weather', arguments: '{"city":"Oslo"}' }
    provider.next(chatReply(['I look.'], { toolCalls: [call] }), chatReply(['It is 21 degrees.']))
    const page = await openPage(browser, url)
    await say(page, 'How warm is it in Oslo?')
    const card = page.locator('.tool-card')
    await expect.poll(() => card.innerText()).toMatch(/weather\s+Runs…/)
    await card.locator('summary').click()
    await expect.poll(() => card.innerText()).toContain('"city": "Oslo"')
    await page.reload()
    await expect.poll(() => card.innerText()).toMatch(/weather\s+Runs…/)
    await card.locator('summary').click()
    finish({ celsius: 21 })
    await expect.poll(() => card.innerText()).toMatch(/weather\s+Done/)
    await expect.poll(() => card.innerText()).toContain('"celsius": 21')
    await expect.poll(() => replies(page)).toEqual([expect.stringMatching(/It is 21 degrees\.$/)])
    await page.reload()
    await expect.poll(() => card.innerText()).toMatch(/weather\s+Done/)
  })

  test('says that a tool failed', async () => {
    const execute = () => Promise.reject(new Error('no such city'))
    const { provider, url } = await pageHost({
      tools: { weather: { execute, inputSchema: { type: 'object' } } },
    })
    const call = { id: 'c1', name: 'weather', arguments: '{}' }
    provider.next(chatReply([''], { toolCalls: [call] }), chatReply(['I could not.']))
    const page = await openPage(browser, url)
    await say(page, 'hello')
    await expect.poll(() => page.locator('.tool-card').innerText()).toMatch(/weather\s+Failed/)
  })

  test('names a tool that the provider ran, once', async () => {
    const { engine, provider, url } = await pageHost()
    const use = { type: 'server_tool_use', id: 's1', name: 'web_search', input: {} }
    const found = { type: 'web_search_tool_result', tool_use_id: 's1', content: [] }
    await engine.putEndpoint('online', { url: provider.url, model: 'm', dialect: 'messages' })
    provider.next(message([...block(0, use), ...block(1, found), ...textBlock(2, 'Found it.')]))
    const page = await openPage(browser, url)
    await say(page, 'Search for it')
    const told = [expect.stringMatching(/^The provider used web_search\s+Found it\.$/)]
    await expect.poll(() => replies(page)).toEqual(told)
    await page.reload()
    await expect.poll(() => replies(page)).toEqual(told)
  })

  describe('a tool that asks first', () => {
    async function asked() {
      const ran: unknown[] = []
      const pay = {
        inputSchema: { type: 'object' },
        needsApproval: true,
        execute: (input: unknown) => {
          ran.push(input)
          return 'paid'
        },
      }
      const { engine, provider, url } = await pageHost({ tools: { pay } })
      const call = { id: 'c1', name: 'pay', arguments: '{"sum":12}' }
      provider.next(chatReply(['I pay.'], { toolCalls: [call] }), chatReply(['It is done.']))
      const page = await openPage(browser, url)
      await say(page, 'pay the bill')
      const card = page.locator('.tool-card')
      await expect.poll(() => card.innerText()).toMatch(/pay\s+Waits for your answer/)
      // Whoever is asked sees what for.
      expect(await card.innerText()).toContain('"sum": 12')
      expect(ran).toEqual([])
      return { engine, page, card, ran }
    }

    test('runs after a yes, also of a tab that came later', async () => {
      const { page, card, ran } = await asked()
      await page.reload()
      await button(page, 'Approve').waitFor()
      const announced = page.locator('[aria-live]')
      await expect.poll(() => announced.innerText()).toBe('The reply waits for your answer.')
      const other = await page.context().newPage()
      await other.goto(page.url())
      await button(other, 'Approve').click()
      await expect.poll(() => announced.innerText()).toBe('The reply is complete.')
      await expect.poll(() => card.innerText()).toMatch(/pay\s+Done/)
      await expect.poll(async () => (await replies(page))[0]).toMatch(/It is done\.$/)
      expect(ran).toEqual([{ sum: 12 }])
      expect(await button(page, 'Approve').count()).toBe(0)
    })

    test('does not run after a no', async () => {
      const { page, card, ran } = await asked()
      await button(page, 'Deny').click()
      await expect.poll(() => card.innerText()).toMatch(/pay\s+Denied/)
      await expect.poll(async () => (await replies(page))[0]).toMatch(/It is done\.$/)
      expect(ran).toEqual([])
    })

    test('does not run after a stop', async () => {
      const { page, card, ran } = await asked()
      await expect
        .poll(() => page.locator('[aria-live]').innerText())
        .toBe('The reply waits for your answer.')
      await button(page, 'Stop').click()
      await expect.poll(() => card.innerText()).toMatch(/pay\s+Not run/)
      await button(page, 'Stop').waitFor({ state: 'hidden' })
      expect(await button(page, 'Approve').count()).toBe(0)
      expect(ran).toEqual([])
    })
  })
})
