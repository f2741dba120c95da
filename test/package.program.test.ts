/** The package as a user gets it: packed, unpacked into an empty project, and used there. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startProvider, type Provider } from './support/provider.ts'
import { streamed } from './support/scripts.ts'
import { brokenLinks } from './docs/links.ts'
import { blocksOf } from './docs/pages.ts'

const REPOSITORY = join(import.meta.dirname, '..')

/** A host in six lines. The tests vary the way it gets `createEngine`. */
const HOST = `
async function main() {
  const engine = await createEngine({ database: ':memory:', autoTitle: false })
  await engine.putEndpoint('online', { url: process.argv[2], model: 'm' })
  const conversation = await engine.startConversation()
  const turn = await engine.send(conversation.id, 'tell me a story')
  console.log((await turn.reply).message.text)
  await engine.close()
}
main()
`

let project: string
/** The folder of the bundle: with better-sqlite3, and no other package. */
let deployed: string
let provider: Provider

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'colloquy-package-'))
  deployed = await mkdtemp(join(tmpdir(), 'colloquy-bundle-'))
  provider = await startProvider()
  provider.always(streamed(['Once', ' upon', ' a time']))
  await unpackInto(project)
}, 60_000)

afterAll(async () => {
  await provider.close()
  await rm(project, { recursive: true })
  await rm(deployed, { recursive: true })
})

test('holds the library, its docs and nothing else', async () => {
  const files = await packedFiles()

  expect(files).toEqual(
    expect.arrayContaining(['dist/index.js', 'dist/index.d.ts', 'src/index.ts', 'dist/testing.js']),
  )
  expect(files.filter((file) => !/^(dist|src|docs)(\/|$)/.test(file)).toSorted()).toEqual(
    ['CHANGELOG.md', 'CONTRIBUTING.md', 'LICENSE', 'README.md', 'package.json'].toSorted(),
  )
  const docs = await readdir(join(REPOSITORY, 'docs'), { recursive: true })
  expect(docs).toContain('quick-start.md')
  expect(files.filter((file) => file.startsWith('docs/')).toSorted()).toEqual(
    docs
      .filter((file) => /\.(md|svg|png)$/.test(file))
      .map((file) => `docs/${file}`)
      .toSorted(),
  )
})

test('has no page whose relative links lead nowhere', async () => {
  const pages = (await packedFiles()).filter((file) => file.endsWith('.md'))
  const broken = await Promise.all(
    pages.map((page) => brokenLinks(join(project, 'node_modules/colloquy'), page)),
  )

  expect(pages.length).toBeGreaterThan(10)
  expect(broken.flat()).toEqual([])
})

test('has every page that its declarations and its errors speak of', async () => {
  const files = await packedFiles()
  const code = files.filter((file) => /^dist\/.*\.(d\.ts|js)$/.test(file))
  const texts = await Promise.all(
    code.map((file) => readFile(join(project, 'node_modules/colloquy', file), 'utf8')),
  )
  const named = new Set(texts.join('\n').match(/\bdocs\/[\w-]+\.md/g))

  expect(named.size).toBeGreaterThan(0)
  expect([...named].filter((page) => !files.includes(page))).toEqual([])
})

test('works with import', async () => {
  const host = await write('host.mjs', `import { createEngine } from 'colloquy'${HOST}`)

  expect(await run(host)).toBe('Once upon a time\n')
})

test('has one class of errors for all entries', async () => {
  const host = await write(
    'entries.mjs',
    `import { ColloquyError, createEngine } from 'colloquy'
import { createHandler } from 'colloquy/http'
const engine = await createEngine({ database: ':memory:' })
const handler = createHandler(engine, { authorize: () => ({ owner: 'me' }) })
const { status } = await handler(new Request('http://localhost/api/conversations/missing'))
let thrown
try {
  createHandler(engine, {})
} catch (error) {
  thrown = error
}
console.log(status, thrown instanceof ColloquyError)
await handler.close()
await engine.close()
`,
  )

  expect(await run(host)).toBe('404 true\n')
})

