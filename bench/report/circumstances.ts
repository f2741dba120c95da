/** The circumstances of a benchmark run: date, machine and versions. */
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem, type } from 'node:os'
import { join } from 'node:path'
import { BENCH, ROOT } from '../preparation.ts'
import type { Circumstances } from '../result.ts'

interface Manifest {
  readonly version?: string
  readonly dependencies?: Readonly<Record<string, string>>
}

export function machineAndVersions(): Circumstances {
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: {
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: availableParallelism(),
      memoryGb: Math.round(totalmem() / 2 ** 30),
      system: type(),
    },
    versions: {
      node: process.versions.node,
      colloquy: manifest(ROOT).version ?? '',
      ...manifest(BENCH).dependencies,
    },
  }
}

function manifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
}
