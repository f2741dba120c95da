/**
 * Tells where an unknown option belongs: names that other libraries use, and options of ours that
 * were given to another call.
 *
 * One line for each option. The next name that hosts try is one more word in its line. Knows nothing
 * of how options are checked.
 */

/** The calls that take an option. An unknown option of another call is sent to the first of them. */
type Calls = readonly string[]

const ENGINE: Calls = ['createEngine']
const ENDPOINT: Calls = ['putEndpoint']
const TURN: Calls = ['send', 'retry', 'regenerate', 'edit']
const SETTINGS: Calls = [...TURN, 'startConversation', 'updateConversation', 'complete']
const CHAT: Calls = ['startConversation', 'updateConversation']

/** The place of an option, the calls that take it there, and the names that it is given by. */
type Line = readonly [place: string, calls: Calls, names: string]

/**
 * Names are in lower case, without `_` and `-`, so that `base_url` and `baseURL` are one name. A name
 * in a group has the group before it; in `settings` it needs none.
 */
const OPTIONS: readonly Line[] = [
  ['settings.temperature', SETTINGS, 'temperature temp'],
  ['settings.topP', SETTINGS, 'topp nucleus'],
  [
    'settings.maxOutputTokens',
    SETTINGS,
    'maxoutputtokens maxtokens maxcompletiontokens maxnewtokens maxlength numpredict npredict',
  ],
  ['settings.stop', SETTINGS, 'stop stopsequence stopsequences stopwords'],
  ['settings.seed', SETTINGS, 'seed randomseed'],
  ['settings', SETTINGS, 'settings modelsettings modelparams callsettings generationconfig'],
  ['url', ENDPOINT, 'url baseurl apiurl apibase endpointurl serverurl uri host hostname address'],
  [
    'apiKey',
    ENDPOINT,
    'apikey key token apitoken authtoken accesstoken bearer bearertoken secret secretkey',
  ],
  ['headers', [...ENDPOINT, ...TURN], 'headers defaultheaders extraheaders httpheaders'],
  ['dialect', ENDPOINT, 'dialect format protocol wireformat apitype'],
  ['local', ENDPOINT, 'local islocal'],
  ['fallbacks', ENDPOINT, 'fallbacks fallback'],
  ['maxConcurrent', ENDPOINT, 'maxconcurrent maxconcurrency concurrency concurrent maxparallel'],
  ['quirks', ENDPOINT, 'quirks compat compatibility'],
  ['quirks.streamOptions', ENDPOINT, 'streamoptions includeusage'],
  ['model', [...TURN, ...ENDPOINT, ...CHAT, 'complete'], 'model modelid modelname'],
  [
    'system',
    ['startConversation', 'updateConversation', ...TURN, 'complete'],
    'system systemprompt systemmessage systeminstruction instructions instruction preamble',
  ],
  ['endpoint', [...TURN, ...CHAT, 'complete'], 'endpoint endpointname provider providername'],
  ['ownerId', [...CHAT, 'listConversations', 'fork'], 'ownerid owner userid user'],
  ['title', [...CHAT, 'fork'], 'title'],
  ['metadata', [...CHAT, 'fork', ...TURN], 'metadata meta customdata userdata'],
  ['messages', ['startConversation'], 'messages history initialmessages chathistory'],
  ['parentId', ['send'], 'parentid parentmessageid parent'],
  ['clientId', ['send', 'edit'], 'clientid clientmessageid'],
  ['startWith', ['send'], 'startwith'],
  ['limit', ['listMessages', 'listConversations'], 'limit pagesize take'],
  ['before', ['listMessages'], 'before'],
  ['after', ['listMessages'], 'after cursor'],
  ['tools', TURN, 'tools functions tool'],
  [
    'extraBody',
    TURN,
    'extrabody body bodyoptions provideroptions modelkwargs topk minp n toolchoice paralleltoolcalls responseformat reasoning reasoningeffort thinking verbosity frequencypenalty presencepenalty repeatpenalty logitbias logprobs toplogprobs store servicetier',
  ],
  ['signal', [...TURN, 'complete', 'listModels'], 'signal abortsignal abort abortcontroller'],
  ['idempotencyKey', TURN, 'idempotencykey requestid dedupekey'],
  ['database', ENGINE, 'database db dbpath databaseurl databasepath file filename path storage'],
  ['secrets.encryptionKey', ENGINE, 'encryptionkey passphrase password'],
  ['retry.maxAttempts', ENGINE, 'maxretries retries maxattempts retry.retries retry.maxretries'],
  ['timeouts', ENGINE, 'timeouts timeout timeoutms requesttimeout'],
  ['timeouts.turnMs', ENGINE, 'timeouts.totalms timeouts.total timeouts.turn'],
  ['timeouts.headersMs', ENGINE, 'timeouts.connectms timeouts.headers timeouts.responsems'],
  ['logger', ENGINE, 'logger log logging'],
  ['prepare', ENGINE, 'prepare preparemessages transformmessages contextwindow trim'],
  ['emitIntervalMs', ENGINE, 'emitintervalms emitinterval throttle throttlems'],
  ['autoTitle', ENGINE, 'autotitle autotitles titles'],
]

