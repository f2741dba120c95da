/**
 * Writes docs/reference.md: every public name with its declaration and its comment.
 *
 *   npm run docs:reference
 *
 * The page is made from the declarations alone, so a name or a sentence is changed in `src`.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { format, type FormatOptions } from 'oxfmt'
import {
  publicDeclarations,
  type Declaration,
  type Declarations,
  type Member,
} from './declarations.ts'

const REPOSITORY = join(import.meta.dirname, '..')
const PAGE = join(REPOSITORY, 'docs/reference.md')

const HEAD = `# Reference

Every public name of \`colloquy\`, \`colloquy/http\`, \`colloquy/client\` and
\`colloquy/testing\`. \`npm run docs:reference\` makes this page from the declarations; do not edit it. [Errors](providers.md#errors) has the remedy for each error code, and
[Events](events.md) the order of events.

All fields can only be read. An option that may be left out may be \`undefined\` too.
`

/** The headings over the names of a source file. The page has them in this order. */
const GROUPS: Readonly<Record<string, string>> = {
  engine: 'Creating an engine',
  'engine/api/engine': 'The engine, its turns and its calls',
  'engine/api/turn': 'The engine, its turns and its calls',
  'engine/api/conversation-options': 'The engine, its turns and its calls',
  'engine/api/turn-options': 'The engine, its turns and its calls',
  'engine/api/endpoint-options': 'The engine, its turns and its calls',
  'engine/api/completion': 'The engine, its turns and its calls',
  'engine/options/options': 'Options of createEngine',
  'engine/options/prepare': 'Options of createEngine',
  'transport/http/address-guard': 'Options of createEngine',
  'transport/http/dispatchers': 'Options of createEngine',
  'protocol/clock': 'Options of createEngine',
  'protocol/logger': 'Options of createEngine',
  'protocol/errors': 'Errors',
  'protocol/conversation': 'Conversations',
  'protocol/message': 'Messages',
  'protocol/snapshot': 'Messages',
  'protocol/turn': 'Turns',
  'protocol/tool': 'Tools',
  'protocol/call': 'Tools',
  'tools/tool': 'Tools',
  'protocol/endpoint': 'Endpoints and settings',
  'protocol/event': 'Events',
  'protocol/delta': 'Events',
  'protocol/inspection': 'Inspection',
}

/** The page as it should be. */
export async function referenceText({
  index,
  http,
  client,
  testing,
}: Declarations): Promise<string> {
  const anchors = new Map<string, string>()
  for (const { name, members } of [...testing, ...client, ...http, ...index]) {
    anchors.set(name, name.toLowerCase())
    for (const { name: member, isMethod } of members) {
      anchors.set(`${name}.${member}`, `${name}${isMethod ? member : ''}`.toLowerCase())
    }
  }
  const groups = Map.groupBy(index, ({ file }) => GROUPS[file] ?? 'More')
  const order = [...new Set([...Object.values(GROUPS), 'More'])].filter((title) =>
    groups.has(title),
  )
  const sections = order.map((title) => section(title, groups.get(title) ?? [], anchors))
  sections.push(section('On the web: colloquy/http', http, anchors))
  sections.push(section('In the browser: colloquy/client', client, anchors))
  sections.push(section('The provider for tests: colloquy/testing', testing, anchors))
  const options = JSON.parse(
    await readFile(join(REPOSITORY, '.oxfmtrc.json'), 'utf8'),
  ) as FormatOptions
  const { code, errors } = await format('reference.md', [HEAD, ...sections].join('\n'), options)
  if (errors.length > 0) throw new Error(`The page cannot be formatted: ${JSON.stringify(errors)}`)
  return code
}

type Anchors = ReadonlyMap<string, string>

function section(title: string, given: readonly Declaration[], anchors: Anchors): string {
  // Readers look for methods first.
  const names = given.toSorted((a, b) => methodsOf(b) - methodsOf(a))
  const list = names.map(({ name }) => `[\`${name}\`](#${anchors.get(name)})`).join(', ')
  return [`## ${title}\n`, `${list}\n`, ...names.map((name) => entry(name, anchors))].join('\n')
}

function methodsOf({ members }: Declaration): number {
  return members.filter(({ isMethod }) => isMethod).length
}

function entry(declaration: Declaration, anchors: Anchors): string {
  const { name, doc, code, members, base } = declaration
  const parts = [`### ${name}\n`, comment(doc, anchors)]
  const fields = members.filter(({ isMethod }) => !isMethod)
  const methods = members.filter(({ isMethod }) => isMethod)
  if (base !== undefined) parts.push(`Has all of ${linked(base, anchors)}, and:\n`)
  if (members.length === 0) parts.push(fence(code))
  else {
    parts.push(...fields.map((field) => fieldLine(field, anchors)), '\n')
    parts.push(...methods.map((method) => methodEntry(name, method, anchors)))
  }
  return parts.filter((part) => part !== '').join('\n')
}

function fieldLine({ code, doc }: Member, anchors: Anchors): string {
  const flat = code.replaceAll(/\s*\n\s*/g, ' ')
  const text = comment(doc, anchors)
    .trim()
    .replaceAll('\n\nDefault:', ' Default:')
    .replaceAll('\n', '\n  ')
  // An example or a list needs lines of its own.
  const start = /\n\s*(```|- )/.test(text) ? '\n\n  ' : ': '
  return `- \`${flat.replace(' = ', ': ')}\`${text === '' ? '' : `${start}${text}`}`
}

function methodEntry(owner: string, { name, code, doc }: Member, anchors: Anchors): string {
  const title = name.startsWith('[') ? `${owner}${name}` : `${owner}.${name}`
  return [
    `#### ${title.replaceAll(/[[\]]/g, String.raw`\$&`)}\n`,
    fence(code),
    comment(doc, anchors),
  ].join('\n')
}

function fence(code: string): string {
  return `\`\`\`typescript\n${code}\n\`\`\`\n`
}

/** A comment as Markdown: its tags become sentences, its links lead to headings of the page. */
function comment(doc: string, anchors: Anchors): string {
  const [text = '', ...tags] = doc.split(
    /(?:^|\s)@(?=(?:param|returns|throws|defaultValue|example)\b)/,
  )
  const sentences = tags.map((tag) => {
    const [, kind = '', body = ''] = /^(\w+)\s*([^]*)$/.exec(tag) ?? []
    const value = body.trim()
    if (kind === 'param') return `- ${value.replace(/^(\w+) - /, '`$1`: ')}`
    if (kind === 'defaultValue') return `\nDefault: ${value}${value.endsWith('.') ? '' : '.'}`
    if (kind === 'throws') return `\nThrows ${value}${value.endsWith('.') ? '' : '.'}`
    return kind === 'example' ? `\nFor example:\n\n${value}` : `\nReturns ${value}`
  })
  return `${[text.trim(), ...sentences].join('\n').trim()}\n`
    .replace(/^\n$/, '')
    .replaceAll(/`?docs\/([\w-]+\.md)`?/g, '[docs/$1]($1)')
    .replaceAll(/\{@link ([\w.]+)\}/g, (_, name: string) => linked(name, anchors))
}

/** A link to the heading of a name or a method, or to the name that has the field. */
function linked(name: string, anchors: Anchors): string {
  const anchor = anchors.get(name)
  return anchor === undefined ? `\`${name}\`` : `[\`${name}\`](#${anchor})`
}

if (import.meta.main) await writeFile(PAGE, await referenceText(await publicDeclarations()))
