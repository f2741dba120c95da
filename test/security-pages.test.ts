/** SECURITY.md and the threat model: each promise names tests, each link leads somewhere. */
import { access, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'

const REPOSITORY = join(import.meta.dirname, '..')

function read(page: string): Promise<string> {
  return readFile(join(REPOSITORY, page), 'utf8')
}

async function exists(path: string): Promise<boolean> {
  return access(join(REPOSITORY, path)).then(
    () => true,
    () => false,
  )
}

/** The anchor of a heading, as code hosts make it. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w -]/g, '')
    .replaceAll(' ', '-')
}

test('each line of what is defended names its tests', async () => {
  const page = await read('docs/threat-model.md')
  const defended = page.slice(
    page.indexOf('\n## What is defended'),
    page.indexOf('\n## What is not'),
  )
  const rows = defended.split('\n').filter((line) => /^\| (?!What |---)/.test(line))

  expect(rows.length).toBeGreaterThan(20)
  expect(
    rows.filter(
      (row) => !/`test\/[\w/-]+(?:\.(?:long|program|browser))?(?:\.test)?\.ts`/.test(row),
    ),
  ).toEqual([])
})

describe.each(['docs/threat-model.md', 'docs/durability.md', 'SECURITY.md'])('%s', (page) => {
  test('names no test that does not exist', async () => {
    const named = [...(await read(page)).matchAll(/`(test\/[^`]+)`/g)].map(([, path = '']) => path)
    const found = await Promise.all(named.map((path) => exists(path)))

    expect(named.filter((_, at) => !found[at])).toEqual([])
  })

  test('has no link that leads nowhere', async () => {
    const links = [...(await read(page)).matchAll(/\]\(([^)]+)\)/g)].map(([, link = '']) => link)
    const broken: string[] = []
    for (const link of links.filter((each) => !/^https?:/.test(each))) {
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? page : join(dirname(page), path)
      if (!(await exists(target))) broken.push(link)
      else if (anchor !== undefined) {
        const headings = (await read(target)).matchAll(/^#+ (.+)$/gm)
        if (![...headings].some(([, heading = '']) => anchorOf(heading) === anchor)) {
          broken.push(link)
        }
      }
    }

    expect(broken).toEqual([])
  })
})
