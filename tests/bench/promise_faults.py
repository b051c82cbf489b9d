# SPDX-License-Identifier: Apache-2.0
"""A destination that errs now and then: 5 % of its answers are 500, 2 % are 429 with
`Retry-After: 1`, 1 % of the requests end in a reset. Nothing may be lost, and until the tail, which
is what waits for its second or third try, it costs about what it is."""
import contextlib

from promise import Contender, Row, in_turns, ratio_row

FAULTS = {"p500": 0.05, "p429": 0.02, "preset": 0.01, "retry_after": 1}
BEFORE_THE_TAIL = 0.9  # 8 % fail at first


def measure(arguments):
    with contextlib.ExitStack() as stack:
        clean = Contender(stack)
        faulty = Contender(stack, **FAULTS)
        in_turns(
            {"clean": clean, "faulty": faulty}, arguments.events, arguments.rounds, BEFORE_THE_TAIL
        )
        stats = faulty.sink.stats()
    ratios = [bad / good for bad, good in zip(faulty.rates, clean.rates)]
    lost = faulty.sent - stats["unique"]
    name = "5 % 500, 2 % 429, 1 % resets: "
    how = "first 90 %% of each round / clean; %d rounds of %d"
    return [
        ratio_row(name + "rate", ratios, 0.75, how % (arguments.rounds, arguments.events)),
        Row(
            name + "lost",
            "%d" % lost,
            "0",
            "of %d; %d answers were 500, %d 429, %d resets; %d came twice"
            % (faulty.sent, stats["s500"], stats["s429"], stats["resets"], stats["dups"]),
            lost == 0,
        ),
    ]
