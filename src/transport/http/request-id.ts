/** Finds the provider's id of a request in the headers of its answer. Knows nothing of the body. */
import type { IncomingHttpHeaders } from 'node:http'

/** The headers that hold an id: one line for each that was met. An earlier line counts first. */
const HEADERS: readonly string[] = [
  'x-request-id', // OpenAI, Groq, Mistral, xAI, Fireworks, LiteLLM, proxies
  'request-id', // Anthropic
  'x-amzn-requestid', // Bedrock
  'x-amzn-request-id',
  'x-amz-request-id',
  'apim-request-id', // Azure
  'x-ms-request-id',
  'x-generation-id', // OpenRouter
  'x-ds-trace-id', // DeepSeek
  'x-tt-logid', // Volcengine
  'x-dashscope-request-id', // Qwen
  'x-goog-request-id',
  'x-correlation-id', // gateways
  'mistral-correlation-id',
  'x-litellm-call-id',
  'x-trace-id',
  'trace-id',
  'cf-ray', // Cloudflare, in front of many: every answer has one, so it counts last
]

/** @returns the id as it came; `undefined` if the headers have none */
export function requestIdIn(headers: IncomingHttpHeaders): string | undefined {
  for (const name of HEADERS) {
    const value = headers[name]
    const id = typeof value === 'string' ? value : value?.[0]
    if (id !== undefined && id !== '') return id
  }
  return undefined
}
