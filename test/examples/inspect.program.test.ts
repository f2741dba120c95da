/** The example `inspect`. */
import { once } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import { ExampleProcess } from './example-process.ts'

let example: ExampleProcess

afterEach(() => example.destroy())

test('shows turns that are answered, back off, fail over and are cancelled', async () => {
  example = ExampleProcess.start({ script: 'example:inspect' })
  const [, port] = await example.hears(/http:\/\/localhost:(\d+)/)
  const browser = new WebSocket(`ws://127.0.0.1:${port}`)
  const records: { type: string; snapshot?: { value?: unknown } }[] = []
  browser.addEventListener('message', ({ data }) => records.push(JSON.parse(String(data))))
  await once(browser, 'open')

  await example.hears(/turn: replying\.receiving\n[^]*turn: saving\n[^]*: done\n/)
  await example.hears('(This story is scripted')
  await example.hears('A turn that backs off')
  await example.hears(
    /turn: backingOff\n[^]*turn: backingOff\n[^]*turn: replying\.receiving\n[^]*: done\n/,
  )
  await example.hears('I have thought about it')
  await example.hears('A turn that fails over')
  await example.hears(/turn: backingOff\n[^]*turn: replying\.receiving\n[^]*: done\n/)
  await example.hears('A turn that is cancelled')
  await example.hears(/turn: saving\n[^]*: cancelled\n/)
  await example.hears(/cancelled: .*[1-9]\d* characters kept\./)
  await example.hears('Each line you type is a message')
  example.say('broken think')
  await example.hears('I have thought about it')

  const { code, stderr } = await example.end()
  expect(code).toBe(0)
  expect(stderr).toBe('')
  expect(records.map(({ snapshot }) => snapshot?.value)).toContainEqual({ replying: 'receiving' })
})
