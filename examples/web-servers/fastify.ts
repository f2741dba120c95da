/** The handler in a Fastify 5 application. In its scope, Fastify leaves bodies unread. */
import fastify, { type FastifyInstance } from 'fastify'
import type { Engine } from 'colloquy'
import { createHandler, type Handler } from 'colloquy/http'
import { signedIn } from './sign-in.ts'

export function fastifyApp(engine: Engine): {
  readonly app: FastifyInstance
  readonly handler: Handler
} {
  const handler = createHandler(engine, { authorize: signedIn })
  const app = fastify()
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
    scope.all('/api/*', (request, reply) => {
      reply.hijack()
      handler.node(request.raw, reply.raw)
    })
    await Promise.resolve()
  })
  return { app, handler }
}
