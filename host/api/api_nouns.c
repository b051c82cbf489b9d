/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_schemas.h"

/* clang-format off */
const struct api_noun api_nouns[] = {
    {"Problem", "Why something was refused or failed (RFC 9457); the code is stable.",
     "type:text title:text status:int detail?:text code?:text"},

    /* entities */
    {"EntityData", "A JSON object; its own \"id\" and \"type\" name it.", "={object}"},
    {"Entities", "One object, an array of objects, or NDJSON.", "=any"},
    {"Entity", "A stored JSON document.",
     "id:text type:text version:int created_at:time updated_at:time data:any trace_id?:text "
     "deleted?:bool"},
    {"EntityList", "A page of entities; next is the `after` of the next page.",
     "items:Entity[] next:int~"},
    {"Intake", "What became of the records of a request.",
     "received:int created:int updated:int unchanged:int ids?:text[] version?:int"},
    {"Change", "What became of one entity.",
     "id:text outcome:created|updated|unchanged|deleted|absent version:int"},
    {"NewRelationship", "from is TYPE of to.", "from:text type:text to:text data?:any"},
    {"Relationship", "A typed edge between two entities.",
     "from:text type:text to:text created_at:time data?:any"},
    {"RelationshipList", "A page of relationships.", "items:Relationship[] next:int~"},
    {"RelationshipChange", "What became of one relationship.",
     "from:text type:text to:text outcome:text"},

    {"Attribute", "A value that an integration needs on an entity.",
     "integration:text name:text value?:any entity?:text"},
    {"AttributeList", "An entity's attributes.", "items:Attribute[] next?:any"},

    /* integrations */
    {"Registration", "A new ini: as text, or as sections with their keys and values.",
     "name:text ini?:text sections?:Sections overwrite?:bool"},
    {"Sections",
     "{SECTION: {KEY: VALUE}}; texts, numbers, true, false or lists of them; null takes a key "
     "away.",
     "={{any}}"},
    {"Operation", "What to do with an integration; an update has sections.",
     "operation:sync|test|update sections?:Sections selector?:word entity?:word dry_run?:bool"},
    {"Switched", "Who activated or deactivated it by hand.", "active:bool by:text at:time"},
    {"SinceStart", "Counts since the daemon started.",
     "accepted:int rejected:int retried:int skipped:int unknown:int requests:int "
     "attempts_ms_sum:int"},
    {"Limits", "What holds its lane back, and how far.",
     "breaker:closed|open|half-open breaker_until?:time breaker_openings:int concurrency:int "
     "concurrency_max:int outstanding:int latency_ms?:number tokens?:int quota_left?:int "
     "quota_until?:time"},
    {"WorkerShare", "How its plugin's worker is doing.",
     "state:text words?:text pid?:int starts:int crashes:int calls:int retry_at?:time "
     "last_crash?:text last_crash_at?:time"},
    {"Step", "One step on the way to the destination.",
     "step:validate|initialise|connection ok:bool words?:text duration_ms?:number"},
    {"HealthChecks", "What checks of the destination on an interval found.",
     "status:unknown|healthy|degraded|unhealthy words?:text failures:int checks:int failed:int "
     "checked_at?:time duration_ms?:number"},
    {"Subscription", "Signals that its plugin hears.",
     "pattern:text sender?:text durable:bool state:text cursor?:int handled:int failed:int "
     "dropped:int last_error?:text parked?:ParkedSignal[]"},
    {"ParkedSignal", "One that its handler did not take; seq is its number.",
     "seq:int type:text sender:text parked_at:time attempts:int reason:text"},
    {"RouteInfo", "A route that its plugin serves.",
     "method:text path:text help:text scope:read|submit"},
    {"Hook", "What it takes in at /hooks.",
     "path:text url?:text scheme:text since_start:{int} entities?:int last_at?:time refused?:text "
     "refused_at?:time"},
    {"Integration", "A plugin with its settings, and how it is doing.",
     "name:text plugin:text enabled:bool state:text words?:text former_configuration?:bool "
     "switched?:Switched file?:text since_start:SinceStart in_flight:int next_due_at?:time "
     "paused_until?:time limits?:Limits worker?:WorkerShare jq_worker?:WorkerShare "
     "health?:HealthChecks subscriptions?:Subscription[] routes?:RouteInfo[] hook?:Hook "
     "backlog?:int backlog_since?:time submissions?:{int} "
     "healthy?:bool steps?:Step[] failed_step?:text"},
    {"IntegrationList", "All integrations.", "items:Integration[] next:null"},
    {"IntegrationHealth", "All integrations, and how many of them are well.",
     "items:Integration[] enabled:int healthy:int"},
    {"Removal", "Its ini is gone; its records stay.", "name:text removed:bool"},
    {"Test", "The steps as far as they went.",
     "name:text ok:bool steps:Step[] failed_step?:text"},
    {"OperationResult", "A test's steps, or the integration as it is after an update.",
     "=Test|Integration|DryRun"},
    {"Who", "Who does this, for people.", "by?:text"},
    {"Trigger", "What to submit: by a selector, or one entity; dry_run shows what would be sent.",
     "selector?:word entity?:word dry_run?:bool operation?:text"},
    {"Triggered", "How many are queued, or that the lane goes through the store again.",
     "integration:text queued:int rewinds:bool"},
    {"Request", "What is sent, secrets masked.",
     "method:text url:text headers:{text} body?:text"},
    {"DryRun", "What would be sent for one entity.",
     "integration:text entity:text version:int wanted:bool refused_by?:text reason?:text "
     "verdict?:text file?:text line?:int requests?:Request[] payload?:text"},
    {"LogLine", "A line of an integration's log; further members are its fields.",
     "time?:time level?:text msg?:text repeats?:int *:any"},
    {"LogLineList", "The last lines, oldest first.", "items:LogLine[] next:null"},
    {"TapLine", "What happened to a record at a stage; further members depend on it.",
     "stage:text *:any"},

    /* actions */
    {"Parameter", "A parameter of an action.",
     "name:text type:text required:bool range?:text default?:text secret?:bool help?:text"},
    {"Action", "A function that an integration's plugin offers.",
     "integration:text name:text help:text read_only:bool destructive:bool "
     "parameters:Parameter[]"},
    {"ActionList", "Actions.", "items:Action[]"},
    {"Arguments", "An action's arguments by name.", "={any}"},
    {"Result", "What an action gave.", "result:any"},

    {"Command", "A command of an integration's plugin.",
     "integration:text name:text arguments:text help:text more?:text"},
    {"CommandList", "Commands.", "items:Command[]"},
    {"CommandRun", "A command's arguments and what the terminal is.",
     "args?:text[] input?:any width?:int terminal?:any *:any"},

    {"Tool", "A tool for language models.",
     "integration:text name:text title?:text description?:text read_only:bool destructive:bool "
     "schema:any"},
    {"ToolList", "Tools.", "items:Tool[]"},
    {"ToolResult", "What a tool gave, as MCP has it.", "content:any structuredContent?:any"},

    /* submissions */
    {"Attempt", "One try at a submission.",
     "attempt:int state:text started_at?:time duration_ms:number http_status?:int "
     "error_class?:text reason?:text request?:text answer?:text external_id?:text trace_id?:text "
     "span_id?:text"},
    {"Newer", "The submission that goes in its place.", "number:int version:int state:text"},
    {"Submission", "One entity version for one integration.",
     "number:int integration:text entity:text type?:text version:int "
     "state:pending|in_flight|succeeded|retrying|failed|unknown|skipped|superseded attempts:int "
     "changed_at?:time last_attempt_at?:time next_try_at?:time http_status?:int error_class?:text "
     "reason?:text details_removed?:bool details?:text external_id?:text idempotency_key?:text "
     "trace_id?:text superseded_by?:Newer history?:Attempt[] history_left_out?:bool"},
    {"SubmissionList", "Submissions, newest first.",
     "items:Submission[] next:int~ where_failed?:int where_words?:text"},
    {"Move", "Which submissions: numbers, or the names of the list's arguments.",
     "numbers?:int[] integration?:word entity?:word state?:word since?:any until?:any class?:word "
     "where?:word all?:bool new_key?:bool dry_run?:bool limit?:int after?:int"},
    {"Moved", "How many were moved, and why others were not.",
     "dry_run:bool matched:int moved:int not_moved:{int} first:Submission[] where_failed?:int "
     "where_words?:text next:int~"},

    /* why */
    {"WhyNow", "What would be decided now.",
     "words?:text wanted?:bool refused_by?:text reason?:text verdict?:text file?:text line?:int"},
    {"Rendered", "What would be sent now.",
     "as_of?:time requests?:Request[] payload?:text words?:text"},
    {"WhyIntegration", "What became of the entity at one integration, and what comes next.",
     "integration:text plugin?:text enabled:bool state:text words?:text looked?:bool "
     "looked_at?:time explanation?:text will_look?:bool now?:WhyNow rendered?:Rendered next?:text "
     "next_at?:time waits_for?:text command?:text submissions?:Submission[]"},
    {"WhyEntity", "The entity as it is now.",
     "id:text type?:text version:int created_at?:time updated_at?:time deleted:bool "
     "trace_id?:text *:any"},
    {"Why", "What became of an entity.", "entity:WhyEntity integrations:WhyIntegration[]"},

    /* signals */
    {"NewSignal", "A signal to publish, or a request.",
     "type:text sender?:text entity?:text data?:any timeout?:any *:any"},
    {"Signal", "Something happened.",
     "seq?:int type:text sender:text entity?:text entity_type?:text version?:int at?:time "
     "data?:any *:any"},
    {"SignalLine", "A signal, or what else a listener is told.", "={any}"},
    {"SignalList", "Signals, oldest first.", "items:Signal[] next:int~"},
    {"Parked", "A parked signal, and the subscription that parked it.",
     "integration:text pattern:text from?:text under_way:bool seq:int type:text sender:text "
     "parked_at:time attempts:int reason:text"},
    {"ParkedList", "Parked signals by integration, oldest first.", "items:Parked[]"},
    {"ParkedMove", "Which: their numbers (seq), or all.", "numbers?:int[] all?:bool"},
    {"ParkedMoved", "How many it was done to, and why not to the others.",
     "matched:int moved:int not_moved:{int}"},
    {"Published", "Its number.", "seq:int"},
    {"NewReply", "The answer to a request.", "={any}"},
    {"Reply", "What somebody answered.", "sender:text data:any"},
    {"Answered", "The answer was in time.", "answered:bool"},

    /* the daemon */
    {"ReloadItem", "What became of one file.",
     "file:text integration?:text change:unchanged|added|replaced|removed|refused|waiting "
     "words?:text"},
    {"Reload", "What became of the files.", "items:ReloadItem[] changed:int refused:int"},
    {"NewToken", "A token to make.", "name:text scope:any expires?:any"},
    {"Token", "A token; its text is told once, when it is made.",
     "name:text prefix:text scope:text state:active|expired created_at?:time expires_at?:time "
     "used_at?:time token?:text"},
    {"TokenList", "All tokens.", "items:Token[]"},
    {"Revocation", "It opens nothing any more.", "name:text revoked:bool"},
    {"StoreWork", "Long work on the store; state tells how far it is.",
     "name:text state:text started_at:time ended_at?:time done?:int total?:int error?:text "
     "problems?:text[] problem_count?:int removed_submissions?:int removed_details?:int "
     "freed_bytes?:int file?:text bytes?:int"},
    {"Store", "The store's file, and what retention removed.",
     "bytes:int free_bytes:int wal_bytes:int full:bool oldest_reader_ms:int checkpoint_at?:time "
     "removed_submissions:int removed_details:int removed_signals:int removed_entities:int "
     "work?:StoreWork"},
    {"Backup", "Where to.", "file:text"},
    {"PluginFile", "A file on the plugin path, and whether it is taken.",
     "path:text state:text reason?:text name?:text version?:text license?:text abi_major?:int "
     "abi_minor?:int needs_net?:bool sha256?:text size_bytes:int modified_at?:time"},
    {"Worker", "The process that a plugin's code runs in.",
     "plugin:text path:text state:text words?:text pid?:int starts:int crashes:int instances:int "
     "inprocess:bool confinement?:text"},
    {"PluginList", "Plugin files and workers.", "items:PluginFile[] workers:Worker[]"},
    {"StatusStore", "The store's figures.",
     "entities:int last_seq:int bytes:int wal_bytes:int free_bytes:int full:bool "
     "oldest_reader_ms:int checkpoint_at?:time removed_submissions:int removed_details:int "
     "removed_signals:int removed_entities:int commits:int writes:int largest_group:int"},
    {"StatusIntegration", "An integration in a line.",
     "name:text state:text words?:text in_flight:int backlog?:int backlog_since?:time "
     "submissions?:{int}"},
    {"Message", "What the checker says of a file.",
     "file:text line:int code:text text?:text words?:text warning?:bool"},
    {"Configuration", "What was wrong with the files when they were read last.",
     "errors:int messages:Message[]"},
    {"Status", "The daemon.",
     "version:text pid:int ready:bool safe_mode:bool started_at?:time uptime_seconds?:int "
     "memory_bytes:int store:StatusStore integrations:StatusIntegration[] "
     "configuration:Configuration"},
    {"Health", "Whether every enabled integration is open or has said why not.",
     "status:text integrations_not_active:int"},
    {"HookResult", "What became of a delivery.",
     "outcome:text created?:int updated?:int unchanged?:int"},

    {"Text", "Text.", "=text"},
    {"Anything", "As its own protocol says.", "=any"},
};
/* clang-format on */
const size_t api_noun_count = sizeof api_nouns / sizeof *api_nouns;