test('shows the sources in stack traces, with --enable-source-maps', async () => {
  const host = await write(
    'stack.mjs',
    `import { createEngine } from 'colloquy'
await createEngine({ database: 1 }).catch((error) => console.log(error.stack))
`,
  )

  const stack = await execute(process.execPath, ['--enable-source-maps', host])
  const [, file = '', line] =
    /node_modules\/colloquy\/(src\/engine\/options\/[\w-]+\.ts):(\d+)/.exec(stack) ?? []
  const lines = (await readFile(join(project, 'node_modules/colloquy', file), 'utf8')).split('\n')

  expect(lines[Number(line) - 1]).toMatch(/new ColloquyError|checked|invalid/)
})

test('works with require', async () => {
  const host = await write('host.cjs', `const { createEngine } = require('colloquy')${HOST}`)

  expect(await run(host)).toBe('Once upon a time\n')
})

test('has a provider for tests, whose example in the docs runs as it is printed', async () => {
  const docs = await readFile(join(REPOSITORY, 'docs/testing.md'), 'utf8')
  const example = /```js\n([^]*?)```/.exec(docs)?.[1] ?? ''

  expect(await run(await write('example.mjs', example))).toBe('All as expected\n')
})

test('works by the quick start alone, which is in the package too', async () => {
  const page = await readFile(join(project, 'node_modules/colloquy/docs/quick-start.md'), 'utf8')
  const chat = blocksOf('quick-start', page).find(({ file }) => file === 'chat.mjs')
  const host = await write('chat.mjs', chat?.code ?? '')

  const child = spawn(process.execPath, [host], {
    cwd: project,
    env: { ...process.env, OPENAI_BASE_URL: provider.url, OPENAI_API_KEY: 'sk-test' },
  })
  child.stdin.end('tell me a story\n')
  let output = ''
  child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()))
  await once(child, 'close')

  expect(output).toContain('Once upon a time\n')
})

test('works in a bundle that leaves out better-sqlite3', async () => {
  const host = await write('bundled.mjs', `import { createEngine } from 'colloquy'${HOST}`)
  const { warnings } = await build({
    entryPoints: [host],
    outfile: join(deployed, 'host.cjs'),
    bundle: true,
    platform: 'node',
    // undici is CommonJS and requires modules of Node, which a bundled ES module cannot.
    format: 'cjs',
    external: ['better-sqlite3'],
    logLevel: 'silent',
  })
  await link(deployed, 'better-sqlite3')

  expect(warnings).toEqual([])
  expect(await run(join(deployed, 'host.cjs'))).toBe('Once upon a time\n')
})

test('has types that hold under the strictest flags', async () => {
  await write(
    'host.ts',
    `import { ColloquyError, createEngine } from 'colloquy'
import type { ConversationEvent, Engine, EngineOptions, Message, Part, Snapshot, Turn } from 'colloquy'
import { reply, reset, startProvider } from 'colloquy/testing'
import type { Provider, Script } from 'colloquy/testing'

const options: EngineOptions = { database: ':memory:', emitIntervalMs: undefined }
const engine: Engine = await createEngine(options)
const turn: Turn = await engine.send('id', [{ type: 'text', text: 'hello' }] satisfies Part[])
engine.inspect(({ type, rootId, actorRef }) => console.log(type, rootId, actorRef.sessionId))
engine.settingsChanges.subscribe(({ change, name }) => console.log(change, name?.length))
turn.events.subscribe((event: ConversationEvent) => {
  if (event.type === 'reply.delta') console.log(event.deltas.length)
})
for await (const snapshot of turn.snapshots()) console.log((snapshot satisfies Snapshot).text)
try {
  const message: Message = (await turn.reply).message
  const tokens: number | undefined = message.usage?.outputTokens
  console.log(tokens)
} catch (error) {
  if (error instanceof ColloquyError && error.code === 'cancelled') console.log(error.partial?.text)
  // @ts-expect-error -- no such code
  if (error instanceof ColloquyError && error.code === 'no-such-code') console.log(error)
}
const provider: Provider = await startProvider()
const script: Script = ({ body }) => (body.stream === true ? reply('hi', { usage: {} }) : reset())
provider.always(script)
const isLeft: boolean | undefined = provider.requests[0]?.clientLeft
console.log(isLeft)
// @ts-expect-error -- no such option
await createEngine({ databse: ':memory:' })
`,
  )
  expect(await compiled('host.ts', { skipLibCheck: true })).toBe('')
  // The declarations of our dependencies count here: what our own name of them must hold too.
  expect(await compiled('host.ts', { skipLibCheck: false })).toBe('')
})

