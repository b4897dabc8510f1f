/* The rest of the host: randomness, names, rights, and what does not exist there. */
#define _GNU_SOURCE
#include "shim.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/futex.h>
#include <net/if.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

static int fail(int error)
{
    errno = error;
    return -1;
}

ssize_t getrandom(void *buffer, size_t length, unsigned int flags)
{
    (void)flags;
    unsigned char *bytes = buffer;
    lock();
    for (size_t index = 0; index < length; index++)
        bytes[index] = (unsigned char)(random_word() >> 24);
    unlock();
    return (ssize_t)length;
}

int getentropy(void *buffer, size_t length)
{
    return getrandom(buffer, length, 0) < 0 ? -1 : 0;
}

/* Devices that would tell the real luck or the real time. */
static int is_hidden(const char *path)
{
    static const char *const hidden[] = { "/dev/urandom", "/dev/random", "/dev/rtc", "/dev/rtc0" };
    for (size_t index = 0; index < sizeof hidden / sizeof *hidden; index++)
        if (path && strcmp(path, hidden[index]) == 0)
            return 1;
    return strncmp(path ? path : "", "/dev/ptp", 8) == 0 || strncmp(path ? path : "", "/dev/pps", 8) == 0;
}

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...)                                                                         \
    {                                                                                                                  \
        REAL(name);                                                                                                    \
        mode_t mode = 0;                                                                                               \
        if (flags & (O_CREAT | __O_TMPFILE)) {                                                                         \
            va_list arguments;                                                                                         \
            va_start(arguments, flags);                                                                                \
            mode = va_arg(arguments, mode_t);                                                                          \
            va_end(arguments);                                                                                         \
        }                                                                                                              \
        return is_hidden(path) ? fail(EACCES) : real_##name(path, flags, mode);                                        \
    }
OPEN(open)
OPEN(open64)

FILE *fopen(const char *restrict path, const char *restrict mode)
{
    REAL(fopen);
    if (is_hidden(path)) {
        errno = EACCES;
        return NULL;
    }
    return real_fopen(path, mode);
}

/* Hosts are called node1, node2 and so on, whatever follows after a dot. */
int getaddrinfo(const char *restrict name, const char *restrict service, const struct addrinfo *restrict hints,
                struct addrinfo **restrict found)
{
    REAL(getaddrinfo);
    struct addrinfo numeric = { 0 };
    char text[INET_ADDRSTRLEN];
    unsigned int number;
    char after = 0;
    if (hints)
        numeric = *hints;
    numeric.ai_flags = (numeric.ai_flags & ~AI_ADDRCONFIG) | AI_NUMERICHOST;
    if (name && sscanf(name, "node%u%c", &number, &after) >= 1 && number >= 1 && number <= 254 &&
        (after == 0 || after == '.')) {
        snprintf(text, sizeof text, "192.168.123.%u", number);
        name = text;
    }
    return real_getaddrinfo(name, service, &numeric, found);
}

int getifaddrs(struct ifaddrs **list)
{
    struct everything {
        struct ifaddrs entry;
        struct sockaddr_in address, mask;
        char name[8];
    } *all = calloc(1, sizeof *all);
    if (!all)
        return fail(ENOMEM);
    lock();
    all->address.sin_addr.s_addr = htonl(own_address);
    unlock();
    all->address.sin_family = all->mask.sin_family = AF_INET;
    all->mask.sin_addr.s_addr = htonl(0xFFFFFF00u);
    strcpy(all->name, "eth0");
    all->entry.ifa_name = all->name;
    all->entry.ifa_flags = IFF_UP | IFF_RUNNING;
    all->entry.ifa_addr = (struct sockaddr *)&all->address;
    all->entry.ifa_netmask = (struct sockaddr *)&all->mask;
    *list = &all->entry;
    return 0;
}

void freeifaddrs(struct ifaddrs *list)
{
    free(list);
}

/* Rights: the process believes to be root, and giving rights up does nothing. */
uid_t getuid(void) { return 0; }
uid_t geteuid(void) { return 0; }
int setuid(uid_t user) { (void)user; return 0; }
int setgid(gid_t group) { (void)group; return 0; }
int setgroups(size_t count, const gid_t *groups) { (void)count, (void)groups; return 0; }
int cap_set_proc(void *capabilities) { (void)capabilities; return 0; }
int cap_get_bound(int capability) { (void)capability; return 1; }
int mlockall(int flags) { (void)flags; return 0; }
int pthread_setschedparam(pthread_t thread, int policy, const struct sched_param *parameters)
{
    (void)thread, (void)policy, (void)parameters;
    return 0;
}

/* What there is not. */
pid_t fork(void) { return fail(ENOSYS); }
pid_t vfork(void) { return fail(ENOSYS); }
int posix_spawn(pid_t *restrict child, const char *restrict path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *restrict attributes, char *const arguments[restrict],
                char *const environment[restrict])
{
    (void)child, (void)path, (void)actions, (void)attributes, (void)arguments, (void)environment;
    return ENOSYS;
}
int posix_spawnp(pid_t *restrict child, const char *restrict path, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *restrict attributes, char *const arguments[restrict],
                 char *const environment[restrict])
{
    (void)child, (void)path, (void)actions, (void)attributes, (void)arguments, (void)environment;
    return ENOSYS;
}
FILE *popen(const char *command, const char *mode) { (void)command, (void)mode; errno = ENOSYS; return NULL; }
int timerfd_create(clockid_t clock, int flags) { (void)clock, (void)flags; return fail(ENOSYS); }
int timer_create(clockid_t clock, struct sigevent *restrict event, timer_t *restrict timer)
{
    (void)clock, (void)event, (void)timer;
    return fail(ENOSYS);
}
int epoll_create(int size) { (void)size; return fail(ENOSYS); }
int epoll_create1(int flags) { (void)flags; return fail(ENOSYS); }
int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
    (void)fds, (void)count, (void)timeout, (void)mask;
    return fail(ENOSYS);
}
int pselect(int count, fd_set *restrict read, fd_set *restrict write, fd_set *restrict except,
            const struct timespec *restrict timeout, const sigset_t *restrict mask)
{
    (void)count, (void)read, (void)write, (void)except, (void)timeout, (void)mask;
    return fail(ENOSYS);
}

/* Threads may wait for each other; a deadline would be one of the real clock, and any other call goes past us. */
long syscall(long number, ...)
{
    va_list list;
    long arguments[6];
    va_start(list, number);
    for (int index = 0; index < 6; index++)
        arguments[index] = va_arg(list, long);
    va_end(list);
    if (number == SYS_futex) {
        long operation = arguments[1] & FUTEX_CMD_MASK;
        if ((operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET) && arguments[3])
            give_up("shim: a thread waits with a deadline, which simulated hosts do not have");
        REAL(syscall);
        return real_syscall(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
                            arguments[5]);
    }
    give_up("shim: system call %ld goes past the C library, which simulated hosts do not have", number);
}
