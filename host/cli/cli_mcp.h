/* SPDX-License-Identifier: Apache-2.0
 * `tenon mcp`: messages of a client on standard input to the daemon's /mcp, and what it says to
 * standard output. The daemon does all the work, so both transports are one implementation; what is
 * done here is to survive its restarts: sessions are begun anew and streams opened again without
 * the client noticing. One thread. */
#ifndef CLI_CLI_MCP_H
#define CLI_CLI_MCP_H

#include "cli/cli.h"
#include "http/http_calls.h"

/* A message on its way (cli_mcp_relay.c). */
struct relay {
    struct bridge *bridge;
    struct relay *next;
    struct buf line;
    struct buf id; /* raw JSON; empty: a notification, or a batch */
    bool is_modern;
    bool is_call;    /* of a tool: not to be sent twice */
    bool is_hello;   /* initialize of a legacy client */
    bool is_renewal; /* the bridge's own, for a session that the daemon forgot */
    bool is_ready;   /* notifications/initialized */
    bool is_listen;  /* subscriptions/listen: a stream that is opened again */
    bool is_watch;   /* resources/subscribe or unsubscribe of a legacy client */
    bool is_own;     /* the bridge's: a subscription said again, its answer is for nobody */
    bool wants_tools;
    bool is_again;              /* of a listen: the client has seen it acknowledged */
    bool was_told;              /* what may have changed meanwhile */
    bool waits;                 /* for a session */
    bool was_renewed;           /* sent under a second session already */
    struct http_calls_one *one; /* NULL: to be sent at `due_ms` */
    int64_t due_ms, give_up_ms; /* monotonic; 0: at once; not yet */
    struct buf rest;            /* of an event's line */
};

struct bridge {
    struct cli *cli;
    struct http_calls *calls;
    struct relay *relays;
    struct buf hello;            /* the line of the client's initialize */
    struct buf session, version; /* what it got; empty: none */
    struct buf watched;          /* URIs as JSON texts, a line each: subscribed to in a session */
    bool is_renewing;
    bool wants_stream;             /* the client is a legacy one, and ready */
    struct http_calls_one *stream; /* NULL: to be opened at stream_ms */
    int64_t stream_ms;
    struct buf rest; /* of the stream's line */
};

int64_t cli_mcp_now_ms(void);
/* A line to the client. */
void cli_mcp_print(struct str message);
/* The data lines of events, as lines to the client; `rest` keeps what is not whole yet. `skip`
 * (NULL: none): events of this method are kept from the client. */
void cli_mcp_events(struct buf *rest, struct str piece, const char *skip);
/* The Mcp-Session-Id and version headers of a legacy client; `storage` holds their texts. */
size_t cli_mcp_session_headers(const struct bridge *bridge, struct buf storage[2],
                               const char **out);

/* Takes a line of the client. */
void cli_mcp_relay_take(struct bridge *bridge, struct str line);
/* Sends what is due; the time until something is, or -1. */
int64_t cli_mcp_relay_send(struct bridge *bridge);
/* Begins the session anew; what waits for it goes on then. */
void cli_mcp_relay_renew(struct bridge *bridge);
/* Something but streams is still to be answered. */
bool cli_mcp_relay_is_open(const struct bridge *bridge);
void cli_mcp_relay_drop_all(struct bridge *bridge);

#endif
