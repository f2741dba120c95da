/** The page of the docs: tables, method and caveats. Its figures come from the run. */
import type { Baseline } from '../baseline.ts'
import type { Result } from '../result.ts'
import { clientTable, rowTable } from './tables.ts'

export function page(result: Result, baseline: Baseline): string {
  const { workloads, machine, versions, date, minutes } = result
  const rows = workloads.flatMap((workload) => workload.rows)
  return `# Benchmarks

Colloquy beside what a user would pick instead, and beside a floor: a hand-written loop of \`fetch\`,
\`eventsource-parser\`, \`JSON.parse\` and string concatenation, called F1. Figures are ratios within
one run, because machines differ and are noisy. This page is written by \`npm run bench -- --write\`.

![CPU time of each client as a multiple of F1](cpu.svg)

## What was to be reached, and what is

\`must\` and \`aim\` are the project's own bounds; \`reached\` says which of them the median keeps.
Ratios are medians over rounds in which both clients ran one after the other.

${rowTable(rows, baseline, 'markdown')}

## Method

- ${date}, ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, ${machine.system}. The run took ${minutes.toFixed(0)} minutes.
- Versions: ${Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')}.
- The provider is a mock in a process of its own, on the loopback. It writes events that were
  serialised beforehand, in OpenAI's shape and with a field that differs in each of them, then a
  usage chunk and \`[DONE]\`. The text is prose with line breaks, quotes and a few characters outside
  ASCII.
- Each client runs in a process of its own for each measurement, one after the other, A B A B over
  the rounds. The main figure is CPU time, user and system, of all threads of that process, after a
  warm-up. Every reply is compared with the text that was sent; one wrong character ends the run.
- Where a delta is measured, all replies have begun and wait; then they are released together, and
  the time counts from there until every reader was shown all of the text. How a reply begins and
  ends, and that ours is saved, is in the turns; in \`length\` saving is in the deltas too.
- Colloquy is measured as it is published: the built package, an SQLite file in the system's folder
  for temporary files, \`durability: 'full'\`, no automatic titles, a reader on \`snapshots()\` at
  the default interval; \`colloquy-deltas\` reads \`turn.events\` instead. What a sync to the disk
  costs in wall time depends on the disk; in CPU time it is small.

## What is compared with what

Colloquy does more than the others here: it saves the question before it sends it and the reply
before it is done, gives snapshots to any number of readers, watches four timeouts, and can cancel
and tell what happened. It does less in one respect: a reader of snapshots is shown text ten times a
second, not once for each delta, which is what a screen needs; \`colloquy-deltas\` is the other way.

- **F1** has no timeouts, no errors worth the name, no cancel, and forgets the text when it ends.
- **bytes** reads a raw socket and looks at nothing: what no client can beat.
- **ai-sdk** (\`streamText\` with \`@ai-sdk/openai-compatible\`) validates each chunk with a schema and
  sends it through several web streams; it does tools, steps and retries.
- In **tools**, F1 and the AI SDK run the same tool and ask again. F1 keeps nothing; ours saves the question, the step
  before the tool starts, its result, and the reply.
- **openai-node** parses each event and hands it over whole; it retries, which is off here.
- **write-loop**, in \`http\`, writes each delta as JSON to each open response, in one loop. It saves nothing, authorizes
  nobody and resumes nothing. **ai-sdk-pipe** is \`streamText\`, piped to the response. The readers are a process of their
  own; the cost of a reader is that of 200 against that of one.
- **langchain** makes a message object for each chunk and runs its callback system.
- **tanstack** turns chunks into AG-UI events with ids and timestamps; it is built on openai-node.
- **pi-ai** keeps a whole partial message with each event; it is built on openai-node.

The time to the first text is wall time, of questions that are asked one after the other by a process
that has asked few: code that has hardly run yet, and one sync to the disk, since ours is asked once it
is saved. \`colloquy-relaxed\` leaves the sync out.

None of the peers saves anything. Retries are off where they can be turned off, since they cost
nothing as long as nothing fails.

## Every client, every workload

Medians, with the least and the most in brackets. \`Us\`, \`Ms\` and \`Mb\` at the end of a name are
microseconds, milliseconds and mebibytes; \`cpu\` is CPU time.
${workloads
  .map(
    ({ name, title, samples }) => `
### ${name}

${title}.

${clientTable(samples, 'markdown')}
`,
  )
  .join('')}
All samples are in results.json, beside this page in the repository.
`
}
