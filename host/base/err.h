/* SPDX-License-Identifier: Apache-2.0
 * A status and the words for a person. Filled once, where the facts are known. */
#ifndef BASE_ERR_H
#define BASE_ERR_H


/* Our own statuses stand beside errno's: all are negative, 0 is success. */
enum {
    E_USAGE = -1001,   /* the command line is wrong */
    E_REFUSED = -1002, /* understood and not allowed */
    E_NOT_FOUND = -1003,
    E_UNREACHABLE = -1004, /* the daemon or a peer does not answer */
    E_TOO_LARGE = -1005,
    E_SYNTAX = -1006, /* bytes that are not what they claim to be */
    E_CONFLICT = -1007,
    E_STOPPED = -1008, /* shutting down */
};

struct err {
    int code;        /* 0: nothing set */
    char text[1024]; /* one sentence or more; cut, never overrun */
};

/* Fills err (NULL allowed) and returns `code`. errno is kept. */
int err_set(struct err *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts words in front of what is there: err_prefix(err, "conf.d/x.ini: "). Returns err's code. */
int err_prefix(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The name of an errno-like or own status: "ENOSPC", "not found". Never NULL. */
const char *err_name(int code);

#endif
