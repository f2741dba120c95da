/** docs/reference.md is complete, and says what the declarations say. */
import { expect, test } from 'vitest'
import { publicDeclarations } from '../../scripts/declarations.ts'
import { referenceText } from '../../scripts/reference.ts'
import * as testing from '../../src/testing.ts'
import { createEngine } from '../../src/index.ts'
import { textOfPage } from './pages.ts'

const declarations = await publicDeclarations()
const { index, http, client, testing: kit } = declarations
const page = await textOfPage('docs/reference.md')
const headings = [...page.matchAll(/^#{3,4} (.+)$/gm)].map(([, heading = '']) => heading)

test('it is what `npm run docs:reference` writes', async () => {
  expect(page, 'Run `npm run docs:reference`.').toBe(await referenceText(declarations))
})

test('every public name has a heading', () => {
  expect(index.length).toBeGreaterThan(60)
  expect(headings).toEqual(expect.arrayContaining(index.map(({ name }) => name)))
  expect(headings).toEqual(expect.arrayContaining(Object.keys(testing)))
})

test('everything that an engine and a turn have at run time has its entry', async () => {
  const engine = await createEngine({ database: ':memory:' })
  const prototype = Object.getPrototypeOf(engine) as object
  const names = Object.getOwnPropertyNames(prototype).filter((name) => name !== 'constructor')

  const entries = /^### Engine$[^]*?^### /m.exec(page)?.[0] ?? ''
  await engine.close()

  expect(names.length).toBeGreaterThan(25)
  for (const name of names) {
    expect(entries, name).toMatch(new RegExp(`^(#### Engine\\.${name}|- \`${name}: .*)$`, 'm'))
  }
})

test('every name, and every method of an engine and its turns, says what it is for', () => {
  const names = [...index, ...http, ...client, ...kit]
  const calls = new Set(['Engine', 'Turn', 'ColloquyError'])
  const methods = names
    .filter(({ name }) => calls.has(name))
    .flatMap(({ name: owner, members }) =>
      members
        .filter(({ isMethod, name }) => isMethod && !name.startsWith('['))
        .map(({ name, doc }) => ({ name: `${owner}.${name}`, doc })),
    )
  const silent = [...names, ...methods].filter(({ doc }) => doc.replace(/^@[^]*/, '') === '')

  expect(silent.map(({ name }) => name)).toEqual([])
})
