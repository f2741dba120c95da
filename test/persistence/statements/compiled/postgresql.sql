-- accept-turn.ts: INSERT_TURN (id, conversation_id, position, input_message_id, reply_id, epoch, idempotency_key, endpoint, model, metadata, started_at)
insert into "turn" ("id", "conversation_id", "position", "input_message_id", "reply_id", "status", "epoch", "idempotency_key", "endpoint", "model", "attempts", "metadata", "started_at") values ($1, $2, $3, $4, $5, 'pending', $6, $7, $8, $9, 0, $10, $11);

-- accept-turn.ts: SELECT_ACCEPTING (id)
select "c".*, (select coalesce(max("m"."position"), 0) + 1 as "next" from "message" as "m" where "m"."conversation_id" = "c"."id" and "m"."position" <= 9007199254740990) as "message_position", (select coalesce(max("t"."position"), 0) + 1 as "next" from "turn" as "t" where "t"."conversation_id" = "c"."id" and "t"."position" <= 9007199254740990) as "turn_position", (select "s"."value" from "setting" as "s" where "s"."name" = 'epoch') as "epoch" from "conversation" as "c" where "c"."id" = $1;

-- answered-calls.ts: SELECT_REPLIES_BEFORE (conversation_id, before, limit)
select "position", "parts" from "message" where "conversation_id" = $1 and "position" < $2 and "role" = 'assistant' order by "position" desc limit $3;

-- checkpoints.ts: INSERT_CHECKPOINT (n, parts, turn_id, epoch)
insert into "checkpoint" ("turn_id", "n", "parts") select "id", $1 as "n", $2 as "parts" from "turn" where "id" = $3 and "epoch" = $4 and "status" = 'streaming' on conflict ("turn_id", "n") do update set "parts" = "excluded"."parts";

-- checkpoints.ts: MARK_STREAMING (attempts, failed_attempts, endpoint, model, id, epoch)
update "turn" set "status" = 'streaming', "attempts" = $1, "failed_attempts" = $2, "endpoint" = coalesce($3, "endpoint"), "model" = coalesce($4, "model") where "id" = $5 and "epoch" = $6 and "status" in ('pending', 'streaming');

-- conversations.ts: DELETE_CONVERSATION (id)
delete from "conversation" where "id" = $1;

-- conversations.ts: INSERT_CONVERSATION (id, title, model, endpoint, system, settings, owner_id, metadata, head_message_id, created_at, updated_at)
insert into "conversation" ("id", "title", "model", "endpoint", "system", "settings", "owner_id", "metadata", "head_message_id", "created_at", "updated_at") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict ("id") do nothing;

-- conversations.ts: MOVE_HEAD (head_message_id, updated_at, id)
update "conversation" set "head_message_id" = $1, "updated_at" = $2 where "id" = $3;

-- conversations.ts: SELECT_CONVERSATION (id)
select * from "conversation" where "id" = $1;

-- conversations.ts: SELECT_CONVERSATIONS (limit)
select * from "conversation" order by "updated_at" desc, "id" desc limit $1;

-- conversations.ts: SELECT_CONVERSATIONS_OF (owner_id, limit)
select * from "conversation" where "owner_id" = $1 order by "updated_at" desc, "id" desc limit $2;

-- conversations.ts: TITLE_CONVERSATION (title, updated_at, id)
update "conversation" set "title" = $1, "updated_at" = $2 where "id" = $3 and "title" is null returning *;

-- conversations.ts: TOUCH (updated_at, id)
update "conversation" set "updated_at" = $1 where "id" = $2;

-- conversations.ts: UPDATE_CONVERSATION (title, model, endpoint, system, settings, owner_id, metadata, updated_at, id)
update "conversation" set "title" = $1, "model" = $2, "endpoint" = $3, "system" = $4, "settings" = $5, "owner_id" = $6, "metadata" = $7, "updated_at" = $8 where "id" = $9;

