/** docs/bundling.md: every command is run as it is printed, on the built package. */
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { REPOSITORY } from '../support/built-package.ts'
import { blocks, files, SavedFiles } from './saved-files.ts'

const BUNDLING = 'docs/bundling.md'

/** The commands of the page, in their order. */
const commands = blocks
  .filter(({ page, language }) => page === BUNDLING && language === 'sh')
  .flatMap(({ code }) => code.trim().split('\n'))

/** Stands for Electron: calls what the main process handles, as a window would, and quits. */
const ELECTRON = `
import { EventEmitter } from 'node:events'
const handlers = new Map()
const shown = []
export const app = Object.assign(new EventEmitter(), {
  requestSingleInstanceLock: () => true,
  whenReady: async () => setTimeout(drive, 200),
  getPath: () => '.',
  exit: () => process.exit(),
})
export class BrowserWindow {
  webContents = { send: (channel, snapshot) => shown.push(snapshot.text) }
}
export const ipcMain = { handle: (name, handler) => handlers.set(name, handler) }
async function drive() {
  if (handlers.size < 3) return setTimeout(drive, 50)
  const id = await handlers.get('start')({})
  const { text } = await handlers.get('send')({}, id, 'hello')
  console.log(text, shown.at(-1) === text)
  console.log((await handlers.get('send')({}, 'unknown', 'hello')).code)
  console.log((await handlers.get('stop')({}, id)).outcome)
  app.emit('before-quit', { preventDefault: () => console.log('waits') })
}
`

let saved: SavedFiles

beforeAll(async () => {
  saved = await SavedFiles.create()
  await saved.project.write(
    'node_modules/electron/package.json',
    '{"type":"module","main":"index.js"}',
  )
  await saved.project.write('node_modules/electron/index.js', ELECTRON)
}, 60_000)

afterAll(async () => {
  await saved[Symbol.asyncDispose]()
})

test('every file of the page is in one of its commands, or is found by Vite or run below', () => {
  const named = [...commands, 'vite.config.mjs', 'main.mjs'].join(' ')
  const own = files.filter(({ page }) => page === BUNDLING)

  expect(own.length).toBeGreaterThan(4)
  expect(own.filter(({ file = '' }) => !named.includes(file))).toEqual([])
})

test('the main process of Electron works on Node', async () => {
  expect(await saved.run('docs/bundling.md', 'main.mjs')).toBe(
    'An actor has a mailbox. true\nconversation-not-found\nalready-done\nwaits\n',
  )
}, 60_000)

test('every command of the page on bundling works, as it is printed', async () => {
  const folder = saved.folder(BUNDLING)

  const printed: string[] = []
  for (const command of commands) {
    // A bundle that has all inside runs where nothing but better-sqlite3 is installed.
    const [, bundle] = /^node (out\S*inside\S*)$/.exec(command) ?? []
    const place = bundle === undefined ? folder : await deployed(join(folder, bundle))
    printed.push(
      await saved.shell(bundle === undefined ? command : `node ${basename(bundle)}`, place),
    )
  }

  const answers = printed.filter((_, i) => commands[i]?.startsWith('node '))
  const answer = 'An actor has a mailbox.\n'
  expect(answers).toEqual([answer, answer, '[]\n', answer, answer])
}, 120_000)

test('the commands of the page on bundling fail without what it says they need', async () => {
  const folder = saved.folder(BUNDLING)
  const [inside = ''] = commands.filter((command) => command.includes('--banner'))
  const without = (part: RegExp) => inside.replace(part, '').replace('inside.mjs', 'without.mjs')

  await saved.shell(without(/--banner:js=".*?"/), folder)
  await expect(saved.shell('node out/without.mjs', folder)).rejects.toThrow(
    'Dynamic require of "node:assert"',
  )
  await saved.shell(without(/ as makeRequire/).replace('makeRequire', 'createRequire'), folder)
  await expect(saved.shell('node out/without.mjs', folder)).rejects.toThrow(
    'has already been declared',
  )
  await saved.shell(without(/--external:better-sqlite3/), folder)
  await expect(saved.shell('node out/without.mjs', folder)).rejects.toThrow(
    '__dirname is not defined',
  )
}, 120_000)

/** Copies a bundle, with its neighbours, to a folder that has better-sqlite3 and nothing else. */
async function deployed(bundle: string): Promise<string> {
  const place = await mkdtemp(join(tmpdir(), 'colloquy-deployed-'))
  onTestFinished(() => rm(place, { recursive: true }))
  await cp(dirname(bundle), place, { recursive: true })
  await mkdir(join(place, 'node_modules'))
  await symlink(
    join(REPOSITORY, 'node_modules/better-sqlite3'),
    join(place, 'node_modules/better-sqlite3'),
  )
  return place
}
