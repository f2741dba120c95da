-- accept-turn.ts: SELECT_CLIENT_ID (conversation_id, client_id)
select "id" from "message" where "conversation_id" = $1 and "client_id" = $2;

-- accepting.ts: INSERT_SEND_KEY (conversation_id, key, turn_id, message_id)
insert into "send_key" ("conversation_id", "key", "turn_id", "message_id") values ($1, $2, $3, $4);

-- accepting.ts: INSERT_TURN (id, conversation_id, position, input_message_id, reply_id, epoch, endpoint, model, metadata, started_at, reply_branch, reply_depth, tools)
insert into "turn" ("id", "conversation_id", "position", "input_message_id", "reply_id", "epoch", "endpoint", "model", "attempts", "metadata", "started_at", "status", "reply_branch", "reply_depth", "tools") values ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10, 'pending', $11, $12, $13);

-- accepting.ts: SELECT_ACCEPTING (id, reach, viewer, reach)
select "c".*, (select 1 as "one" from "message" as "m" where "m"."conversation_id" = "c"."id" and "m"."branch" = "c"."head_branch" and "m"."depth" = "c"."head_depth" + 1) as "head_is_followed", (select "s"."value" from "setting" as "s" where "s"."name" = 'epoch') as "epoch", (select 1 as "one" from "turn" as "t" where "t"."conversation_id" = "c"."id" and "t"."status" = 'queued' limit 1) as "has_queue", (select "w"."id" from "turn" as "w" where "w"."conversation_id" = "c"."id" and "w"."status" = 'waiting') as "waiting_turn" from "conversation" as "c" where "c"."id" = $1 and ("c"."deleted_at" is null and ($2 = 0 or "c"."owner_id" = $3 or ($4 = 2 and "c"."owner_id" is null)));

-- answered-calls.ts: SELECT_FIRST_REPLIES (conversation_id, from, to)
select "m"."depth", "m"."parts" from "message" as "m" where "m"."conversation_id" = $1 and "m"."branch" = 0 and "m"."depth" >= $2 and "m"."depth" <= $3 and "m"."role" = 'assistant' order by "m"."depth";

-- answered-calls.ts: SELECT_LINE_REPLIES (depth, conversation_id, branch, conversation_id, from, conversation_id, from, to)
with recursive "line"("n", "parent", "low", "high") as (select "b"."n", "b"."parent", "b"."fork_depth" as "low", cast($1 as integer) as "high" from "branch" as "b" where "b"."conversation_id" = $2 and "b"."n" = $3 union all select "p"."n", "p"."parent", "p"."fork_depth" as "low", "l"."low" as "high" from "line" as "l" cross join "branch" as "p" where "p"."conversation_id" = $4 and "p"."n" = "l"."parent" and "p"."n" < "l"."n" and "l"."low" >= $5) select "m"."depth", "m"."parts" from "line" cross join "message" as "m" where "m"."conversation_id" = $6 and "m"."branch" = "line"."n" and "m"."depth" > "line"."low" and "m"."depth" <= "line"."high" and "m"."depth" >= $7 and "m"."depth" <= $8 and "m"."role" = 'assistant';

-- branches.ts: ACTIVATE (conversation_id, head_branch, conversation_id, n)
update "branch" set "activated" = coalesce((select "head"."activated" + 1 as "next" from "branch" as "head" where "head"."conversation_id" = $1 and "head"."n" = $2), 1) where "conversation_id" = $3 and "n" = $4;

-- branches.ts: INSERT_BRANCH (conversation_id, n, parent, fork_depth, activated)
insert into "branch" ("conversation_id", "n", "parent", "fork_depth", "activated") values ($1, $2, $3, $4, $5);

-- branches.ts: SELECT_BRANCHES_BELOW (conversation_id, branch, conversation_id, branch, depth, conversation_id)
with recursive "below"("n", "fork_depth", "activated") as (select "b"."n", "b"."fork_depth", "b"."activated" from "branch" as "b" where "b"."conversation_id" = $1 and "b"."n" = $2 union all select "x"."n", "x"."fork_depth", "x"."activated" from "below" as "u" cross join "branch" as "x" where "x"."conversation_id" = $3 and "x"."parent" = "u"."n" and "x"."n" - "u"."n" > 0 and ("u"."n" <> $4 or "x"."fork_depth" >= $5)) select "below"."n", "below"."activated" from "below" cross join "message" as "m" where "m"."conversation_id" = $6 and "m"."branch" = "below"."n" and "m"."depth" = "below"."fork_depth" + 1;

-- branches.ts: SELECT_TIP (conversation_id, branch)
select "id", "branch", "depth" from "message" where "conversation_id" = $1 and "branch" = $2 and "depth" is not null order by "depth" desc limit 1;

-- calls.ts: END_CALL (state, code, ended_at, id)
update "call" set "state" = $1, "code" = $2, "ended_at" = $3, "input" = null where "id" = $4;

-- calls.ts: INSERT_CALL (id_0, turn_id_0, step_0, n_0, tool_call_id_0, tool_name_0, idempotency_key_0, state_0, attempt_0, code_0, started_at_0, ended_at_0, waits_for_0, input_0, expires_at_0)
insert into "call" ("id", "turn_id", "step", "n", "tool_call_id", "tool_name", "idempotency_key", "state", "attempt", "code", "started_at", "ended_at", "waits_for", "input", "expires_at") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) on conflict do nothing;

-- calls.ts: NOTE_LATE (late_output, late_error, id)
update "call" set "late_output" = $1, "late_error" = $2 where "id" = $3 and "late_output" is null and "late_error" is null and "state" in ('stopped', 'failed');

-- calls.ts: SELECT_CALL (id, reach, viewer, reach)
select "k".*, "t"."conversation_id", "t"."status" as "turn_status" from "call" as "k" cross join "turn" as "t" cross join "conversation" as "c" where "k"."id" = $1 and "t"."id" = "k"."turn_id" and "c"."id" = "t"."conversation_id" and ("c"."deleted_at" is null and ($2 = 0 or "c"."owner_id" = $3 or ($4 = 2 and "c"."owner_id" is null)));

-- calls.ts: SELECT_CALLS (turn_id, reach, viewer, reach)
select "k".*, "t"."conversation_id" from "turn" as "t" cross join "conversation" as "c" cross join "call" as "k" where "t"."id" = $1 and "c"."id" = "t"."conversation_id" and ("c"."deleted_at" is null and ($2 = 0 or "c"."owner_id" = $3 or ($4 = 2 and "c"."owner_id" is null))) and "k"."turn_id" = "t"."id" order by "k"."step", "k"."n";

