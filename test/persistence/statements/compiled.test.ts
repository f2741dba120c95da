/**
 * The SQL of every statement, for both dialects, beside this file. A change of it is seen in review.
 * PostgreSQL needs no server for this: its texts are compared and not run.
 */
import { readdir } from 'node:fs/promises'
import { expect, expectTypeOf, test } from 'vitest'
import type { TurnRow } from '../../../src/persistence/schema/schema.ts'
import type { SqlDialect } from '../../../src/persistence/statements/compile.ts'
import { Statement } from '../../../src/persistence/statements/statement.ts'

const STATEMENTS = new URL('../../../src/persistence/statements/', import.meta.url)

test.each(['sqlite', 'postgresql'] as const)(
  'each statement has its text in %s',
  async (dialect) => {
    const texts = await compiledTexts(dialect)

    expect(texts.length).toBeGreaterThan(30)
    await expect(`${texts.join('\n\n')}\n`).toMatchFileSnapshot(`./compiled/${dialect}.sql`)
  },
)

test('a wrong table, column, parameter or row does not compile', () => {
  const wrong = [
    // @ts-expect-error -- there is no such table
    new Statement<Pick<TurnRow, 'id'>>((db, { id }) => db.deleteFrom('turns').where('id', '=', id)),
    new Statement<Pick<TurnRow, 'id'>>((db, { id }) =>
      // @ts-expect-error -- there is no such column
      db.deleteFrom('turn').where('turn_id', '=', id),
    ),
    new Statement<Pick<TurnRow, 'id'>>((db, marks) =>
      // @ts-expect-error -- there is no such parameter
      db.deleteFrom('turn').where('id', '=', marks.turn_id),
    ),
    new Statement<Pick<TurnRow, 'epoch'>>((db, { epoch }) =>
      // @ts-expect-error -- the parameter has another type than the column
      db.deleteFrom('turn').where('id', '=', epoch),
    ),
    new Statement<Pick<TurnRow, 'id'>, Pick<TurnRow, 'status'>>((db, { id }) =>
      // @ts-expect-error -- the statement returns another row
      db.selectFrom('turn').select('model').where('id', '=', id),
    ),
  ]
  expect(wrong).toHaveLength(5)
  const statement = new Statement<Pick<TurnRow, 'id'>>((db, { id }) =>
    db.deleteFrom('turn').where('id', '=', id),
  )
  expectTypeOf<Parameters<typeof statement.run>[1]>().toEqualTypeOf<Pick<TurnRow, 'id'>>()
})

test('a value that is neither a parameter nor a literal is refused', () => {
  const statement = new Statement<Pick<TurnRow, 'id'>>((db) =>
    db.deleteFrom('turn').where('id', '=', 'written out'),
  )

  expect(() => statement.compiled('sqlite')).toThrow('use a mark or literal()')
})

async function compiledTexts(dialect: SqlDialect): Promise<readonly string[]> {
  const texts: string[] = []
  for (const file of (await readdir(STATEMENTS)).toSorted()) {
    const module = (await import(new URL(file, STATEMENTS).href)) as Record<string, unknown>
    for (const [name, value] of Object.entries(module).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      if (!(value instanceof Statement)) continue
      const { sql, parameters } = value.compiled(dialect)
      texts.push(`-- ${file}: ${name} (${parameters.join(', ')})\n${sql};`)
    }
  }
  return texts
}
