/* SPDX-License-Identifier: Apache-2.0
 * Every sum is written as "n > rest", never as "a + b > end": offsets and lengths come from the
 * file. */
#include "catalog/catalog_elf.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__x86_64__)
enum { HOST_MACHINE = EM_X86_64 };
#elif defined(__aarch64__)
enum { HOST_MACHINE = EM_AARCH64 };
#elif defined(__riscv)
enum { HOST_MACHINE = EM_RISCV };
#elif defined(__powerpc64__)
enum { HOST_MACHINE = EM_PPC64 };
#else
#error "name this machine's ELF number here"
#endif

enum { DYNAMIC_ENTRIES_MAX = 4096, STRING_BYTES_MAX = 64 << 20 };

static const char *machine_name(unsigned machine)
{
    static const struct {
        unsigned number;
        const char *name;
    } machines[] = {{EM_X86_64, "x86-64"}, {EM_AARCH64, "aarch64"}, {EM_386, "i386"},
                    {EM_ARM, "arm"},       {EM_RISCV, "riscv"},     {EM_PPC64, "ppc64"},
                    {EM_S390, "s390"},     {EM_MIPS, "mips"}};

    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++)
        if (machines[i].number == machine)
            return machines[i].name;
    return "an unknown machine";
}

const char *elf_host_machine(void)
{
    return machine_name(HOST_MACHINE);
}

bool elf_read(const struct elf *elf, uint64_t offset, void *out, size_t count)
{
    if (offset > elf->size || count > elf->size - offset)
        return false;
    if (elf->fd < 0) {
        memcpy(out, elf->bytes + offset, count);
        return true;
    }
    size_t have = 0;
    while (have < count) {
        ssize_t got = pread(elf->fd, (char *)out + have, count - have, (off_t)(offset + have));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        have += (size_t)got;
    }
    return true;
}

static int check_header(struct elf *elf, const Elf64_Ehdr *header, struct err *err)
{
    if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
        return err_set(err, E_SYNTAX,
                       "not an ELF file: a plugin is a shared object made by a C or C++ compiler");
    if (header->e_ident[EI_CLASS] != ELFCLASS64)
        return err_set(err, E_SYNTAX,
                       "expected a 64-bit ELF file, this one is 32-bit: build it for %s",
                       elf_host_machine());
    if (header->e_ident[EI_DATA] != ELFDATA2LSB)
        return err_set(err, E_SYNTAX, "expected a little-endian ELF file: build it for %s",
                       elf_host_machine());
    if (header->e_ident[EI_VERSION] != EV_CURRENT || header->e_version != EV_CURRENT)
        return err_set(err, E_SYNTAX, "damaged: ELF version %u is unknown",
                       (unsigned)header->e_version);
    if (header->e_type != ET_DYN)
        return err_set(
            err, E_SYNTAX,
            "expected a shared object (ELF type 3), this is ELF type %u: link it with -shared",
            (unsigned)header->e_type);
    elf->machine = machine_name(header->e_machine);
    elf->is_our_machine = header->e_machine == HOST_MACHINE;
    if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum == 0 ||
        header->e_phnum > ELF_SEGMENTS_MAX)
        return err_set(err, E_SYNTAX,
                       "damaged: expected 1 to %d program headers of %zu bytes, the header says %u "
                       "of %u bytes",
                       ELF_SEGMENTS_MAX, sizeof(Elf64_Phdr), (unsigned)header->e_phnum,
                       (unsigned)header->e_phentsize);
    return 0;
}

/* The section headers serve linkers and debuggers, not us; but they stand at the end of the file,
 * so a copy that broke off, or is not through, is told by them. */
static int check_end(const struct elf *elf, const Elf64_Ehdr *header, struct err *err)
{
    uint64_t bytes = (uint64_t)header->e_shnum * header->e_shentsize;

    if (header->e_shoff == 0 ||
        (header->e_shoff <= elf->size && bytes <= elf->size - header->e_shoff))
        return 0;
    return err_set(err, E_SYNTAX,
                   "cut short: the section headers at byte %llu are not in the file of %llu bytes",
                   (unsigned long long)header->e_shoff, (unsigned long long)elf->size);
}

