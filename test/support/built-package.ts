/**
 * The package as it is built, in the `node_modules` of a new project, without the network.
 *
 * It is built into the project itself, so that no test changes the `dist` of the repository. What
 * `npm pack` puts into the tarball is the business of package.test.ts.
 */
import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

export const REPOSITORY = join(import.meta.dirname, '../..')

const TSC = join(REPOSITORY, 'node_modules/typescript/bin/tsc')

/** A project that has colloquy installed, and a compiler. */
export class BuiltProject implements AsyncDisposable {
  readonly directory: string

  private constructor(directory: string) {
    this.directory = directory
  }

  /** @param packages - further packages of the repository that the project may import */
  static async create(packages: readonly string[] = []): Promise<BuiltProject> {
    const project = new BuiltProject(await mkdtemp(join(tmpdir(), 'colloquy-project-')))
    const home = join(project.directory, 'node_modules/colloquy')
    await mkdir(home, { recursive: true })
    await cp(join(REPOSITORY, 'package.json'), join(home, 'package.json'))
    await execute(process.execPath, [join(REPOSITORY, 'scripts/build.ts'), join(home, 'dist')])
    const { dependencies } = JSON.parse(await readFile(join(home, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>
    }
    for (const name of [...Object.keys(dependencies), '@types/node', '.bin', ...packages]) {
      await project.#link(name)
    }
    await project.write('package.json', JSON.stringify({ private: true, type: 'module' }))
    return project
  }

  /** Writes a file of the project. Returns its path. */
  async write(file: string, text: string): Promise<string> {
    const path = join(this.directory, file)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text)
    return path
  }

  /** The path of a folder of the project, which is made if it is missing. */
  folder(name: string): string {
    mkdirSync(join(this.directory, name), { recursive: true })
    return join(this.directory, name)
  }

  /** Compiles files of the project, strictly. Returns the complaints, one a line. */
  async complaints(files: readonly string[]): Promise<readonly string[]> {
    await this.write(
      'tsconfig.json',
      JSON.stringify({
        compilerOptions: {
          target: 'es2024',
          lib: ['es2024', 'esnext.disposable'],
          types: ['node'],
          module: 'nodenext',
          allowImportingTsExtensions: true,
          erasableSyntaxOnly: true,
          strict: true,
          exactOptionalPropertyTypes: true,
          noUncheckedIndexedAccess: true,
          verbatimModuleSyntax: true,
          skipLibCheck: true,
          noEmit: true,
        },
        files,
      }),
    )
    try {
      await execute(process.execPath, [TSC, '--pretty', 'false', '-p', this.directory], {
        cwd: this.directory,
      })
      return []
    } catch (error) {
      return (error as { stdout: string }).stdout.split('\n').filter((line) => line !== '')
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true })
  }

  async #link(name: string): Promise<void> {
    const place = join(this.directory, 'node_modules', name)
    await mkdir(dirname(place), { recursive: true })
    await symlink(join(REPOSITORY, 'node_modules', name), place)
  }
}

const execute = promisify(execFile)
