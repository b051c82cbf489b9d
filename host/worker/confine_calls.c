/* SPDX-License-Identifier: Apache-2.0
 * seccomp: a list of what a plugin never needs. Denied calls fail with EPERM, so a library that
 * tries one goes on another way or reports an error; calls in a foreign ABI end the process. */
#include "worker/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/fsverity.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OWN_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define OWN_ARCH AUDIT_ARCH_RISCV64
#endif

#ifdef OWN_ARCH

/* Calls that not every architecture or system header has. */
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443
#endif
#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifndef SYS_setxattrat
#define SYS_setxattrat 463
#endif
#ifndef SYS_removexattrat
#define SYS_removexattrat 466
#endif
#ifndef SYS_open_tree_attr
#define SYS_open_tree_attr 467
#endif
#ifndef SYS_file_setattr
#define SYS_file_setattr 469
#endif
#ifndef PR_SCHED_CORE
#define PR_SCHED_CORE 62
#endif

static const int never[] = {
#ifdef SYS_fork
    SYS_fork,
    SYS_vfork,
#endif
    SYS_execve,
    SYS_execveat,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
    SYS_tkill,
    SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo,
    SYS_pidfd_open, /* of children alone it is of use, and there are none */
    SYS_pidfd_send_signal,
    SYS_pidfd_getfd,
    SYS_process_madvise,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
    SYS_open_tree,
    SYS_open_tree_attr,
    SYS_move_mount,
    SYS_mount_setattr,
    SYS_swapon,
    SYS_swapoff,
    SYS_quotactl,
    SYS_quotactl_fd,
    SYS_unshare,
    SYS_setns,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    SYS_personality,
    SYS_acct,
    SYS_syslog,
    SYS_vhangup,
    SYS_reboot,
    SYS_kexec_load,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_clock_adjtime,
    SYS_adjtimex,
    SYS_open_by_handle_at,
    SYS_name_to_handle_at,
    SYS_lookup_dcookie,
    SYS_nfsservctl,
    SYS_setrlimit,
    SYS_setpriority,
    SYS_sched_setscheduler,
    SYS_sched_setparam,
    SYS_sched_setattr,
    SYS_ioprio_set,
    SYS_fanotify_init,
    SYS_migrate_pages,
    SYS_move_pages,
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
#ifdef SYS_iopl
    SYS_iopl,
    SYS_ioperm,
    SYS_modify_ldt,
    SYS_uselib,
#endif
};

/* Who owns a file may do these to it without a right to write it, and Landlock does not look: where
 * the worker has tenond's uid, tenond's files are its own. By a descriptor as by a path, as one
 * that only reads is enough. truncate() Landlock knows since its third version only; ftruncate()
 * wants a descriptor that writes, and those it counts. flock() and the locks of fcntl() stay: they
 * want a file that could be opened, and what tenond locks could not. */
static const int only_by_owners[] = {
#ifdef SYS_chmod
    SYS_chmod,        SYS_chown,         SYS_lchown,       SYS_utime,       SYS_utimes,
    SYS_futimesat,
#endif
    SYS_fchmod,       SYS_fchmodat,      SYS_fchmodat2,    SYS_fchown,      SYS_fchownat,
    SYS_utimensat,    SYS_setxattr, /* an ACL is one: the same as chmod */
    SYS_lsetxattr,    SYS_fsetxattr,     SYS_setxattrat,   SYS_removexattr, SYS_lremovexattr,
    SYS_fremovexattr, SYS_removexattrat, SYS_file_setattr, SYS_truncate,
};

/* Memory that no limit of the process counts. Most of it outlives the worker, some can be had
 * executable, and names in it are heard by others of the same uid. */
static const int memory_elsewhere[] = {
    SYS_memfd_create, SYS_memfd_secret, SYS_shmget,  SYS_shmat,      SYS_shmctl, SYS_shmdt,
    SYS_semget,       SYS_semop,        SYS_semctl,  SYS_semtimedop, SYS_msgget, SYS_msgsnd,
    SYS_msgrcv,       SYS_msgctl,       SYS_mq_open, SYS_mq_unlink,
};

/* socketpair() too: a pair of datagram sockets can each send to any other socket with a path. */
static const int only_with_net[] = {
    SYS_socket, SYS_socketpair, SYS_connect, SYS_bind, SYS_listen, SYS_accept, SYS_accept4,
};

struct filter {
    struct sock_filter lines[1024];
    unsigned short len;
    bool is_cut;
};

