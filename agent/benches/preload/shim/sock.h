/* Sockets of the simulated host; everything here is used with the lock held. */
#ifndef SOCK_H
#define SOCK_H

#include "shim.h"

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

/* NULL for a descriptor that is not simulated. */
struct sock *find(int fd);
void append(struct datagram **queue, const struct datagram *head, const unsigned char *frame, size_t before,
            const unsigned char *bytes, size_t length);
void drop(struct datagram **queue);
void choose_port(struct sock *sock);
void write_address(void *to, uint32_t *size, uint32_t address, uint16_t port);

#endif