-- end-turn.ts: DELETE_CHECKPOINTS (turn_id)
delete from "checkpoint" where "turn_id" = $1;

-- end-turn.ts: END_TURN (status, attempts, failed_attempts, endpoint, model, error, usage, ended_at, content_seq, last_seq, id, epoch)
update "turn" set "status" = $1, "attempts" = $2, "failed_attempts" = $3, "endpoint" = coalesce($4, "endpoint"), "model" = coalesce($5, "model"), "error" = $6, "usage" = $7, "ended_at" = $8, "content_seq" = $9, "last_seq" = $10 where "id" = $11 and "epoch" = $12 and "status" in ('pending', 'streaming') returning "conversation_id", "input_message_id", "endpoint", "model", "metadata", "started_at", (select coalesce(max("m"."position"), 0) + 1 as "next" from "message" as "m" where "m"."conversation_id" = "turn"."conversation_id" and "m"."position" <= 9007199254740990) as "reply_position";

-- endpoints.ts: DELETE_ENDPOINT (name)
delete from "endpoint" where "name" = $1;

-- endpoints.ts: PUT_ENDPOINT (name, url, dialect, model, local, header_names, sealed_secrets, fallbacks, options)
insert into "endpoint" ("name", "url", "dialect", "model", "local", "header_names", "sealed_secrets", "fallbacks", "options") values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict ("name") do update set "url" = "excluded"."url", "dialect" = "excluded"."dialect", "model" = "excluded"."model", "local" = "excluded"."local", "header_names" = "excluded"."header_names", "sealed_secrets" = "excluded"."sealed_secrets", "fallbacks" = "excluded"."fallbacks", "options" = "excluded"."options";

-- endpoints.ts: SELECT_ENDPOINTS ()
select * from "endpoint" order by "name";

-- epoch.ts: NEXT_EPOCH ()
insert into "setting" ("name", "value") values ('epoch', '1') on conflict ("name") do update set "value" = cast(cast(setting.value as integer) + 1 as text) returning "value";

-- epoch.ts: SELECT_EPOCH ()
select "value" from "setting" where "name" = 'epoch';

-- messages.ts: SELECT_HISTORY (conversation_id, upTo)
select "turn_id", "import_id", "role", "parts", "status" from "message" where "conversation_id" = $1 and "position" <= $2 order by "position";

-- messages.ts: SELECT_MESSAGES (conversation_id)
select * from "message" where "conversation_id" = $1 order by "position";

-- messages.ts: SELECT_REPLY (turn_id)
select * from "message" where "turn_id" = $1 and "role" = 'assistant';

-- new-messages.ts: INSERT_INITIAL (id, conversation_id, parent_id, position, parts, created_at, import_id, role)
insert into "message" ("id", "conversation_id", "parent_id", "position", "parts", "created_at", "import_id", "role", "status") values ($1, $2, $3, $4, $5, $6, $7, $8, 'complete');

-- new-messages.ts: INSERT_INPUT (id, conversation_id, parent_id, position, parts, created_at, turn_id, role)
insert into "message" ("id", "conversation_id", "parent_id", "position", "parts", "created_at", "turn_id", "role", "status") values ($1, $2, $3, $4, $5, $6, $7, $8, 'complete');

-- new-messages.ts: INSERT_REPLY (id, conversation_id, parent_id, position, parts, created_at, turn_id, status, finish_reason, model, input_tokens, output_tokens, reasoning_tokens, cache_read_tokens, cache_write_tokens, usage_raw, usage_source)
insert into "message" ("id", "conversation_id", "parent_id", "position", "parts", "created_at", "turn_id", "role", "status", "finish_reason", "model", "input_tokens", "output_tokens", "reasoning_tokens", "cache_read_tokens", "cache_write_tokens", "usage_raw", "usage_source") values ($1, $2, $3, $4, $5, $6, $7, 'assistant', $8, $9, $10, $11, $12, $13, $14, $15, $16, $17);

