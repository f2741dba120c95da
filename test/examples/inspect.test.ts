/** The example `inspect`. */
import { once } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import { ExampleProcess } from './example-process.ts'

let example: ExampleProcess

afterEach(() => example.destroy())

test('prints the states of a turn and hands them to the relay', async () => {
  example = ExampleProcess.start({ script: 'example:inspect' })
  const [, port] = await example.hears(/http:\/\/localhost:(\d+)/)
  const browser = new WebSocket(`ws://127.0.0.1:${port}`)
  const records: { type: string; snapshot?: { value?: unknown } }[] = []
  browser.addEventListener('message', ({ data }) => records.push(JSON.parse(String(data))))
  await once(browser, 'open')

  await example.hears(/turn: replying\.receiving\n[^]*turn: saving\n[^]*: done\n/)
  await example.hears('(This story is scripted')

  const { code, stderr } = await example.end()
  expect(code).toBe(0)
  expect(stderr).toBe('')
  expect(records.map(({ snapshot }) => snapshot?.value)).toContainEqual({ replying: 'receiving' })
})