static int read_headers(struct elf *elf, struct err *err)
{
    Elf64_Ehdr header;

    if (!elf_read(elf, 0, &header, sizeof header)) {
        char magic[SELFMAG];
        if (elf_read(elf, 0, magic, sizeof magic) && memcmp(magic, ELFMAG, SELFMAG) == 0)
            return err_set(err, E_SYNTAX, "cut short: %llu bytes are no whole ELF header",
                           (unsigned long long)elf->size);
        return err_set(err, E_SYNTAX,
                       "not an ELF file: a plugin is a shared object made by a C or C++ compiler");
    }
    int status = check_header(elf, &header, err);
    if (status < 0)
        return status;
    elf->segment_count = header.e_phnum;
    if (!elf_read(elf, header.e_phoff, elf->segments, elf->segment_count * sizeof(Elf64_Phdr)))
        return err_set(err, E_SYNTAX,
                       "cut short: the program headers at byte %llu are not in the file",
                       (unsigned long long)header.e_phoff);
    for (size_t i = 0; i < elf->segment_count; i++) {
        const Elf64_Phdr *segment = &elf->segments[i];
        if (segment->p_type != PT_LOAD && segment->p_type != PT_NOTE &&
            segment->p_type != PT_DYNAMIC)
            continue;
        if (segment->p_offset > elf->size || segment->p_filesz > elf->size - segment->p_offset)
            return err_set(
                err, E_SYNTAX,
                "cut short: segment %zu (bytes %llu to %llu) is not in the file of %llu bytes", i,
                (unsigned long long)segment->p_offset,
                (unsigned long long)(segment->p_offset + segment->p_filesz),
                (unsigned long long)elf->size);
    }
    return check_end(elf, &header, err);
}

int elf_open_fd(struct elf *elf, int fd, struct err *err)
{
    struct stat info;

    memset(elf, 0, sizeof *elf);
    elf->fd = fd;
    if (fstat(fd, &info) < 0)
        return err_set(err, -errno, "cannot look at the file: %s", strerror(errno));
    if (!S_ISREG(info.st_mode))
        return err_set(err, E_SYNTAX, "not a regular file");
    elf->size = (uint64_t)info.st_size;
    return read_headers(elf, err);
}

int elf_open_bytes(struct elf *elf, const uint8_t *bytes, size_t len, struct err *err)
{
    memset(elf, 0, sizeof *elf);
    elf->fd = -1;
    elf->bytes = bytes;
    elf->size = len;
    return read_headers(elf, err);
}

/* No PT_GNU_STACK at all counts too: the loader then makes every stack of the process executable.
 */
bool elf_has_exec_stack(const struct elf *elf)
{
    for (size_t i = 0; i < elf->segment_count; i++)
        if (elf->segments[i].p_type == PT_GNU_STACK)
            return (elf->segments[i].p_flags & PF_X) != 0;
    return true;
}

/* Where a loaded address lies in the file, with the bytes that follow it in its segment. */
static bool file_offset(const struct elf *elf, uint64_t address, uint64_t *out_offset,
                        uint64_t *out_rest)
{
    for (size_t i = 0; i < elf->segment_count; i++) {
        const Elf64_Phdr *segment = &elf->segments[i];
        if (segment->p_type != PT_LOAD || address < segment->p_vaddr ||
            address - segment->p_vaddr >= segment->p_filesz)
            continue;
        *out_offset = segment->p_offset + (address - segment->p_vaddr);
        *out_rest = segment->p_filesz - (address - segment->p_vaddr);
        return true;
    }
    return false;
}

static int count_gnu_hash(const struct elf *elf, uint64_t address, uint64_t *out_count,
                          struct err *err)
{
    uint32_t head[4]; /* buckets, first symbol, bloom words, bloom shift */
    uint64_t offset;
    uint64_t rest;
    uint32_t last = 0;

