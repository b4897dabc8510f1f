/* The talk with the coordinator: one seqpacket socket, inherited. */
#define _GNU_SOURCE
#include "shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

struct answer clocks;
uint32_t own_address;

static int wire = -1;
static uint64_t luck;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

void give_up(const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text - 1, format, arguments);
    va_end(arguments);
    if (length > 0) {
        if (length > (int)sizeof text - 2)
            length = sizeof text - 2;
        text[length] = '\n';
        (void)!write(2, text, length + 1);
    }
    abort();
}

/* splitmix64: a host's luck comes from its seed alone. */
uint64_t random_word(void)
{
    uint64_t word = (luck += 0x9E3779B97F4A7C15u);
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9u;
    word = (word ^ (word >> 27)) * 0x94D049BB133111EBu;
    return word ^ (word >> 31);
}

static uint64_t wanted(const char *name)
{
    const char *value = getenv(name);
    if (!value)
        give_up("shim: %s is not set; start this process by the bench", name);
    return strtoull(value, NULL, 10);
}

static void put(struct request *request)
{
    REAL(send);
    size_t length = REQUEST_HEAD + request->length;
    ssize_t sent;
    do
        sent = real_send(wire, request, length, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent != (ssize_t)length)
        _exit(0);
}

static void get(struct answer *answer)
{
    REAL(recv);
    ssize_t received;
    do
        received = real_recv(wire, answer, sizeof *answer, 0);
    while (received < 0 && errno == EINTR);
    /* The coordinator has gone: so do we. */
    if (received < (ssize_t)ANSWER_HEAD || received != (ssize_t)(ANSWER_HEAD + answer->length))
        _exit(0);
    memcpy(&clocks, answer, ANSWER_HEAD);
}

void lock(void)
{
    pthread_mutex_lock(&mutex);
    start();
}

void unlock(void)
{
    pthread_mutex_unlock(&mutex);
}

/* Libraries may ask for the time in their constructors, before ours would have run. */
void start(void)
{
    if (wire >= 0)
        return;
    wire = (int)wanted("TIMEFLEET_SHIM_FD");
    luck = wanted("TIMEFLEET_SHIM_SEED");
    own_address = NETWORK | (uint32_t)wanted("TIMEFLEET_SHIM_HOST");
    struct request request = { .what = NOW };
    struct answer answer;
    put(&request);
    get(&answer);
}

void ask(struct request *request, struct answer *answer)
{
    put(request);
    get(answer);
}

void tell(struct request *request)
{
    put(request);
}
