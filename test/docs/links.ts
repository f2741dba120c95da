/** Finds the links of a folder of pages that lead nowhere. Asks no network. */
import { readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** The relative links of a page whose file, or whose heading, does not exist under `root`. */
export async function brokenLinks(root: string, page: string): Promise<readonly string[]> {
  const text = withoutCode(await readFile(join(root, page), 'utf8'))
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)
  const broken = targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .map(async (target) => ((await leads(root, page, target)) ? [] : [`${page}: ${target}`]))
  return (await Promise.all(broken)).flat()
}

async function leads(root: string, page: string, target: string): Promise<boolean> {
  const [path = '', anchor] = target.split('#')
  const file = path === '' ? page : join(dirname(page), decodeURI(path))
  const found = await stat(join(root, file)).catch(() => undefined)
  if (found === undefined || file.startsWith('..')) return false
  if (anchor === undefined) return true
  return found.isFile() && anchorsOf(await readFile(join(root, file), 'utf8')).has(anchor)
}

/** The anchors of the headings of a page, as GitHub makes them. */
export function anchorsOf(text: string): ReadonlySet<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of withoutFences(text).matchAll(/^#{1,6} (.+)$/gm)) {
    const shown = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll(/\\(?=[[\]])/g, '')
    const slug = shown
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-')
    let anchor = slug
    for (let n = 1; anchors.has(anchor); n++) anchor = `${slug}-${n}`
    anchors.add(anchor)
  }
  return anchors
}

function withoutFences(text: string): string {
  return text.replaceAll(/^( *)```[^]*?^\1```$/gm, '')
}

function withoutCode(text: string): string {
  return withoutFences(text).replaceAll(/`[^`\n]*`/g, '')
}