    if (!file_offset(elf, address, &offset, &rest) || rest < sizeof head ||
        !elf_read(elf, offset, head, sizeof head))
        return err_set(err, E_SYNTAX, "damaged: the GNU hash table is not in the file");
    uint64_t skip = sizeof head + (uint64_t)head[2] * 8;
    if (head[0] > ELF_SYMBOLS_MAX || skip > rest || (uint64_t)head[0] * 4 > rest - skip)
        return err_set(err, E_SYNTAX, "damaged: the GNU hash table is larger than its segment");
    for (uint32_t i = 0; i < head[0];) {
        uint32_t buckets[256];
        uint32_t n = head[0] - i < 256 ? head[0] - i : 256;
        if (!elf_read(elf, offset + skip + (uint64_t)i * 4, buckets, n * 4))
            return err_set(err, E_SYNTAX, "damaged: the GNU hash table is not in the file");
        for (uint32_t k = 0; k < n; k++)
            if (buckets[k] > last)
                last = buckets[k];
        i += n;
    }
    if (last < head[1]) {
        *out_count = head[1];
        return head[1] > ELF_SYMBOLS_MAX
                   ? err_set(err, E_SYNTAX, "more than %d dynamic symbols", ELF_SYMBOLS_MAX)
                   : 0;
    }
    uint64_t chains = skip + (uint64_t)head[0] * 4;
    for (;; last++) {
        uint32_t hash;
        uint64_t at = chains + (uint64_t)(last - head[1]) * 4;
        if (last >= ELF_SYMBOLS_MAX)
            return err_set(err, E_SYNTAX, "more than %d dynamic symbols", ELF_SYMBOLS_MAX);
        if (at > rest || 4 > rest - at || !elf_read(elf, offset + at, &hash, sizeof hash))
            return err_set(err, E_SYNTAX, "damaged: a chain of the GNU hash table has no end");
        if (hash & 1)
            break;
    }
    *out_count = (uint64_t)last + 1;
    return 0;
}

static int count_symbols(const struct elf *elf, uint64_t hash, uint64_t gnu_hash,
                         uint64_t *out_count, struct err *err)
{
    uint32_t head[2];
    uint64_t offset;
    uint64_t rest;

    *out_count = 0;
    if (gnu_hash != 0)
        return count_gnu_hash(elf, gnu_hash, out_count, err);
    if (hash == 0)
        return 0;
    if (!file_offset(elf, hash, &offset, &rest) || rest < sizeof head ||
        !elf_read(elf, offset, head, sizeof head))
        return err_set(err, E_SYNTAX, "damaged: the hash table is not in the file");
    if (head[1] > ELF_SYMBOLS_MAX)
        return err_set(err, E_SYNTAX, "more than %d dynamic symbols", ELF_SYMBOLS_MAX);
    *out_count = head[1];
    return 0;
}

/* What the entries of PT_DYNAMIC say, before it is looked up in the segments. */
struct raw_dynamic {
    uint64_t strings, string_bytes, symbols, hash, gnu_hash;
};

static void take_entry(const Elf64_Dyn *entry, struct raw_dynamic *raw, struct elf_dynamic *out)
{
    switch (entry->d_tag) {
    case DT_STRTAB:
        raw->strings = entry->d_un.d_ptr;
        break;
    case DT_STRSZ:
        raw->string_bytes = entry->d_un.d_val;
        break;
    case DT_SYMTAB:
        raw->symbols = entry->d_un.d_ptr;
        break;
    case DT_HASH:
        raw->hash = entry->d_un.d_ptr;
        break;
    case DT_GNU_HASH:
        raw->gnu_hash = entry->d_un.d_ptr;
        break;
    case DT_NEEDED:
        if (out->needed_count < sizeof out->needed / sizeof *out->needed)
            out->needed[out->needed_count++] = entry->d_un.d_val;
        break;
    case DT_RPATH:
    case DT_RUNPATH:
        out->run_path = entry->d_un.d_val;
        break;
    case DT_TEXTREL:
        out->has_text_relocations = true;
        break;
    case DT_FLAGS:
        out->has_text_relocations |= (entry->d_un.d_val & DF_TEXTREL) != 0;
        out->uses_static_tls |= (entry->d_un.d_val & DF_STATIC_TLS) != 0;
        break;
    default:
        break;
    }
}

static int walk_entries(const struct elf *elf, const Elf64_Phdr *segment, struct raw_dynamic *raw,
                        struct elf_dynamic *out, struct err *err)
{
    uint64_t count = segment->p_filesz / sizeof(Elf64_Dyn);

