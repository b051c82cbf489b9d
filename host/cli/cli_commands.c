/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_filter.h"
#include "cli/cli_functions.h"

#define END_OF_OPTIONS                                                                             \
    {                                                                                              \
        NULL, NULL, NULL                                                                           \
    }

static const struct cli_option plugin_list_options[] = {
    {"offline", NULL, "look at the plugin directories, ask no daemon"},
    END_OF_OPTIONS,
};
static const struct cli_option integration_logs_options[] = {
    {"follow", NULL, "go on with the lines that come, until interrupted"},
    {"level", "LEVEL", "no lesser lines than this: error, warn, info, debug"},
    {"since", "WHEN", "lines from this time on, or of the last such as 10m"},
    {"limit", "N", "the last so many lines at most; short: -n N"},
    END_OF_OPTIONS,
};
static const struct cli_option integration_add_options[] = {
    {"plugin", "PLUGIN", "write the file from this and the values, in place of FILE"},
    {"overwrite", NULL, "replace a file of that name"},
    END_OF_OPTIONS,
};
static const struct cli_option tap_options[] = {
    {"stage", "STAGES", "only these, separated by commas"},
    {"entity", "ID", "only what concerns this entity"},
    {"limit", "N", "end after so many lines; short: -n N"},
    END_OF_OPTIONS,
};
static const struct cli_option entity_add_options[] = {
    {"type", "TYPE", "the entities' type; else their own \"type\""},
    {"id", "ID", "store one object under this id; else its own \"id\""},
    END_OF_OPTIONS,
};
static const struct cli_option entity_search_options[] = {
    {"type", "TYPE", "only entities of this type"},
    {"field", "PATH=VALUE...",
     "only with this in their data, such as address.city=Berlin; may be given again"},
    {"integration", "NAME", "with --key: the one that this integration knows by the key"},
    {"key", "KEY", "an integration key: the entity's id at the destination"},
    {"limit", "N", "at most this many, 1 to 1000 (50)"},
    {"after", "N", "go on behind the last page: the number it ended with"},
    END_OF_OPTIONS,
};
static const struct cli_option entity_update_options[] = {
    {"type", "TYPE", "the entity's type; else its own \"type\", else it stays"},
    {"if-version", "N", "only when the entity is still at this version"},
    {"merge", NULL, "change what the JSON names and leave the rest; null removes (RFC 7396)"},
    END_OF_OPTIONS,
};
static const struct cli_option entity_delete_options[] = {
    {"if-version", "N", "only when the entity is still at this version"},
    END_OF_OPTIONS,
};
static const struct cli_option entity_attributes_options[] = {
    {"integration", "NAME", "only those of this integration"},
    END_OF_OPTIONS,
};
static const struct cli_option entity_attribute_options[] = {
    {"remove", NULL, "remove it"},
    END_OF_OPTIONS,
};
static const struct cli_option entity_relations_options[] = {
    {"type", "TYPE", "only relationships of this type"},
    {"direction", "WAY", "seen from the entity: out, in or both (both)"},
    {"limit", "N", "at most this many, 1 to 1000 (50)"},
    {"after", "N", "go on behind the last page: the number it ended with"},
    END_OF_OPTIONS,
};
static const struct cli_option entity_relate_options[] = {
    {"data", "JSON", "what else is to be known about the relationship"},
    END_OF_OPTIONS,
};
static const struct cli_option entity_import_options[] = {
    {"type", "TYPE", "the entities' type; else their own \"type\""},
    {"skip-bad", NULL, "leave bad records out and go on; each is reported"},
    {"quiet", NULL, "no progress bar"},
    END_OF_OPTIONS,
};
static const struct cli_option submit_options[] = {
    {"selector", "NAME", "which entities: unsubmitted, failed, changed, all"},
    {"entity", "ID", "this one entity"},
    {"dry-run", NULL, "show what would be sent for --entity; send nothing"},
    END_OF_OPTIONS,
};
static const struct cli_option submission_list_options[] = {
    CLI_FILTER_OPTIONS,
    {"limit", "N", "at most this many, 1 to 1000 (50)"},
    {"after", "N", "go on behind this number"},
    END_OF_OPTIONS,
};
static const struct cli_option submission_retry_options[] = {
    CLI_FILTER_OPTIONS,
    {"all", NULL, "every failed one, with no filter"},
    {"new-key", NULL, "under a new idempotency key: the destination takes it for another record"},
    {"dry-run", NULL, "tell how many it would be, and the first few; change nothing"},
    END_OF_OPTIONS,
};
static const struct cli_option submission_discard_options[] = {
    CLI_FILTER_OPTIONS,
    {"all", NULL, "every failed one, with no filter"},
    {"dry-run", NULL, "tell how many it would be, and the first few; change nothing"},
    END_OF_OPTIONS,
};
static const struct cli_option token_create_options[] = {
    {"scope", "SCOPE...", "read, submit or manage, or SCOPE:NAME[,NAME...]; may be given again"},
    {"expires", "WHEN", "after this long, such as 90d, or at this time; else never"},
    END_OF_OPTIONS,
};
static const struct cli_option why_options[] = {
    {"rendered", NULL, "show what would be sent now, the whole of it"},
    END_OF_OPTIONS,
};
static const struct cli_option signal_publish_options[] = {
    {"sender", "NAME", "in whose name (cli)"},
    END_OF_OPTIONS,
};
static const struct cli_option signal_request_options[] = {
    {"sender", "NAME", "in whose name (cli)"},
    {"timeout", "SPAN", "how long to wait for an answer, such as 500ms or 2s (5s)"},
    END_OF_OPTIONS,
};
static const struct cli_option signal_listen_options[] = {
    {"sender", "NAME", "only what this one sends"},
    {"since", "WHEN", "also those of before, from this time on, or of the last such as 10m"},
    {"after", "SEQ", "also those of before, behind this number"},
    {"limit", "N", "end after so many; short: -n N"},
    END_OF_OPTIONS,
};
static const struct cli_option signal_move_options[] = {
    {"all", NULL, "every one that the integration parked"},
    END_OF_OPTIONS,
};
static const struct cli_option config_show_options[] = {
    {"all", NULL, "defaults too"},
    END_OF_OPTIONS,
};

