/** The page: joins the list, the open conversation and the box, and follows the address. */
import { addressOf, conversationIn } from './address.ts'
import { Composer } from './chat/composer.ts'
import { Drafts } from './chat/drafts.ts'
import { refusalOf, type Failure } from './chat/failures.ts'
import { OpenChat } from './chat/open-chat.ts'
import { Outbox } from './chat/outbox.ts'
import { QueueView } from './chat/queue-view.ts'
import { Transcript } from './chat/transcript.ts'
import { h } from './elements.ts'
import { oncePerFrame } from './frames.ts'
import { client, readSetup } from './requests.ts'
import { AirplaneSwitch } from './shell/airplane-switch.ts'
import { Announcer } from './shell/announcer.ts'
import { ChatHead } from './shell/chat-head.ts'
import { ConnectionBar } from './shell/connection-bar.ts'
import { ModelSelect } from './shell/model-select.ts'
import { themeSwitch } from './shell/theme-switch.ts'
import { Toasts } from './shell/toasts.ts'
import { Welcome } from './shell/welcome.ts'
import { Conversations, UNDO_MS } from './sidebar/conversations.ts'
import { Sidebar } from './sidebar/sidebar.ts'
import { TEXTS } from './texts.ts'
import type { Message } from './views.ts'

/** Where the focus on a box brings no keyboard up over half of the screen. */
const HAS_KEYBOARD = matchMedia('(hover: hover) and (pointer: fine)')

interface ConversationEvent {
  readonly conversationId?: string
  readonly turnId?: string
  readonly change?: string
}

