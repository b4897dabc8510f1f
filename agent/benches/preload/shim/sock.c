/* UDP sockets over IPv4, and no others. */
#define _GNU_SOURCE
#include "sock.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sock socks[MOST_SOCKETS];

static int fail(int error)
{
    errno = error;
    return -1;
}

struct sock *find(int fd)
{
    for (struct sock *sock = socks; sock < socks + MOST_SOCKETS; sock++)
        if (sock->open && sock->fd == fd)
            return sock;
    return NULL;
}

void append(struct datagram **queue, const struct datagram *head, const unsigned char *frame, size_t before,
            const unsigned char *bytes, size_t length)
{
    struct datagram *copy = malloc(sizeof *copy + before + length);
    if (!copy)
        return;
    *copy = *head;
    copy->next = NULL;
    copy->length = before + length;
    memcpy(copy->bytes, frame, before);
    memcpy(copy->bytes + before, bytes, length);
    while (*queue)
        queue = &(*queue)->next;
    *queue = copy;
}

void drop(struct datagram **queue)
{
    struct datagram *first = *queue;
    *queue = first->next;
    free(first);
}

/* A connected socket's peer comes before sockets that hear everybody. */
void deliver(const struct answer *answer)
{
    struct sock *best = NULL;
    for (struct sock *sock = socks; sock < socks + MOST_SOCKETS; sock++) {
        if (!sock->open || sock->local_port != answer->local_port)
            continue;
        if (sock->connected && (sock->address != answer->address || sock->port != answer->port))
            continue;
        if (!best || (sock->connected && !best->connected))
            best = sock;
    }
    if (!best)
        return;
    struct datagram head = { .address = answer->address, .port = answer->port, .stamp = clocks.real };
    append(&best->arrivals, &head, answer->bytes, 0, answer->bytes, answer->length);
}

int socket(int domain, int type, int protocol)
{
    (void)protocol;
    /* Flags in the type are refused as well: O_NONBLOCK and FD_CLOEXEC come by fcntl. */
    if (domain != AF_INET || type != SOCK_DGRAM)
        return fail(EINVAL);
    lock();
    struct sock *sock = socks;
    while (sock < socks + MOST_SOCKETS && sock->open)
        sock++;
    /* A real descriptor keeps the number. */
    int fd = sock < socks + MOST_SOCKETS ? open("/dev/null", O_RDWR) : fail(EMFILE);
    if (fd >= 0) {
        memset(sock, 0, sizeof *sock);
        sock->open = 1;
        sock->fd = fd;
    }
    unlock();
    return fd;
}

int close(int fd)
{
    REAL(close);
    lock();
    struct sock *sock = find(fd);
    if (sock) {
        while (sock->arrivals)
            drop(&sock->arrivals);
        while (sock->errors)
            drop(&sock->errors);
        sock->open = 0;
    }
    unlock();
    return real_close(fd);
}

void choose_port(struct sock *sock)
{
    while (!sock->local_port) {
        uint16_t port = (uint16_t)(32768 + random_word() % 28232);
        struct sock *other = socks;
        while (other < socks + MOST_SOCKETS && !(other->open && other->local_port == port))
            other++;
        if (other == socks + MOST_SOCKETS)
            sock->local_port = port;
    }
}

int bind(int fd, const struct sockaddr *address, socklen_t length)
{
    const struct sockaddr_in *inet = (const struct sockaddr_in *)address;
    lock();
    struct sock *sock = find(fd);
    int result = 0;
    if (!sock || length < sizeof *inet || inet->sin_family != AF_INET) {
        result = fail(EINVAL);
    } else {
        sock->local_address = ntohl(inet->sin_addr.s_addr);
        sock->local_port = ntohs(inet->sin_port);
        choose_port(sock);
    }
    unlock();
    return result;
}

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    const struct sockaddr_in *inet = (const struct sockaddr_in *)address;
    lock();
    struct sock *sock = find(fd);
    int result = 0;
    if (!sock || length < sizeof *inet || inet->sin_family != AF_INET) {
        result = fail(EINVAL);
    } else {
        sock->connected = 1;
        sock->address = ntohl(inet->sin_addr.s_addr);
        sock->port = ntohs(inet->sin_port);
        sock->local_address = own_address;
        choose_port(sock);
    }
    unlock();
    return result;
}

void write_address(void *to, socklen_t *size, uint32_t address, uint16_t port)
{
    struct sockaddr_in inet = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address) };
    if (!to || !size)
        return;
    memcpy(to, &inet, *size < sizeof inet ? *size : sizeof inet);
    *size = sizeof inet;
}

int getsockname(int fd, struct sockaddr *restrict address, socklen_t *restrict length)
{
    lock();
    struct sock *sock = find(fd);
    if (sock)
        write_address(address, length, sock->local_address, sock->local_port);
    unlock();
    return sock ? 0 : fail(EINVAL);
}

int getpeername(int fd, struct sockaddr *restrict address, socklen_t *restrict length)
{
    lock();
    struct sock *sock = find(fd);
    int connected = sock && sock->connected;
    if (connected)
        write_address(address, length, sock->address, sock->port);
    unlock();
    return connected ? 0 : fail(ENOTCONN);
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t length)
{
    lock();
    struct sock *sock = find(fd);
    int number = 0, result = 0;
    if (value && length >= sizeof number)
        memcpy(&number, value, sizeof number);
    if (!sock || level == IPPROTO_IPV6)
        result = fail(EINVAL);
    else if (level == IPPROTO_IP && option == IP_PKTINFO)
        sock->pktinfo = number;
    else if (level == SOL_SOCKET && option == SO_TIMESTAMPING)
        sock->stamping = number;
    /* The rest is accepted, SO_TIMESTAMPNS among it, and nothing comes of it. */
    unlock();
    return result;
}

int getsockopt(int fd, int level, int option, void *restrict value, socklen_t *restrict length)
{
    (void)level, (void)option;
    lock();
    int known = find(fd) != NULL;
    unlock();
    if (!known)
        return fail(EINVAL);
    memset(value, 0, *length);
    return 0;
}

#define FCNTL(name)                                                                                                    \
    int name(int fd, int command, ...)                                                                                 \
    {                                                                                                                  \
        REAL(name);                                                                                                    \
        va_list arguments;                                                                                             \
        va_start(arguments, command);                                                                                  \
        void *argument = va_arg(arguments, void *);                                                                    \
        va_end(arguments);                                                                                             \
        return real_##name(fd, command, argument);                                                                     \
    }
FCNTL(fcntl)
FCNTL(fcntl64)

int ioctl(int fd, unsigned long what, ...)
{
    REAL(ioctl);
    va_list arguments;
    va_start(arguments, what);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    lock();
    int known = find(fd) != NULL;
    unlock();
    /* FIONBIO and the questions to network devices. */
    return known ? fail(EINVAL) : real_ioctl(fd, what, argument);
}

int shutdown(int fd, int how) { (void)fd, (void)how; return 0; }
int socketpair(int domain, int type, int protocol, int pair[2])
{
    (void)domain, (void)type, (void)protocol, (void)pair;
    return fail(EINVAL);
}
int listen(int fd, int backlog) { (void)fd, (void)backlog; return fail(EOPNOTSUPP); }
int accept(int fd, struct sockaddr *restrict address, socklen_t *restrict length)
{
    (void)fd, (void)address, (void)length;
    return fail(EINVAL);
}
int accept4(int fd, struct sockaddr *restrict address, socklen_t *restrict length, int flags)
{
    (void)fd, (void)address, (void)length, (void)flags;
    return fail(ENOSYS);
}