test('takes observers that are typed with the inspection events of XState, and with its own', async () => {
  await write(
    'observers.ts',
    `import { createEngine } from 'colloquy'
import type { ActorInspectionEvent, Engine, InspectionObserver } from 'colloquy'
import type { AnyActorRef, InspectionEvent, Observer } from 'xstate'

declare const engine: Engine
declare const observer: Observer<InspectionEvent>
const log: InspectionEvent[] = []
const typed = (event: InspectionEvent): void => void log.push(event)
engine.inspect(typed)
engine.inspect({ next: typed })
engine.inspect({ next(event: InspectionEvent) { typed(event) } })
engine.inspect(observer)
engine.inspect((event) => {
  typed(event)
  if (event.type === '@xstate.event') console.log(event.event.type, event.sourceRef?.sessionId)
  if (event.type === '@xstate.action') console.log(event.action.type)
  if (event.type === '@xstate.snapshot' && 'value' in event.snapshot) console.log(event.snapshot.value)
  console.log((event.actorRef as AnyActorRef).id)
})
const own: InspectionObserver = (event: ActorInspectionEvent) => console.log(event.type)
engine.inspect(own).unsubscribe()
// @ts-expect-error -- nothing of an engine is observed like this
engine.inspect((event: { readonly type: 'other' }) => console.log(event))
// @ts-expect-error -- no such kind of event
engine.inspect((event) => event.type === '@xstate.other')
await createEngine()
`,
  )

  // XState's own declarations do not hold without it.
  expect(await compiled('observers.ts', { skipLibCheck: true })).toBe('')
})

/** Compiles a file of the project under the strictest flags. Returns the complaints. */
async function compiled(file: string, options: { skipLibCheck: boolean }): Promise<string> {
  await write(
    'tsconfig.json',
    JSON.stringify({
      compilerOptions: {
        target: 'es2024',
        lib: ['es2024', 'esnext.disposable'],
        types: ['node'],
        module: 'nodenext',
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        noImplicitOverride: true,
        noPropertyAccessFromIndexSignature: true,
        verbatimModuleSyntax: true,
        isolatedModules: true,
        noEmit: true,
        ...options,
      },
      files: [file],
    }),
  )
  const tsc = join(REPOSITORY, 'node_modules/typescript/bin/tsc')
  return await execute(process.execPath, [tsc, '--pretty', 'false', '-p', project])
}

/** Packs the repository. Makes an empty project that depends on the tarball. */
async function unpackInto(directory: string): Promise<void> {
  await execute('npm', ['pack', '--silent', '--pack-destination', directory], REPOSITORY)
  const tarball = (await readdir(directory)).find((file) => file.endsWith('.tgz')) ?? ''
  const home = join(directory, 'node_modules/colloquy')
  await mkdir(home, { recursive: true })
  await execute('tar', ['-xzf', join(directory, tarball), '-C', home, '--strip-components=1'])
  await rm(join(directory, tarball))
  await write('package.json', JSON.stringify({ name: 'host', private: true, type: 'module' }))

  const { dependencies } = JSON.parse(await readFile(join(home, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  for (const name of [...Object.keys(dependencies), '@types/node']) await link(directory, name)
}

/** The files of the package, without its folders. */
async function packedFiles(): Promise<readonly string[]> {
  const home = join(project, 'node_modules/colloquy')
  const entries = await readdir(home, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(home, join(entry.parentPath, entry.name)))
}

/** Links an installed package of the repository into a folder: an install without the network. */
async function link(directory: string, name: string): Promise<void> {
  const place = join(directory, 'node_modules', name)
  await mkdir(dirname(place), { recursive: true })
  await symlink(join(REPOSITORY, 'node_modules', name), place)
}

/** Writes a file of the project. Returns its path. */
async function write(file: string, text: string): Promise<string> {
  await writeFile(join(project, file), text)
  return join(project, file)
}

/** The output of a program that gets the provider's address. */
async function run(file: string): Promise<string> {
  return execute(process.execPath, [file, provider.url])
}

/**
 * The output of a program.
 *
 * @throws an error with all output, if the program fails
 */
async function execute(program: string, args: string[], cwd = project): Promise<string> {
  try {
    return (await promisify(execFile)(program, args, { cwd })).stdout
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    throw new Error(`${program} ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error })
  }
}
