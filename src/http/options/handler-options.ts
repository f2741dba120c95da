/**
 * The options of `createHandler`, as a host gives them.
 *
 * Knows nothing of requests.
 */
import type { Clock, InputPart, Logger } from '../../index.ts'

/** What a request wants to do. `authorize` is asked with it. */
export type Action =
  | 'list'
  | 'read'
  | 'create'
  | 'send'
  | 'stop'
  | 'update'
  | 'delete'
  | 'tool'
  | 'settings'

/** Who sends a request. */
export interface Identity {
  /** The owner, in the host's words, of 1 to 200 characters. Nothing else in a request names it. */
  readonly owner: string
  /** True for those who may read and change the settings of the engine. @defaultValue `false` */
  readonly admin?: boolean | undefined
}

/** Where a request wants to act. */
export interface Attempted {
  readonly action: Action
  readonly conversationId?: string
}

/**
 * Tells who sends a request: an {@link Identity}, `undefined` for nobody (401), or a `Response` that
 * is sent as it is. It is asked on every route, before any body is read: the request has method, url
 * and headers. If it throws, the answer is 500 `internal`.
 */
export type Authorize = (
  request: Request,
  attempted: Attempted,
) => Identity | Response | undefined | Promise<Identity | Response | undefined>

/** Whether a browser may choose a value: always, from a list, or by a function. */
export type Permission<Value> =
  | boolean
  | readonly string[]
  | ((value: Value, owner: string) => boolean)

/** The fields that a browser may choose. All but `files` are `false` by default. */
export interface AllowOptions {
  /** A list names models. `GET /models` lists only what is allowed. */
  readonly model?: Permission<string> | undefined
  /** A list names endpoints. */
  readonly endpoint?: Permission<string> | undefined
  /** The system prompt. A list has whole prompts. */
  readonly system?: Permission<string> | undefined
  /** Settings for the model. A list names fields, like `temperature`. */
  readonly settings?: Permission<Readonly<Record<string, unknown>>> | undefined
  /** Definitions of tools. A list has names of tools. */
  readonly tools?: Permission<Readonly<Record<string, unknown>>> | undefined
  /** Files in an input. A list has media types. @defaultValue `true` */
  readonly files?: Permission<{ readonly mediaType: string; readonly url: string }> | undefined
  /** Metadata of conversations and turns. A list names fields. */
  readonly metadata?: Permission<Readonly<Record<string, unknown>>> | undefined
  /** What a send does while a turn runs. @defaultValue `true` */
  readonly sendPolicy?: Permission<string> | undefined
}

/** What answers show besides the views. Nothing by default. */
export interface ExposeOptions {
  readonly metadata?: boolean | undefined
  /** The names of endpoints. */
  readonly endpoints?: boolean | undefined
  /** `'detailed'` shows the messages of the engine and of providers. */
  readonly errors?: 'detailed' | undefined
}

/** The pages of other origins that may read answers. */
export interface CorsOptions {
  /** Exact origins, like `https://app.example`. */
  readonly origins: readonly string[]
  /** True if they may send cookies. @defaultValue `false` */
  readonly credentials?: boolean | undefined
  /** How long a browser keeps the answer to a preflight, in seconds. @defaultValue 600 */
  readonly maxAge?: number | undefined
}

/** The most that one request, one owner and one reader may take. */
export interface HttpLimits {
  /** The largest body, in bytes. Files come as `data:` urls in it. @defaultValue 1 MiB */
  readonly bodyBytes?: number | undefined
  /** The longest time for a body to arrive, in milliseconds. @defaultValue 30,000 */
  readonly bodyMs?: number | undefined
  /** The most open streams of one owner. @defaultValue 50 */
  readonly streamsPerOwner?: number | undefined
  /** The most open streams. @defaultValue 20,000 */
  readonly streams?: number | undefined
  /** The most turns of one owner that run or are queued. @defaultValue 50 */
  readonly turnsPerOwner?: number | undefined
  /** The bytes that a slow reader may leave unread before it is passed over. @defaultValue 256 KiB */
  readonly readerBytes?: number | undefined
  /** How long a reader may stay behind before its connection is cut, in milliseconds. @defaultValue 30,000 */
  readonly behindMs?: number | undefined
  /** How long a stream lives before `authorize` is asked again, in milliseconds. @defaultValue 900,000 */
  readonly streamMs?: number | undefined
}

/** An input as a browser sent it, after its check. */
export type BrowserInput = string | readonly InputPart[]

/** The options of `createHandler`. Unknown options are refused with `invalid-option`. */
export interface HandlerOptions {
  /** Tells who sends a request. Required: there is no default that would be safe. */
  readonly authorize: Authorize
  /** The path before the routes, as a browser sees it. @defaultValue `'/api'` */
  readonly basePath?: string | undefined
  /** The fields that a browser may choose. */
  readonly allow?: AllowOptions | undefined
  /** What answers show besides the views. */
  readonly expose?: ExposeOptions | undefined
  /** The origin of the site, like `https://chat.example`. @defaultValue the `Host` of the request */
  readonly publicOrigin?: string | undefined
  /** Further origins whose pages may send requests. They may not read answers: see `cors`. */
  readonly origins?: readonly string[] | undefined
  /** @defaultValue none: no CORS header is ever sent */
  readonly cors?: CorsOptions | undefined
  /** The accepted values of `Host`, with or without a port. @defaultValue any */
  readonly hosts?: readonly string[] | undefined
  readonly limits?: HttpLimits | undefined
  /** The least time between two frames of one conversation, in milliseconds. @defaultValue 33 */
  readonly frameMs?: number | undefined
  /** The silence after which a stream gets a comment, in milliseconds. @defaultValue 15,000 */
  readonly heartbeatMs?: number | undefined
  /** `'share'`: conversations without an owner are everybody's, for hosts with one user. @defaultValue `'hide'` */
  readonly unowned?: 'hide' | 'share' | undefined
  /**
   * Sees each input before it is sent: for moderation, quotas and templates. It returns the input to
   * send, or a `Response` that refuses it.
   */
  readonly beforeSend?:
    | ((
        input: BrowserInput,
        place: { readonly owner: string; readonly conversationId: string },
      ) => BrowserInput | Response | Promise<BrowserInput | Response>)
    | undefined
  /** For tests. @defaultValue the system's clock */
  readonly clock?: Clock | undefined
  /** Gets codes and names of errors, never texts of messages. @defaultValue errors to stderr */
  readonly logger?: Logger | undefined
}
