/** A scripted model for the code of the pages. */
import { reply, type Script } from '../../src/testing.ts'

/** Calls the first tool that it is offered, and then answers in words. */
export const likeAModel: Script = ({ body }) => {
  const { tools, messages } = body as {
    tools?: { function: { name: string } }[]
    messages?: { role: string }[]
  }
  const name = tools?.[0]?.function.name
  if (name === undefined || messages?.at(-1)?.role === 'tool') {
    return reply(['An actor', ' has a mailbox.'], {
      usage: { prompt_tokens: 9, completion_tokens: 5, total_tokens: 14 },
    })
  }
  return reply('', { toolCalls: [{ id: 'call_1', name, arguments: '{"city":"Oslo"}' }] })
}