-- calls.ts: SELECT_NEWEST_CALLS (turn_id, turn_id)
select "k".*, "t"."conversation_id" from "call" as "k" cross join "turn" as "t" where "k"."turn_id" = $1 and "k"."step" = (select max("newest"."step") as "step" from "call" as "newest" where "newest"."turn_id" = $2) and "t"."id" = "k"."turn_id" order by "k"."n";

-- calls.ts: SELECT_STEPS (turn_id, reach, viewer, reach)
select "s".* from "turn" as "t" cross join "conversation" as "c" cross join "step" as "s" where "t"."id" = $1 and "c"."id" = "t"."conversation_id" and ("c"."deleted_at" is null and ($2 = 0 or "c"."owner_id" = $3 or ($4 = 2 and "c"."owner_id" is null))) and "s"."turn_id" = "t"."id" order by "s"."n";

-- calls.ts: SETTLE_CALL (state, code, ended_at, id, epoch)
update "call" set "state" = $1, "code" = $2, "ended_at" = $3, "input" = null where "id" = $4 and "state" in ('pending', 'started', 'waiting') and exists (select 1 as "one" from "turn" as "t" where "t"."id" = "call"."turn_id" and "t"."epoch" = $5 and "t"."status" = 'streaming');

-- calls.ts: START_CALL (started_at, id, epoch)
update "call" set "state" = 'started', "started_at" = $1, "input" = null where "id" = $2 and "state" = 'pending' and exists (select 1 as "one" from "turn" as "t" where "t"."id" = "call"."turn_id" and "t"."epoch" = $3 and "t"."status" = 'streaming');

-- calls.ts: SUPPLY_CALL (state, late_output, late_error, ended_at, id, reach, viewer, reach)
update "call" set "state" = $1, "code" = null, "late_output" = $2, "late_error" = $3, "ended_at" = $4 where "id" = $5 and "state" = 'unknown' and exists (select 1 as "one" from "turn" as "t" inner join "conversation" as "c" on "c"."id" = "t"."conversation_id" where "t"."id" = "call"."turn_id" and ("c"."deleted_at" is null and ($6 = 0 or "c"."owner_id" = $7 or ($8 = 2 and "c"."owner_id" is null))));

-- checkpoints.ts: INSERT_CHECKPOINT (n, parts, turn_id, epoch)
insert into "checkpoint" ("turn_id", "n", "parts") select "id", $1 as "n", $2 as "parts" from "turn" where "id" = $3 and "epoch" = $4 and "status" = 'streaming' on conflict ("turn_id", "n") do update set "parts" = "excluded"."parts";

-- checkpoints.ts: MARK_STREAMING (attempts, failed_attempts, endpoint, model, id, epoch)
update "turn" set "status" = 'streaming', "attempts" = $1, "failed_attempts" = $2, "endpoint" = coalesce($3, "endpoint"), "model" = coalesce($4, "model") where "id" = $5 and "epoch" = $6 and "status" in ('pending', 'streaming');

-- checkpoints.ts: SELECT_CHECKPOINTS (turn_id)
select * from "checkpoint" where "turn_id" = $1 order by "n";

-- continued-turn.ts: BEGIN_CONTINUED (id)
update "turn" set "status" = 'streaming', "steps" = 0 where "id" = $1;

-- continued-turn.ts: INSERT_FIRST_PIECE (turn_id, n, parts)
insert into "checkpoint" ("turn_id", "n", "parts") values ($1, $2, $3);

-- continued-turn.ts: KEEP_DECISION (waits_for, approved, decided_by, reason, given_input, id)
update "call" set "waits_for" = $1, "approved" = $2, "decided_by" = $3, "reason" = $4, "given_input" = $5 where "id" = $6;

-- continued-turn.ts: SELECT_TURN_ON_INPUT (conversation_id, input_message_id)
select "id", "status" from "turn" where "conversation_id" = $1 and "input_message_id" = $2 and "status" != 'queued' order by "position" desc limit 1;

-- conversations.ts: ARCHIVE_CONVERSATION (archived_at, id, reach, viewer, reach)
update "conversation" set "archived_at" = $1 where "id" = $2 and "archived_at" is null and ("conversation"."deleted_at" is null and ($3 = 0 or "conversation"."owner_id" = $4 or ($5 = 2 and "conversation"."owner_id" is null))) returning *;

-- conversations.ts: INSERT_CONVERSATION (id, title, model, endpoint, system, settings, owner_id, metadata, tools, head_message_id, head_branch, head_depth, messages, send_policy, forked_from, created_at, updated_at)
insert into "conversation" ("id", "title", "model", "endpoint", "system", "settings", "owner_id", "metadata", "tools", "head_message_id", "head_branch", "head_depth", "messages", "send_policy", "forked_from", "created_at", "updated_at") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) on conflict ("id") do nothing;

-- conversations.ts: SELECT_CONVERSATION (id)
select * from "conversation" where "id" = $1;

-- conversations.ts: SELECT_VISIBLE (id, reach, viewer, reach)
select "c".* from "conversation" as "c" where "c"."id" = $1 and ("c"."deleted_at" is null and ($2 = 0 or "c"."owner_id" = $3 or ($4 = 2 and "c"."owner_id" is null)));

-- conversations.ts: TITLE_CONVERSATION (title, id)
update "conversation" set "title" = $1 where "id" = $2 and "title" is null and "deleted_at" is null returning *;

-- conversations.ts: UNARCHIVE_CONVERSATION (id, reach, viewer, reach)
update "conversation" set "archived_at" = null where "id" = $1 and "archived_at" is not null and ("conversation"."deleted_at" is null and ($2 = 0 or "conversation"."owner_id" = $3 or ($4 = 2 and "conversation"."owner_id" is null))) returning *;

-- conversations.ts: UPDATE_CONVERSATION (title, model, endpoint, system, settings, owner_id, metadata, send_policy, tools, updated_at, id)
update "conversation" set "title" = $1, "model" = $2, "endpoint" = $3, "system" = $4, "settings" = $5, "owner_id" = $6, "metadata" = $7, "send_policy" = $8, "tools" = $9, "updated_at" = $10 where "id" = $11;

-- delete-conversation.ts: DELETE_MARKED (id)
delete from "conversation" where "id" = $1 and "deleted_at" is not null;

-- delete-conversation.ts: DELETE_MESSAGES (conversation_id)
delete from "message" where "n" in (select "m"."n" from "message" as "m" where "m"."conversation_id" = $1 limit 500);

