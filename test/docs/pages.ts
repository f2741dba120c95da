/** The pages that users read, and their blocks of code. Knows nothing of how a block is run. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { REPOSITORY } from '../support/built-package.ts'

/** One fenced block of a page. */
export interface Block {
  /** The path of the page in the repository. */
  readonly page: string
  /** The line of the opening fence. */
  readonly line: number
  readonly language: string
  readonly code: string
  /**
   * The name of the file that the block is. Its first line says so: `// chat.mjs`. Other blocks
   * are fragments.
   */
  readonly file?: string
  /** What the code prints: the `text` block that follows it, with nothing but prose of one line between. */
  readonly output?: string
}

/** The paths of all pages, in alphabetical order. */
export async function pages(): Promise<readonly string[]> {
  const docs = await readdir(join(REPOSITORY, 'docs'), { recursive: true })
  const inDocs = docs.filter((file) => file.endsWith('.md')).map((file) => `docs/${file}`)
  return [
    'README.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'examples/README.md',
    ...inDocs,
  ].toSorted()
}

export async function textOfPage(page: string): Promise<string> {
  return await readFile(join(REPOSITORY, page), 'utf8')
}

/** The blocks of a page, in their order. */
export function blocksOf(page: string, text: string): readonly Block[] {
  const fences = [...text.matchAll(/^( *)```([\w.]*)\n([^]*?)^\1```$/gm)]
  return fences.map((fence, i) => {
    const [all, indent = '', language = '', body = ''] = fence
    const code = unindented(body, indent)
    const next = fences[i + 1]
    const between = next && text.slice(fence.index + all.length, next.index)
    const file = /^\/\/ ([\w.-]+\.[cm]?[jt]s)\n/.exec(code)?.[1]
    return {
      page,
      line: text.slice(0, fence.index).split('\n').length,
      language,
      code,
      ...(file !== undefined && { file }),
      ...(next?.[2] === 'text' &&
        /^\s*([^\n]*\n)?\s*$/.test(between ?? '') && {
          output: unindented(next[3] ?? '', next[1] ?? ''),
        }),
    }
  })
}

function unindented(text: string, indent: string): string {
  return text.replaceAll(new RegExp(`^${indent}`, 'gm'), '')
}
