/** The hand-written loop with a tool: it asks again as long as the reply has calls. Saves nothing. */
import { createParser } from 'eventsource-parser'
import { add, DESCRIPTION, type Numbers, PARAMETERS } from './add-tool.ts'
import { API_KEY, MODEL, type OpenClient } from './client.ts'

interface CallPiece {
  readonly index: number
  readonly id?: string
  readonly function?: { readonly name?: string; readonly arguments?: string }
}

interface Chunk {
  readonly choices: readonly {
    readonly delta?: { readonly content?: string; readonly tool_calls?: readonly CallPiece[] }
  }[]
}

interface Call {
  id: string
  type: 'function'
  function: { name: string; arguments: string }
}

const tools = [
  {
    type: 'function',
    function: { name: 'add', description: DESCRIPTION, parameters: PARAMETERS },
  },
]

export const open: OpenClient = ({ url }) => ({
  async ask(question, onText) {
    const messages: object[] = [{ role: 'user', content: question }]
    let whole = ''
    for (;;) {
      const response = await fetch(`${url}/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${API_KEY}` },
        body: JSON.stringify({
          model: MODEL,
          messages,
          tools,
          stream: true,
          stream_options: { include_usage: true },
        }),
      })
      if (!response.ok || response.body === null) throw new Error(`Status ${response.status}`)
      let text = ''
      const calls: Call[] = []
      const parser = createParser({
        onEvent({ data }) {
          if (data === '[DONE]') return
          const delta = (JSON.parse(data) as Chunk).choices[0]?.delta
          for (const { index, id = '', function: called = {} } of delta?.tool_calls ?? []) {
            const call = (calls[index] ??= {
              id,
              type: 'function',
              function: { name: called.name ?? '', arguments: '' },
            })
            call.function.arguments += called.arguments ?? ''
          }
          if (!delta?.content) return
          text += delta.content
          onText?.(whole.length + text.length)
        },
      })
      const decoder = new TextDecoder()
      for await (const bytes of response.body) parser.feed(decoder.decode(bytes, { stream: true }))
      whole += text
      if (calls.length === 0) return whole
      messages.push({ role: 'assistant', content: text, tool_calls: calls })
      for (const call of calls) {
        const input = JSON.parse(call.function.arguments) as Numbers
        messages.push({ role: 'tool', tool_call_id: call.id, content: String(add(input)) })
      }
    }
  },
})
