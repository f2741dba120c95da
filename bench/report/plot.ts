/** The plot: CPU of every client as a multiple of F1, one panel for each workload with peers. */
import type { Result, WorkloadResult } from '../result.ts'
import type { Spread } from '../samples.ts'
import { number } from './tables.ts'

const WIDTH = 760
const LEFT = 130
const RIGHT = 70
const BAR = 16
const STEP = 24
const HEADING = 44
const GAP = 22

/** The plotted figure of each workload. */
const PANELS: Readonly<Record<string, { readonly figure: string; readonly title: string }>> = {
  saturated: { figure: 'cpuPerDeltaUs', title: 'CPU per delta, 1 stream as fast as it is read' },
  paced: { figure: 'cpuPerDeltaUs', title: 'CPU per delta, 200 streams, a delta each 20 ms' },
  turn: { figure: 'cpuPerTurnUs', title: 'CPU per turn of 20 deltas; Colloquy’s saved durably' },
}

const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600 }
  .quiet { fill: #59636e; font-size: 12px }
  .bar { fill: #8c959f }
  .ours { fill: #0969da }
  .spread { stroke: #1f2328; stroke-width: 1 }
  .one { stroke: #59636e; stroke-dasharray: 3 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .quiet { fill: #9198a1 } .bar { fill: #656c76 } .ours { fill: #4493f8 }
    .spread { stroke: #f0f6fc } .one { stroke: #9198a1 }
  }`

interface Bar {
  readonly label: string
  readonly ratio: Spread
}

export function plot({ workloads }: Result): string {
  const panels: string[] = []
  let top = 0
  for (const workload of workloads) {
    const panel = PANELS[workload.name]
    if (panel === undefined) continue
    const bars = barsOf(workload, panel.figure)
    panels.push(panelOf(panel.title, bars, top))
    top += HEADING + bars.length * STEP + GAP
  }
  const note = `<text class="quiet" x="0" y="${top + 4}">F1 = 1: fetch, eventsource-parser, JSON.parse and a string. Logarithmic; medians, with the least and the most.</text>`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top + 14}" role="img">`,
    '<title>CPU time of each client as a multiple of a hand-written loop</title>',
    `<style>${STYLE}</style>`,
    ...panels,
    note,
    '</svg>\n',
  ].join('\n')
}

function barsOf({ samples }: WorkloadResult, figure: string): readonly Bar[] {
  const bars = samples.labels.map((label) => ({
    label,
    ratio: samples.ratio(label, 'floor', figure),
  }))
  return bars.toSorted((a, b) => a.ratio.median - b.ratio.median)
}

function panelOf(title: string, bars: readonly Bar[], top: number): string {
  const least = Math.min(...bars.map(({ ratio }) => ratio.least)) * 0.8
  const most = Math.max(...bars.map(({ ratio }) => ratio.most))
  const x = (value: number) =>
    LEFT + (Math.log(value / least) / Math.log(most / least)) * (WIDTH - LEFT - RIGHT)
  const bottom = top + HEADING + bars.length * STEP
  const lines = bars.flatMap(({ label, ratio }, n) => {
    const y = top + HEADING + n * STEP
    const middle = y + BAR / 2
    const end = x(ratio.median)
    const kind = label.startsWith('colloquy') ? 'bar ours' : 'bar'
    return [
      `<text x="${LEFT - 8}" y="${middle + 5}" text-anchor="end">${label === 'floor' ? 'F1' : label}</text>`,
      `<rect class="${kind}" x="${LEFT}" y="${y}" width="${fixed(end - LEFT)}" height="${BAR}" rx="2"/>`,
      `<line class="spread" x1="${fixed(x(ratio.least))}" x2="${fixed(x(ratio.most))}" y1="${middle}" y2="${middle}"/>`,
      `<text x="${fixed(x(ratio.most) + 6)}" y="${middle + 5}">${number(ratio.median)}</text>`,
    ]
  })
  return [
    `<text class="title" x="0" y="${top + 26}">${title}</text>`,
    `<line class="one" x1="${fixed(x(1))}" x2="${fixed(x(1))}" y1="${top + HEADING - 8}" y2="${bottom - 4}"/>`,
    ...lines,
  ].join('\n')
}

function fixed(value: number): string {
  return value.toFixed(1)
}
