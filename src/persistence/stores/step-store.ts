/** The steps of turns and their calls in an SQL database. Knows nothing of answers to calls. */
import { callNotFound } from '../../protocol/errors.ts'
import type { StepStore } from '../ports/step-store.ts'
import type { SqlAccess } from '../sql-access.ts'
import { noteLateJob, readCalls, readSteps, supplyCallJob } from '../statements/known-calls.ts'
import { recordResultsJob, recordStepJob, startCallsJob } from '../statements/steps.ts'

export function stepStore(access: SqlAccess): StepStore {
  const { epoch } = access
  return {
    async recordStep(step) {
      return await access.ofTurn(recordStepJob(step, epoch), { isUrgent: true })
    },

    async startCalls(callIds, at) {
      return await access.ofTurn(startCallsJob(callIds, at, epoch), { isUrgent: true })
    },

    async recordResults(results) {
      return await access.ofTurn(recordResultsJob(results, epoch), { isUrgent: true })
    },

    async recordLate(callId, outcome) {
      return await access.write(() => noteLateJob(callId, outcome))
    },

    async listSteps(turnId, viewer) {
      return await access.read((connection) => readSteps(connection, turnId, viewer))
    },

    async listCalls(turnId, viewer) {
      return await access.read((connection) => readCalls(connection, turnId, viewer))
    },

    async supplyCall(callId, outcome, at, viewer) {
      const supplied = await access.write(() => supplyCallJob(callId, outcome, at, viewer))
      if (supplied === undefined) throw callNotFound(callId)
      return supplied
    },
  }
}
