/**
 * Kills a process in the middle of a deletion with `secureDelete`, again and again.
 *
 * `KILLS` sets the number of kills. `SEED` repeats a run.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as after } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { createEngine } from '../../src/index.ts'
import { testDatabase, testProvider } from '../support/engine.ts'
import { streamed } from '../support/scripts.ts'
import { isInFiles, rowsInTables } from '../support/stored-data.ts'
import { randomFrom } from './aftermath.ts'

const SECRET = 'the password of the vault'
const KILLS = Number(process.env['KILLS'] ?? 30)
const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31))

test(
  'a deletion that a kill cuts short leaves no row and no byte after the next engine has closed',
  { timeout: 60_000 + KILLS * 15_000 },
  async () => {
    process.stdout.write(`SEED=${SEED}\n`)
    const random = randomFrom(SEED)
    const provider = await testProvider()
    provider.always(streamed([SECRET, ' it was']))
    const script = fileURLToPath(new URL('./children/deleting-host.ts', import.meta.url))
    let cutShort = 0
    for (let kill = 0; kill < KILLS; kill += 1) {
      const database = await testDatabase()
      const host = fork(script, [provider.url, database, SECRET], { execArgv: [] })
      onTestFinished(() => void host.kill('SIGKILL'))
      // Two kills of three come after the mark, however slow the machine is.
      const stage = kill % 3 === 0 ? 'deleting' : 'gone'
      const reached = Promise.withResolvers<void>()
      host.on('message', (message) => {
        if (message === stage) reached.resolve()
      })
      await reached.promise
      await after(random() * 60)
      host.kill('SIGKILL')
      await once(host, 'close')
      const { message: left = 0 } = rowsInTables(database)

      const engine = await createEngine({ database, autoTitle: false, secureDelete: true })
      // A kill before the mark was written leaves a whole conversation.
      const isWhole = (await engine.getConversation('secret')) !== undefined
      if (isWhole) {
        expect(await engine.listMessages('secret', { limit: 500 })).toHaveLength(500)
        await engine.deleteConversation('secret')
      } else if (left > 0) cutShort += 1
      await expect.poll(() => rowsInTables(database), { timeout: 20_000 }).toEqual({})
      expect(await engine.listConversations({ archived: 'any' })).toEqual([])
      await engine.close()

      expect(await isInFiles(database, SECRET)).toBe(false)
    }
    process.stdout.write(`${cutShort} of ${KILLS} kills cut a deletion short\n`)
    expect(cutShort).toBeGreaterThan(0)
  },
)
