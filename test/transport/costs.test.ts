import { expect, test } from 'vitest'
import { operationUrl } from '../../src/transport/http/endpoint-url.ts'
import { ENTRIES } from './cost-entries.ts'
import { expectLinear } from './cost.ts'

test.each(ENTRIES)('costs in proportion to its bytes: $name', (entry) => expectLinear(entry))

test('trims an url in proportion to its slashes', () => {
  const url = `http://h.invalid/${'/'.repeat(4_000)}a${'/'.repeat(4_000)}`
  const before = process.cpuUsage()
  for (let n = 0; n < 200; n += 1) operationUrl(url, '/models')
  const { user } = process.cpuUsage(before)

  // The square of 4,000 takes 5 ms each time.
  expect(user / 200).toBeLessThan(2_500)
})
