/**
 * Compiles statements: Kysely in, SQL text and the order of its parameters out.
 *
 * Nothing is executed here. Kysely builds each statement once, and the connection runs its text as a
 * prepared statement of the driver. Knows no table beyond its type, and no connection.
 */
import {
  type Compilable,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type RawBuilder,
  sql,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import type { Tables } from '../schema/schema.ts'

/** The SQL dialects that statements are compiled for. */
export type SqlDialect = 'sqlite' | 'postgresql'

export type SqlValue = string | number | null

/** The parameters of a statement, by name. */
export type SqlParameters = Readonly<Record<string, SqlValue>>

/** The marks of a statement's parameters. Kysely takes each as an expression of its type. */
export type Marks<Params> = { readonly [Name in keyof Params]-?: RawBuilder<Params[Name]> }

/** The query builder over the entities' tables. */
export type Db = Kysely<Tables>

/** A built query. Only queries that return rows have a row type. */
export type Built<Row> = [Row] extends [never]
  ? Compilable
  : Compilable & { execute(): Promise<Row[]> }

export interface CompiledStatement {
  readonly sql: string
  /** The names of the parameters, in the order of their marks in the text. */
  readonly parameters: readonly string[]
}

/** A value that stands for a parameter until the text is compiled. */
class Mark {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}

const DIALECTS: Readonly<Record<SqlDialect, () => Db>> = {
  sqlite: () =>
    new Kysely<Tables>({
      dialect: {
        createAdapter: () => new SqliteAdapter(),
        createDriver: () => new DummyDriver(),
        createIntrospector: (db) => new SqliteIntrospector(db),
        createQueryCompiler: () => new SqliteQueryCompiler(),
      },
    }),
  postgresql: () =>
    new Kysely<Tables>({
      dialect: {
        createAdapter: () => new PostgresAdapter(),
        createDriver: () => new DummyDriver(),
        createIntrospector: (db) => new PostgresIntrospector(db),
        createQueryCompiler: () => new PostgresQueryCompiler(),
      },
    }),
}

/** @throws if the statement holds a value that is neither a parameter nor a literal */
export function compile<Params, Row>(
  build: (db: Db, marks: Marks<Params>) => Built<Row>,
  dialect: SqlDialect,
): CompiledStatement {
  const query: Compilable = build(DIALECTS[dialect](), marksOf<Params>())
  const { sql: text, parameters } = query.compile()
  return { sql: text, parameters: parameters.map((parameter) => nameOf(parameter)) }
}

/**
 * A constant in the text of a statement. Never a parameter: with one, the query planner of
 * PostgreSQL could not use a partial index.
 */
export function literal<Value extends string | number>(value: Value): RawBuilder<Value> {
  return sql.lit<Value>(value)
}

function marksOf<Params>(): Marks<Params> {
  return new Proxy({} as Marks<Params>, {
    get: (_, name) => sql.val(new Mark(String(name))),
  })
}

function nameOf(parameter: unknown): string {
  if (parameter instanceof Mark) return parameter.name
  throw new Error(
    `A statement holds the value ${JSON.stringify(parameter)}; use a mark or literal().`,
  )
}