/** Advice for one call, where another sentence is needed than "give this option". */
const SENTENCES: readonly (readonly [advice: string, calls: Calls, names: string])[] = [
  [
    'and give earlier messages to startConversation as messages: a conversation keeps its own history',
    TURN,
    'messages history chathistory',
  ],
  [
    'and give the input as the second argument',
    ['send', 'edit'],
    'input prompt content text message parts',
  ],
  ['and give prompt', ['complete'], 'input messages content text message'],
  ['and read the reply as it grows with turn.snapshots()', TURN, 'stream streaming'],
  ['since complete never streams: send does', ['complete'], 'stream streaming'],
  [
    'and subscribe to turn.events',
    TURN,
    'ondelta ontoken onchunk ontext onupdate onmessage onfinish onerror onstepfinish callbacks',
  ],
]

/** What a tool is given by, under its name in `tools`. */
const TOOL: readonly (readonly [advice: string, names: string])[] = [
  [
    'and give execute, or answer the call yourself',
    'run handler handle call invoke fn func callback action implementation',
  ],
  ['and give inputSchema', 'inputschema parameters schema input arguments args jsonschema'],
  [
    'and give the tool under its name: { [name]: { description, inputSchema } }',
    'type function name',
  ],
]

/** The fields of a message that a conversation starts with. */
const MESSAGE: readonly (readonly [advice: string, names: string])[] = [
  ['and give text or parts as content', 'parts text input message value'],
  ['and give role', 'author speaker sender from type'],
]

/** The fields of a part, by the names that other formats have for them. */
const PART: readonly (readonly [advice: string, names: string])[] = [
  ['and give the url of a file part as url', 'imageurl image data source filedata fileurl file'],
  ['and give the text of a text part as text', 'content value'],
  ['and give mediaType', 'mediatype mimetype contenttype'],
  ['and give toolCallId', 'toolcallid tooluseid callid id'],
  ['and give toolName', 'toolname name'],
  ['and give output', 'output result'],
  ['and give isError', 'iserror error'],
]

/**
 * Returns the second half of a sentence that begins with "Remove it,"; `undefined` if nothing is
 * known of the name.
 *
 * @param what - the call, as it is named in messages
 * @param path - the path of the option in the call's options
 */
export function adviceFor(what: string, path: string | null): string | undefined {
  const names = (path ?? '').split('.').map(normalized)
  const name = names.at(-1) ?? ''
  if (what.startsWith('The parts')) return wordIn(PART, name)
  if (what.endsWith(': messages')) return wordIn(MESSAGE, name)
  if (names[0] === 'tools' && names.length === 3) return wordIn(TOOL, name)
  const option = names[0] === 'settings' ? name : names.join('.')
  const call = /^\w*/.exec(what)?.[0] ?? ''
  const sentence = SENTENCES.find(
    ([, calls, known]) => calls.includes(call) && hasWord(known, option),
  )
  if (sentence !== undefined) return sentence[0]
  const line = OPTIONS.find(([, , known]) => hasWord(known, option))
  if (line === undefined) return undefined
  const [place, calls] = line
  return calls.includes(call) ? `and give ${place}` : `and give ${place} to ${calls[0]}`
}

function wordIn(
  table: readonly (readonly [advice: string, names: string])[],
  name: string,
): string | undefined {
  return table.find(([, known]) => hasWord(known, name))?.[0]
}

function hasWord(words: string, word: string): boolean {
  return word !== '' && words.split(' ').includes(word)
}

function normalized(name: string): string {
  return name.toLowerCase().replaceAll(/[_-]/g, '')
}