-- delete-conversation.ts: DELETE_SMALL (id, reach, viewer, reach)
delete from "conversation" where "id" = $1 and messages + turns <= 500 and ("conversation"."deleted_at" is null and ($2 = 0 or "conversation"."owner_id" = $3 or ($4 = 2 and "conversation"."owner_id" is null))) returning "owner_id";

-- delete-conversation.ts: DELETE_TURNS (conversation_id, conversation_id)
delete from "turn" where "conversation_id" = $1 and "position" in (select "t"."position" from "turn" as "t" where "t"."conversation_id" = $2 limit 500);

-- delete-conversation.ts: MARK_DELETED (deleted_at, id, reach, viewer, reach)
update "conversation" set "deleted_at" = $1 where "id" = $2 and ("conversation"."deleted_at" is null and ($3 = 0 or "conversation"."owner_id" = $4 or ($5 = 2 and "conversation"."owner_id" is null))) returning "owner_id";

-- delete-conversation.ts: SELECT_DELETED ()
select "id" from "conversation" where "deleted_at" is not null and "id" >= '';

-- end-turn.ts: DELETE_CHECKPOINTS (turn_id)
delete from "checkpoint" where "turn_id" = $1;

-- end-turn.ts: END_TURN (status, attempts, failed_attempts, endpoint, model, error, usage, ended_at, content_seq, last_seq, id, epoch)
update "turn" set "status" = $1, "attempts" = $2, "failed_attempts" = $3, "endpoint" = coalesce($4, "endpoint"), "model" = coalesce($5, "model"), "error" = $6, "usage" = $7, "ended_at" = $8, "content_seq" = $9, "last_seq" = $10 where "id" = $11 and "epoch" = $12 and "status" in ('pending', 'streaming', 'waiting') returning "conversation_id", "input_message_id", "reply_branch", "reply_depth", "endpoint", "model", "metadata", "started_at", "send_policy", (select "c"."messages" + 1 as "next" from "conversation" as "c" where "c"."id" = "turn"."conversation_id") as "reply_position", (select "c"."head_message_id" from "conversation" as "c" where "c"."id" = "turn"."conversation_id") as "head_message_id", (select "c"."head_branch" from "conversation" as "c" where "c"."id" = "turn"."conversation_id") as "head_branch";

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

-- fields.ts: DELETE_FIELDS (conversation_id)
delete from "conversation_field" where "conversation_id" = $1;

-- fields.ts: INSERT_FIELD (conversation_id, name, value)
insert into "conversation_field" ("conversation_id", "name", "value") values ($1, $2, $3);

-- fork-conversation.ts: COPY_MESSAGE (id, conversation_id, import_id, parent_id, n)
insert into "message" ("id", "conversation_id", "import_id", "parent_id", "position", "branch", "depth", "client_id", "role", "parts", "status", "finish_reason", "model", "input_tokens", "output_tokens", "reasoning_tokens", "cache_read_tokens", "cache_write_tokens", "usage_raw", "usage_source", "created_at") select $1 as "id", $2 as "conversation_id", $3 as "import_id", $4 as "parent_id", "m"."depth" as "position", 0 as "branch", "m"."depth", "m"."client_id", "m"."role", "m"."parts", "m"."status", "m"."finish_reason", "m"."model", "m"."input_tokens", "m"."output_tokens", "m"."reasoning_tokens", "m"."cache_read_tokens", "m"."cache_write_tokens", "m"."usage_raw", "m"."usage_source", "m"."created_at" from "message" as "m" where "m"."n" = $5;

-- fork-conversation.ts: SELECT_FIRST_NUMBERS (conversation_id, from, to)
select "m"."n", "m"."depth" from "message" as "m" where "m"."conversation_id" = $1 and "m"."branch" = 0 and "m"."depth" >= $2 and "m"."depth" <= $3 order by "m"."depth";

-- fork-conversation.ts: SELECT_LINE_NUMBERS (depth, conversation_id, branch, conversation_id, from, conversation_id, from, to)
with recursive "line"("n", "parent", "low", "high") as (select "b"."n", "b"."parent", "b"."fork_depth" as "low", cast($1 as integer) as "high" from "branch" as "b" where "b"."conversation_id" = $2 and "b"."n" = $3 union all select "p"."n", "p"."parent", "p"."fork_depth" as "low", "l"."low" as "high" from "line" as "l" cross join "branch" as "p" where "p"."conversation_id" = $4 and "p"."n" = "l"."parent" and "p"."n" < "l"."n" and "l"."low" >= $5) select "m"."n", "m"."depth" from "line" cross join "message" as "m" where "m"."conversation_id" = $6 and "m"."branch" = "line"."n" and "m"."depth" > "line"."low" and "m"."depth" <= "line"."high" and "m"."depth" >= $7 and "m"."depth" <= $8;

-- heads.ts: COUNT_BRANCHES (branches, id)
update "conversation" set "branches" = $1 where "id" = $2;

-- heads.ts: COUNT_REPLY (messages, updated_at, id)
update "conversation" set "messages" = $1, "updated_at" = $2 where "id" = $3;

-- heads.ts: COUNT_TURN (turns, branches, updated_at, id)
update "conversation" set "turns" = $1, "branches" = $2, "updated_at" = $3 where "id" = $4;

-- heads.ts: MOVE_TO_INPUT (head_message_id, head_branch, head_depth, messages, turns, branches, updated_at, id)
update "conversation" set "head_message_id" = $1, "head_branch" = $2, "head_depth" = $3, "messages" = $4, "turns" = $5, "branches" = $6, "updated_at" = $7 where "id" = $8;

-- heads.ts: MOVE_TO_REPLY (head_message_id, head_branch, head_depth, messages, updated_at, id)
update "conversation" set "head_message_id" = $1, "head_branch" = $2, "head_depth" = $3, "messages" = $4, "updated_at" = $5 where "id" = $6;

-- heads.ts: SWITCH_HEAD (head_message_id, head_branch, head_depth, id)
update "conversation" set "head_message_id" = $1, "head_branch" = $2, "head_depth" = $3 where "id" = $4;

-- heads.ts: TOUCH (updated_at, id)
update "conversation" set "updated_at" = $1 where "id" = $2;

-- leave-queue.ts: CHAIN_INPUT (parent_id, id)
update "message" set "parent_id" = $1 where "id" = $2 and "depth" is null;

-- leave-queue.ts: END_QUEUED_TURN (epoch, error, ended_at, content_seq, last_seq, id)
update "turn" set "status" = 'cancelled', "epoch" = $1, "error" = $2, "ended_at" = $3, "content_seq" = $4, "last_seq" = $5, "queue_place" = null, "options" = null, "sealed_options" = null where "id" = $6 and "status" = 'queued' returning *;

