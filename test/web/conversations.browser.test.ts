/** The list of conversations on the chat page, their addresses, drafts, and several tabs. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { chatReply, steps } from '../../src/testing.ts'
import { countingTime } from '../support/counting-time.ts'
import { CHROMIUM, launch } from './chromium.ts'
import { button, messageBox, openPage, pageHost, questions, replies, say } from './page-host.ts'

function titles(page: Page): Promise<string[]> {
  return page.locator('nav .row-title').allInnerTexts()
}

describe.skipIf(CHROMIUM === undefined)('the list of conversations', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(() => browser.close())

  test('lists conversations, the newest activity first, and marks those that run', async () => {
    const { engine, provider, url } = await pageHost({ clock: countingTime() })
    const { gate, step } = steps()
    const older = await engine.startConversation({ title: 'Older' })
    await engine.startConversation({ title: 'Newer' })
    const page = await openPage(browser, url)
    await expect.poll(() => titles(page)).toEqual(['Newer', 'Older'])
    provider.next(chatReply(['a', 'b'], { gate }))
    const turn = await engine.send(older.id, 'hello')
    const mark = page.locator('nav .mark:visible')
    await expect.poll(() => mark.count()).toBe(1)
    await expect.poll(() => titles(page)).toEqual(['Older', 'Newer'])
    step(2)
    await turn.reply
    await expect.poll(() => mark.count()).toBe(0)
  })

  test('marks a conversation that waits for an answer, also after a reload, until it is given', async () => {
    const { gate, step } = steps()
    const pay = { inputSchema: { type: 'object' }, needsApproval: true, execute: () => 'paid' }
    const { engine, provider, url } = await pageHost({
      clock: countingTime(),
      tools: { pay },
    })
    const call = { id: 'c1', name: 'pay', arguments: '{}' }
    provider.next(chatReply([''], { toolCalls: [call] }), chatReply(['Done.'], { gate }))
    const { id } = await engine.startConversation({ title: 'Bill' })
    await engine.startConversation({ title: 'Other' })
    const page = await openPage(browser, url)
    await expect.poll(() => titles(page)).toEqual(['Other', 'Bill'])
    const turn = await engine.send(id, 'pay the bill')
    const waiting = page.getByRole('link', { name: /^Bill.*Waits for your answer/ })
    const running = page.getByRole('link', { name: /^Bill.*A reply is being written/ })
    await waiting.waitFor()
    await page.reload()
    await waiting.waitFor()
    expect(await page.locator('nav .mark:visible').count()).toBe(1)
    const [waits] = await engine.listWaitingCalls()
    await engine.decide(waits?.callId ?? '', { approved: true })
    await running.waitFor()
    step(1)
    await turn.reply
    await expect.poll(() => page.locator('nav .mark:visible').count()).toBe(0)
  })

  test('renames a conversation, also for another tab', async () => {
    const { engine, url } = await pageHost()
    const { id } = await engine.startConversation({ title: 'Before' })
    const page = await openPage(browser, `${url}c/${id}`)
    const other = await openPage(browser, url)
    await expect.poll(() => titles(other)).toEqual(['Before'])
    await button(page, 'Rename').click()
    await page.getByRole('textbox', { name: 'Title' }).fill('After')
    await page.keyboard.press('Enter')
    await expect.poll(() => titles(page)).toEqual(['After'])
    await expect.poll(() => page.locator('h1').innerText()).toBe('After')
    await expect.poll(() => titles(other), { timeout: 1_000 }).toEqual(['After'])
    await button(page, 'Rename').click()
    await page.getByRole('textbox', { name: 'Title' }).fill('Neither')
    await page.keyboard.press('Escape')
    expect((await engine.getConversation(id))?.title).toBe('After')
  })

  test('deletes after five seconds, unless that is undone', async () => {
    const { engine, url } = await pageHost()
    const kept = await engine.startConversation({ title: 'Kept' })
    const page = await openPage(browser, `${url}c/${kept.id}`)
    await expect.poll(() => titles(page)).toEqual(['Kept'])
    await button(page, 'Delete').click()
    await expect.poll(() => titles(page)).toEqual([])
    expect(new URL(page.url()).pathname).toBe('/')
    await button(page, 'Undo').click()
    await expect.poll(() => titles(page)).toEqual(['Kept'])
    expect(new URL(page.url()).pathname).toBe(`/c/${kept.id}`)
    await page.clock.install()
    // Its time stands still from here, and goes on only as the test says.
    await page.clock.pauseAt(Date.now() + 60_000)
    await button(page, 'Delete').click()
    await page.clock.runFor(4_900)
    expect(await engine.getConversation(kept.id)).not.toBe(undefined)
    await page.clock.runFor(200)
    await expect.poll(() => engine.getConversation(kept.id)).toBe(undefined)
  })

  test('deletes at once when the page is left', async () => {
    const { engine, url } = await pageHost()
    const { id } = await engine.startConversation({ title: 'Gone' })
    const page = await openPage(browser, `${url}c/${id}`)
    await expect.poll(() => titles(page)).toEqual(['Gone'])
    await button(page, 'Delete').click()
    await page.goto('about:blank')
    await expect.poll(() => engine.getConversation(id)).toBe(undefined)
  })

  test('goes back and forward between conversations, with a draft in each', async () => {
    const { engine, url } = await pageHost()
    const one = await engine.startConversation({ title: 'One' })
    const two = await engine.startConversation({ title: 'Two' })
    const page = await openPage(browser, url)
    await messageBox(page).fill('new draft')
    await page.getByRole('link', { name: 'One' }).click()
    await expect.poll(() => messageBox(page).inputValue()).toBe('')
    await messageBox(page).fill('draft of one')
    await page.getByRole('link', { name: 'Two' }).click()
    await expect.poll(() => page.locator('h1').innerText()).toBe('Two')
    expect(await messageBox(page).inputValue()).toBe('')
    await page.goBack()
    await expect.poll(() => page.locator('h1').innerText()).toBe('One')
    expect(await messageBox(page).inputValue()).toBe('draft of one')
    await page.goBack()
    expect(await messageBox(page).inputValue()).toBe('new draft')
    await page.goForward()
    await page.goForward()
    expect(new URL(page.url()).pathname).toBe(`/c/${two.id}`)
    await page.goto(`${url}c/${one.id}`)
    await expect.poll(() => messageBox(page).inputValue()).toBe('draft of one')
  })

  test('leaves a box alone whose conversation was opened during a send of another', async () => {
    const { engine, url } = await pageHost()
    const one = await engine.startConversation({ title: 'One' })
    await engine.startConversation({ title: 'Two' })
    const page = await openPage(browser, `${url}c/${one.id}`, { allow: /status of 500/ })
    const refused = Promise.withResolvers<void>()
    await page.route('**/messages', async (route) => {
      if (route.request().method() !== 'POST') return route.continue()
      await refused.promise
      return route.fulfill({ status: 500, body: 'no' })
    })
    await say(page, 'to the first')
    await page.getByRole('link', { name: 'Two' }).click()
    await messageBox(page).fill('for the second')
    expect(await button(page, 'Send').isEnabled()).toBe(true)
    refused.resolve()
    await page.getByText('The server answered with status 500.').waitFor()
    expect(await page.locator('.composer .failure').isVisible()).toBe(false)
    expect(await messageBox(page).inputValue()).toBe('for the second')
    await page.getByRole('link', { name: 'One' }).click()
    expect(await messageBox(page).inputValue()).toBe('to the first')
  })

  test('shows a reply in two tabs within a second, and stops it from either', async () => {
    const { provider, url } = await pageHost()
    const { gate, step } = steps()
    provider.next(chatReply(['Once', ' upon', ' a time'], { gate }))
    const page = await openPage(browser, url)
    await say(page, 'a story')
    step(1)
    await expect.poll(() => replies(page)).toEqual(['Once'])
    const other = await page.context().newPage()
    onTestFinished(() => other.close())
    await other.goto(page.url())
    await expect.poll(() => replies(other)).toEqual(['Once'])
    step(1)
    for (const tab of [page, other]) {
      await expect.poll(() => replies(tab), { timeout: 1_000 }).toEqual(['Once upon'])
    }
    await button(other, 'Stop').click()
    await expect
      .poll(() => page.locator('.note:visible').allInnerTexts(), { timeout: 1_000 })
      .toEqual(['Stopped, 9 characters kept'])
    provider.next(chatReply(['yes']))
    await say(other, 'still there?')
    await expect.poll(() => replies(page)).toEqual(['Once upon', 'yes'])
    expect(await questions(page)).toEqual(['a story', 'still there?'])
  })

  test('leaves a conversation that another tab deleted', async () => {
    const { engine, url } = await pageHost()
    const { id } = await engine.startConversation({ title: 'Gone' })
    const page = await openPage(browser, `${url}c/${id}`, { allow: /404/ })
    await expect.poll(() => titles(page)).toEqual(['Gone'])
    await engine.deleteConversation(id)
    await expect.poll(() => new URL(page.url()).pathname).toBe('/')
    await page.getByText('This conversation does not exist').waitFor()
    await page.goto(`${url}c/${id}`)
    await page.getByText('This conversation does not exist').waitFor()
  })

  test('shows more of the list, and earlier messages, when asked', async () => {
    const { engine, provider, url } = await pageHost()
    const first = await engine.startConversation({ title: 'Number 0' })
    const more = Array.from({ length: 109 }, (_, n) => `Number ${n + 1}`)
    await Promise.all(more.map((title) => engine.startConversation({ title })))
    const messages = Array.from({ length: 210 }, (_, n) => ({
      role: n % 2 === 0 ? ('user' as const) : ('assistant' as const),
      content: `message ${n}`,
    }))
    const { id } = await engine.startConversation({ title: 'Long', messages })
    const page = await openPage(browser, `${url}c/${id}`)
    await expect.poll(() => page.locator('.message').count()).toBe(200)
    await expect.poll(() => page.locator('nav .conversations li').count()).toBe(50)
    await button(page, 'Show older').click()
    await expect.poll(() => page.locator('nav .conversations li').count()).toBe(100)
    // A conversation that the list has not seen makes it load again.
    provider.next(chatReply(['hello']))
    await engine.send(first.id, 'hello')
    await expect.poll(async () => (await titles(page))[0]).toBe('Number 0')
    expect(await page.locator('nav .conversations li').count()).toBe(100)
    await button(page, 'Show earlier messages').click()
    await expect.poll(() => page.locator('.message').count()).toBe(210)
    expect(await page.locator('.message').first().innerText()).toContain('message 0')
    await button(page, 'Show earlier messages').waitFor({ state: 'hidden' })
  })

  test('chooses the model of a conversation', async () => {
    const { engine, provider, url } = await pageHost()
    const page = await openPage(browser, url)
    const select = page.getByRole('combobox', { name: 'Model' })
    await expect.poll(() => select.locator('option').allInnerTexts()).toEqual(['m', 'large'])
    await select.selectOption('large')
    provider.next(chatReply(['big']))
    await say(page, 'hello')
    await expect.poll(() => replies(page)).toEqual(['big'])
    expect(provider.requests.at(-1)?.body.model).toBe('large')
    await select.selectOption('m')
    await expect.poll(async () => (await engine.listConversations())[0]?.model).toBe('m')
    provider.next(chatReply(['small']))
    await say(page, 'hello')
    await expect.poll(() => replies(page)).toEqual(['big', 'small'])
    expect(provider.requests.at(-1)?.body.model).toBe('m')
  })

  test('switches airplane mode', async () => {
    const { engine, provider, url } = await pageHost()
    await engine.putEndpoint('airplane', { url: provider.url, model: 'tiny' })
    const page = await openPage(browser, url)
    const control = page.getByRole('switch', { name: 'Airplane mode' })
    // An answer that was on its way during the click tells nothing any more.
    const early = Promise.withResolvers<void>()
    await page.route('**/settings', async (route) => {
      const response = await route.fetch()
      if (route.request().method() === 'GET') await early.promise
      await route.fulfill({ response })
    })
    await page.evaluate("dispatchEvent(new Event('focus'))")
    await control.click()
    await expect.poll(() => control.getAttribute('aria-checked')).toBe('true')
    early.resolve()
    await page.unrouteAll({ behavior: 'wait' })
    await page.evaluate('new Promise((resolve) => requestAnimationFrame(resolve))')
    expect(await control.getAttribute('aria-checked')).toBe('true')
    provider.next(chatReply(['from here']))
    await say(page, 'hello')
    await expect.poll(() => replies(page)).toEqual(['from here'])
    expect(provider.requests.at(-1)?.body.model).toBe('tiny')
    await control.click()
    await expect.poll(async () => (await engine.getSettings()).airplaneMode).toBe(false)
  })
})
