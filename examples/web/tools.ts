/** The tools of the page's engine. */
import type { AnyTool } from 'colloquy'

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

export const PAGE_TOOLS: Readonly<Record<string, AnyTool>> = { time }