-- messages.ts: SELECT_FIRST_HISTORY (conversation_id, from, to)
select "m"."depth", "m"."turn_id", "m"."import_id", "m"."role", "m"."parts", "m"."status" from "message" as "m" where "m"."conversation_id" = $1 and "m"."branch" = 0 and "m"."depth" >= $2 and "m"."depth" <= $3 order by "m"."depth";

-- messages.ts: SELECT_FIRST_MESSAGES (conversation_id, from, to)
select "m".* from "message" as "m" where "m"."conversation_id" = $1 and "m"."branch" = 0 and "m"."depth" >= $2 and "m"."depth" <= $3 order by "m"."depth";

-- messages.ts: SELECT_LINE_HISTORY (depth, conversation_id, branch, conversation_id, from, conversation_id, from, to)
with recursive "line"("n", "parent", "low", "high") as (select "b"."n", "b"."parent", "b"."fork_depth" as "low", cast($1 as integer) as "high" from "branch" as "b" where "b"."conversation_id" = $2 and "b"."n" = $3 union all select "p"."n", "p"."parent", "p"."fork_depth" as "low", "l"."low" as "high" from "line" as "l" cross join "branch" as "p" where "p"."conversation_id" = $4 and "p"."n" = "l"."parent" and "p"."n" < "l"."n" and "l"."low" >= $5) select "m"."depth", "m"."turn_id", "m"."import_id", "m"."role", "m"."parts", "m"."status" from "line" cross join "message" as "m" where "m"."conversation_id" = $6 and "m"."branch" = "line"."n" and "m"."depth" > "line"."low" and "m"."depth" <= "line"."high" and "m"."depth" >= $7 and "m"."depth" <= $8;

-- messages.ts: SELECT_LINE_MESSAGES (depth, conversation_id, branch, conversation_id, from, conversation_id, from, to)
with recursive "line"("n", "parent", "low", "high") as (select "b"."n", "b"."parent", "b"."fork_depth" as "low", cast($1 as integer) as "high" from "branch" as "b" where "b"."conversation_id" = $2 and "b"."n" = $3 union all select "p"."n", "p"."parent", "p"."fork_depth" as "low", "l"."low" as "high" from "line" as "l" cross join "branch" as "p" where "p"."conversation_id" = $4 and "p"."n" = "l"."parent" and "p"."n" < "l"."n" and "l"."low" >= $5) select "m".* from "line" cross join "message" as "m" where "m"."conversation_id" = $6 and "m"."branch" = "line"."n" and "m"."depth" > "line"."low" and "m"."depth" <= "line"."high" and "m"."depth" >= $7 and "m"."depth" <= $8;

-- messages.ts: SELECT_REPLY (turn_id)
select * from "message" where "turn_id" = $1 and "role" = 'assistant';

-- new-messages.ts: INSERT_INITIAL (id, conversation_id, parent_id, position, depth, parts, created_at, import_id, role)
insert into "message" ("id", "conversation_id", "parent_id", "position", "depth", "parts", "created_at", "import_id", "branch", "role", "status") values ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, 'complete');

-- new-messages.ts: INSERT_INPUT (id, conversation_id, parent_id, position, depth, parts, created_at, turn_id, branch, client_id, role)
insert into "message" ("id", "conversation_id", "parent_id", "position", "depth", "parts", "created_at", "turn_id", "branch", "client_id", "role", "status") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'complete');

-- new-messages.ts: INSERT_REPLY (id, conversation_id, parent_id, position, depth, parts, created_at, turn_id, branch, status, finish_reason, model, input_tokens, output_tokens, reasoning_tokens, cache_read_tokens, cache_write_tokens, usage_raw, usage_source)
insert into "message" ("id", "conversation_id", "parent_id", "position", "depth", "parts", "created_at", "turn_id", "branch", "role", "status", "finish_reason", "model", "input_tokens", "output_tokens", "reasoning_tokens", "cache_read_tokens", "cache_write_tokens", "usage_raw", "usage_source") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'assistant', $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) on conflict ("conversation_id", "branch", "depth") do nothing;

-- placed-messages.ts: SELECT_FOLLOWED (id)
select "m".*, (select 1 as "one" from "message" as "next" where "next"."conversation_id" = "m"."conversation_id" and "next"."branch" = "m"."branch" and "next"."depth" = "m"."depth" + 1) as "is_followed" from "message" as "m" where "m"."id" = $1 and "m"."depth" is not null;

-- placed-messages.ts: SELECT_PLACED (id, reach, viewer, reach)
select "m"."id", "m"."conversation_id", "m"."branch", "m"."depth" from "message" as "m" cross join "conversation" as "c" where "m"."id" = $1 and "m"."depth" is not null and "c"."id" = "m"."conversation_id" and ("c"."deleted_at" is null and ($2 = 0 or "c"."owner_id" = $3 or ($4 = 2 and "c"."owner_id" is null)));

-- placed-messages.ts: SELECT_PLACED_MESSAGE (id, reach, viewer, reach)
select "m".* from "message" as "m" cross join "conversation" as "c" where "m"."id" = $1 and "m"."depth" is not null and "c"."id" = "m"."conversation_id" and ("c"."deleted_at" is null and ($2 = 0 or "c"."owner_id" = $3 or ($4 = 2 and "c"."owner_id" is null)));

-- probe.ts: DELETE_PROBE (name)
delete from "setting" where "name" = $1;

-- probe.ts: INSERT_PROBE (name)
insert into "setting" ("name", "value") values ($1, 'null') on conflict ("name") do nothing;

-- queue-turn.ts: INSERT_QUEUED_INPUT (id, conversation_id, turn_id, parent_id, client_id, role, parts, created_at)
insert into "message" ("id", "conversation_id", "turn_id", "parent_id", "position", "client_id", "role", "parts", "status", "created_at") values ($1, $2, $3, $4, 0, $5, $6, $7, 'complete', $8);

-- queue-turn.ts: INSERT_QUEUED_TURN (id, conversation_id, position, input_message_id, reply_id, epoch, endpoint, model, metadata, started_at, queue_place, send_policy, options, sealed_options)
insert into "turn" ("id", "conversation_id", "position", "input_message_id", "reply_id", "epoch", "endpoint", "model", "attempts", "metadata", "started_at", "status", "queue_place", "send_policy", "options", "sealed_options") values ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10, 'queued', $11, $12, $13, $14);

-- queue-turn.ts: SELECT_FIRST_QUEUED (conversation_id)
select * from "turn" where "conversation_id" = $1 and "status" = 'queued' order by "queue_place" limit 1;

