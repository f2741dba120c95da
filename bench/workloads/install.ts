/** The dependencies and bytes that each client installs. */
import type { Workload } from '../workload.ts'

const CLIENTS = ['colloquy', 'ai-sdk', 'openai-node', 'langchain', 'tanstack', 'pi-ai']

export const install: Workload = {
  name: 'install',
  title: 'Size of an install, and how many packages come with it',
  rounds: { full: 1, quick: 1 },
  entries: () => CLIENTS.map((client) => ({ measure: 'install', client, options: {} })),
  rows: (samples) =>
    CLIENTS.map((client) => ({
      title: `install of ${client}, with ${samples.spread(client, 'dependencies').median} packages`,
      unit: 'MiB',
      measured: samples.spread(client, 'installMb'),
    })),
}
