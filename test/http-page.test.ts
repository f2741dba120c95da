/** docs/http.md is complete: every route, every option and every code of a refusal has its row. */
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { PUBLIC_ERRORS } from '../src/http/refusals/public-errors.ts'
import { ROUTES } from '../src/http/routes/routes.ts'

const read = (path: string): Promise<string> =>
  readFile(new URL(`../${path}`, import.meta.url), 'utf8')

/** The cells of the table under a heading, row by row. */
function rowsUnder(page: string, heading: string): readonly (readonly string[])[] {
  const section = page.slice(page.indexOf(`\n${heading}\n`) + heading.length + 2)
  const end = section.search(/^## /m)
  return [...section.slice(0, end === -1 ? undefined : end).matchAll(/^\| (.*) \|$/gm)].map(
    ([, row = '']) => row.split(/(?<!\\) \| /).map((cell) => cell.trim()),
  )
}

test('every route has its row', async () => {
  const cells = rowsUnder(await read('docs/http.md'), '## Routes').map(([cell = '']) => cell)
  const missing = ROUTES.filter(
    ({ method, path }) =>
      !cells.some((cell) => cell.includes(method) && new RegExp(`${path}[?\`]`).test(cell)),
  )
  expect(missing.map(({ method, path }) => `${method} ${path}`)).toEqual([])
})

test('every code of a refusal is in the row of its status', async () => {
  const rows = rowsUnder(await read('docs/http.md'), '## Errors')
  for (const [code, { status }] of Object.entries(PUBLIC_ERRORS)) {
    // The failures of providers have a page of their own.
    if (status === 502) continue
    const [, codes = ''] = rows.find(([first]) => first === String(status)) ?? []
    expect([status, codes]).toEqual([status, expect.stringContaining(`\`${code}\``)])
  }
})

test('every option and limit is named', async () => {
  const source = await read('src/http/options/resolved-options.ts')
  const table = rowsUnder(await read('docs/http.md'), '## Options').join()
  const named = (list: string) => [...list.matchAll(/^ {2}(\w+):/gm)].map(([, name = '']) => name)
  const known = named(/const KNOWN[^{]*\{([\s\S]*?)\n\}/.exec(source)?.[1] ?? '')
  const limits = named(/const LIMITS[^{]*\{([\s\S]*?)\n\}/.exec(source)?.[1] ?? '')
  expect(known.length).toBeGreaterThan(10)
  expect(limits.length).toBeGreaterThan(5)
  for (const name of known) if (name !== 'limits') expect(table).toContain(`\`${name}\``)
  for (const name of limits) expect(table).toContain(`\`limits.${name}\``)
})
