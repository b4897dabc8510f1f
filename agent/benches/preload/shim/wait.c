/* poll and select: the only places, besides the sleeps, where time goes on. */
#define _GNU_SOURCE
#include "sock.h"

#include <poll.h>
#include <sys/select.h>

/* Anything that is not simulated is always ready: pipes in the set make time stand still. */
static short ready_events(int fd, short events)
{
    struct sock *sock = find(fd);
    if (!sock)
        return events & (POLLIN | POLLOUT | POLLPRI);
    short ready = events & POLLOUT;
    if (sock->arrivals)
        ready |= events & POLLIN;
    if (sock->errors)
        ready |= POLLERR | (events & POLLPRI);
    return ready;
}

/* One ready descriptor a call. */
static int look(struct pollfd *fds, nfds_t count)
{
    for (nfds_t index = 0; index < count; index++)
        fds[index].revents = 0;
    for (nfds_t index = 0; index < count; index++)
        if (fds[index].fd >= 0 && (fds[index].revents = ready_events(fds[index].fd, fds[index].events)))
            return 1;
    return 0;
}

/* Nanoseconds, or less than zero for no end. Even a look takes a microsecond: who rounds what is left until his next
 * deadline down to nothing would look for ever. */
static int wait_for(struct pollfd *fds, nfds_t count, int64_t timeout)
{
    lock();
    if (timeout == 0)
        timeout = 1000;
    int64_t end = clocks.monotonic + timeout;
    int ready;
    while (!(ready = look(fds, count)) && (timeout < 0 || clocks.monotonic < end)) {
        struct request request = { .what = WAIT, .value = timeout < 0 ? -1 : end - clocks.monotonic };
        struct answer answer;
        ask(&request, &answer);
        if (answer.result == 1)
            deliver(&answer);
    }
    unlock();
    return ready;
}

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
    return wait_for(fds, count, timeout < 0 ? -1 : timeout * 1000000LL);
}

int select(int count, fd_set *restrict read, fd_set *restrict write, fd_set *restrict except,
           struct timeval *restrict timeout)
{
    struct pollfd fds[FD_SETSIZE];
    nfds_t used = 0;
    for (int fd = 0; fd < count; fd++) {
        short events = (read && FD_ISSET(fd, read) ? POLLIN : 0) | (write && FD_ISSET(fd, write) ? POLLOUT : 0) |
                       (except && FD_ISSET(fd, except) ? POLLPRI : 0);
        if (events)
            fds[used++] = (struct pollfd){ .fd = fd, .events = events };
    }
    int ready = wait_for(fds, used, timeout ? timeout->tv_sec * 1000000000LL + timeout->tv_usec * 1000LL : -1);
    if (read)
        FD_ZERO(read);
    if (write)
        FD_ZERO(write);
    if (except)
        FD_ZERO(except);
    int bits = 0;
    for (nfds_t index = 0; index < used && ready; index++) {
        short events = fds[index].events, got = fds[index].revents;
        /* An error makes a descriptor readable, unless somebody asked for exceptions. */
        if (!(events & POLLPRI) && (got & POLLERR) && (events & POLLIN))
            got |= POLLIN;
        if (got & POLLIN && ++bits)
            FD_SET(fds[index].fd, read);
        if (got & POLLOUT && ++bits)
            FD_SET(fds[index].fd, write);
        if (got & POLLPRI && ++bits)
            FD_SET(fds[index].fd, except);
    }
    return bits;
}
