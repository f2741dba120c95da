/** The calls that reach the SQLite driver. Knows nothing of stores. */
import Database from 'better-sqlite3'
import { onTestFinished, vi } from 'vitest'

/** The statements prepared and run from this call on, in order, by the first words of their SQL. */
export function driverCalls() {
  const memory = new Database(':memory:')
  const statements = Object.getPrototypeOf(memory.prepare('select 1')) as Database.Statement
  memory.close()
  const prepare = vi.spyOn(Database.prototype, 'prepare')
  const methods = (['all', 'get', 'run'] as const).map((method) => vi.spyOn(statements, method))
  onTestFinished(() => {
    for (const spy of [prepare, ...methods]) spy.mockRestore()
  })
  return {
    compiled: () => prepare.mock.calls.map(([sql]) => firstWords(sql)),
    /** What the statements gave, in no order. */
    read: () => methods.flatMap(({ mock }) => mock.results.map(({ value }) => value as unknown)),
    run: () =>
      methods
        .flatMap(({ mock }) =>
          mock.invocationCallOrder.map((order, call) => ({ order, by: mock.contexts[call] })),
        )
        .toSorted((one, other) => one.order - other.order)
        .map(({ by }) => firstWords((by as Database.Statement).source)),
  }
}

function firstWords(sql: string): string {
  const words = sql.replaceAll('"', '').trim().split(/\s+/)
  if (words[0] === 'select') return `select … ${words[words.lastIndexOf('from') + 1]}`
  return words.slice(0, words[0] === 'update' ? 2 : 3).join(' ')
}
