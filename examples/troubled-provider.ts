/**
 * A provider on the loopback that is overloaded at first. Later requests are passed on to a good
 * provider, as a gateway does.
 */
import { createServer, request as ask } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Trouble {
  /** The number of requests that are answered with status 503. */
  readonly overloaded: number
}

/** It keeps no process alive. */
export async function startTroubledProvider(
  good: { readonly url: string },
  { overloaded }: Trouble,
): Promise<{ readonly url: string }> {
  let left = overloaded
  const server = createServer((request, response) => {
    if (left > 0) {
      left--
      request.resume()
      response.writeHead(503, { 'content-type': 'application/json' })
      response.end('{"error":{"message":"Too many questions at once."}}')
      return
    }
    const { method, headers, url = '' } = request
    const passed = ask(new URL(url, good.url), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    passed.on('error', () => response.destroy())
    response.on('close', () => passed.destroy())
    request.pipe(passed)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  server.unref()
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1` }
}
