/**
 * Reads the public declarations, as `tsc` emits them.
 *
 * `tsc` prints them in one form: a declaration begins in the first column, a member after four
 * blanks, each with its comment before it. That is all this file knows of TypeScript.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, posix } from 'node:path'
import { promisify } from 'node:util'

const REPOSITORY = join(import.meta.dirname, '..')

/** A part of an interface or a class: a field or a method. */
export interface Member {
  readonly name: string
  /** The text up to the semicolon, without `readonly`. */
  readonly code: string
  readonly isMethod: boolean
  readonly isOptional: boolean
  readonly doc: string
}

/** A public name with all that its declaration says. */
export interface Declaration {
  readonly name: string
  readonly kind: 'interface' | 'class' | 'type' | 'function'
  /** The source file that declares it, without its ending: `protocol/message`. */
  readonly file: string
  readonly doc: string
  /** The declaration without `export` and `declare`. */
  readonly code: string
  /** Empty for types and functions. */
  readonly members: readonly Member[]
  /** The interface that it extends. */
  readonly base?: string
}

/** The public names of an entry, like `index` or `testing`, in the order of its export lists. */
export type Declarations = Readonly<
  Record<'index' | 'testing' | 'http' | 'client', readonly Declaration[]>
>

/** Emits the declarations and reads those of the public names. */
export async function publicDeclarations(): Promise<Declarations> {
  const directory = await mkdtemp(join(tmpdir(), 'colloquy-declarations-'))
  try {
    const project = join(REPOSITORY, 'tsconfig.build.json')
    const options = ['--declarationMap', 'false', '--outDir', directory]
    const tsc = join(REPOSITORY, 'node_modules/typescript/bin/tsc')
    await promisify(execFile)(process.execPath, [tsc, '-p', project, ...options])
    return {
      index: await exportsOf(directory, 'index'),
      testing: await exportsOf(directory, 'testing'),
      http: await exportsOf(directory, 'http'),
      client: await exportsOf(directory, 'client'),
    }
  } finally {
    await rm(directory, { recursive: true })
  }
}

async function exportsOf(directory: string, entry: string): Promise<readonly Declaration[]> {
  const text = await readFile(join(directory, `${entry}.d.ts`), 'utf8')
  const found = new Map<string, Declaration>()
  for (const [, names = '', from = ''] of text.matchAll(
    /^export (?:type )?\{([^}]*)\} from '\.\/(.*)\.ts';/gm,
  )) {
    const source = await readFile(join(directory, `${from}.d.ts`), 'utf8')
    for (const item of names.split(',').map((name) => name.trim())) {
      const [name = '', alias = name] = item.split(' as ')
      if (name !== '')
        found.set(alias, { ...declarationOf(source, name, posix.normalize(from)), name: alias })
    }
  }
  return [...found.values()]
}

const COMMENT = String.raw`(?:\/\*\*(?:[^*]|\*(?!\/))*\*\/\s*)`

function declarationOf(source: string, name: string, file: string): Declaration {
  const head = new RegExp(
    `^(${COMMENT})?export (?:declare )?(?:(interface|class) ${name}\\b[^]*?^\\}$|(type|function) ${name}\\b[^]*?;$(?=\\n[^\\s}]|\\s*$(?![^])))`,
    'm',
  ).exec(source)
  if (head === null)
    throw new Error(`${file}.d.ts does not declare ${name} in a form that is known.`)
  const [all, comment = '', shape, kind = shape ?? ''] = head
  const code = all.slice(comment.length).replace(/^export (declare )?/, '')
  const hasMembers = shape !== undefined
  const base = hasMembers ? /^\w+ \w+(?:<.*?>)? extends (\w+)/.exec(code)?.[1] : undefined
  return {
    name,
    kind: kind as Declaration['kind'],
    file,
    doc: textOf(comment),
    code: hasMembers ? code : `${localNames(code, source)}${withLists(code, source)}`,
    members: hasMembers ? membersOf(code) : [],
    ...(base !== undefined && { base }),
  }
}

/** The declarations of names that are not public, where the code mentions them. */
function localNames(code: string, source: string): string {
  const local = source.matchAll(
    new RegExp(`^(?:interface (\\w+)[^]*?^\\}|type (\\w+)[^]*?;)$`, 'gm'),
  )
  return [...local]
    .filter(([all, name, alias]) => {
      const used = new RegExp(`\\b${name ?? alias}\\b`)
      return (
        used.test(code) ||
        [...source.matchAll(/^interface[^]*?^\}$/gm)].some(
          ([other]) =>
            other !== all &&
            used.test(other) &&
            new RegExp(`\\b${/\w+ (\w+)/.exec(other)?.[1]}\\b`).test(code),
        )
      )
    })
    .map(([all]) => `${all}\n`)
    .join('')
}

/** Writes out `(typeof LIST)[number]`, the union of the values of a list. */
function withLists(code: string, source: string): string {
  return code.replaceAll(/\(typeof (\w+)\)\[number\]/g, (all, list: string) => {
    const values = new RegExp(`const ${list}: readonly \\[([^\\]]*)\\]`).exec(source)?.[1]
    return values?.split(', ').join(' | ') ?? all
  })
}

function membersOf(code: string): readonly Member[] {
  const body = code.slice(code.indexOf('{') + 1, code.lastIndexOf('}'))
  const members = body.matchAll(
    new RegExp(`^ {4}(${COMMENT})?(?! )([^]*?);$(?=\\n(?: {4}[^\\s}]|$))`, 'gm'),
  )
  return [...members].flatMap(([, comment = '', raw = '']) => {
    const declared = raw.replace(/^(override )?(readonly )?/, '').replaceAll(/\n {4}/g, '\n')
    const name = /^(\[[\w.]+\]|\w+)/.exec(declared)?.[1]
    if (name === undefined || name === 'constructor') return []
    const rest = declared.slice(name.length)
    const isOptional = rest.startsWith('?')
    return [
      {
        name,
        code: isOptional ? declared.replace(/ \| undefined$/, '') : declared,
        isMethod: /^\??[(<]/.test(rest),
        isOptional,
        doc: textOf(comment),
      },
    ]
  })
}

/** The text of a comment, without its stars. */
function textOf(comment: string): string {
  return comment
    .trim()
    .replace(/^\/\*\*\s?/, '')
    .replace(/\s*\*\/$/, '')
    .replaceAll(/^[ \t]*\* ?/gm, '')
    .trim()
}
