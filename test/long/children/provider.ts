/** A provider in its own process, which is going to be killed. It reports its requests. */
import { setTimeout as after } from 'node:timers/promises'
import { startProvider } from '../../support/provider.ts'
import { streamed } from '../../support/scripts.ts'
import { inputOf, replyTo } from '../reply-to.ts'

const provider = await startProvider()
provider.always(async (exchange) => {
  const input = inputOf(exchange.body)
  process.send?.(input)
  await streamed(replyTo(input), { gate: (n) => (n % 3 === 0 ? after(1) : undefined) })(exchange)
})
process.send?.(provider.url)