-- queue-turn.ts: SELECT_LAST_QUEUED (conversation_id)
select * from "turn" where "conversation_id" = $1 and "status" = 'queued' order by "queue_place" desc limit 1;

-- queue-turn.ts: SELECT_QUEUE_SIZE (conversation_id)
select count(*) as "size", min("queue_place") as "first_place", max("queue_place") as "last_place" from "turn" where "conversation_id" = $1 and "status" = 'queued';

-- queue-turn.ts: SET_LAST_INPUT (input_message_id, id)
update "turn" set "input_message_id" = $1 where "id" = $2 and "status" = 'queued';

-- queue.ts: COUNT_ALL_QUEUED (reach, viewer, reach)
select count(*) as "n" from "turn" as "t" cross join "conversation" as "c" where "t"."status" = 'queued' and "t"."conversation_id" >= '' and "c"."id" = "t"."conversation_id" and ("c"."deleted_at" is null and ($1 = 0 or "c"."owner_id" = $2 or ($3 = 2 and "c"."owner_id" is null)));

-- queue.ts: COUNT_QUEUED_OF_OWNER (viewer)
select count(*) as "n" from "conversation" as "c" cross join "turn" as "t" where "c"."owner_id" = $1 and "c"."deleted_at" is null and "t"."conversation_id" = "c"."id" and "t"."status" = 'queued';

-- queue.ts: SELECT_INPUTS (id)
with recursive "line"("id", "parent_id", "turn_id", "depth") as (select "m"."id", "m"."parent_id", "m"."turn_id", "m"."depth" from "turn" as "t" cross join "message" as "m" where "t"."id" = $1 and "m"."id" = "t"."input_message_id" union select "p"."id", "p"."parent_id", "p"."turn_id", "p"."depth" from "line" cross join "message" as "p" where "line"."depth" is null and "p"."id" = "line"."parent_id" and "p"."turn_id" = "line"."turn_id" and "p"."depth" is null) select "w".* from "line" cross join "message" as "w" where "w"."id" = "line"."id";

-- queue.ts: SELECT_QUEUE (conversation_id, reach, viewer, reach, conversation_id)
select "t".*, "c"."owner_id" from "conversation" as "c" cross join "turn" as "t" where "c"."id" = $1 and ("c"."deleted_at" is null and ($2 = 0 or "c"."owner_id" = $3 or ($4 = 2 and "c"."owner_id" is null))) and "t"."conversation_id" = $5 and "t"."status" = 'queued' order by "t"."queue_place";

-- queue.ts: SELECT_QUEUED_CONVERSATIONS (after, reach, viewer, reach, limit)
select distinct "t"."conversation_id" from "turn" as "t" cross join "conversation" as "c" where "t"."status" = 'queued' and "t"."conversation_id" > $1 and "c"."id" = "t"."conversation_id" and ("c"."deleted_at" is null and ($2 = 0 or "c"."owner_id" = $3 or ($4 = 2 and "c"."owner_id" is null))) order by "t"."conversation_id" limit $5;

-- queue.ts: SELECT_QUEUED_INPUTS (conversation_id)
with recursive "line"("id", "parent_id", "turn_id", "depth") as (select "m"."id", "m"."parent_id", "m"."turn_id", "m"."depth" from "turn" as "t" cross join "message" as "m" where "t"."conversation_id" = $1 and "t"."status" = 'queued' and "m"."id" = "t"."input_message_id" union select "p"."id", "p"."parent_id", "p"."turn_id", "p"."depth" from "line" cross join "message" as "p" where "line"."depth" is null and "p"."id" = "line"."parent_id" and "p"."turn_id" = "line"."turn_id" and "p"."depth" is null) select "w".* from "line" cross join "message" as "w" where "w"."id" = "line"."id";

-- queue.ts: SELECT_QUEUED_TURN (id)
select "t".*, "c"."owner_id" from "turn" as "t" cross join "conversation" as "c" where "t"."id" = $1 and "t"."status" = 'queued' and "c"."id" = "t"."conversation_id";

-- queue.ts: SELECT_QUEUE_ORDER (conversation_id)
select "id" from "turn" where "conversation_id" = $1 and "status" = 'queued' order by "queue_place";

-- recovery.ts: COUNT_MESSAGE (messages, branches, id)
update "conversation" set "messages" = $1, "branches" = $2 where "id" = $3;

-- recovery.ts: INSERT_REPLY (id, conversation_id, turn_id, parent_id, position, branch, depth, parts, created_at)
insert into "message" ("id", "conversation_id", "turn_id", "parent_id", "position", "branch", "depth", "role", "parts", "status", "created_at") values ($1, $2, $3, $4, $5, $6, $7, 'assistant', $8, 'interrupted', $9) on conflict do nothing;

-- recovery.ts: INTERRUPT (error, ended_at)
update "turn" set "status" = 'interrupted', "error" = $1, "ended_at" = $2, "options" = null, "sealed_options" = null, "content_seq" = null, "last_seq" = null where "status" in ('pending', 'streaming');

-- recovery.ts: MOVE_HEAD (head_message_id, head_branch, head_depth, messages, branches, id)
update "conversation" set "head_message_id" = $1, "head_branch" = $2, "head_depth" = $3, "messages" = $4, "branches" = $5 where "id" = $6;

-- recovery.ts: SELECT_RECOVERING (id)
select "t"."id", "t"."reply_id", "t"."conversation_id", "t"."input_message_id", "t"."reply_branch", "t"."reply_depth", "t"."steps", "c"."head_message_id", "c"."head_branch", "c"."branches", "c"."messages" + 1 as "reply_position", (select 1 as "one" from "message" as "m" where "m"."conversation_id" = "t"."conversation_id" and "m"."branch" = "t"."reply_branch" and "m"."depth" = "t"."reply_depth") as "is_taken", (select 1 as "one" from "message" as "r" where "r"."turn_id" = "t"."id" and "r"."role" = 'assistant') as "has_reply" from "turn" as "t" inner join "conversation" as "c" on "c"."id" = "t"."conversation_id" where "t"."id" = $1;

-- recovery.ts: SELECT_RUNNING ()
select "id", "options" from "turn" where "status" in ('pending', 'streaming') order by "conversation_id", "position";

-- regenerate-turn.ts: SELECT_FIRST_ROLES (conversation_id, from, to)
select "m"."id", "m"."depth", "m"."role" from "message" as "m" where "m"."conversation_id" = $1 and "m"."branch" = 0 and "m"."depth" >= $2 and "m"."depth" <= $3 order by "m"."depth";

