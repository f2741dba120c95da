/**
 * The floor of a stream: each delta of the provider is written to each open response, in one loop, as
 * JSON. It saves nothing, authorizes nobody, and resumes nothing.
 */
import type { ServerResponse } from 'node:http'
import { createParser } from 'eventsource-parser'
import { API_KEY, MODEL } from '../clients/client.ts'
import { listen, type OpenServer } from './web-server.ts'

interface Chunk {
  readonly choices?: readonly { readonly delta?: { readonly content?: string } }[]
}

export const open: OpenServer = async ({ url }) => {
  const responses = new Set<ServerResponse>()
  const { port, close } = await listen((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
    response.write('event: state\ndata: {}\n\n')
    responses.add(response)
    response.on('close', () => responses.delete(response))
  })
  return {
    port,
    path: '/events',
    turnPaths: () => Promise.reject(new Error('The loop has no turns.')),
    body: () => '',
    async reply(question) {
      const answer = await fetch(`${url}/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${API_KEY}` },
        body: JSON.stringify({
          model: MODEL,
          stream: true,
          messages: [{ role: 'user', content: question }],
        }),
      })
      let at = 0
      const parser = createParser({
        onEvent({ data }) {
          if (data === '[DONE]') return
          const text = (JSON.parse(data) as Chunk).choices?.[0]?.delta?.content ?? ''
          if (text === '') return
          for (const response of responses) {
            const delta = JSON.stringify({ turnId: 'turn', ops: [{ part: 0, at, text }] })
            response.write(`id: turn~${at}\nevent: reply.delta\ndata: ${delta}\n\n`)
          }
          at += text.length
        },
      })
      const decoder = new TextDecoder()
      for await (const bytes of answer.body ?? []) {
        parser.feed(decoder.decode(bytes, { stream: true }))
      }
      for (const response of responses) response.write('event: turn.done\ndata: {}\n\n')
    },
    close,
  }
}
