/** The tools that the chat page and the terminal chat offer. */
import type { AnyTool } from 'colloquy'
import { plainLine } from './chat/plain-text.ts'

/** Tells the time. It needs nothing beyond this machine, so it runs in airplane mode too. */
const time: AnyTool = {
  description: 'The present date and time in a time zone',
  inputSchema: {
    type: 'object',
    properties: {
      zone: { type: 'string', description: 'An IANA name, like Europe/Oslo. Without it: UTC' },
    },
    additionalProperties: false,
  },
  local: true,
  execute: ({ zone = 'UTC' }: { readonly zone?: string }) => {
    const format = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      dateStyle: 'full',
      timeStyle: 'short',
    })
    return { zone, time: format.format(new Date()) }
  },
}

/** Has an effect that is seen outside the conversation, so somebody is asked first. */
const note = (print: (line: string) => void): AnyTool => ({
  description: 'Prints a short note in the terminal in which this program runs',
  inputSchema: {
    type: 'object',
    properties: { text: { type: 'string', maxLength: 200 } },
    required: ['text'],
    additionalProperties: false,
  },
  local: true,
  needsApproval: true,
  execute: ({ text }: { readonly text: string }) => {
    print(`Note: ${plainLine(text, 200)}`)
    return { printed: true }
  },
})

/** The tools that run without a question. */
export const FREE_TOOLS: Readonly<Record<string, AnyTool>> = { time }

/** All tools. @param print - writes a line in the terminal of the program */
export function exampleTools(print: (line: string) => void): Readonly<Record<string, AnyTool>> {
  return { ...FREE_TOOLS, note: note(print) }
}
