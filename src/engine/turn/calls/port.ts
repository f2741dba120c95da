/** The parts of the engine that the calls of a step need. Types only. */
import type { ConversationStore } from '../../../persistence/ports/conversation-store.ts'
import type { NewCall } from '../../../persistence/ports/call-write.ts'
import type { StepStore } from '../../../persistence/ports/step-store.ts'
import type { TurnStore } from '../../../persistence/ports/turn-store.ts'
import type { WaitStore } from '../../../persistence/ports/wait-store.ts'
import type { LateTool } from '../../../protocol/event.ts'
import type { ToolSlots } from '../../../tools/slots.ts'
import type { CallContext } from '../../../tools/tool.ts'
import type { ReadyTool } from '../../../tools/toolbox.ts'
import type { ResolvedOptions } from '../../options/resolve-options.ts'
import type { LiveTurn } from '../live-turn/live-turn.ts'
import type { Checkpoints } from '../record/checkpointer.ts'
import type { Sealer } from '../request/stored-options.ts'
import type { LateTools } from './late-tools.ts'

export interface StepCallsPort {
  readonly store: StepStore & ConversationStore & WaitStore & Pick<TurnStore, 'getTurn'>
  readonly options: ResolvedOptions
  readonly checkpoints: Checkpoints
  readonly sealer: Sealer
  /** The queued turn that takes over at the end of the step, if there is one. */
  readonly steeredBy: (live: LiveTurn) => string | undefined
  /** A call waits until then. */
  readonly expires: (at: Date | undefined) => void
  readonly slots: ToolSlots
  readonly late: LateTools
  /** Returns true if the tool may run in the present mode. */
  readonly isAvailable: (tool: ReadyTool) => boolean
  /** Removes the secrets of all endpoints from a text. */
  readonly redact: (text: string) => string
  readonly announce: (conversationId: string, event: LateTool, owner: string | undefined) => void
  readonly reportFailure: (live: LiveTurn, failures: number, retryInMs: number) => void
  readonly contextOf: (
    live: LiveTurn,
    step: number,
    call: Omit<NewCall, 'state' | 'code'>,
  ) => Omit<CallContext, 'signal' | 'progress'>
}
