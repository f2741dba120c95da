/** docs/providers.md is complete: its tables list every name. */
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { DIALECTS } from '../src/protocol/endpoint.ts'

const read = (path: string): Promise<string> =>
  readFile(new URL(`../${path}`, import.meta.url), 'utf8')

/** The first cells of the table rows under a heading, where the cell is one name in code. */
function rowsUnder(page: string, heading: string): readonly string[] {
  const section = page.slice(page.indexOf(`\n${heading}\n`) + 1).slice(heading.length)
  const end = section.search(new RegExp(`^#{1,${heading.indexOf(' ')}} `, 'm'))
  const rows = section.slice(0, end === -1 ? undefined : end).matchAll(/^\| `([\w-]+)` +\|/gm)
  return [...rows].map(([, name = '']) => name)
}

test('every error code has its row, and every row a code', async () => {
  const union = /export type ColloquyErrorCode =\n([\s\S]*?)\n\n/.exec(
    await read('src/protocol/errors.ts'),
  )
  const codes = [...(union?.[1] ?? '').matchAll(/\| '([\w-]+)'/g)].map(([, code = '']) => code)

  const rows = rowsUnder(await read('docs/providers.md'), '## Errors')

  expect(codes.length).toBeGreaterThan(40)
  expect(rows.toSorted()).toEqual(codes.toSorted())
})

test('every error code has a cause and a remedy', async () => {
  const page = await read('docs/providers.md')
  const errors = page.slice(page.indexOf('\n## Errors\n'))
  const rows = [...errors.matchAll(/^\| `([\w-]+)` +\|(.*)\|(.*)\|$/gm)]

  expect(rows.length).toBeGreaterThan(40)
  for (const [, code, when = '', remedy = ''] of rows) {
    expect(when.trim(), code).toMatch(/\w.*\.$/)
    expect(remedy.trim(), code).toMatch(/\w.*\.$/)
  }
})

test('every dialect and every quirk switch has its row', async () => {
  const page = await read('docs/providers.md')
  const quirks = /export interface Quirks \{([\s\S]*?)\n\}/.exec(
    await read('src/protocol/endpoint.ts'),
  )
  const switches = [...(quirks?.[1] ?? '').matchAll(/^ {2}readonly (\w+)\?:/gm)]

  expect(rowsUnder(page, '## Dialects')).toEqual(expect.arrayContaining([...DIALECTS]))
  expect(switches.length).toBe(6)
  expect(rowsUnder(page, '### chat-completions')).toEqual(switches.map(([, name]) => name))
})