-- regenerate-turn.ts: SELECT_LINE_ROLES (depth, conversation_id, branch, conversation_id, from, conversation_id, from, to)
with recursive "line"("n", "parent", "low", "high") as (select "b"."n", "b"."parent", "b"."fork_depth" as "low", cast($1 as integer) as "high" from "branch" as "b" where "b"."conversation_id" = $2 and "b"."n" = $3 union all select "p"."n", "p"."parent", "p"."fork_depth" as "low", "l"."low" as "high" from "line" as "l" cross join "branch" as "p" where "p"."conversation_id" = $4 and "p"."n" = "l"."parent" and "p"."n" < "l"."n" and "l"."low" >= $5) select "m"."id", "m"."depth", "m"."role" from "line" cross join "message" as "m" where "m"."conversation_id" = $6 and "m"."branch" = "line"."n" and "m"."depth" > "line"."low" and "m"."depth" <= "line"."high" and "m"."depth" >= $7 and "m"."depth" <= $8;

-- settings.ts: DELETE_SETTING (name)
delete from "setting" where "name" = $1;

-- settings.ts: PUT_SETTING (name, value)
insert into "setting" ("name", "value") values ($1, $2) on conflict ("name") do update set "value" = "excluded"."value";

-- settings.ts: SELECT_SETTINGS ()
select * from "setting" where "name" <> 'epoch';

-- siblings.ts: SELECT_SIBLINGS (depth, conversation_id, branch, conversation_id, from, conversation_id, from, to, conversation_id, conversation_id, from, to, conversation_id, conversation_id, from)
with recursive "line"("n", "parent", "low", "high") as (select "b"."n", "b"."parent", "b"."fork_depth" as "low", cast($1 as integer) as "high" from "branch" as "b" where "b"."conversation_id" = $2 and "b"."n" = $3 union all select "p"."n", "p"."parent", "p"."fork_depth" as "low", "l"."low" as "high" from "line" as "l" cross join "branch" as "p" where "p"."conversation_id" = $4 and "p"."n" = "l"."parent" and "p"."n" < "l"."n" and "l"."low" >= $5) select "m"."id", "m"."depth", "m"."position" from "line" cross join "branch" as "x" cross join "message" as "m" where "x"."conversation_id" = $6 and "x"."parent" = "line"."n" and "x"."fork_depth" <= "line"."high" and "x"."fork_depth" >= $7 and "x"."fork_depth" < $8 and "m"."conversation_id" = $9 and "m"."branch" = "x"."n" and "m"."depth" = "x"."fork_depth" + 1 union all select "m"."id", "m"."depth", "m"."position" from "line" cross join "message" as "m" where "m"."conversation_id" = $10 and "m"."branch" = "line"."n" and "m"."depth" = "line"."high" + 1 and "line"."high" >= $11 and "line"."high" < $12 union all select "m"."id", "m"."depth", "m"."position" from "branch" as "x" cross join "message" as "m" where "x"."conversation_id" = $13 and "x"."parent" is null and "m"."conversation_id" = $14 and "m"."branch" = "x"."n" and "m"."depth" = 1 and $15 = 0;

-- siblings.ts: SELECT_SIBLING_MESSAGES (depth, conversation_id, branch, conversation_id, from, conversation_id, from, to, conversation_id, conversation_id, from, to, conversation_id, conversation_id, from)
select "w".* from (with recursive "line"("n", "parent", "low", "high") as (select "b"."n", "b"."parent", "b"."fork_depth" as "low", cast($1 as integer) as "high" from "branch" as "b" where "b"."conversation_id" = $2 and "b"."n" = $3 union all select "p"."n", "p"."parent", "p"."fork_depth" as "low", "l"."low" as "high" from "line" as "l" cross join "branch" as "p" where "p"."conversation_id" = $4 and "p"."n" = "l"."parent" and "p"."n" < "l"."n" and "l"."low" >= $5) select "m"."id", "m"."depth", "m"."position" from "line" cross join "branch" as "x" cross join "message" as "m" where "x"."conversation_id" = $6 and "x"."parent" = "line"."n" and "x"."fork_depth" <= "line"."high" and "x"."fork_depth" >= $7 and "x"."fork_depth" < $8 and "m"."conversation_id" = $9 and "m"."branch" = "x"."n" and "m"."depth" = "x"."fork_depth" + 1 union all select "m"."id", "m"."depth", "m"."position" from "line" cross join "message" as "m" where "m"."conversation_id" = $10 and "m"."branch" = "line"."n" and "m"."depth" = "line"."high" + 1 and "line"."high" >= $11 and "line"."high" < $12 union all select "m"."id", "m"."depth", "m"."position" from "branch" as "x" cross join "message" as "m" where "x"."conversation_id" = $13 and "x"."parent" is null and "m"."conversation_id" = $14 and "m"."branch" = "x"."n" and "m"."depth" = 1 and $15 = 0) as "s" cross join "message" as "w" where "w"."id" = "s"."id";

-- start-turn.ts: PLACE_QUEUED_INPUT (parent_id, position, branch, depth, id)
update "message" set "parent_id" = $1, "position" = $2, "branch" = $3, "depth" = $4 where "id" = $5 and "depth" is null;

-- start-turn.ts: START_QUEUED_TURN (epoch, endpoint, model, reply_branch, reply_depth, started_at, id)
update "turn" set "status" = 'pending', "epoch" = $1, "endpoint" = $2, "model" = $3, "reply_branch" = $4, "reply_depth" = $5, "started_at" = $6, "queue_place" = null, "options" = null, "sealed_options" = null where "id" = $7 and "status" = 'queued';

-- steps.ts: INSERT_STEP (turn_id, n, status, endpoint, model, attempts, finish_reason, usage, started_at, ended_at)
insert into "step" ("turn_id", "n", "status", "endpoint", "model", "attempts", "finish_reason", "usage", "started_at", "ended_at") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing;

-- steps.ts: MARK_STEP (attempts, failed_attempts, endpoint, model, steps, id, epoch)
update "turn" set "status" = 'streaming', "attempts" = $1, "failed_attempts" = $2, "endpoint" = $3, "model" = $4, "steps" = $5 where "id" = $6 and "epoch" = $7 and "status" in ('pending', 'streaming', 'waiting');

-- steps.ts: SET_STEPS (steps, id)
update "turn" set "steps" = $1, "options" = null, "sealed_options" = null where "id" = $2;

-- steps.ts: SET_TOOLS (tools, id)
update "turn" set "tools" = $1 where "id" = $2;

