/**
 * Puts a text on the clipboard: with a program of the system, else by the terminal (OSC 52).
 *
 * Terminals reach the clipboard of the person even through ssh, but do not say whether they did.
 */
import { spawn } from 'node:child_process'
import type { Terminal } from './terminal.ts'

interface Tool {
  readonly program: string
  readonly args: readonly string[]
  /** The variable of the environment without which the program cannot work. */
  readonly needs?: string
}

const TOOLS: readonly Tool[] = [
  { program: 'wl-copy', args: [], needs: 'WAYLAND_DISPLAY' },
  { program: 'xclip', args: ['-selection', 'clipboard'], needs: 'DISPLAY' },
  { program: 'xsel', args: ['--clipboard', '--input'], needs: 'DISPLAY' },
  { program: 'pbcopy', args: [] },
  { program: 'clip.exe', args: [] },
  { program: 'termux-clipboard-set', args: [] },
]
/** Terminals ignore longer sequences. */
const LONGEST_SEQUENCE = 100_000

/** @throws an `Error` if there is no clipboard to reach */
export async function copy(
  text: string,
  terminal: Terminal,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  for (const tool of TOOLS) {
    if (tool.needs !== undefined && !env[tool.needs]) continue
    if (await gives(text, tool)) return
  }
  const encoded = Buffer.from(text).toString('base64')
  if (!terminal.animated) throw new Error('There is no clipboard here: no program and no terminal.')
  if (encoded.length > LONGEST_SEQUENCE) {
    throw new Error(
      'The reply is too long for the terminal to copy. Install wl-copy, xclip or xsel.',
    )
  }
  terminal.control(`\u001B]52;c;${encoded}\u0007`)
}

/** Returns false if the program is missing or fails: the next one is tried. */
function gives(text: string, { program, args }: Tool): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['pipe', 'ignore', 'ignore'] })
    child.on('error', () => resolve(false))
    // Some programs stay to serve the clipboard: their exit is that of their parent.
    child.on('exit', (code) => resolve(code === 0))
    // A program that fails early does not read. Its exit says so.
    child.stdin.on('error', () => {})
    child.stdin.end(text)
  })
}
