/**
 * The texts of the page, in one place. Numbers and times follow the language of the browser.
 */
const number = new Intl.NumberFormat()
const clock = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' })
const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'short' })
const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' })
const date = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' })
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'short' })

export function count(value: number): string {
  return number.format(value)
}

export function characters(value: number): string {
  return value === 1 ? '1 character' : `${count(value)} characters`
}

/** A whole number of seconds, at least one: a countdown never shows zero. */
export function secondsUntil(at: number, now = Date.now()): number {
  return Math.max(1, Math.ceil((at - now) / 1000))
}

/** A duration as a person says it. */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000)
  if (seconds < 1) return 'less than a second'
  if (seconds < 60) return `${seconds} s`
  const rest = seconds % 60
  return rest === 0
    ? `${Math.floor(seconds / 60)} min`
    : `${Math.floor(seconds / 60)} min ${rest} s`
}

/** A time in a list: short, and never ambiguous. */
export function listTime(iso: string, now = new Date()): string {
  const time = new Date(iso)
  const days = (midnight(now) - midnight(time)) / 86_400_000
  if (days < 1) return clock.format(time)
  if (days < 7) return weekday.format(time)
  return time.getFullYear() === now.getFullYear() ? day.format(time) : date.format(time)
}

export function fullTime(iso: string): string {
  return full.format(new Date(iso))
}

function midnight(time: Date): number {
  return new Date(time.getFullYear(), time.getMonth(), time.getDate()).getTime()
}

export const TEXTS = {
  product: 'Colloquy',
  untitled: 'New conversation',
  conversations: 'Conversations',
  noConversations: 'Your conversations will be listed here.',
  older: 'Show older',
  earlierMessages: 'Show earlier messages',
  newChat: 'New chat',
  openList: 'Show conversations',
  closeList: 'Close conversations',
  marks: { running: 'A reply is being written', waiting: 'Waits for your answer' },
  rename: 'Rename',
  title: 'Title',
  remove: 'Remove',
  delete: 'Delete',
  undo: 'Undo',
  dismiss: 'Dismiss',
  message: 'Message',
  placeholder: 'Write a message',
  placeholderRunning: 'The next message waits for its turn',
  send: 'Send',
  stop: 'Stop',
  tryAgain: 'Try again',
  edit: 'Edit',
  editing: 'Edit your message',
  saveEdit: 'Send again',
  cancel: 'Cancel',
  copy: 'Copy',
  copied: 'Copied',
  copyCode: 'Copy code',
  notCopied: 'The browser refused to copy.',
  regenerate: 'Regenerate',
  previousVersion: 'Previous version',
  nextVersion: 'Next version',
  newText: 'New text',
  you: 'You said:',
  reply: 'Reply:',
  model: 'Model',
  chooseModel: 'Choose a model',
  airplane: 'Airplane mode',
  airplaneOn: 'Airplane mode is on: only a model on this machine is asked.',
  theme: { system: 'Theme: as the system', light: 'Theme: light', dark: 'Theme: dark' },
  skip: 'Skip to the message box',
  table: 'Table',
  code: 'Code',
  welcome: 'What is on your mind?',
  welcomePractice:
    'The practice provider answers: its replies are scripted, without a model. Set OPENAI_BASE_URL, OPENAI_API_KEY and OPENAI_MODEL to ask a real one.',
  suggestions: [
    'Show me code and a table',
    'Think about it before you answer',
    'What time is it in Oslo?',
    'Leave a note in my terminal',
    'Count to five hundred',
    'Be busy at first',
    'Fail in the middle',
  ],
  thinking: 'Thinking…',
  thought: 'Reasoning',
  thoughtFor: (ms: number) => `Thought for ${duration(ms)}`,
  providerTool: (name: string) => `The provider used ${name}`,
  file: (mediaType: string) => `A file (${mediaType})`,
  tool: {
    arguments: 'Arguments',
    progress: 'Progress',
    result: 'Result',
    noArguments: 'none',
    states: {
      none: 'Without a result',
      writing: 'Writes its arguments…',
      asking: 'Waits for your answer',
      pending: 'Waits for its start…',
      waiting: 'Waits for its output…',
      started: 'Runs…',
      done: 'Done',
      failed: 'Failed',
    },
    codes: {
      'invalid-input': 'Not run: its arguments are not valid',
      'no-such-tool': 'Not run: there is no such tool',
      unavailable: 'Not run: the tool is not available now',
      'too-many-calls': 'Not run: too many calls at once',
      'cut-off': 'Not run: the reply broke off',
      timeout: 'Took too long',
      failed: 'Failed',
      'not-json': 'Failed: its result cannot be read',
      stopped: 'Stopped: it may have taken effect',
      'not-run': 'Not run',
      denied: 'Denied',
      expired: 'Not run: nobody answered in time',
      unknown: 'Not known: the server ended while it ran',
    },
    question: (name: string) => `May “${name}” run with these arguments?`,
    approve: 'Approve',
    deny: 'Deny',
  },
  /** What a turn does, by its phase. While text comes nothing has to be said. */
  phases: {
    queued: 'Waits for its turn…',
    requesting: 'Asks the model…',
    awaiting: 'Waits for the first words…',
    receiving: '',
    backingOff: 'Tries again…',
    recordingStep: 'Stores the calls…',
    waitingToRecord: 'Waits for the database…',
    runningTools: 'Runs tools…',
    waiting: 'Waits for your answer…',
    saving: '',
    waitingToSave: 'Waits for the database…',
  },
  notStored: 'The reply is here, but not stored yet.',
  nextAttempt: (seconds: number) => `Next attempt in ${seconds} s.`,
  failure: 'Failure',
  airplaneOff: 'Switch airplane mode off',
  unreachable: 'The server cannot be reached. Check the connection, and try again.',
  status: (status: number) => `The server answered with status ${status}.`,
  queued: (inputs: number) => (inputs === 1 ? 'Waits for its turn' : 'Wait for their turn'),
  queue: 'Waiting messages',
  queueHeld: 'These messages wait, because the last reply did not end by itself.',
  sendQueued: 'Send them now',
  removeQueued: (text: string) => `Remove the waiting message: ${text.slice(0, 60)}`,
  deleted: (title: string) => `“${title}” is deleted.`,
  stopped: (kept: number) => `Stopped, ${characters(kept)} kept`,
  stoppedEmpty: 'Stopped before any text came.',
  interrupted: 'The server was restarted during this reply. What had arrived is kept.',
  keptSoFar: 'What had arrived is kept.',
  interruptedEmpty: 'The server was restarted before a reply came.',
  cutByLength: 'The reply reached its greatest length.',
  filtered: 'The provider cut the reply by its filter.',
  tokens: (read: string, written: string) => `${read} tokens read, ${written} written`,
  offline: 'No connection.',
  reconnectingIn: (seconds: number) => `No connection. Next attempt in ${seconds} s.`,
  reconnecting: 'No connection. Connecting…',
  connectNow: 'Connect now',
  announceStart: 'The reply begins.',
  announceEnd: 'The reply is complete.',
  announceResumed: 'The reply goes on.',
  announceQuestion: 'The reply waits for your answer.',
  announceStopped: 'The reply was stopped.',
  announceFailed: 'The reply failed.',
  gone: 'This conversation does not exist, or not any more.',
  waitSeconds: (seconds: number) => `Wait ${seconds} s`,
} as const
