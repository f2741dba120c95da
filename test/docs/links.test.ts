/** The links of README and docs lead somewhere. Those of the tarball are in package.test.ts. */
import { expect, test } from 'vitest'
import { REPOSITORY } from '../support/built-package.ts'
import { anchorsOf, brokenLinks } from './links.ts'
import { pages, textOfPage } from './pages.ts'

test('every relative link leads to a file, and to a heading of it', async () => {
  const broken = await Promise.all((await pages()).map((page) => brokenLinks(REPOSITORY, page)))

  expect(broken.flat()).toEqual([])
})

test('a link to a missing file or heading is found', async () => {
  expect(await brokenLinks(REPOSITORY, 'test/docs/broken-links.md')).toEqual([
    'test/docs/broken-links.md: nowhere.md',
    'test/docs/broken-links.md: ../../docs/events.md#no-such-heading',
    'test/docs/broken-links.md: #neither',
    'test/docs/broken-links.md: ../../../outside.md',
  ])
})

test('headings of one name have anchors of their own', () => {
  const page =
    '# Two words\n\n## `code.here()` & more\n\n## Two words\n\n```sh\n# no heading\n```\n'

  expect([...anchorsOf(page)]).toEqual(['two-words', 'codehere--more', 'two-words-1'])
})

test('every page of docs is linked from README', async () => {
  const readme = await textOfPage('README.md')
  const docs = (await pages()).filter((page) => page.startsWith('docs/'))

  expect(docs.filter((page) => !readme.includes(`](${page})`))).toEqual([])
})