    if (count > DYNAMIC_ENTRIES_MAX)
        return err_set(err, E_SYNTAX, "damaged: more than %d entries in the dynamic segment",
                       DYNAMIC_ENTRIES_MAX);
    for (uint64_t i = 0; i < count; i++) {
        Elf64_Dyn entry;
        if (!elf_read(elf, segment->p_offset + i * sizeof entry, &entry, sizeof entry))
            return err_set(err, E_SYNTAX, "cut short: the dynamic segment is not in the file");
        if (entry.d_tag == DT_NULL)
            break;
        take_entry(&entry, raw, out);
    }
    return 0;
}

int elf_read_dynamic(const struct elf *elf, struct elf_dynamic *out, struct err *err)
{
    struct elf_dynamic dynamic = {0};
    struct raw_dynamic raw = {0};
    const Elf64_Phdr *segment = NULL;
    uint64_t rest;

    for (size_t i = 0; i < elf->segment_count && segment == NULL; i++)
        if (elf->segments[i].p_type == PT_DYNAMIC)
            segment = &elf->segments[i];
    *out = dynamic;
    if (segment == NULL)
        return 0;
    int status = walk_entries(elf, segment, &raw, &dynamic, err);
    if (status < 0)
        return status;
    if (!file_offset(elf, raw.strings, &dynamic.strings, &rest) || raw.string_bytes > rest ||
        raw.string_bytes > STRING_BYTES_MAX)
        return err_set(err, E_SYNTAX, "damaged: the dynamic strings are not in the file");
    dynamic.string_bytes = raw.string_bytes;
    status = count_symbols(elf, raw.hash, raw.gnu_hash, &dynamic.symbol_count, err);
    if (status < 0)
        return status;
    if (dynamic.symbol_count > 0 && (!file_offset(elf, raw.symbols, &dynamic.symbols, &rest) ||
                                     dynamic.symbol_count > rest / sizeof(Elf64_Sym)))
        return err_set(err, E_SYNTAX, "damaged: the dynamic symbols are not in the file");
    dynamic.is_there = true;
    *out = dynamic;
    return 0;
}

bool elf_string(const struct elf *elf, const struct elf_dynamic *dynamic, uint64_t offset,
                char *out, size_t size)
{
    if (offset >= dynamic->string_bytes)
        return false;
    uint64_t rest = dynamic->string_bytes - offset;
    size_t count = rest < size - 1 ? (size_t)rest : size - 1;
    if (!elf_read(elf, dynamic->strings + offset, out, count))
        return false;
    out[count] = '\0';
    return true;
}

static bool is_exported(const Elf64_Sym *symbol)
{
    unsigned bind = ELF64_ST_BIND(symbol->st_info);
    unsigned visibility = ELF64_ST_VISIBILITY(symbol->st_other);
    unsigned type = ELF64_ST_TYPE(symbol->st_info);

    return symbol->st_shndx != SHN_UNDEF &&
           (bind == STB_GLOBAL || bind == STB_WEAK || bind == STB_GNU_UNIQUE) &&
           (visibility == STV_DEFAULT || visibility == STV_PROTECTED) && type != STT_SECTION &&
           type != STT_FILE;
}

int elf_each_export(const struct elf *elf, const struct elf_dynamic *dynamic, elf_symbol_fn fn,
                    void *user, struct err *err)
{
    for (uint64_t i = 0; i < dynamic->symbol_count;) {
        Elf64_Sym symbols[128];
        uint64_t left = dynamic->symbol_count - i;
        size_t n = left < 128 ? (size_t)left : 128;
        if (!elf_read(elf, dynamic->symbols + i * sizeof *symbols, symbols, n * sizeof *symbols))
            return err_set(err, E_SYNTAX, "cut short: the dynamic symbols are not in the file");
        for (size_t k = 0; k < n; k++) {
            char name[64];
            if (!is_exported(&symbols[k]) ||
                !elf_string(elf, dynamic, symbols[k].st_name, name, sizeof name))
                continue;
            fn(user, name, ELF64_ST_TYPE(symbols[k].st_info) == STT_FUNC);
        }
        i += n;
    }
    return 0;
}
