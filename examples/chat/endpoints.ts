/** The endpoints that the environment names, or the practice provider. */
import type { Dialect } from 'colloquy'
import { startPracticeProvider } from '../practice-provider.ts'
import { dialectNamed } from './dialects.ts'
import { MisuseError } from './misuse.ts'

export const AIRPLANE = 'airplane'
const ONLINE = 'online'
/** The address of Ollama, which most people have who have a model of their own. */
const LOCAL_URL = 'http://127.0.0.1:11434/v1'
const NAMED = 'COLLOQUY_URL_'
const DETAIL = /^COLLOQUY_(?:KEY|MODEL|DIALECT)_(.+)$/

export interface Endpoint {
  readonly name: string
  readonly url: string
  readonly apiKey: string | null
  /** Absent: the person is asked for a model. */
  readonly model: string | undefined
  readonly dialect: Dialect | undefined
  /** The variables of the environment that a person can correct. */
  readonly variables: { readonly url: string; readonly key: string; readonly model: string }
}

export interface Endpoints {
  /** Those that can be named, the one that is asked by default first. */
  readonly all: readonly Endpoint[]
  readonly airplane: Endpoint
  /** True if the practice provider answers. */
  readonly practice: boolean
  close(): Promise<void>
}

/** What the command line says of the endpoint that is asked first. */
interface Wish {
  readonly endpoint: string | undefined
  readonly dialect: Dialect | undefined
}

/** @throws {@link MisuseError} */
export async function findEndpoints(env: NodeJS.ProcessEnv, wish: Wish): Promise<Endpoints> {
  const set = [...openai(env), ...anthropic(env), ...named(env)]
  const first = wish.endpoint ?? set.find(({ name }) => name !== AIRPLANE)?.name
  const found = set.map((endpoint) =>
    endpoint.name === first ? { ...endpoint, dialect: wish.dialect ?? endpoint.dialect } : endpoint,
  )
  const airplane = found.find(({ name }) => name === AIRPLANE)
  const all = found.filter(({ name }) => name !== AIRPLANE)
  if (all.length > 0) {
    return { all, airplane: airplane ?? local(), practice: false, close: async () => {} }
  }
  const provider = await startPracticeProvider()
  const { url, model } = provider
  const practice = { ...local(), name: ONLINE, url, model, variables: variablesOf('OPENAI') }
  return {
    all: [practice],
    airplane: airplane ?? { ...practice, name: AIRPLANE },
    practice: true,
    close: () => provider.close(),
  }
}

function openai(env: NodeJS.ProcessEnv): readonly Endpoint[] {
  const url = env['OPENAI_BASE_URL'] || undefined
  const apiKey = env['OPENAI_API_KEY'] || null
  if (url === undefined && apiKey === null) return []
  const dialect = env['COLLOQUY_DIALECT']
  return [
    {
      name: ONLINE,
      url: url ?? 'https://api.openai.com/v1',
      apiKey,
      model: env['OPENAI_MODEL'] || undefined,
      dialect: dialect ? dialectNamed(dialect, 'COLLOQUY_DIALECT') : undefined,
      variables: variablesOf('OPENAI'),
    },
  ]
}

function anthropic(env: NodeJS.ProcessEnv): readonly Endpoint[] {
  const apiKey = env['ANTHROPIC_API_KEY'] || undefined
  if (apiKey === undefined) return []
  // Anthropic's own programs take the address without the version.
  const base = env['ANTHROPIC_BASE_URL'] || 'https://api.anthropic.com'
  return [
    {
      name: 'anthropic',
      url: /\/v\d+\/?$/.test(base) ? base : `${base.replace(/\/$/, '')}/v1`,
      apiKey,
      model: env['ANTHROPIC_MODEL'] || undefined,
      dialect: 'messages',
      variables: variablesOf('ANTHROPIC'),
    },
  ]
}

function named(env: NodeJS.ProcessEnv): readonly Endpoint[] {
  for (const variable of Object.keys(env)) {
    const suffix = DETAIL.exec(variable)?.[1]
    if (suffix === undefined || !env[variable] || env[NAMED + suffix]) continue
    throw new MisuseError(`${variable} is set, but ${NAMED}${suffix} is not: where is it?`)
  }
  const variables = Object.keys(env).filter((name) => name.startsWith(NAMED) && env[name])
  return variables.toSorted().map((variable) => {
    const suffix = variable.slice(NAMED.length)
    const dialect = env[`COLLOQUY_DIALECT_${suffix}`]
    return {
      name: suffix.toLowerCase().replaceAll('_', '-'),
      url: env[variable] ?? '',
      apiKey: env[`COLLOQUY_KEY_${suffix}`] || null,
      model: env[`COLLOQUY_MODEL_${suffix}`] || undefined,
      dialect: dialect ? dialectNamed(dialect, `COLLOQUY_DIALECT_${suffix}`) : undefined,
      variables: {
        url: variable,
        key: `COLLOQUY_KEY_${suffix}`,
        model: `COLLOQUY_MODEL_${suffix}`,
      },
    }
  })
}

function local(): Endpoint {
  return {
    name: AIRPLANE,
    url: LOCAL_URL,
    apiKey: null,
    model: undefined,
    dialect: undefined,
    variables: {
      url: 'COLLOQUY_URL_AIRPLANE',
      key: 'COLLOQUY_KEY_AIRPLANE',
      model: 'COLLOQUY_MODEL_AIRPLANE',
    },
  }
}

function variablesOf(prefix: string): Endpoint['variables'] {
  return { url: `${prefix}_BASE_URL`, key: `${prefix}_API_KEY`, model: `${prefix}_MODEL` }
}
