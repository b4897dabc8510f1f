/* Datagrams that leave and come, with the kernel's notes on them. */
#define _GNU_SOURCE
#include "sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <string.h>
#include <sys/socket.h>

/* Ethernet, IPv4 and UDP, as a transmit timestamp carries them before the datagram. */
#define FRAME_HEAD (14 + 20 + 8)
/* Control buffers below this get nothing. */
#define CONTROL 256

static int fail(int error)
{
    errno = error;
    return -1;
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

static size_t write_notes(const struct sock *sock, const struct datagram *datagram, int departed,
                          unsigned char *control, size_t room)
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
