/** What runs before `npm start`: an installation, where there is none yet. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { testDirectory } from '../support/engine.ts'

const REPOSITORY = join(import.meta.dirname, '../..')

/** A repository without packages, and a npm that says how it was called. */
async function repository() {
  const root = await testDirectory()
  await mkdir(join(root, 'scripts'))
  await copyFile(
    join(REPOSITORY, 'scripts/install-once.mjs'),
    join(root, 'scripts/install-once.mjs'),
  )
  const npm = join(root, 'npm.cjs')
  const called = `process.stdin.on('data', (data) => console.log('read ' + data)).on('end', () => {
    console.log('npm ' + process.argv.slice(2).join(' '))
    process.exitCode = Number(process.env.NPM_ENDS_WITH)
  })`
  await writeFile(npm, called)
  return { root, npm }
}

async function run({ root, npm }: Awaited<ReturnType<typeof repository>>, endsWith = 0) {
  const child = spawn(process.execPath, [join(root, 'scripts/install-once.mjs')], {
    env: { ...process.env, npm_execpath: npm, NPM_ENDS_WITH: String(endsWith) },
  })
  child.stdin.end('a question')
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  return { stdout, stderr, code: code as number }
}

test('installs the packages once, and leaves stdin and stdout to the chat', async () => {
  const fresh = await repository()
  expect(await run(fresh)).toEqual({
    stdout: '',
    stderr: 'The packages are not here yet: npm ci installs them.\nnpm ci\n',
    code: 0,
  })
  await mkdir(join(fresh.root, 'node_modules'))
  // An installation that was cut off.
  expect((await run(fresh)).stderr).toContain('npm ci\n')
  await writeFile(join(fresh.root, 'node_modules/.package-lock.json'), '{}')
  expect(await run(fresh)).toEqual({ stdout: '', stderr: '', code: 0 })
})

test('ends as an installation ends that fails', async () => {
  expect((await run(await repository(), 7)).code).toBe(7)
})

test('runs before the page and the terminal chat', async () => {
  const { scripts } = JSON.parse(await readFile(join(REPOSITORY, 'package.json'), 'utf8')) as {
    readonly scripts: Readonly<Record<string, string>>
  }
  for (const name of ['prestart', 'prechat']) {
    expect(scripts[name]).toBe('node scripts/install-once.mjs')
  }
})
