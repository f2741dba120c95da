/**
 * A project with the files that the pages tell the reader to save, and a scripted model to run them
 * against. Each page has a folder of its own.
 */
import { execFile, spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished } from 'vitest'
import { startProvider, type Provider } from '../../src/testing.ts'
import { BuiltProject, REPOSITORY } from '../support/built-package.ts'
import { likeAModel } from './model.ts'
import { blocksOf, pages, textOfPage, type Block } from './pages.ts'

export const blocks = (
  await Promise.all((await pages()).map(async (page) => blocksOf(page, await textOfPage(page))))
).flat()

/** The blocks that name a file. */
export const files = blocks.filter(({ file }) => file !== undefined)

export interface RunOptions {
  /** What is typed. */
  readonly input?: string
  /** The url of the provider. */
  readonly url?: string
  /** A folder for the database, beside that of the page. */
  readonly cwd?: string
}

export class SavedFiles implements AsyncDisposable {
  readonly project: BuiltProject
  readonly provider: Provider

  private constructor(project: BuiltProject, provider: Provider) {
    this.project = project
    this.provider = provider
  }

  static async create(): Promise<SavedFiles> {
    const saved = new SavedFiles(await BuiltProject.create(['vite']), await startProvider())
    saved.provider.always(likeAModel)
    for (const block of files) await saved.project.write(saved.pathOf(block), block.code)
    return saved
  }

  /** The path of a file in the project. */
  pathOf({ page, file = '' }: Pick<Block, 'page' | 'file'>): string {
    return join(folderOf(page), file)
  }

  /** The folder of a page. */
  folder(page: string): string {
    return this.project.folder(folderOf(page))
  }

  /** Runs a file of a page to its end. Returns what it printed, without prompts. */
  async run(page: string, file: string, options: RunOptions = {}): Promise<string> {
    const child = this.start(page, file, options)
    child.stdin.end(options.input ?? '')
    let output = ''
    child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()))
    let errors = ''
    child.stderr.on('data', (bytes: Buffer) => (errors += bytes.toString()))
    const [code] = (await once(child, 'close')) as [number]
    expect({ code, errors: code === 0 ? '' : errors }, output).toEqual({ code: 0, errors: '' })
    // Whether the prompt is printed once more depends on when the input ends.
    return output.replaceAll(/^> /gm, '')
  }

  /** Starts a file of a page. It ends with the test. */
  start(page: string, file: string, options: RunOptions = {}): ChildProcessWithoutNullStreams {
    const child = spawn(process.execPath, [join(this.folder(page), file)], {
      cwd: options.cwd === undefined ? this.folder(page) : this.project.folder(options.cwd),
      env: this.#environment(options.url),
    })
    onTestFinished(() => {
      child.kill('SIGKILL')
    })
    return child
  }

  /** Runs a command as a page prints it. Returns what it printed, or throws with it. */
  async shell(command: string, cwd: string): Promise<string> {
    const options = { cwd, env: this.#environment() }
    return (await promisify(execFile)('sh', ['-c', command], options)).stdout
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.provider.close()
    await this.project[Symbol.asyncDispose]()
  }

  #environment(url = this.provider.url): NodeJS.ProcessEnv {
    const programs = [dirname(process.execPath), join(REPOSITORY, 'node_modules/.bin')]
    return {
      ...process.env,
      PATH: [...programs, process.env['PATH']].join(delimiter),
      OPENAI_BASE_URL: url,
      OPENAI_API_KEY: 'sk-test',
      OPENAI_MODEL: 'm',
    }
  }
}

function folderOf(page: string): string {
  return page.replaceAll(/[^\w]+/g, '-')
}