static void add(struct filter *filter, uint16_t code, uint32_t k, uint8_t if_true, uint8_t if_false)
{
    if (filter->len < sizeof filter->lines / sizeof *filter->lines)
        filter->lines[filter->len++] = (struct sock_filter){code, if_true, if_false, k};
    else
        filter->is_cut = true;
}

static void load_number(struct filter *filter)
{
    add(filter, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
}

/* The low half of an argument: the first, on little-endian machines, which all of ours are. It is
 * all of a number, for the kernel drops the rest of an int as well, and half of a pointer. */
static void load_argument(struct filter *filter, unsigned index)
{
    add(filter, BPF_LD | BPF_W | BPF_ABS,
        (uint32_t)(offsetof(struct seccomp_data, args) + index * 8), 0, 0);
}

static void load_high_half(struct filter *filter, unsigned index)
{
    add(filter, BPF_LD | BPF_W | BPF_ABS,
        (uint32_t)(offsetof(struct seccomp_data, args) + index * 8 + 4), 0, 0);
}

static void answer(struct filter *filter, uint32_t action)
{
    add(filter, BPF_RET | BPF_K, action, 0, 0);
}

static void deny(struct filter *filter, int number, int with)
{
    add(filter, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 1);
    answer(filter, SECCOMP_RET_ERRNO | (uint32_t)with);
}

static void deny_all(struct filter *filter, const int *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        deny(filter, numbers[i], EPERM);
}

/* Denied unless argument `index`, an int, is `value`. */
static void deny_unless(struct filter *filter, int number, unsigned index, uint32_t value)
{
    add(filter, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 4);
    load_argument(filter, index);
    add(filter, BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0);
    answer(filter, SECCOMP_RET_ERRNO | EPERM);
    load_number(filter);
}

/* Denied unless argument `index` is NULL. A low half of zeros is no NULL: a mapping can be had at
 * 0x100000000. */
static void deny_unless_null(struct filter *filter, int number, unsigned index)
{
    add(filter, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 6);
    load_argument(filter, index);
    add(filter, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2);
    load_high_half(filter, index);
    add(filter, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
    answer(filter, SECCOMP_RET_ERRNO | EPERM);
    load_number(filter);
}

static void deny_if(struct filter *filter, int number, unsigned index, uint32_t value)
{
    add(filter, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 4);
    load_argument(filter, index);
    add(filter, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
    answer(filter, SECCOMP_RET_ERRNO | EPERM);
    load_number(filter);
}

/* Denied when the bits `mask` of argument `index` are `value`. */
static void deny_masked(struct filter *filter, int number, unsigned index, uint32_t mask,
                        uint32_t value)
{
    add(filter, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 5);
    load_argument(filter, index);
    add(filter, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
    add(filter, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
    answer(filter, SECCOMP_RET_ERRNO | EPERM);
    load_number(filter);
}

/* A new process is a clone without CLONE_THREAD. */
static void deny_processes(struct filter *filter)
{
    add(filter, BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4);
    load_argument(filter, 0);
    add(filter, BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0);
    answer(filter, SECCOMP_RET_ERRNO | EPERM);
    load_number(filter);
    /* Its flags are in memory, where a filter cannot look; ENOSYS has libc take clone. */
    deny(filter, SYS_clone3, ENOSYS);
}

enum { ACCESS_BITS = 3 }; /* O_ACCMODE, which has more bits in some libc */

/* Two ways to open a file that Landlock counts as neither reading nor writing. With both access
 * bits it is open for nothing, which Landlock lets through everywhere, and good for a lease that
 * has tenond wait. Reading with O_TRUNC empties it, which Landlock knows since its third version.
 */
static void deny_odd_opens(struct filter *filter, int number, unsigned index)
{
    deny_masked(filter, number, index, ACCESS_BITS, ACCESS_BITS);
    deny_masked(filter, number, index, ACCESS_BITS | O_TRUNC, O_RDONLY | O_TRUNC);
}

/* What is fine with some arguments and reaches others' processes or files with the rest. */
static void deny_by_argument(struct filter *filter)
{
    uint32_t own = (uint32_t)getpid();

    deny_unless(filter, SYS_kill, 0, own);
    deny_unless(filter, SYS_tgkill, 0, own);
    deny_unless(filter, SYS_sched_setaffinity, 0, 0);
    deny_unless_null(filter, SYS_prlimit64, 2); /* reading is fine */
    deny_if(filter, SYS_prctl, 0, PR_SET_PDEATHSIG);
    deny_if(filter, SYS_prctl, 0, PR_SET_DUMPABLE);
    deny_if(filter, SYS_prctl, 0, PR_SET_MM);
    deny_if(filter, SYS_prctl, 0, PR_SCHED_CORE); /* says with whom another may share a core */
#ifdef SYS_open
    deny_odd_opens(filter, SYS_open, 1);
#endif
    deny_odd_opens(filter, SYS_openat, 2);
    deny(filter, SYS_openat2, ENOSYS);       /* its flags are in memory; libc takes openat */
    deny_if(filter, SYS_fcntl, 1, F_SETOWN); /* would have the kernel send the signal */
    deny_if(filter, SYS_fcntl, 1, F_SETOWN_EX);
    deny_if(filter, SYS_fcntl, 1, F_SETLEASE);      /* others wait for it when they open the file */
    deny_if(filter, SYS_ioctl, 1, 0x5412);          /* TIOCSTI: types into a terminal */
    deny_if(filter, SYS_ioctl, 1, 0x541c);          /* TIOCLINUX: pastes into one */
    deny_if(filter, SYS_ioctl, 1, 0x8901);          /* FIOSETOWN */
    deny_if(filter, SYS_ioctl, 1, 0x8902);          /* SIOCSPGRP */
    deny_if(filter, SYS_ioctl, 1, FS_IOC_SETFLAGS); /* as only_by_owners */
    deny_if(filter, SYS_ioctl, 1, FS_IOC_FSSETXATTR);
    deny_if(filter, SYS_ioctl, 1, FS_IOC_ENABLE_VERITY); /* nobody could write it again */
}

static void check_arch(struct filter *filter)
{
    add(filter, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
    add(filter, BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCH, 1, 0);
    answer(filter, SECCOMP_RET_KILL_PROCESS);
    load_number(filter);
#ifdef __x86_64__
    add(filter, BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0,
        1); /* x32: the same calls by other numbers */
    answer(filter, SECCOMP_RET_KILL_PROCESS);
#endif
}

static int install(struct filter *filter)
{
    struct sock_fprog program = {filter->len, filter->lines};

    if (filter->is_cut)
        return -E2BIG;
    /* A constructor may have started threads: the filter is for all of them. */
    long status =
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
    return status == 0 ? 0 : status > 0 ? -EBUSY : -errno;
}

int confine_calls(bool allow_net, struct confine_words *seen, char words[CALL_WORDS_MAX])
{
    struct filter filter = {.len = 0};

    check_arch(&filter);
    deny_processes(&filter);
    deny_all(&filter, never, sizeof never / sizeof *never);
    deny_all(&filter, only_by_owners, sizeof only_by_owners / sizeof *only_by_owners);
    deny_all(&filter, memory_elsewhere, sizeof memory_elsewhere / sizeof *memory_elsewhere);
    if (!allow_net)
        deny_all(&filter, only_with_net, sizeof only_with_net / sizeof *only_with_net);
    deny_by_argument(&filter);
    answer(&filter, SECCOMP_RET_ALLOW);
    int status = install(&filter);
    if (status == -ENOSYS || status == -EINVAL) {
        confine_note(seen->missing, sizeof seen->missing, "seccomp");
        return 0;
    }
    if (status < 0) {
        static const char failed[] = "the worker could not confine its system calls";

        memcpy(words, failed, sizeof failed);
        return -1;
    }
    confine_note(seen->in_force, sizeof seen->in_force, "seccomp");
    return 0;
}

int confine_code(void)
{
    struct filter filter = {.len = 0};

    check_arch(&filter);
    deny_masked(&filter, SYS_mmap, 2, PROT_WRITE | PROT_EXEC, PROT_WRITE | PROT_EXEC);
    deny_masked(&filter, SYS_mprotect, 2, PROT_EXEC, PROT_EXEC);
    deny_masked(&filter, SYS_pkey_mprotect, 2, PROT_EXEC, PROT_EXEC);
    answer(&filter, SECCOMP_RET_ALLOW);
    return install(&filter);
}

#else

int confine_calls(bool allow_net, struct confine_words *seen, char words[CALL_WORDS_MAX])
{
    (void)allow_net;
    (void)words;
    confine_note(seen->missing, sizeof seen->missing,
                 "seccomp (not written for this architecture)");
    return 0;
}

int confine_code(void)
{
    return -ENOSYS;
}

#endif