const struct cli_command cli_commands[] = {
    {"status", "", NULL, CLI_ONLINE, cli_status, "Show the daemon, its store and its integrations",
     NULL},
    {"plugin list", "", plugin_list_options, CLI_EITHER, cli_plugin_list,
     "List plugin files, and the workers that run them",
     "With no daemon, or with --offline, the plugin directories of the configuration are read "
     "instead."},
    {"plugin inspect", "FILE", NULL, CLI_OFFLINE, cli_plugin_inspect,
     "Tell what a plugin file is and whether this host takes it",
     "Reads the file's note; none of its code runs. Exit code 1 when the host would refuse it."},
    {"integration list", "", NULL, CLI_ONLINE, cli_integration_list,
     "List the configured integrations", NULL},
    {"integration show", "NAME", NULL, CLI_ONLINE, cli_integration_show,
     "Show one integration with its figures", NULL},
    {"integration add", "NAME [FILE|-|VALUES...]", integration_add_options, CLI_ONLINE,
     cli_integration_add, "Write an ini into the daemon's conf.d and open it",
     "Takes an ini, or values:\n"
     "  tenon integration add hook --plugin webhook integration.base_url=https://x.example "
     "settings.path=/in\n"
     "Waits until the integration runs by it; when it does not, the file is taken back."},
    {"integration set", "NAME VALUES...", NULL, CLI_ONLINE, cli_integration_set,
     "Set values in one's ini, comments kept",
     "VALUES are SECTION.KEY=VALUE; with nothing behind the '=' the key is taken away:\n"
     "  tenon integration set hook retry.max=5m settings.path=/in\n"
     "When the integration does not run by it, the file is put back."},
    {"integration remove", "NAME", NULL, CLI_ONLINE, cli_integration_remove,
     "Take one's ini out of conf.d",
     "What it has in hand ends. Its records stay: 'tenon why' tells "
     "of them."},
    {"integration test", "NAME", NULL, CLI_ONLINE, cli_integration_test,
     "Try one's way to its destination, step by step",
     "Changes nothing anywhere. What an HTTP destination is asked stands in [health]. Exit code 1 "
     "when a step failed."},
    {"integration health", "", NULL, CLI_ONLINE, cli_integration_health,
     "Show whether integrations and their destinations are well",
     "Exit code 1 when one that is enabled is not."},
    {"integration manage", "NAME OPERATION [VALUES...]", NULL, CLI_ONLINE, cli_integration_manage,
     "Operations by name: sync, test, update",
     "sync: submit now what was not submitted yet. test: as 'integration test'. update: as "
     "'integration set'."},
    {"integration enable", "NAME", NULL, CLI_ONLINE, cli_integration_enable,
     "Enable one in its ini", "Writes enabled = yes into the ini, comments kept, and reloads."},
    {"integration disable", "NAME", NULL, CLI_ONLINE, cli_integration_disable,
     "Disable one in its ini",
     "Writes enabled = no into the ini, comments kept, and reloads. Its records stay."},
    {"integration activate", "NAME", NULL, CLI_ONLINE, cli_integration_activate,
     "Let one run that was deactivated, or that safe mode holds back",
     "The ini stays as it is; one that it disables is enabled with 'tenon integration enable'.\n"
     "A plugin that is quarantined for its crashes is tried again."},
    {"integration deactivate", "NAME", NULL, CLI_ONLINE, cli_integration_deactivate,
     "Let one stop without touching its ini",
     "What it has in hand ends, its plugin's instances are closed, what comes waits. Holds over "
     "restarts,\n"
     "until 'tenon integration activate'."},
    {"integration run", "NAME [COMMAND] [...]", NULL, CLI_ONLINE, cli_integration_run,
     "Run a command of an integration's plugin",
     "Long for 'tenon NAME COMMAND ...', and the way to an integration that is named like a "
     "command "
     "of ours.\n"
     "Without COMMAND: lists them. Everything behind COMMAND goes to it, options too; its exit "
     "code "
     "is ours."},
    {"integration logs", "NAME", integration_logs_options, CLI_ONLINE, cli_integration_logs,
     "Show an integration's last log lines, those of its plugin included",
     "The daemon keeps the last 256 lines of each integration in memory, of the levels that [log] "
     "level\n"
     "lets through. With --follow and --json each line is one JSON object."},
    {"tap", "NAME", tap_options, CLI_ONLINE, cli_tap,
     "Follow the records of the integration NAME stage by stage, live",
     "Stages: claimed, refused, selected, transformed, request, answer, verdict. Behind the entity "
     "stand its\n"
     "version, the submission and the attempt: 'evt-1 v2 #17.1'. Payloads, bodies and answers are "
     "excerpts,\n"
     "secrets are masked. Delivery is not slowed: lines that come too fast are lost, and counted."},
    {"entity add", "[FILE|-|JSON]", entity_add_options, CLI_ONLINE, cli_entity_add,
     "Store entities: one JSON object, an array or NDJSON",
     "Takes a file, '-' for standard input, or the JSON itself:\n"
     "  tenon entity add '{\"id\": \"e-1\", \"title\": \"A talk\"}' --type event\n"
     "For many records use 'tenon entity import'."},
    {"entity get", "ID", NULL, CLI_ONLINE, cli_entity_get, "Show one entity with its data", NULL},
    {"entity search", "[TEXT]", entity_search_options, CLI_ONLINE, cli_entity_search,
     "Find entities by type, by words, by a field or by an integration key",
     "TEXT is words, each of which must be part of some text in the data; case does not matter:\n"
     "  tenon entity search 'open stage' --type event --field address.city=Berlin\n"
     "Data is read as it lies, oldest change first, so a rare find among millions may take several "
     "pages."},
    {"entity update", "ID [FILE|-|JSON]", entity_update_options, CLI_ONLINE, cli_entity_update,
     "Replace one entity's data, or change a part of it",
     "One that is not there is not made; 'tenon entity add --id ID' stores it either way. With "
     "--merge what\nthe JSON names is changed, and null removes it:\n"
     "  tenon entity update e-1 '{\"title\": \"A longer talk\", \"room\": null}' --merge"},
    {"entity delete", "ID", entity_delete_options, CLI_ONLINE, cli_entity_delete,
     "Delete one entity",
     "Its relationships are no longer shown; they are again when it is stored again."},
    {"entity relate", "A TYPE B", entity_relate_options, CLI_ONLINE, cli_entity_relate,
     "Relate two entities: A is TYPE of B", NULL},
    {"entity unrelate", "A TYPE B", NULL, CLI_ONLINE, cli_entity_unrelate, "Remove a relationship",
     NULL},
    {"entity relations", "[ID]", entity_relations_options, CLI_ONLINE, cli_entity_relations,
     "List relationships, of one entity or all", NULL},
    {"entity attributes", "ID", entity_attributes_options, CLI_ONLINE, cli_entity_attributes,
     "List what integrations keep or need on an entity", NULL},
    {"entity attribute", "ID INTEGRATION NAME [JSON]", entity_attribute_options, CLI_ONLINE,
     cli_entity_attribute, "Set a value that an integration needs on an entity",
     "Values are the integration's own, beside the entity's data; its plugin reads and sets them, "
     "too:\n"
     "  tenon entity attribute e-1 shop tier 3"},
    {"entity import", "FILE|-", entity_import_options, CLI_ONLINE, cli_entity_import,
     "Store the records of a file, one JSON object a line",
     "Takes NDJSON of any length, or a JSON array. Records that are in already are left as they "
     "are, so an import\n"
     "that broke off can simply be run again. A bad record is reported with its line and ends the "
     "import, or is left\n"
     "out with --skip-bad."},
    {"import", "FILE|-", entity_import_options, CLI_ONLINE, cli_entity_import,
     "Short for 'entity import'", NULL},
    {"submit", "NAME", submit_options, CLI_ONLINE, cli_submit,
     "Submit by hand to the integration NAME",
     "Without options: what was never submitted. '--selector failed' tries failed submissions "
     "again."},
    {"submission list", "", submission_list_options, CLI_ONLINE, cli_submission_list,
     "List submissions, newest first", NULL},
    {"submission show", "N", NULL, CLI_ONLINE, cli_submission_show,
     "Show one submission with its attempts", NULL},
    {"submission retry", "[N...]", submission_retry_options, CLI_ONLINE, cli_submission_retry,
     "Try submissions again, by number or by filter",
     "Without --state: those that failed. '--state succeeded' replays what was delivered, under "
     "the "
     "same idempotency\n"
     "key unless --new-key says otherwise. What is in flight, or stands behind a newer version, is "
     "left and counted."},
    {"submission discard", "[N...]", submission_discard_options, CLI_ONLINE, cli_submission_discard,
     "Give submissions up, by number or by filter",
     "They end as skipped, \"discarded by hand\", and can still be tried again by number. Without "
     "--state: those that failed."},
    {"why", "ENTITY [INTEGRATION]", why_options, CLI_ONLINE, cli_why,
     "Tell what became of an entity, why, and what comes next",
     "For each integration: whether it looked, which clause refused and where that stands, each "
     "attempt, what comes\n"
     "next and when. With INTEGRATION or --rendered also what would be sent now, secrets masked."},
    {"action list", "[INTEGRATION]", NULL, CLI_ONLINE, cli_action_list,
     "List the actions that integrations offer", NULL},
    {"action show", "INTEGRATION.ACTION", NULL, CLI_ONLINE, cli_action_show,
     "Show what an action does, and its arguments", NULL},
    {"call", "INTEGRATION.ACTION [NAME=VALUE...]", NULL, CLI_ONLINE, cli_action_call,
     "Call an action and print its result",
     "Values are read by the argument's type; NAME=@FILE takes a file's content, NAME=@@text the "
     "text @text:\n"
     "  tenon call calc.add a=40 b=2\n"
     "Exit code 1 when the action failed, or did not take its arguments."},
    {"signal publish", "TYPE [JSON|NAME=VALUE...]", signal_publish_options, CLI_ONLINE,
     cli_signal_publish, "Publish a signal; it is on disk when this returns",
     "A type is words with dots between; those that begin with entity., relationship., submission. "
     "and\nintegration. are the host's own. What is behind it goes along as data:\n"
     "  tenon signal publish order.paid id=17 total=20.5"},
    {"signal request", "TYPE [JSON|NAME=VALUE...]", signal_request_options, CLI_ONLINE,
     cli_signal_request, "Publish a signal and print the first answer to it",
     "Exit code 1 when nobody is there to answer, or nobody does in time."},
    {"signal listen", "[PATTERN]", signal_listen_options, CLI_ONLINE, cli_signal_listen,
     "Follow signals as they come, until interrupted",
     "In PATTERN * stands for one word and ** at the end for one or more; quote it for the shell:\n"
     "  tenon signal listen 'entity.*'\n"
     "When tenond restarts this waits for it and goes on where it was. With --json each line is "
     "one JSON object."},
    {"signal parked", "[INTEGRATION]", NULL, CLI_ONLINE, cli_signal_parked,
     "List the signals that integrations' handlers did not take",
     "A durable subscription parks what fails again and again, and goes on. The last 100 of each "
     "are kept."},
    {"signal retry", "INTEGRATION [SEQ...]", signal_move_options, CLI_ONLINE, cli_signal_retry,
     "Give parked signals to their handler again",
     "Before what comes next, so out of order, and once. One that is taken goes off the list; one "
     "that fails is parked anew.\n"
     "Exit code 1 when one that was named is not parked, or what it said has gone from the store."},
    {"signal discard", "INTEGRATION [SEQ...]", signal_move_options, CLI_ONLINE, cli_signal_discard,
     "Give parked signals up", "They go off the list, for good."},
    {"mcp", "", NULL, CLI_ONLINE, cli_mcp, "Speak MCP over standard input and output, for a client",
     "For the configuration of an MCP client: {\"mcpServers\": {\"tenon\": {\"command\": "
     "\"tenon\", "
     "\"args\": [\"mcp\"]}}}.\nOutlives restarts of tenond. What it may do is said by [mcp] "
     "access in tenon.ini, and by mcp in an integration's ini."},
    {"reload", "", NULL, CLI_ONLINE, cli_reload,
     "Look at conf.d and the plugins now and take what changed",
     "tenond notices changes by itself; this waits for them and says what became of each file. "
     "Exit "
     "code 1 when one\n"
     "was refused: what ran before then goes on."},
    {"token create", "NAME", token_create_options, CLI_ONLINE, cli_token_create,
     "Make a token for the API's port, and print it",
     "read looks, submit takes in records, lets integrations deliver and calls their actions, "
     "manage does all\nthat and changes how the daemon runs. From the first token on the port "
     "wants "
     "one:\n"
     "  tenon token create shop --scope submit:stripe-eu --scope read --expires 90d > shop.token\n"
     "The daemon keeps a hash alone, so it cannot be shown again."},
    {"token list", "", NULL, CLI_ONLINE, cli_token_list, "List the tokens",
     "What each may do, when it was used last, and the letters it begins with."},
    {"token revoke", "TOKEN", NULL, CLI_ONLINE, cli_token_revoke, "End a token, at once",
     "Live views that were opened with it end, too."},
    {"store check", "", NULL, CLI_ONLINE, cli_store_check,
     "Check the store: the file, and that its counts and leases hold",
     "Deliveries go on meanwhile. Exit code 1 when something does not hold."},
    {"store compact", "", NULL, CLI_ONLINE, cli_store_compact,
     "Remove all that is of age now, and give free places back to the disk",
     "Both go on by themselves; this does not wait. What is of age is said by keep_... of [store] "
     "in tenon.ini."},
    {"store backup", "FILE", NULL, CLI_ONLINE, cli_store_backup,
     "Copy the store as it is now into a new file",
     "Deliveries go on meanwhile. The copy is a store of its own, readable by its owner alone: to "
     "use it, stop tenond\nand put it in the place of the store's file."},
    {"config check", "", NULL, CLI_OFFLINE, cli_config_check,
     "Check all files of the configuration",
     "Shows every error of every file. Exit code 1 when there is one. Runs no plugin: what one has "
     "to say of its\nsettings by itself is told by 'tenon integration test', and when it opens. "
     "'tenond --check' also looks at users,\ncertificates and the store, as the start does."},
    {"config show", "[NAME]", config_show_options, CLI_OFFLINE, cli_config_show,
     "Show the effective configuration, secrets masked",
     "NAME is an integration, or tenon for tenon.ini; else all."},
    {"config example", "[PLUGIN]", NULL, CLI_OFFLINE, cli_config_example,
     "Print a commented ini for a plugin, or tenon.ini",
     "For example: tenon config example webhook > conf.d/my-hook.ini"},
    {"completion", "bash|zsh", NULL, CLI_OFFLINE, cli_completion_script,
     "Print the completion for a shell",
     "Installed with tenon. To try it: source <(tenon completion bash). The script asks this "
     "program for the\nwords; names come from the daemon, or from conf.d when none answers."},
    {"completion words", "[WORD...]", NULL, CLI_EITHER, cli_completion_words,
     "Print what could stand in the place of the last word", "What the completion scripts ask."},
};
const size_t cli_command_count = sizeof(cli_commands) / sizeof(cli_commands[0]);
