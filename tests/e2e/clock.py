# SPDX-License-Identifier: Apache-2.0
"""A wall clock that a test can step. tenond runs under libfaketime, which reads its offset from a
file at every look at the clock; the monotonic clock is left alone, as it is by a step."""
import os
import pathlib

HOUR_S = 3600
LIBRARIES = list(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


class Clock:
    def __init__(self, tenon):
        self.file = tenon.folder / "clock"
        self.offset_s = 0
        self.step(0)
        tenon.environment.update(
            LD_PRELOAD=str(LIBRARIES[0]),
            FAKETIME_TIMESTAMP_FILE=str(self.file),
            FAKETIME_NO_CACHE="1",
            FAKETIME_DONT_FAKE_MONOTONIC="1",
        )

    def step(self, seconds):
        self.offset_s += seconds
        new = self.file.with_suffix(".new")
        new.write_text("%+d\n" % self.offset_s)
        os.replace(new, self.file)
