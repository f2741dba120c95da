/**
 * Lists of conversations: ranges of an index, from a cursor on.
 *
 * A page costs what it shows. Each of the lists has an index of its own order, and a cursor is a place
 * in it, so that nothing is counted or sorted. A list by fields of metadata costs what the first field
 * matches: those conversations are looked up and sorted.
 *
 * Each combination of options is a statement of its own, since a database plans a statement without
 * its values. Knows nothing of records.
 */
import { type ExpressionBuilder, type RawBuilder, sql, type SqlBool } from 'kysely'
import type { ConversationList } from '../ports/conversation-store.ts'
import type { ConversationRow, Tables } from '../schema/schema.ts'
import { type Db, literal, type Marks } from './compile.ts'
import { fieldValue } from './fields.ts'
import { type Connection, Statement } from './statement.ts'
import { toText } from './stored-text.ts'
import { viewerParameters, visible, type ViewerParameters } from './visible.ts'

/** Beyond all times and all ids: a first page is the page after it. */
const FIRST = { at: Number.MAX_SAFE_INTEGER, id: '' }
const NO_LIMIT = 2_147_483_647
/** Few hosts use more. The oldest statement is forgotten, and compiled anew when it is needed. */
const MOST_STATEMENTS = 64

/** What makes one statement differ from another. */
export interface Shape {
  readonly order: 'updated_at' | 'created_at'
  readonly isUpwards: boolean
  readonly archived: boolean | 'any'
  /** `any`: of all owners; `own`: of the viewer, by an index; `shared`: also of nobody. */
  readonly owners: 'any' | 'own' | 'shared'
  /** The number of fields that are selected by. */
  readonly fields: number
}

type ListParameters = ViewerParameters & {
  readonly at: number
  readonly id: string
  readonly limit: number
  readonly [field: `${'name' | 'value'}${number}`]: string
}

export class ConversationLists {
  readonly #statements = new Map<string, Statement<ListParameters, ConversationRow>>()

  /** The conversations of a page, in the order of the list. */
  async read(connection: Connection, list: ConversationList): Promise<readonly ConversationRow[]> {
    const shape = shapeOf(list)
    const rows = await this.#statement(shape).all(connection, parametersOf(list))
    return shape.isUpwards ? rows.toReversed() : rows
  }

  /** The statement of a shape; the same one for as long as it is in use. */
  #statement(shape: Shape): Statement<ListParameters, ConversationRow> {
    const name = Object.values(shape).join()
    const statement = this.#statements.get(name) ?? listStatement(shape)
    this.#statements.delete(name)
    this.#statements.set(name, statement)
    if (this.#statements.size > MOST_STATEMENTS) {
      this.#statements.delete(this.#statements.keys().next().value as string)
    }
    return statement
  }
}

export function listStatement(shape: Shape): Statement<ListParameters, ConversationRow> {
  return new Statement<ListParameters, ConversationRow>((db, marks) => listOf(db, marks, shape))
}

function shapeOf({ viewer, order, archived = false, where = {}, before }: ConversationList): Shape {
  return {
    order: order === 'created' ? 'created_at' : 'updated_at',
    isUpwards: before !== undefined,
    archived,
    owners: viewer === undefined ? 'any' : viewer.unowned === true ? 'shared' : 'own',
    fields: Object.keys(where).length,
  }
}

function parametersOf({
  viewer,
  order,
  where = {},
  limit = NO_LIMIT,
  after,
  before,
}: ConversationList): ListParameters {
  const cursor = after ?? before
  const at = order === 'created' ? cursor?.createdAt : cursor?.updatedAt
  const fields = Object.entries(where).flatMap(([name, value], n) => [
    [`name${n}`, toText(name)],
    [`value${n}`, fieldValue(value)],
  ])
  return {
    ...viewerParameters(viewer),
    at: at?.getTime() ?? FIRST.at,
    id: cursor === undefined ? FIRST.id : toText(cursor.id),
    limit,
    ...(Object.fromEntries(fields) as Readonly<Record<string, string>>),
  }
}

function listOf(db: Db, marks: Marks<ListParameters>, shape: Shape) {
  const { order, isUpwards, archived, fields } = shape
  const direction = isUpwards ? 'asc' : 'desc'
  const part = (isArchived: boolean | 'any') =>
    (fields === 0 ? db.selectFrom('conversation as c') : matching(db, marks, fields))
      .selectAll('c')
      .where((of) => conditions(of, marks, shape, isArchived))
  // Two indexes make up the list of all by activity. The database reads them side by side.
  const isInTwo = archived === 'any' && order === 'updated_at' && fields === 0
  const all = isInTwo ? part(false).unionAll(part(true)) : part(archived)
  return all
    .orderBy(isInTwo ? order : (`c.${order}` as never), direction)
    .orderBy(isInTwo ? 'id' : ('c.id' as never), direction)
    .limit(marks.limit)
}

/**
 * The conversations that have all the fields, found by the first one. A cross join, because it keeps
 * the order of the tables in SQLite.
 */
function matching(db: Db, marks: Marks<ListParameters>, fields: number) {
  let query = db
    .selectFrom('conversation_field as f')
    .crossJoin('conversation as c')
    .where('f.name', '=', marks['name0'] as RawBuilder<string>)
    .where('f.value', '=', marks['value0'] as RawBuilder<string>)
    .whereRef('c.id', '=', 'f.conversation_id')
  for (let n = 1; n < fields; n += 1) {
    query = query.where((of) =>
      of.exists(
        of
          .selectFrom('conversation_field as g')
          .select(literal(1).as('one'))
          .whereRef('g.conversation_id', '=', 'f.conversation_id')
          .where('g.name', '=', marks[`name${n}`] as RawBuilder<string>)
          .where('g.value', '=', marks[`value${n}`] as RawBuilder<string>),
      ),
    )
  }
  return query as never as ReturnType<typeof conversationsOf>
}

function conversationsOf(db: Db) {
  return db.selectFrom('conversation as c')
}

type Conversations = ExpressionBuilder<Tables & { c: Tables['conversation'] }, 'c'>

function conditions(
  of: Conversations,
  marks: Marks<ListParameters>,
  { order, isUpwards, owners, fields }: Shape,
  archived: boolean | 'any',
) {
  const [at, owner] = [sql.ref<number>(`c.${order}`), sql.ref<string>('c.owner_id')]
  // Found by a field, a conversation is looked up by its id. Expressions that no index has keep a
  // database with figures about its tables from reading all conversations of an owner for each field.
  const isById = fields > 0
  const place = sql<SqlBool>`(${isById ? sql`${at} + 0` : at}, ${sql.ref('c.id')}) ${isUpwards ? sql`>` : sql`<`} (${marks.at}, ${marks.id})`
  const isOwn = sql<SqlBool>`${isById ? sql`${owner} || ''` : owner} = ${marks.viewer}`
  return of.and([
    of('c.deleted_at', 'is', null),
    ...(archived === 'any' ? [] : [of('c.archived_at', archived ? 'is not' : 'is', null)]),
    // By the index of owners, where there is one owner.
    ...(owners === 'own' ? [isOwn] : []),
    ...(owners === 'shared' ? [visible(marks, 'c')] : []),
    place,
  ])
}