-- probe.ts: DELETE_PROBE (name)
delete from "setting" where "name" = $1;

-- probe.ts: INSERT_PROBE (name)
insert into "setting" ("name", "value") values ($1, 'null') on conflict ("name") do nothing;

-- recovery.ts: DELETE_CHECKPOINTS ()
delete from "checkpoint";

-- recovery.ts: INSERT_REPLY (id, parts, created_at, turn_id)
insert into "message" ("id", "conversation_id", "turn_id", "parent_id", "position", "role", "parts", "status", "created_at") select $1 as "id", "t"."conversation_id", "t"."id" as "turn_id", "t"."input_message_id", (select coalesce(max("m"."position"), 0) + 1 as "next" from "message" as "m" where "m"."conversation_id" = "t"."conversation_id" and "m"."position" <= 9007199254740990) as "position", 'assistant' as "role", $2 as "parts", 'interrupted' as "status", $3 as "created_at" from "turn" as "t" where "t"."id" = $4 on conflict do nothing;

-- recovery.ts: INTERRUPT (error, ended_at)
update "turn" set "status" = 'interrupted', "error" = $1, "ended_at" = $2 where "status" in ('pending', 'streaming');

-- recovery.ts: MOVE_HEADS ()
update "conversation" set "head_message_id" = (select "m"."id" from "message" as "m" where "m"."conversation_id" = "conversation"."id" order by "m"."position" desc limit 1) where "id" in (select "conversation_id" from "turn" where "status" in ('pending', 'streaming'));

-- recovery.ts: SELECT_CHECKPOINTS (turn_id)
select * from "checkpoint" where "turn_id" = $1 order by "n";

-- recovery.ts: SELECT_RUNNING ()
select "id", "reply_id" from "turn" where "status" in ('pending', 'streaming') order by "conversation_id", "position";

-- retry-turn.ts: SELECT_LAST_INPUT (conversation_id)
select "message".* from "turn" inner join "message" on "message"."id" = "turn"."input_message_id" where "turn"."conversation_id" = $1 and "turn"."position" <= 9007199254740990 order by "turn"."position" desc limit 1;

-- settings.ts: DELETE_SETTING (name)
delete from "setting" where "name" = $1;

-- settings.ts: PUT_SETTING (name, value)
insert into "setting" ("name", "value") values ($1, $2) on conflict ("name") do update set "value" = "excluded"."value";

-- settings.ts: SELECT_SETTINGS ()
select * from "setting" where "name" <> 'epoch';

-- turn-parts.ts: SELECT_KEYED_TURN (conversation_id, idempotency_key)
select * from "turn" where "conversation_id" = $1 and "idempotency_key" = $2;

-- turn-parts.ts: SELECT_MESSAGE (id)
select * from "message" where "id" = $1;

-- turn-usage.ts: UPDATE_REPLY (input_tokens, output_tokens, reasoning_tokens, cache_read_tokens, cache_write_tokens, usage_raw, usage_source, turn_id)
update "message" set "input_tokens" = $1, "output_tokens" = $2, "reasoning_tokens" = $3, "cache_read_tokens" = $4, "cache_write_tokens" = $5, "usage_raw" = $6, "usage_source" = $7 where "turn_id" = $8 and "role" = 'assistant' returning *;

-- turn-usage.ts: UPDATE_TURN (usage, id, epoch)
update "turn" set "usage" = $1 where "id" = $2 and "epoch" = $3 and "status" = 'cancelled' returning *;

-- turns.ts: SELECT_LAST_TURN (conversation_id)
select * from "turn" where "conversation_id" = $1 and "position" <= 9007199254740990 order by "position" desc limit 1;

-- turns.ts: SELECT_TURN (id)
select * from "turn" where "id" = $1;

-- turns.ts: SELECT_TURNS (conversation_id)
select * from "turn" where "conversation_id" = $1 order by "position";
