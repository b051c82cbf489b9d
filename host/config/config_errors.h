/* SPDX-License-Identifier: Apache-2.0
 * Every complaint of the configuration has a code that stays the same for ever: scripts and the
 * handbook name it. New ones go to the end, none is reused. This is the one list; what a code
 * means stands here for whoever adds one, the complaint itself has the particulars. */
#ifndef CONFIG_ERRORS_H
#define CONFIG_ERRORS_H

#include <stddef.h>

/* clang-format off */
#define CONFIG_CODES(row) \
    row(C001, "a file cannot be read") \
    row(C002, "a file is larger than allowed") \
    row(C003, "there are more files than allowed") \
    row(C004, "a line holds control characters or is not UTF-8") \
    row(C005, "the file's name cannot name an integration") \
    row(C006, "a line is neither [section], key = value nor comment") \
    row(C007, "a line, section name or key is too long") \
    row(C008, "there is no such section") \
    row(C009, "a section that this version does not support") \
    row(C010, "the first section does not say what the file is") \
    row(C011, "a section stands there twice") \
    row(C012, "a value is not of its type, or out of range") \
    row(C013, "there is no such key in this section") \
    row(C014, "a key stands there twice") \
    row(C015, "a required key is missing") \
    row(C016, "a secret stands there in plain text") \
    row(C017, "a ${...} reference is not written as it should be") \
    row(C018, "a ${...} reference leads to nothing usable") \
    row(C019, "a file with a secret is open to others") \
    row(C020, "keys that need or contradict each other") \
    row(C021, "the plugin is not there or not usable") \
    row(C022, "the plugin needs the network, which the file does not allow") \
    row(C023, "a key stands before the first section") \
    row(C024, "the plugin's own table of settings is damaged") \
    row(C025, "a header or metadata name or value cannot be used") \
    row(C026, "a key that has no effect here")
/* clang-format on */

#define CONFIG_CODE_ENUM_(code, meaning) code,
enum config_code { CONFIG_CODES(CONFIG_CODE_ENUM_) CONFIG_CODE_COUNT };
#undef CONFIG_CODE_ENUM_

const char *config_code_name(enum config_code code); /* "C012" */

#endif
