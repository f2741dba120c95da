import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { assertRuntime } from '../../src/engine/runtime.ts'
import { testDatabase } from '../support/engine.ts'
import { runChild } from './child-process.ts'

/** Runtimes, and what the refusal says; `undefined`: they work. */
const RUNTIMES: readonly (readonly [string, Record<string, string>, RegExp | undefined])[] = [
  ['Node 18', { node: '18.20.8' }, /Node \(18\.20\.8\).*22\.18/],
  ['Node 20', { node: '20.20.2' }, /Node \(20\.20\.2\).*22\.18/],
  ['Node 22 before 22.18', { node: '22.17.1' }, /Node \(22\.17\.1\)/],
  ['Node 9', { node: '9.11.2' }, /Node \(9\.11\.2\)/],
  ['Node 22.18', { node: '22.18.0' }, undefined],
  ['Node 23', { node: '23.0.0' }, undefined],
  ['Node 24', { node: '24.21.0' }, undefined],
  ['a nightly of Node 100', { node: '100.0.0-nightly20300101' }, undefined],
  ['Electron', { node: '22.19.0', electron: '39.0.0' }, undefined],
  ['an Electron that is too old', { node: '20.18.3', electron: '33.0.0' }, /Node \(20\.18\.3\)/],
  ['Deno, which resembles an older Node', { node: '20.11.1', deno: '2.1.0' }, undefined],
  ['Bun', { node: '24.3.0', bun: '1.3.0' }, /Bun \(this is 1\.3\.0\)/],
  ['no version', {}, /unknown/],
]

test.each(RUNTIMES)('%s works, or is refused with its version', (_, versions, refusal) => {
  if (refusal === undefined) {
    expect(() => assertRuntime(versions)).not.toThrow()
    return
  }
  expect(() => assertRuntime(versions)).toThrow(
    expect.objectContaining({
      code: 'unsupported-runtime',
      message: expect.stringMatching(refusal),
    }),
  )
})

test.each([
  ['Node 20', { node: '20.20.2' }],
  ['Bun', { bun: '1.3.0' }],
])('createEngine rejects on %s before anything native is loaded', async (_, versions) => {
  const database = await testDatabase()

  const child = await runChild('other-runtime', JSON.stringify(versions), database)

  expect(child.stderr).toBe('')
  expect(child).toMatchObject({
    exitCode: 0,
    message: { outcome: { code: 'unsupported-runtime' }, natives: 0, hasFile: false },
  })
})

test('createEngine loads the database where the runtime is right', async () => {
  const database = await testDatabase()

  const child = await runChild('other-runtime', '{}', database)

  expect(child).toMatchObject({
    exitCode: 0,
    message: { outcome: { airplaneMode: false }, natives: 1, hasFile: true },
  })
})

test('says the same oldest Node as the package', async () => {
  const manifest = await readFile(new URL('../../package.json', import.meta.url), 'utf8')
  const { engines } = JSON.parse(manifest) as { engines: { node: string } }
  const oldest = engines.node.replace('>=', '')

  expect(() => assertRuntime({ node: `${oldest}.0` })).not.toThrow()
  const [major, minor] = oldest.split('.').map(Number) as [number, number]
  expect(() => assertRuntime({ node: `${major}.${minor - 1}.99` })).toThrow(oldest)
})
