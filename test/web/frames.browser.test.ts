/** What a frame costs while a long reply streams, as CPU time of the page's thread. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chatReply, steps } from '../../src/testing.ts'
import { CHROMIUM, launch } from './chromium.ts'
import { openPage, pageHost, say } from './page-host.ts'

describe.skipIf(CHROMIUM === undefined)('a frame of the chat page', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(() => browser.close())

  test('is not felt while 60 kB stream, and does not cost more the longer the reply is', async () => {
    const { provider, url } = await pageHost({ emitIntervalMs: 30 })
    const section =
      '## A heading\n\nSome **words** of a paragraph, with `code` and [a link](https://example.com/).\n\n' +
      '- one item\n- another item\n\n```ts\nconst a = 1\nconst b = 2\n```\n\n| a | b |\n| - | - |\n| 1 | 2 |\n\n'
    const pieces = section.repeat(Math.ceil(60_000 / section.length)).match(/[^]{1,600}/g) ?? []
    const longest: number[] = []
    const growth: number[] = []
    for (let run = 0; run < 3; run += 1) {
      const { gate, step } = steps()
      provider.next(chatReply(pieces, { gate }))
      const page = await openPage(browser, url)
      await say(page, 'hello')
      // The highlighter is loaded, and the first pieces are compiled, before frames are measured.
      step(5)
      await page.locator('.hljs-keyword').first().waitFor()
      const tasks = await cpuTasks(page)
      for (let n = 5; n < pieces.length; n += 1) {
        step(1)
        await page.evaluate('new Promise((resolve) => requestAnimationFrame(resolve))')
      }
      // A locator by role would read the whole page, in a task of its own.
      await expect
        .poll(() => page.evaluate("document.querySelector('.growing') === null"))
        .toBe(true)
      const durations = await tasks()
      longest.push(Math.max(...durations))
      growth.push(
        heaviest(durations.slice(-durations.length / 3)) /
          heaviest(durations.slice(0, durations.length / 3)),
      )
      await page.close()
    }
    const medianOf = (values: number[]) => values.toSorted((a, b) => a - b)[1]
    expect(medianOf(longest), `longest tasks in ms: ${longest.join(', ')}`).toBeLessThan(50)
    expect(
      medianOf(growth),
      `last third of the reply to the first: ${growth.join(', ')}`,
    ).toBeLessThan(2)
  })
})

/** The CPU time of each task of the page's thread from now on, in milliseconds: other processes do not count. */
async function cpuTasks(page: Page): Promise<() => Promise<number[]>> {
  const session = await page.context().newCDPSession(page)
  const events: {
    readonly name: string
    readonly tid: number
    readonly ts: number
    readonly tdur?: number
  }[] = []
  session.on('Tracing.dataCollected', ({ value }) =>
    events.push(...(value as unknown as typeof events)),
  )
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: {
      includedCategories: ['disabled-by-default-devtools.timeline', 'devtools.timeline'],
    },
  })
  return async () => {
    const complete = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve))
    await session.send('Tracing.end')
    await complete
    const threads = new Set(events.filter(({ name }) => name === 'Layout').map(({ tid }) => tid))
    return events
      .filter(({ name, tid }) => name === 'RunTask' && threads.has(tid))
      .toSorted((a, b) => a.ts - b.ts)
      .map(({ tdur = 0 }) => tdur / 1_000)
  }
}

/** The mean of the thirty longest tasks. */
function heaviest(durations: readonly number[]): number {
  const top = durations.toSorted((a, b) => b - a).slice(0, 30)
  return top.reduce((sum, each) => sum + each, 0) / top.length
}
