/** The contract of every store. Knows nothing of the database behind it. */
import { describe, onTestFinished } from 'vitest'
import { closingContract } from './contract/closing.ts'
import { conversationContract } from './contract/conversations.ts'
import type { CountedStore } from './contract/counted-store.ts'
import { settingContract } from './contract/settings.ts'
import { turnContract } from './contract/turns.ts'
import { valueContract } from './contract/values.ts'
import { writeContract } from './contract/writes.ts'

export function storeContract(openStore: () => Promise<CountedStore>): void {
  const open = async (): Promise<CountedStore> => {
    const store = await openStore()
    onTestFinished(() => store.close())
    return store
  }

  describe('conversations', () => {
    conversationContract(open)
  })
  describe('turns', () => {
    turnContract(open)
  })
  describe('strings and values', () => {
    valueContract(open)
  })
  describe('endpoints and settings', () => {
    settingContract(open)
  })
  describe('writes that come together', () => {
    writeContract(open)
  })
  describe('closing', () => {
    closingContract(open)
  })
}
