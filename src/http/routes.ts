/**
 * The table of all routes, and the search in it.
 *
 * A segment is decoded before it is compared, and ids have no slash in any form. So no path has two
 * meanings. Knows nothing of what a route does.
 */
import { adminRoutes } from './admin-routes.ts'
import type { Route } from './call.ts'
import { callRoutes } from './call-routes.ts'
import { conversationRoutes } from './conversation-routes.ts'
import { isId } from './fields.ts'
import { messageRoutes } from './message-routes.ts'
import { Refusal } from './public-errors.ts'
import { turnRoutes } from './turn-routes.ts'

export const ROUTES: readonly Route[] = [
  ...conversationRoutes,
  ...messageRoutes,
  ...turnRoutes,
  ...callRoutes,
  ...adminRoutes,
]

const TABLE = ROUTES.map((route) => ({ route, segments: route.path.split('/').slice(1) }))

/** A path that is known, with its methods. */
export interface Matched {
  readonly route: Route | undefined
  readonly params: Readonly<Record<string, string>>
  readonly methods: readonly string[]
}

/** @throws `route-not-found` */
export function matchRoute(basePath: string, path: string, method: string): Matched {
  const segments = segmentsOf(path.slice(basePath.length))
  const found = TABLE.filter((each) => fits(each.segments, segments))
  const [first] = found
  if (first === undefined) throw new Refusal('route-not-found')
  const methods = found.map(({ route }) => route.method as string)
  const wanted = method === 'HEAD' ? 'GET' : method
  const route = found.find((each) => each.route.method === wanted)?.route
  const params = first.segments.flatMap((segment, at) =>
    segment.startsWith(':') ? [[segment.slice(1), segments[at] as string] as const] : [],
  )
  return {
    route,
    params: Object.fromEntries(params),
    methods: methods.includes('GET') ? [...methods, 'HEAD'] : methods,
  }
}

function segmentsOf(path: string): readonly string[] {
  try {
    return path.split('/').slice(1).map(decodeURIComponent)
  } catch {
    throw new Refusal('route-not-found')
  }
}

function fits(pattern: readonly string[], segments: readonly string[]): boolean {
  return (
    pattern.length === segments.length &&
    pattern.every((each, at) => {
      const segment = segments[at] as string
      return each.startsWith(':') ? isId(segment) : each === segment
    })
  )
}
