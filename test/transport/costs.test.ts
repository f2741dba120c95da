import { expect, test } from 'vitest'
import { operationUrl } from '../../src/transport/http/endpoint-url.ts'
import { ENTRIES } from './cost-entries.ts'
import { costOf, expectLinear } from './cost.ts'

test.each(ENTRIES)('costs in proportion to its bytes: $name', (entry) => expectLinear(entry))

test('reads no more pictures of an event than a reply may have', async () => {
  const entry = (field: string) => ({
    name: field,
    size: 300_000,
    made: (n: number): Buffer => {
      const pictures = Array.from({ length: n }, () => '"https://a.b/c.png"').join(',')
      const event = `data: {"choices":[{"delta":{"content":"a","${field}":[${pictures}]}}]}\n\n`
      return Buffer.from(`HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\n\r\n${event}`)
    },
  })

  // Each picture took a hash: the event cost eight times as much as one that nobody reads.
  expect(await costOf(entry('images'), 1)).toBeLessThan(4 * (await costOf(entry('ignored'), 1)))
})

test('trims an url in proportion to its slashes', () => {
  const url = `http://h.invalid/${'/'.repeat(4_000)}a${'/'.repeat(4_000)}`
  const before = process.cpuUsage()
  for (let n = 0; n < 200; n += 1) operationUrl(url, '/models')
  const { user } = process.cpuUsage(before)

  // The square of 4,000 takes 5 ms each time.
  expect(user / 200).toBeLessThan(2_500)
})
