/** The public names of `colloquy/http`. Has no code of its own. */
export { createHandler } from './http/handler.ts'
export type { Handler } from './http/handler.ts'
export type { NodeHandler } from './http/node-response.ts'
export type {
  Action,
  AllowOptions,
  Attempted,
  Authorize,
  BrowserInput,
  CorsOptions,
  ExposeOptions,
  HandlerOptions,
  HttpLimits,
  Identity,
  Permission,
} from './http/options.ts'
export type {
  AcceptedView,
  CallProgressView,
  CallView,
  ConversationPage,
  ConversationState,
  ConversationView,
  DecisionView,
  ErrorView,
  HttpErrorCode,
  MessagePage,
  MessageView,
  PartOpening,
  PartView,
  Problem,
  PublicErrorCode,
  ReceiptView,
  ReplyOp,
  ReplyState,
  RunningTurnView,
  RunningView,
  StreamEnd,
  TurnView,
  UsageView,
} from './protocol/web.ts'
