/** The public names of `colloquy`. Has no code of its own. */
export { createEngine } from './engine.ts'
export type { Completion, CompletionOptions } from './engine/api/completion.ts'
export type { ConversationOptions } from './engine/api/conversation-options.ts'
export type { EndpointOptions, Fallback } from './engine/api/endpoint-options.ts'
export type {
  CloseOptions,
  Engine,
  EngineHealth,
  EventOptions,
  InspectionObserver,
  OwnerView,
  ViewOptions,
} from './engine/api/engine.ts'
export type {
  CancelOptions,
  DecisionOptions,
  EditOptions,
  ResumeOptions,
  RetryTurnOptions,
  SendOptions,
  TurnOptions,
  WaitingCallOptions,
} from './engine/api/turn-options.ts'
export type { Reply, Turn } from './engine/api/turn.ts'
export type {
  CountTokens,
  DrainOptions,
  EngineOptions,
  LimitOptions,
  RetryOptions,
  SecretOptions,
  TimeoutOptions,
} from './engine/options/options.ts'
export type {
  Prepare,
  PreparedTurn,
  PrepareStep,
  StepInfo,
  StepPlan,
} from './engine/options/prepare.ts'
export type { AddressPolicy } from './transport/http/address-guard.ts'
export type { RequestDispatcher } from './transport/http/dispatchers.ts'
export { ColloquyError } from './protocol/errors.ts'
export type { ColloquyErrorCode, ColloquyErrorDetails, ErrorRecord } from './protocol/errors.ts'
export type { CallRecord, Decision, StepRecord } from './protocol/call.ts'
export type { Clock } from './protocol/clock.ts'
export type {
  ConversationListOptions,
  ConversationRecord,
  ConversationUpdate,
  ForkOptions,
  InitialMessage,
  MessageListOptions,
  Settings,
} from './protocol/conversation.ts'
export type { Delta } from './protocol/delta.ts'
export type {
  Dialect,
  EndpointRecord,
  EngineSettings,
  FallbackRecord,
  ModelPurpose,
  Quirks,
} from './protocol/endpoint.ts'
export type {
  ConversationEvent,
  ConversationHappening,
  SettingsChange,
  TurnHappening,
} from './protocol/event.ts'
export type {
  ActorInspectionEvent,
  InspectedActor,
  InspectedEvent,
  InspectedSnapshot,
} from './protocol/inspection.ts'
export type { Logger } from './protocol/logger.ts'
export type {
  FilePart,
  FinishReason,
  InputPart,
  Message,
  MessageRole,
  MessageStatus,
  Part,
  ProviderToolPart,
  ReasoningPart,
  TextPart,
  ToolContent,
  ToolCallPart,
  ToolResultPart,
  Usage,
} from './protocol/message.ts'
export type { Snapshot } from './protocol/snapshot.ts'
export type {
  CallProgress,
  CallState,
  ToolChoice,
  ToolDefinition,
  ToolDefinitions,
  ToolResultCode,
  WaitsFor,
} from './protocol/tool.ts'
export { ToolError } from './tools/tool.ts'
export type { AnyTool, CallContext, JsonSchemaObject, Schema, Tool } from './tools/tool.ts'
export type {
  AttemptRecord,
  QueuedTurn,
  Receipt,
  SendPolicy,
  TerminalStatus,
  TurnPhase,
  TurnRecord,
  TurnStatus,
} from './protocol/turn.ts'
