/** The registry: a map for entries that come and go with turns. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { Registry } from '../src/registry.ts'

const value = (name: string) => ({ name })

test('gives what was put in, until it is taken out', () => {
  const registry = new Registry<string, { name: string }>()
  registry.set('a', value('first'))
  registry.set('b', value('second'))

  expect(registry.get('a')).toEqual(value('first'))
  expect(registry.has('a')).toBe(true)
  expect(registry.size).toBe(2)

  expect(registry.delete('a')).toBe(true)
  expect(registry.delete('a')).toBe(false)
  expect(registry.get('a')).toBeUndefined()
  expect(registry.has('a')).toBe(false)
  expect(registry.values()).toEqual([value('second')])
})

test('takes out a value for the work that put it in, and no later one under its key', () => {
  const registry = new Registry<string, { name: string }>()
  const [first, second] = [value('first'), value('second')]
  registry.set('a', first)
  registry.set('a', second)

  expect(registry.remove('a', first)).toBe(false)
  expect(registry.get('a')).toBe(second)
  expect(registry.remove('a', second)).toBe(true)
  expect(registry.has('a')).toBe(false)
  expect(registry.remove('a', second)).toBe(false)
})

test('keeps the place of a value that is replaced', () => {
  const registry = new Registry<string, { name: string }>()
  for (const key of ['a', 'b', 'c']) registry.set(key, value(key))
  registry.set('b', value('another'))

  expect(registry.values()).toEqual([value('a'), value('another'), value('c')])
})

test('gives values that stay as they are while it is emptied', () => {
  const registry = new Registry<string, { name: string }>()
  for (const key of ['a', 'b']) registry.set(key, value(key))

  const before = registry.values()
  registry.clear()

  expect(before).toEqual([value('a'), value('b')])
  expect(registry.size).toBe(0)
  expect(registry.values()).toEqual([])
})

/** Measured in its own process, where nothing else makes garbage. */
function leftOf(kind: 'Map' | 'Registry'): number {
  const script = fileURLToPath(new URL('./children/passing-through.ts', import.meta.url))
  return Number(execFileSync(process.execPath, ['--expose-gc', script, kind]))
}

test('keeps next to nothing of what has passed through, where a Map keeps much', () => {
  expect(leftOf('Registry')).toBeLessThan(leftOf('Map') / 5)
})