-- turn-parts.ts: SELECT_KEYED_TURN (conversation_id, key, reach, viewer, reach)
select "t".*, "c"."owner_id", "k"."message_id" as "keyed_message_id" from "send_key" as "k" cross join "turn" as "t" cross join "conversation" as "c" where "k"."conversation_id" = $1 and "k"."key" = $2 and "t"."id" = "k"."turn_id" and "c"."id" = "k"."conversation_id" and ("c"."deleted_at" is null and ($3 = 0 or "c"."owner_id" = $4 or ($5 = 2 and "c"."owner_id" is null)));

-- turn-parts.ts: SELECT_MESSAGE (id)
select * from "message" where "id" = $1;

-- turn-usage.ts: UPDATE_REPLY (input_tokens, output_tokens, reasoning_tokens, cache_read_tokens, cache_write_tokens, usage_raw, usage_source, turn_id)
update "message" set "input_tokens" = $1, "output_tokens" = $2, "reasoning_tokens" = $3, "cache_read_tokens" = $4, "cache_write_tokens" = $5, "usage_raw" = $6, "usage_source" = $7 where "turn_id" = $8 and "role" = 'assistant' returning *;

-- turn-usage.ts: UPDATE_TURN (usage, id, epoch)
update "turn" set "usage" = $1 where "id" = $2 and "epoch" = $3 and "status" = 'cancelled' returning *, (select "c"."owner_id" from "conversation" as "c" where "c"."id" = "turn"."conversation_id") as "owner_id";

-- turns.ts: SELECT_LAST_TURN (conversation_id, reach, viewer, reach, conversation_id)
select "t".* from "conversation" as "c" cross join "turn" as "t" where "c"."id" = $1 and ("c"."deleted_at" is null and ($2 = 0 or "c"."owner_id" = $3 or ($4 = 2 and "c"."owner_id" is null))) and "t"."conversation_id" = $5 and "t"."position" <= 9007199254740990 and "t"."status" <> 'queued' order by "t"."position" desc limit 1;

-- turns.ts: SELECT_TURN (id)
select * from "turn" where "id" = $1;

-- turns.ts: SELECT_TURNS (conversation_id, reach, viewer, reach, conversation_id)
select "t".* from "conversation" as "c" cross join "turn" as "t" where "c"."id" = $1 and ("c"."deleted_at" is null and ($2 = 0 or "c"."owner_id" = $3 or ($4 = 2 and "c"."owner_id" is null))) and "t"."conversation_id" = $5 order by "t"."position";

-- turns.ts: SELECT_VISIBLE_TURN (id, reach, viewer, reach)
select "t".*, "c"."owner_id" from "turn" as "t" cross join "conversation" as "c" where "t"."id" = $1 and "c"."id" = "t"."conversation_id" and ("c"."deleted_at" is null and ($2 = 0 or "c"."owner_id" = $3 or ($4 = 2 and "c"."owner_id" is null)));

-- wait-turn.ts: LET_GO_ON (epoch, id)
update "turn" set "status" = 'streaming', "epoch" = $1 where "id" = $2 and "status" = 'waiting';

-- wait-turn.ts: LET_WAIT (options, sealed_options, content_seq, last_seq, id, epoch, calls)
update "turn" set "status" = 'waiting', "options" = $1, "sealed_options" = $2, "content_seq" = $3, "last_seq" = $4 where "id" = $5 and "epoch" = $6 and "status" = 'streaming' and (select count(*) as "count" from "call" as "k" where "k"."turn_id" = "turn"."id" and "k"."state" = 'waiting') = $7 and not exists (select 1 as "one" from "call" as "o" where "o"."turn_id" = "turn"."id" and "o"."state" in ('pending', 'started'));

-- wait-turn.ts: SET_ENDED_BY (ended_by, id)
update "turn" set "ended_by" = $1 where "id" = $2;

-- waiting-calls.ts: DECIDE_RUNNING (state, code, approved, decided_by, reason, given_input, waits_for, approved, expires_at, ended_at, id, at, reach, viewer, reach, epoch)
update "call" set "state" = $1, "code" = $2, "approved" = $3, "decided_by" = $4, "reason" = $5, "given_input" = $6, "waits_for" = $7, "input" = case when $8 = 1 then input else null end, "expires_at" = $9, "ended_at" = $10 where "id" = $11 and "state" = 'waiting' and "waits_for" = 'decision' and "approved" is null and (expires_at is null or expires_at > $12) and exists (select 1 as "one" from "turn" as "t" inner join "conversation" as "c" on "c"."id" = "t"."conversation_id" where "t"."id" = "call"."turn_id" and ("c"."deleted_at" is null and ($13 = 0 or "c"."owner_id" = $14 or ($15 = 2 and "c"."owner_id" is null))) and "t"."status" = 'streaming' and "t"."epoch" = $16);

-- waiting-calls.ts: DECIDE_WAITING (state, code, approved, decided_by, reason, given_input, waits_for, approved, expires_at, ended_at, id, at, reach, viewer, reach)
update "call" set "state" = $1, "code" = $2, "approved" = $3, "decided_by" = $4, "reason" = $5, "given_input" = $6, "waits_for" = $7, "input" = case when $8 = 1 then input else null end, "expires_at" = $9, "ended_at" = $10 where "id" = $11 and "state" = 'waiting' and "waits_for" = 'decision' and "approved" is null and (expires_at is null or expires_at > $12) and exists (select 1 as "one" from "turn" as "t" inner join "conversation" as "c" on "c"."id" = "t"."conversation_id" where "t"."id" = "call"."turn_id" and ("c"."deleted_at" is null and ($13 = 0 or "c"."owner_id" = $14 or ($15 = 2 and "c"."owner_id" is null))) and "t"."status" = 'waiting');

-- waiting-calls.ts: DENY_RUNNING (reason, at, id, epoch)
update "call" set "state" = 'denied', "code" = 'denied', "reason" = $1, "input" = null, "ended_at" = $2 where "id" = $3 and "state" = 'waiting' and exists (select 1 as "one" from "turn" as "t" where "t"."id" = "call"."turn_id" and "t"."epoch" = $4 and "t"."status" = 'streaming');

-- waiting-calls.ts: EXPIRE_RUNNING (at, id, at, epoch)
update "call" set "state" = 'expired', "code" = 'expired', "input" = null, "ended_at" = $1 where "id" = $2 and "state" = 'waiting' and "expires_at" <= $3 and exists (select 1 as "one" from "turn" as "t" where "t"."id" = "call"."turn_id" and "t"."epoch" = $4 and "t"."status" = 'streaming');

-- waiting-calls.ts: EXPIRE_WAITING (at, id, at)
update "call" set "state" = 'expired', "code" = 'expired', "input" = null, "ended_at" = $1 where "id" = $2 and "state" = 'waiting' and "expires_at" <= $3 and exists (select 1 as "one" from "turn" as "t" where "t"."id" = "call"."turn_id" and "t"."status" = 'waiting');

