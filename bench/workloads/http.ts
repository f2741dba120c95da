/** Streams over HTTP: what readers cost, join and hold, against loops that only write. */
import type { Mode, Workload } from '../workload.ts'

const READERS = 200
const STREAMS = 5_000
/** The shape of the replies that many readers see: frames are not merged by the pauses between them. */
const SHOWN = { deltas: 200, pauseMs: 10 }

function fanOut(client: string, label: string, mode: Mode, options: Record<string, number> = {}) {
  return {
    measure: 'web-fanout',
    client,
    label,
    options: { readers: READERS, rounds: mode === 'quick' ? 1 : 3, ...SHOWN, ...options },
  }
}

export const http: Workload = {
  name: 'http',
  title: 'Streams over HTTP',
  rounds: { full: 3, quick: 1 },
  entries: (mode) => [
    fanOut('write-loop', 'write-loop', mode),
    fanOut('colloquy-direct', 'direct', mode, { frameMs: 0 }),
    fanOut('colloquy-response', 'response', mode, { frameMs: 0 }),
    fanOut('colloquy-direct', 'direct-paced', mode),
    ...['ai-sdk-pipe', 'colloquy-direct'].map((client) => ({
      measure: 'web-turn',
      client,
      label: `${client}-turn`,
      options: { turns: mode === 'quick' ? 30 : 100, deltas: 200, pauseMs: 0 },
    })),
    ...['write-loop', 'colloquy-direct', 'colloquy-response'].map((client) => ({
      measure: 'web-idle',
      client,
      label: `${client}-idle`,
      options: { streams: STREAMS },
      rounds: 1,
    })),
    ...['write-loop', 'colloquy-direct'].map((client) => ({
      measure: 'web-delay',
      client,
      label: `${client}-delay`,
      options: { streams: STREAMS, deltas: 20, pauseMs: 50 },
    })),
    ...[
      ['join-1kb', 150, 300],
      ['join-1mb', 180_000, 20],
    ].map(([label, deltasBefore, joins]) => ({
      measure: 'web-join',
      client: 'colloquy-direct',
      label: String(label),
      options: { deltasBefore: Number(deltasBefore), joins: Number(joins) },
    })),
  ],
  rows: (samples) => [
    {
      target: 'http.fan-out',
      title: 'a delta to 200 streams, per reader, against a loop of `res.write`',
      unit: '× loop',
      measured: samples.ratio('direct', 'write-loop', 'cpuPerDeltaUs'),
    },
    {
      target: 'http.fan-out-response',
      title: 'the same through `Response` and @hono/node-server',
      unit: '× loop',
      measured: samples.ratio('response', 'write-loop', 'cpuPerDeltaUs'),
    },
    {
      title: 'the same with frames of 33 ms',
      unit: '× loop',
      measured: samples.ratio('direct-paced', 'write-loop', 'cpuPerDeltaUs'),
    },
    {
      target: 'http.turn',
      title: 'a turn of 200 deltas with its save, against `streamText` piped, nothing saved',
      unit: '× ai-sdk',
      measured: samples.ratio('colloquy-direct-turn', 'ai-sdk-pipe-turn', 'cpuPerTurnUs'),
    },
    {
      target: 'http.idle',
      title: 'heap of an idle stream, of 5,000',
      unit: 'KiB',
      measured: samples.spread('colloquy-direct-idle', 'heapPerStreamKb'),
    },
    {
      target: 'http.idle-response',
      title: 'the same through `Response` and @hono/node-server',
      unit: 'KiB',
      measured: samples.spread('colloquy-response-idle', 'heapPerStreamKb'),
    },
    {
      title: 'the same of a bare `ServerResponse`',
      unit: 'KiB',
      measured: samples.spread('write-loop-idle', 'heapPerStreamKb'),
    },
    {
      target: 'http.delay',
      title: 'longest delay of the event loop with 5,000 streams, against one loop',
      unit: '× loop',
      measured: samples.ratio('colloquy-direct-delay', 'write-loop-delay', 'longestDelayMs'),
    },
    {
      title: 'from the seal to the last byte of 5,000 streams',
      unit: 'ms',
      measured: samples.spread('colloquy-direct-delay', 'lastByteMs'),
    },
    {
      target: 'http.join',
      title: 'joining a reply of 1 MB against one of 1 kB, per byte',
      unit: '×',
      measured: samples.ratio('join-1mb', 'join-1kb', 'joinCpuPerKbUs'),
    },
    {
      target: 'http.reconnect',
      title: 'bytes of a reconnect that missed 1 kB of 1 MB',
      unit: 'bytes',
      measured: samples.spread('join-1mb', 'reconnectBytes'),
    },
    {
      target: 'http.length',
      title: 'a delta to one stream at 1 MB of reply against at 1 kB',
      unit: '×',
      measured: samples.ratio('join-1mb', 'join-1kb', 'cpuPerDeltaUs'),
    },
  ],
}
