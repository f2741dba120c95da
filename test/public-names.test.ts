/** The public names: hosts import them, so none goes and none comes by accident. */
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'

test('colloquy exports these names and no others', async () => {
  expect(await exportedBy('index.ts')).toEqual([
    'ActorInspectionEvent',
    'AddressPolicy',
    'AttemptRecord',
    'CancelOptions',
    'Clock',
    'CloseOptions',
    'ColloquyError',
    'ColloquyErrorCode',
    'ColloquyErrorDetails',
    'Completion',
    'CompletionOptions',
    'ConversationEvent',
    'ConversationHappening',
    'ConversationListOptions',
    'ConversationOptions',
    'ConversationRecord',
    'ConversationUpdate',
    'CountTokens',
    'Delta',
    'Dialect',
    'DrainOptions',
    'EditOptions',
    'EndpointOptions',
    'EndpointRecord',
    'Engine',
    'EngineHealth',
    'EngineOptions',
    'EngineSettings',
    'ErrorRecord',
    'Fallback',
    'FallbackRecord',
    'FilePart',
    'FinishReason',
    'ForkOptions',
    'InitialMessage',
    'InputPart',
    'InspectedActor',
    'InspectedEvent',
    'InspectedSnapshot',
    'InspectionObserver',
    'LimitOptions',
    'Logger',
    'Message',
    'MessageListOptions',
    'MessageRole',
    'MessageStatus',
    'ModelPurpose',
    'Part',
    'Prepare',
    'PreparedTurn',
    'QueuedTurn',
    'Quirks',
    'ReasoningPart',
    'Receipt',
    'Reply',
    'RequestDispatcher',
    'ResumeOptions',
    'RetryOptions',
    'SecretOptions',
    'SendOptions',
    'SendPolicy',
    'Settings',
    'SettingsChange',
    'Snapshot',
    'TerminalStatus',
    'TextPart',
    'TimeoutOptions',
    'ToolCallPart',
    'ToolDefinition',
    'ToolDefinitions',
    'ToolResultPart',
    'Turn',
    'TurnHappening',
    'TurnOptions',
    'TurnPhase',
    'TurnRecord',
    'TurnStatus',
    'Usage',
    'createEngine',
  ])
})

test('colloquy/testing exports these names and no others', async () => {
  expect(await exportedBy('testing.ts')).toEqual([
    'BombOptions',
    'ChatReplyOptions',
    'ChunkDelta',
    'ErrorReplyOptions',
    'Exchange',
    'Gate',
    'GateFor',
    'MessagesReplyOptions',
    'Provider',
    'RawOptions',
    'ResponsesReplyOptions',
    'Script',
    'ScriptedCall',
    'ScriptedReplyOptions',
    'ServedRequest',
    'StreamEvent',
    'Welcome',
    'bomb',
    'bytes',
    'chatAnswer',
    'chatEvents',
    'chatReply',
    'chatStream',
    'chunk',
    'closedGate',
    'cut',
    'drip',
    'encoded',
    'end',
    'endless',
    'errorReply',
    'flood',
    'halfClose',
    'hang',
    'head',
    'inOrder',
    'json',
    'keepAlive',
    'messagesAnswer',
    'messagesEvents',
    'messagesReply',
    'messagesStream',
    'raw',
    'redirect',
    'refusingUrl',
    'reply',
    'reset',
    'responsesAnswer',
    'responsesEvents',
    'responsesReply',
    'responsesStream',
    'send',
    'sse',
    'startProvider',
    'steps',
    'until',
  ])
})

test('the reference has a heading for each of them', async () => {
  const page = await readFile(new URL('../docs/reference.md', import.meta.url), 'utf8')
  const headings = new Set([...page.matchAll(/^### (\w+)$/gm)].map(([, name]) => name))
  const names = [...(await exportedBy('index.ts')), ...(await exportedBy('testing.ts'))]

  expect(names.filter((name) => !headings.has(name))).toEqual([])
  expect([...headings].filter((name) => !names.includes(name ?? ''))).toEqual([])
})

/** The names in the export lists of an entry, types included, in alphabetical order. */
async function exportedBy(entry: string): Promise<readonly string[]> {
  const source = await readFile(new URL(`../src/${entry}`, import.meta.url), 'utf8')
  const lists = source.matchAll(/^export (?:type )?\{([^}]*)\} from/gm)
  const names = [...lists].flatMap(([, list = '']) => list.split(','))
  return names
    .map((name) => name.trim().split(' as ').at(-1) ?? '')
    .filter((name) => name !== '')
    .toSorted()
}
