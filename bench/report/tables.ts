/** Tables, as text for a terminal and as markdown for the docs. */
import type { Baseline } from '../baseline.ts'
import type { Samples, Spread } from '../samples.ts'
import { TARGETS, verdict } from '../targets.ts'
import type { Row } from '../workload.ts'

export type Style = 'text' | 'markdown'

/** Each row with its figures, its target and the verdict. */
export function rowTable(rows: readonly Row[], baseline: Baseline, style: Style): string {
  const lines = rows.map(({ target, title, unit, measured }) => {
    const goal = target === undefined ? undefined : TARGETS[target]
    const before = baseline.of(title)
    return [
      title,
      `${number(measured.median)} ${unit}`,
      range(measured),
      before === undefined ? '' : change(measured.median / before),
      goal === undefined ? '' : number(goal.must),
      goal === undefined ? '' : number(goal.aim),
      goal === undefined ? '' : verdict(measured.median, goal),
    ]
  })
  const head = ['', 'median', 'least to most', 'baseline', 'must', 'aim', 'reached']
  return table([head, ...lines], style)
}

/** All figures of each client of a workload. */
export function clientTable(samples: Samples, style: Style): string {
  const names = [...new Set(samples.labels.flatMap((label) => samples.names(label)))]
  const lines = samples.labels.map((label) => [
    label,
    ...names.map((name) => {
      const values = samples.values(label, name)
      return values.length === 0 ? '' : withRange(samples.spread(label, name))
    }),
  ])
  return table([['', ...names], ...lines], style)
}

function table(lines: readonly (readonly string[])[], style: Style): string {
  const [head = [], ...rest] = lines
  const used = head.map((_, column) => column === 0 || rest.some((line) => line[column] !== ''))
  const kept = lines.map((line) => line.filter((_, column) => used[column]))
  const widths = (kept[0] ?? []).map((_, column) =>
    Math.max(3, ...kept.map((line) => line[column]?.length ?? 0)),
  )
  const padded = kept.map((line) =>
    line.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    ),
  )
  if (style === 'text') return padded.map((line) => line.join('  ').trimEnd()).join('\n')
  const [first = [], ...others] = padded.map((line) => `| ${line.join(' | ')} |`)
  const rule = widths.map((width, column) =>
    column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  )
  return [first, `| ${rule.join(' | ')} |`, ...others].join('\n')
}

function withRange(spread: Spread): string {
  const { median, least, most } = spread
  return least === most ? number(median) : `${number(median)} (${range(spread)})`
}

function range({ least, most }: Spread): string {
  return least === most ? '' : `${number(least)} to ${number(most)}`
}

function change(ratio: number): string {
  const percent = Math.round((ratio - 1) * 100)
  return percent === 0 ? 'same' : `${percent > 0 ? '+' : ''}${percent} %`
}

/** A number with three significant digits. */
export function number(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en')
  return String(Number(value.toPrecision(3)))
}
