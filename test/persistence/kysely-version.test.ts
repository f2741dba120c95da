/** One copy of Kysely: the version that MikroORM pins. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { expect, test } from 'vitest'

test('Kysely is the copy that MikroORM uses, at its version', async () => {
  const ours = createRequire(import.meta.url)
  const theirs = createRequire(ours.resolve('@mikro-orm/sql'))
  const { dependencies } = JSON.parse(
    await readFile(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as { dependencies: Record<string, string> }
  const pinned = JSON.parse(
    await readFile(ours.resolve('@mikro-orm/sqlite/package.json'), 'utf8'),
  ) as { dependencies: Record<string, string> }

  expect(theirs.resolve('kysely')).toBe(ours.resolve('kysely'))
  expect(dependencies['kysely']).toBe(pinned.dependencies['kysely'])
})