class Page {
  readonly #draw = oncePerFrame(() => this.#update())
  readonly #drafts = new Drafts()
  readonly #toasts = new Toasts()
  readonly #announcer = new Announcer()
  readonly #bar = new ConnectionBar()
  readonly #fail = (error: unknown) => this.#toasts.show({ text: refusalOf(error).message })
  readonly #conversations = new Conversations(this.#draw, this.#fail)
  readonly #models = new ModelSelect((choice) => void this.#chooseModel(choice))
  readonly #airplane = new AirplaneSwitch((isOn) => this.#models.setAirplane(isOn), this.#fail)
  readonly #welcome = new Welcome((text) => this.#composer.submit(text))
  readonly #sidebar = new Sidebar(
    this.#conversations,
    { open: (id) => this.#go(id), begin: () => this.#go(undefined) },
    [this.#airplane.element, themeSwitch()],
  )
  readonly #head = new ChatHead(
    {
      rename: (title) => void this.#rename(title),
      delete: () => this.#delete(),
    },
    this.#sidebar.opener,
  )
  readonly #transcript = new Transcript({
    edit: async (message, text) => {
      await this.#open?.chat.edit(message.id, withFiles(message, text))
      this.#transcript.scrolling.toEnd()
    },
    regenerate: (message) => void this.#once(() => this.#open?.chat.regenerate(message.id)),
    turnTo: (message, step) => void this.#turnTo(message, step),
    remedy: (failure) => void this.#mend(failure),
    answer: (callId, approved) =>
      void this.#try(() => this.#open?.chat.answer(callId, { approved })),
  })
  readonly #queue = new QueueView({
    withdraw: (turnId) => void this.#try(() => this.#open?.withdraw(turnId)),
    resume: () => void this.#try(() => this.#open?.resumeQueue()),
  })
  readonly #composer = new Composer(
    {
      send: (text) => this.#send(text),
      failed: this.#fail,
      stop: () => void this.#stop(),
      editLast: () => this.#transcript.editLast(),
      changed: (text) => this.#drafts.write(this.#open?.id, text),
      remedy: async (failure) => {
        if (failure.remedy === 'airplane') await this.#airplane.set(false)
        if (failure.remedy === 'model') this.#models.focus()
        if (failure.remedy === 'new') this.#go(undefined)
        return failure.remedy === 'retry' || failure.remedy === 'airplane'
      },
    },
    [this.#queue.element],
    [this.#models.element],
  )
  readonly #outbox = new Outbox(this.#drafts, (text) => this.#composer.accepted(text))
  #open: OpenChat | undefined
  /** How often another place was shown. */
  #shown = 0

  start(): void {
    const { scrolling } = this.#transcript
    const skip = h('a', { class: 'skip', href: '#message' }, TEXTS.skip)
    const chat = h(
      'div',
      { class: 'chat' },
      this.#head.element,
      this.#bar.element,
      h('div', { class: 'transcript-box' }, this.#transcript.element, scrolling.button),
      this.#composer.element,
    )
    document.body.replaceChildren(
      skip,
      this.#sidebar.element,
      this.#sidebar.shade,
      chat,
      this.#toasts.element,
      this.#announcer.element,
    )
    this.#transcript.element.firstElementChild?.append(this.#welcome.element)
    client.conversations.subscribe((event) => {
      const { conversationId, turnId, change } = event.data as ConversationEvent
      if (conversationId === undefined || conversationId !== this.#open?.id) return
      this.#open.event(event)
      this.#announcer.event(event.type, turnId)
      if (change !== 'deleted') return
      this.#toasts.show({ text: TEXTS.gone })
      this.#go(undefined)
    })
    addEventListener('popstate', () => this.#show(conversationIn(location.pathname)))
    addEventListener('keydown', (event) => this.#key(event))
    this.#show(conversationIn(location.pathname))
    if (HAS_KEYBOARD.matches) this.#composer.focus()
    void this.#airplane.read()
    void this.#readSetup()
  }

  async #readSetup(): Promise<void> {
    try {
      const setup = await readSetup()
      this.#models.setUp(setup)
      this.#welcome.setPractice(setup.isPractice)
      this.#draw()
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Opens a conversation, or the place for a new one, and gives it an address. */
  #go(id: string | undefined): void {
    if (addressOf(id) !== location.pathname) history.pushState(null, '', addressOf(id))
    this.#show(id)
    // On a phone, who opens a conversation reads it first.
    if (id === undefined || HAS_KEYBOARD.matches) this.#composer.focus()
  }

  #show(id: string | undefined): void {
    if (id === this.#open?.id && id !== undefined) return
    this.#shown += 1
    const had = this.#open
    this.#open = id === undefined ? undefined : new OpenChat(id, this.#draw)
    had?.close()
    this.#composer.open(this.#drafts.read(id))
    this.#outbox.open(this.#open)
    this.#transcript.open(this.#open)
    this.#draw()
  }

  #update(): void {
    const open = this.#open
    const state = open?.state
    const conversation =
      open === undefined ? undefined : (this.#conversations.get(open.id) ?? state?.conversation)
    this.#sidebar.update(open?.id)
    this.#head.update(conversation)
    this.#transcript.update()
    this.#welcome.element.hidden =
      open !== undefined &&
      (open.messages.length > 0 || state?.turn !== undefined || state?.connection.status !== 'live')
    this.#queue.show(open?.queue)
    this.#outbox.update()
    this.#composer.setRunning(state?.turn !== undefined)
    this.#announcer.turn(state?.turn?.id, state?.phase)
    this.#models.show(conversation)
    this.#bar.update(state?.connection)
    if (state?.connection.status === 'closed' && state.error !== undefined) {
      this.#toasts.show({ text: TEXTS.gone })
      this.#go(undefined)
    }
  }

  async #send(text: string): Promise<void> {
    const id = this.#open?.id ?? (await this.#begin(text))
    this.#transcript.scrolling.toEnd()
    await this.#outbox.send(id, text)
  }

  /** Makes a conversation for its first message, which is its draft until it is sent. */
  async #begin(text: string): Promise<string> {
    const { endpoint, model } = this.#models.choice ?? {}
    const shown = this.#shown
    const conversation = await client.conversations.create({ endpoint, model })
    const { id } = conversation
    this.#conversations.put(conversation)
    this.#drafts.write(undefined, '')
    this.#drafts.write(id, text)
    // A user who went elsewhere meanwhile stays there.
    if (shown !== this.#shown) return id
    this.#open = new OpenChat(id, this.#draw)
    this.#outbox.open(this.#open)
    history.pushState(null, '', addressOf(id))
    this.#transcript.open(this.#open)
    return id
  }

  async #stop(): Promise<void> {
    const open = this.#open
    if (open?.state.turn === undefined) return
    await this.#try(async () => {
      const { outcome, savedMessageId } = await open.stop()
      if (outcome === 'cancelled' && savedMessageId === undefined) {
        this.#toasts.show({ text: TEXTS.stoppedEmpty })
      }
    })
  }

  async #try(work: () => Promise<unknown> | undefined): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#fail(error)
    }
  }

  #isAsking = false

  /** Asks for a turn, unless one is asked for already: a double click is one. */
  async #once(work: () => Promise<unknown> | undefined): Promise<void> {
    if (this.#isAsking) return
    this.#isAsking = true
    await this.#try(work)
    this.#isAsking = false
  }

  async #turnTo(message: Message, step: -1 | 1): Promise<void> {
    const chat = this.#open?.chat
    await this.#try(async () => {
      const siblings = (await chat?.branches(message.id)) ?? []
      const at = siblings.findIndex(({ id }) => id === message.id)
      const other = siblings[at + step]
      if (other !== undefined) await chat?.switchBranch(other.id)
    })
  }

  async #mend({ remedy }: Failure): Promise<void> {
    if (remedy === 'new') return this.#go(undefined)
    if (remedy === 'model') return this.#models.focus()
    if (remedy === 'airplane') await this.#airplane.set(false)
    await this.#once(() => this.#open?.chat.retry())
  }

  async #chooseModel(choice: { readonly endpoint: string; readonly model: string }): Promise<void> {
    const id = this.#open?.id
    if (id === undefined) return
    await this.#try(async () => {
      this.#conversations.put(await client.conversations.update(id, choice))
    })
  }

  async #rename(title: string): Promise<void> {
    const id = this.#open?.id
    if (id !== undefined) await this.#try(() => this.#conversations.rename(id, title))
  }

  #delete(): void {
    const id = this.#open?.id
    if (id === undefined) return
    const title = this.#conversations.get(id)?.title ?? TEXTS.untitled
    this.#conversations.delete(id)
    this.#go(undefined)
    const act = () => {
      this.#conversations.undoDelete(id)
      this.#go(id)
    }
    this.#toasts.show({
      text: TEXTS.deleted(title),
      action: { name: TEXTS.undo, act },
      shownMs: UNDO_MS,
    })
  }

  #key(event: KeyboardEvent): void {
    if (event.isComposing) return
    if (event.key === 'k' && (event.ctrlKey || event.metaKey) && !event.shiftKey) {
      event.preventDefault()
      this.#sidebar.focus()
    } else if (event.key === 'Escape') void this.#stop()
  }
}

/** An edited question keeps its files. */
function withFiles({ parts }: Message, text: string) {
  const files = parts.filter((part) => part.type === 'file')
  return files.length === 0 ? text : [{ type: 'text' as const, text }, ...files]
}

new Page().start()
