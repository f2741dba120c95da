/** The code of README and docs compiles and runs as it is printed, on the built package. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startProvider, type Provider } from '../../src/testing.ts'
import type { FragmentRun } from '../children/fragments.ts'
import { BuiltProject } from '../support/built-package.ts'
import { moduleOf } from './fragment.ts'
import { likeAModel } from './model.ts'
import { blocks } from './saved-files.ts'

/** Libraries that pages show beside ours. */
const OTHER_LIBRARIES = ['ai', '@ai-sdk/openai-compatible', 'openai']

const code = blocks.filter(({ language }) => language === 'ts' || language === 'js')
const fragments = code.filter((block) => block.file === undefined)
const named = fragments.map((block) => ({ ...block, name: `${block.page}:${block.line}` }))

let project: BuiltProject
let provider: Provider
let complaints: readonly string[]
let runs: Record<string, FragmentRun>
const pathOf = (name: string, language: string) =>
  `${name.replaceAll(/[^\w]+/g, '-')}.${language === 'js' ? 'mjs' : 'ts'}`

beforeAll(async () => {
  project = await BuiltProject.create(OTHER_LIBRARIES)
  provider = await startProvider()
  provider.always(likeAModel)
  for (const { name, language, code: text } of named) {
    await project.write(pathOf(name, language), moduleOf(text, language, provider.url))
  }
  const typed = named.filter(({ language }) => language === 'ts')
  complaints = await project.complaints(typed.map(({ name }) => pathOf(name, 'ts')))
  runs = await run(
    named.map(({ name, language }) => join(project.directory, pathOf(name, language))),
  )
}, 120_000)

afterAll(async () => {
  await provider.close()
  await project[Symbol.asyncDispose]()
})

test('every block of code says its language', () => {
  const known = new Set(['', 'js', 'json', 'sh', 'sql', 'text', 'ts', 'typescript'])

  expect(blocks.filter(({ language }) => !known.has(language))).toEqual([])
  // Blocks without a language are charts. `typescript` is the printed form of declarations.
  const charts = blocks.filter(({ language }) => language === '').map(({ code: text }) => text)
  expect(charts.filter((text) => /[;{]$|^(import|const|await) /m.test(text))).toEqual([])
  expect(
    new Set(blocks.filter(({ language }) => language === 'typescript').map((b) => b.page)),
  ).toEqual(new Set(['docs/reference.md']))
})

test('the compiler complains of nothing else', () => {
  const files = named.map(({ name, language }) => pathOf(name, language))

  expect(complaints.filter((line) => !files.some((file) => line.startsWith(`${file}(`)))).toEqual(
    [],
  )
})

describe.each(named)('$name', ({ name, language, output }) => {
  if (language === 'ts') {
    test('compiles', () => {
      expect(complaints.filter((line) => line.startsWith(`${pathOf(name, language)}(`))).toEqual([])
    })
  }

  test('runs', () => {
    const done = runs[join(project.directory, pathOf(name, language))]

    expect(done).toBeDefined()
    expect(done?.error).toBeUndefined()
    if (output !== undefined) expect(done?.output.trimEnd()).toBe(output.trimEnd())
  })
})

/** Runs modules in one process of Node. */
async function run(files: readonly string[]): Promise<Record<string, FragmentRun>> {
  const child = fork(join(import.meta.dirname, '../children/fragments.ts'), files, {
    silent: true,
  })
  let result: Record<string, FragmentRun> = {}
  let stderr = ''
  child.on('message', (value) => (result = value as Record<string, FragmentRun>))
  child.stderr?.on('data', (bytes: Buffer) => (stderr += bytes.toString()))
  const [status] = (await once(child, 'close')) as [number]
  if (status !== 0) throw new Error(`The fragments ended with ${status}:\n${stderr}`)
  return result
}
