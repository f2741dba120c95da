/**
 * The files of the page, bundled in memory when the server starts: there is no build step, and no file
 * is written.
 */
import { createHash } from 'node:crypto'
import { build } from 'esbuild'

/** A file as it is served. */
export interface PageFile {
  readonly type: string
  readonly content: Uint8Array
  readonly etag: string
}

const TYPES: Readonly<Record<string, string>> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
}

/** The files by their path: `/page.js`, `/highlight.js` and `/page.css`. */
export async function bundlePage(): Promise<ReadonlyMap<string, PageFile>> {
  const source = `${import.meta.dirname}/src`
  const { outputFiles } = await build({
    // The highlighter is a file of its own: pages without code never load it.
    entryPoints: {
      page: `${source}/page.ts`,
      highlight: `${source}/highlight.ts`,
      style: `${source}/style/page.css`,
    },
    entryNames: '[name]',
    outdir: '/',
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2023',
    legalComments: 'none',
    conditions: ['colloquy-source'],
    logLevel: 'error',
  })
  return new Map(
    outputFiles.map(({ path, contents }) => {
      const name = path.replace(/^.*[\\/]/, '')
      const type = TYPES[name.replace(/^.*\./, '')] ?? 'application/octet-stream'
      const etag = `"${createHash('sha256').update(contents).digest('base64url')}"`
      return [`/${name}`, { type, content: contents, etag }]
    }),
  )
}
