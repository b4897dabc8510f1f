/* A preloaded library that puts a process on a simulated host: its clock and its network are told by a coordinator.
 * Only functions of libc are replaced; whatever reaches the kernel past them would meet the real clock, so it aborts.
 */
#ifndef SHIM_H
#define SHIM_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

/* Longest datagram. */
#define LONGEST 1500
/* Sockets of one process. */
#define MOST_SOCKETS 20
/* Network of all hosts; the last byte is the host's number. */
#define NETWORK 0xC0A87B00u

/* What the coordinator is asked. */
enum what { NOW = 1, WAIT, SEND, ADJUST, SET };

/* To the coordinator. Only SEND has no answer. */
struct request {
    uint32_t what;
    uint32_t length;
    /* WAIT: nanoseconds of the monotonic clock, or -1 for no end. SET: the new time, nanoseconds. */
    int64_t value;
    /* SEND: where to, in the host's byte order. */
    uint32_t address;
    uint16_t port;
    uint16_t local_port;
    unsigned char bytes[LONGEST];
};
#define REQUEST_HEAD offsetof(struct request, bytes)

/* From the coordinator: always the clocks as they stand, and a datagram if one came. */
struct answer {
    int64_t real;
    int64_t monotonic;
    int64_t raw;
    /* ADJUST: state of the clock, or minus the error. WAIT: 1 when a datagram came. */
    int32_t result;
    uint32_t length;
    uint32_t address;
    uint16_t port;
    uint16_t local_port;
    unsigned char bytes[LONGEST];
};
#define ANSWER_HEAD offsetof(struct answer, bytes)

/* What is said of struct timex on the wire. */
struct adjustment {
    int64_t modes, offset, freq, maxerror, esterror, status, constant, tick, seconds, fraction;
};

/* wire.c */
void lock(void);
void unlock(void);
void start(void);
void ask(struct request *request, struct answer *answer);
void tell(struct request *request);
void give_up(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
uint64_t random_word(void);
extern struct answer clocks;
extern uint32_t own_address;

/* sock.c; with the lock held: puts a datagram that came into its socket. */
void deliver(const struct answer *answer);

#define REAL(name)                                                                                                     \
    static __typeof__(&name) real_##name;                                                                              \
    if (!real_##name)                                                                                                  \
    real_##name = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

#endif