-- waiting-calls.ts: RELEASE_APPROVED (turn_id)
update "call" set "state" = 'pending' where "turn_id" = $1 and "state" = 'waiting' and "waits_for" = 'decision' and "approved" = 1;

-- waiting-calls.ts: SELECT_ALL_WAITING (reach, viewer, reach, limit)
select "k".*, "t"."conversation_id" from "call" as "k" cross join "turn" as "t" cross join "conversation" as "c" where "k"."state" = 'waiting' and "k"."id" >= '' and "t"."id" = "k"."turn_id" and "c"."id" = "t"."conversation_id" and ("c"."deleted_at" is null and ($1 = 0 or "c"."owner_id" = $2 or ($3 = 2 and "c"."owner_id" is null))) order by "k"."id" limit $4;

-- waiting-calls.ts: SELECT_EXPIRED (at, limit)
select "id", "turn_id" from "call" where "state" = 'waiting' and "expires_at" <= $1 order by "expires_at" limit $2;

-- waiting-calls.ts: SELECT_NEXT_EXPIRY ()
select min("expires_at") as "expires_at" from "call" where "state" = 'waiting' and "expires_at" is not null;

-- waiting-calls.ts: SELECT_WAITING_IN (conversation_id, reach, viewer, reach, conversation_id, conversation_id, limit)
select "k".*, "t"."conversation_id" from "conversation" as "c" cross join "turn" as "t" cross join "call" as "k" where "c"."id" = $1 and ("c"."deleted_at" is null and ($2 = 0 or "c"."owner_id" = $3 or ($4 = 2 and "c"."owner_id" is null))) and "t"."id" = coalesce((select "w"."id" from "turn" as "w" where "w"."conversation_id" = $5 and "w"."status" = 'waiting'), (select "r"."id" from "turn" as "r" where "r"."status" in ('pending', 'streaming') and ("r"."conversation_id" || '') = $6 limit 1)) and "k"."turn_id" = "t"."id" and "k"."state" = 'waiting' order by "k"."step", "k"."n" limit $7;

-- waiting-calls.ts: SELECT_WAITING_OF_OWNER (viewer, reach, viewer, reach, limit)
select "k".*, "t"."conversation_id" from "conversation" as "c" cross join "turn" as "t" cross join "call" as "k" where "c"."owner_id" = $1 and "c"."deleted_at" is null and "t"."conversation_id" = "c"."id" and "t"."status" = 'waiting' and "k"."turn_id" = "t"."id" and "k"."state" = 'waiting' union all select "k".*, "t"."conversation_id" from "turn" as "t" cross join "conversation" as "c" cross join "call" as "k" where "t"."status" in ('pending', 'streaming') and "c"."id" = "t"."conversation_id" and ("c"."deleted_at" is null and ($2 = 0 or "c"."owner_id" = $3 or ($4 = 2 and "c"."owner_id" is null))) and "k"."turn_id" = "t"."id" and "k"."state" = 'waiting' order by "id" limit $5;

-- waiting-calls.ts: SELECT_WAITING_TURN (id, reach, viewer, reach)
select "t"."id" from "conversation" as "c" cross join "turn" as "t" where "c"."id" = $1 and ("c"."deleted_at" is null and ($2 = 0 or "c"."owner_id" = $3 or ($4 = 2 and "c"."owner_id" is null))) and "t"."conversation_id" = "c"."id" and "t"."status" = 'waiting';

-- waiting-calls.ts: SUPPLY_RUNNING (state, code, late_output, late_error, at, id, at, reach, viewer, reach, epoch)
update "call" set "state" = $1, "code" = $2, "late_output" = $3, "late_error" = $4, "input" = null, "expires_at" = null, "ended_at" = $5 where "id" = $6 and "state" = 'waiting' and "waits_for" = 'output' and (expires_at is null or expires_at > $7) and exists (select 1 as "one" from "turn" as "t" inner join "conversation" as "c" on "c"."id" = "t"."conversation_id" where "t"."id" = "call"."turn_id" and ("c"."deleted_at" is null and ($8 = 0 or "c"."owner_id" = $9 or ($10 = 2 and "c"."owner_id" is null))) and "t"."status" = 'streaming' and "t"."epoch" = $11);

-- waiting-calls.ts: SUPPLY_WAITING (state, code, late_output, late_error, at, id, at, reach, viewer, reach)
update "call" set "state" = $1, "code" = $2, "late_output" = $3, "late_error" = $4, "input" = null, "expires_at" = null, "ended_at" = $5 where "id" = $6 and "state" = 'waiting' and "waits_for" = 'output' and (expires_at is null or expires_at > $7) and exists (select 1 as "one" from "turn" as "t" inner join "conversation" as "c" on "c"."id" = "t"."conversation_id" where "t"."id" = "call"."turn_id" and ("c"."deleted_at" is null and ($8 = 0 or "c"."owner_id" = $9 or ($10 = 2 and "c"."owner_id" is null))) and "t"."status" = 'waiting');

-- waiting-recovery.ts: CLOSE_PENDING (ended_at, turn_id)
update "call" set "state" = 'not-run', "code" = 'not-run', "input" = null, "ended_at" = $1 where "turn_id" = $2 and "state" = 'pending';

-- waiting-recovery.ts: CLOSE_STARTED (ended_at, turn_id)
update "call" set "state" = 'unknown', "code" = 'unknown', "input" = null, "ended_at" = $1 where "turn_id" = $2 and "state" = 'started';

-- waiting-recovery.ts: CLOSE_WAITING (ended_at, turn_id)
update "call" set "state" = 'not-run', "code" = 'not-run', "input" = null, "ended_at" = $1 where "turn_id" = $2 and "state" = 'waiting';

-- waiting-recovery.ts: END_WAIT (id)
update "turn" set "status" = 'streaming' where "id" = $1 and "status" = 'waiting' and not exists (select 1 as "one" from "call" as "k" where "k"."turn_id" = "turn"."id" and "k"."state" = 'waiting');

-- waiting-recovery.ts: EXPIRE_ALL (at, at)
update "call" set "state" = 'expired', "code" = 'expired', "input" = null, "ended_at" = $1 where "state" = 'waiting' and "expires_at" <= $2 returning "turn_id";

-- waiting-recovery.ts: PUT_BACK_APPROVED (turn_id)
update "call" set "state" = 'waiting' where "turn_id" = $1 and "state" = 'pending' and "approved" = 1;

-- waiting-recovery.ts: WAIT_AGAIN (id)
update "turn" set "status" = 'waiting' where "id" = $1;
