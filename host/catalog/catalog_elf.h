/* SPDX-License-Identifier: Apache-2.0
 * The few facts of an ELF file that the catalog wants, from bytes that may be hostile. Inside the
 * room only. A file is read by pread into our own buffers, never mapped: a file that shrinks under
 * a mapping kills us. */
#ifndef CATALOG_ELF_H
#define CATALOG_ELF_H

#include "base/err.h"

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ELF_SEGMENTS_MAX = 64, ELF_NOTE_BYTES_MAX = 64 * 1024, ELF_SYMBOLS_MAX = 1 << 20 };

struct elf {
    int fd; /* -1: bytes */
    const uint8_t *bytes;
    uint64_t size;
    bool is_our_machine;
    const char *machine; /* static: "x86-64"; what the file was built for */
    size_t segment_count;
    Elf64_Phdr segments[ELF_SEGMENTS_MAX];
};

/* Tables of the dynamic segment, as offsets into the file. */
struct elf_dynamic {
    bool is_there;
    uint64_t strings, string_bytes, symbols;
    uint64_t symbol_count;
    bool has_text_relocations, uses_static_tls;
    size_t needed_count;
    uint64_t needed[32]; /* offsets into the strings */
    uint64_t run_path;   /* the same; 0: none */
};

/* Headers read and bounded; segments lie in the file. 0 or E_SYNTAX. */
int elf_open_fd(struct elf *elf, int fd, struct err *err);
int elf_open_bytes(struct elf *elf, const uint8_t *bytes, size_t len, struct err *err);
/* Exactly `count` bytes at `offset`; false when they are not there. */
bool elf_read(const struct elf *elf, uint64_t offset, void *out, size_t count);
int elf_read_dynamic(const struct elf *elf, struct elf_dynamic *out, struct err *err);
/* A NUL-terminated text of the dynamic strings, cut to fit. False when it is not in there. */
bool elf_string(const struct elf *elf, const struct elf_dynamic *dynamic, uint64_t offset,
                char *out, size_t size);
/* Each exported (defined, global or weak, visible) symbol. The name is cut to 63 characters. */
typedef void (*elf_symbol_fn)(void *user, const char *name, bool is_function);
int elf_each_export(const struct elf *elf, const struct elf_dynamic *dynamic, elf_symbol_fn fn,
                    void *user, struct err *err);
bool elf_has_exec_stack(const struct elf *elf);
const char *elf_host_machine(void);

#endif
