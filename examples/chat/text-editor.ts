/** Lets a person write a text in the editor of their own: `$VISUAL`, `$EDITOR`, else vi. */
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Opens the editor on a text. Returns the text that was saved.
 *
 * @throws an `Error` if the editor cannot be started or fails
 */
export async function editText(text: string, env: NodeJS.ProcessEnv): Promise<string> {
  const editor = env['VISUAL'] || env['EDITOR'] || 'vi'
  // Nobody else may read the folder.
  const folder = await mkdtemp(join(tmpdir(), 'colloquy-edit-'))
  const file = join(folder, 'message.md')
  try {
    await writeFile(file, text)
    await run(editor, file)
    return (await readFile(file, 'utf8')).replace(/\n$/, '')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The variable may hold arguments, such as `code --wait`, so that a shell reads it. */
function run(editor: string, file: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string) =>
      reject(new Error(`The editor ${editor} ${reason}. Set EDITOR to another one.`))
    const child = spawn('sh', ['-c', `${editor} "$1"`, 'sh', file], { stdio: 'inherit' })
    child.on('error', () => fail('cannot be started'))
    child.on('exit', (code, signal) => {
      if (code === 0) resolve()
      else fail(code === 127 ? 'was not found' : `ended with ${signal ?? `code ${code}`}`)
    })
  })
}
