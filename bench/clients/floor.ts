/** F1: the hand-written loop of `fetch`, `eventsource-parser` and `JSON.parse`. Saves nothing. */
import { createParser } from 'eventsource-parser'
import { API_KEY, MODEL, type OpenClient } from './client.ts'

interface Chunk {
  readonly choices: readonly { readonly delta?: { readonly content?: string } }[]
}

export const open: OpenClient = ({ url }) => ({
  async ask(question, onText) {
    const response = await fetch(`${url}/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${API_KEY}` },
      body: JSON.stringify({
        model: MODEL,
        messages: [{ role: 'user', content: question }],
        stream: true,
        stream_options: { include_usage: true },
      }),
    })
    if (!response.ok || response.body === null) throw new Error(`Status ${response.status}`)
    let text = ''
    const parser = createParser({
      onEvent({ data }) {
        if (data === '[DONE]') return
        const content = (JSON.parse(data) as Chunk).choices[0]?.delta?.content
        if (!content) return
        text += content
        onText?.(text.length)
      },
    })
    const decoder = new TextDecoder()
    for await (const bytes of response.body) parser.feed(decoder.decode(bytes, { stream: true }))
    return text
  },
})
