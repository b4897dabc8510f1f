/* UDP over IPv4 between simulated hosts, and poll: the only place where time goes on. */
#define _GNU_SOURCE
#include "shim.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* Ethernet, IPv4 and UDP, as a transmit timestamp carries them before the datagram. */
#define FRAME_HEAD (14 + 20 + 8)
/* Control buffers below this were refused by the simulator whose limits these are. */
#define CONTROL 256

struct datagram {
    struct datagram *next;
    uint32_t address;
    uint16_t port;
    int64_t stamp;
    size_t length;
    unsigned char bytes[];
};

struct sock {
    int open, fd, pktinfo, stamping, connected;
    uint32_t local_address, address;
    uint16_t local_port, port;
    /* Datagrams that came; datagrams that left, with the time when. */
    struct datagram *arrivals, *errors;
};

static struct sock socks[MOST_SOCKETS];

static int fail(int error)
{
    errno = error;
    return -1;
}

static struct sock *find(int fd)
{
    for (struct sock *sock = socks; sock < socks + MOST_SOCKETS; sock++)
        if (sock->open && sock->fd == fd)
            return sock;
    return NULL;
}

int is_simulated(int fd)
{
    return find(fd) != NULL;
}

static void append(struct datagram **queue, const struct datagram *head, const unsigned char *frame, size_t before,
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

static void drop(struct datagram **queue)
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

static void choose_port(struct sock *sock)
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

static void write_address(void *to, socklen_t *size, uint32_t address, uint16_t port)
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
    int known = is_simulated(fd);
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
    int known = is_simulated(fd);
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

static void put16(unsigned char *at, uint16_t word)
{
    at[0] = word >> 8;
    at[1] = word & 0xFF;
}

static void put32(unsigned char *at, uint32_t word)
{
    put16(at, word >> 16);
    put16(at + 2, word & 0xFFFF);
}

/* The kernel gives the whole frame back. */
static void note_departure(struct sock *sock, const struct request *sent)
{
    unsigned char frame[FRAME_HEAD] = { 0 };
    unsigned char *ip = frame + 14, *udp = ip + 20;
    put16(frame + 12, 0x0800);
    ip[0] = 0x45;
    put16(ip + 2, (uint16_t)(28 + sent->length));
    ip[8] = 64;
    ip[9] = IPPROTO_UDP;
    put32(ip + 12, own_address);
    put32(ip + 16, sent->address);
    put16(udp, sent->local_port);
    put16(udp + 2, sent->port);
    put16(udp + 4, (uint16_t)(8 + sent->length));
    struct datagram head = { .stamp = clocks.real };
    append(&sock->errors, &head, frame, sizeof frame, sent->bytes, sent->length);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    (void)flags;
    const struct sockaddr_in *to = message->msg_name;
    struct request request = { .what = SEND };
    lock();
    struct sock *sock = find(fd);
    int error = 0;
    if (!sock || (to && to->sin_family != AF_INET))
        error = EINVAL;
    else if (!to && !sock->connected)
        error = EDESTADDRREQ;
    else if (message->msg_iovlen != 1)
        give_up("shim: sendmsg of %zu pieces; simulated hosts take one", message->msg_iovlen);
    else if (message->msg_iov->iov_len > LONGEST)
        error = EMSGSIZE;
    if (error) {
        unlock();
        return fail(error);
    }
    choose_port(sock);
    request.address = to ? ntohl(to->sin_addr.s_addr) : sock->address;
    request.port = to ? ntohs(to->sin_port) : sock->port;
    request.local_port = sock->local_port;
    request.length = (uint32_t)message->msg_iov->iov_len;
    memcpy(request.bytes, message->msg_iov->iov_base, request.length);
    tell(&request);
    if (sock->stamping & SOF_TIMESTAMPING_TX_SOFTWARE)
        note_departure(sock, &request);
    unlock();
    return (ssize_t)request.length;
}

ssize_t sendto(int fd, const void *bytes, size_t length, int flags, const struct sockaddr *to, socklen_t size)
{
    struct iovec piece = { .iov_base = (void *)bytes, .iov_len = length };
    struct msghdr message = { .msg_name = (void *)to, .msg_namelen = size, .msg_iov = &piece, .msg_iovlen = 1 };
    return sendmsg(fd, &message, flags);
}

ssize_t send(int fd, const void *bytes, size_t length, int flags)
{
    return sendto(fd, bytes, length, flags, NULL, 0);
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags)
{
    (void)fd, (void)messages, (void)count, (void)flags;
    return fail(EBADF);
}

static size_t add_note(unsigned char *control, size_t used, size_t room, int level, int type, const void *data,
                       size_t length)
{
    if (used + CMSG_SPACE(length) > room)
        return used;
    struct cmsghdr *head = (struct cmsghdr *)(control + used);
    memset(head, 0, CMSG_SPACE(length));
    head->cmsg_len = CMSG_LEN(length);
    head->cmsg_level = level;
    head->cmsg_type = type;
    memcpy(CMSG_DATA(head), data, length);
    return used + CMSG_SPACE(length);
}

static size_t write_notes(const struct sock *sock, const struct datagram *datagram, int departed, unsigned char *control,
                          size_t room)
{
    size_t used = 0;
    if (!control || room < CONTROL)
        return 0;
    if (sock->pktinfo && !departed) {
        struct in_pktinfo info = { .ipi_ifindex = 1,
                                   .ipi_spec_dst.s_addr = htonl(own_address),
                                   .ipi_addr.s_addr = htonl(own_address) };
        used = add_note(control, used, room, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    }
    if (departed || (sock->stamping & SOF_TIMESTAMPING_RX_SOFTWARE)) {
        struct scm_timestamping stamps = { 0 };
        stamps.ts[0].tv_sec = datagram->stamp / 1000000000;
        stamps.ts[0].tv_nsec = datagram->stamp % 1000000000;
        used = add_note(control, used, room, SOL_SOCKET, SCM_TIMESTAMPING, &stamps, sizeof stamps);
    }
    if (departed) {
        struct {
            struct sock_extended_err error;
            struct sockaddr_in offender;
        } note = { .error = { .ee_errno = ENOMSG, .ee_origin = SO_EE_ORIGIN_TIMESTAMPING } };
        used = add_note(control, used, room, IPPROTO_IP, IP_RECVERR, &note, sizeof note);
    }
    return used;
}

static ssize_t receive(int fd, struct msghdr *message, int flags)
{
    struct sock *sock = find(fd);
    if (!sock)
        return fail(EINVAL);
    int departed = (flags & MSG_ERRQUEUE) != 0;
    struct datagram **queue = departed ? &sock->errors : &sock->arrivals;
    /* Nobody waits in recvmsg on a simulated host: time goes on in poll alone. */
    if (!*queue)
        return fail(EAGAIN);
    if (message->msg_iovlen != 1)
        give_up("shim: recvmsg into %zu pieces; simulated hosts take one", message->msg_iovlen);
    struct datagram *first = *queue;
    struct iovec *piece = message->msg_iov;
    size_t copied = first->length < piece->iov_len ? first->length : piece->iov_len;
    memcpy(piece->iov_base, first->bytes, copied);
    message->msg_flags = (copied < first->length ? MSG_TRUNC : 0) | (departed ? MSG_ERRQUEUE : 0);
    if (departed)
        message->msg_namelen = 0;
    else
        write_address(message->msg_name, &message->msg_namelen, first->address, first->port);
    message->msg_controllen = write_notes(sock, first, departed, message->msg_control, message->msg_controllen);
    drop(queue);
    return (ssize_t)copied;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    lock();
    ssize_t result = receive(fd, message, flags);
    unlock();
    return result;
}

int recvmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags, struct timespec *timeout)
{
    (void)timeout;
    unsigned int got = 0;
    lock();
    while (got < count) {
        ssize_t length = receive(fd, &messages[got].msg_hdr, flags);
        if (length < 0)
            break;
        messages[got++].msg_len = (unsigned int)length;
    }
    unlock();
    return got ? (int)got : -1;
}

ssize_t recvfrom(int fd, void *restrict bytes, size_t length, int flags, struct sockaddr *restrict from,
                 socklen_t *restrict size)
{
    struct iovec piece = { .iov_base = bytes, .iov_len = length };
    struct msghdr message = { .msg_name = from, .msg_namelen = from && size ? *size : 0, .msg_iov = &piece,
                              .msg_iovlen = 1 };
    ssize_t result = recvmsg(fd, &message, flags);
    if (result >= 0 && from && size)
        *size = message.msg_namelen;
    return result;
}

ssize_t recv(int fd, void *bytes, size_t length, int flags)
{
    return recvfrom(fd, bytes, length, flags, NULL, NULL);
}

/* Anything that is not simulated is always ready: pipes in the set make time stand still. */
short ready_events(int fd, short events)
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
