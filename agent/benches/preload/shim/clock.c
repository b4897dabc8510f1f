/* Clocks. They stand still between two waits, so that reading them costs no question. */
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <string.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL

static int fail(int error)
{
    errno = error;
    return -1;
}

static struct timespec spec(int64_t nanos)
{
    struct timespec result = { .tv_sec = nanos / SECOND, .tv_nsec = nanos % SECOND };
    if (result.tv_nsec < 0) {
        result.tv_sec--;
        result.tv_nsec += SECOND;
    }
    return result;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    lock();
    int result = 0;
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        *now = spec(clocks.real);
        break;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_COARSE:
        *now = spec(clocks.monotonic);
        break;
    case CLOCK_MONOTONIC_RAW:
        *now = spec(clocks.raw);
        break;
    default:
        result = fail(EINVAL);
    }
    unlock();
    return result;
}

int clock_getres(clockid_t clock, struct timespec *resolution)
{
    struct timespec now;
    if (clock_gettime(clock, &now) < 0)
        return -1;
    if (resolution)
        *resolution = spec(1);
    return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    if (zone)
        memset(zone, 0, sizeof(struct timezone));
    return 0;
}

time_t time(time_t *seconds)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (seconds)
        *seconds = now.tv_sec;
    return now.tv_sec;
}

int clock_settime(clockid_t clock, const struct timespec *now)
{
    if (clock != CLOCK_REALTIME || now->tv_nsec < 0 || now->tv_nsec >= SECOND)
        return fail(EINVAL);
    struct request request = { .what = SET, .value = now->tv_sec * SECOND + now->tv_nsec };
    struct answer answer;
    lock();
    ask(&request, &answer);
    unlock();
    return 0;
}

int settimeofday(const struct timeval *now, const struct timezone *zone)
{
    (void)zone;
    if (!now)
        return 0;
    struct timespec precise = { .tv_sec = now->tv_sec, .tv_nsec = now->tv_usec * 1000 };
    return clock_settime(CLOCK_REALTIME, &precise);
}

static int adjust(struct timex *timex)
{
    struct adjustment wish = {
        timex->modes,    timex->offset, timex->freq,        timex->maxerror,     timex->esterror, timex->status,
        timex->constant, timex->tick,   timex->time.tv_sec, timex->time.tv_usec,
    };
    struct request request = { .what = ADJUST, .length = sizeof wish };
    struct answer answer;
    memcpy(request.bytes, &wish, sizeof wish);
    lock();
    ask(&request, &answer);
    unlock();
    if (answer.result < 0)
        return fail(-answer.result);
    memcpy(&wish, answer.bytes, sizeof wish);
    timex->offset = wish.offset;
    timex->freq = wish.freq;
    timex->maxerror = wish.maxerror;
    timex->esterror = wish.esterror;
    timex->status = (int)wish.status;
    timex->constant = wish.constant;
    timex->tick = wish.tick;
    timex->precision = 1;
    timex->tolerance = 500 << 16;
    timex->time.tv_sec = wish.seconds;
    timex->time.tv_usec = wish.fraction;
    return answer.result;
}

int adjtimex(struct timex *timex)
{
    return adjust(timex);
}

int __adjtimex(struct timex *timex)
{
    return adjust(timex);
}

int ntp_adjtime(struct timex *timex)
{
    return adjust(timex);
}

int clock_adjtime(clockid_t clock, struct timex *timex)
{
    return clock == CLOCK_REALTIME ? adjust(timex) : fail(EINVAL);
}

int adjtime(const struct timeval *delta, struct timeval *left)
{
    struct timex timex = { .modes = ADJ_OFFSET_SS_READ };
    if (delta) {
        timex.modes = ADJ_OFFSET_SINGLESHOT;
        timex.offset = delta->tv_sec * 1000000 + delta->tv_usec;
    }
    if (adjust(&timex) < 0)
        return -1;
    if (left) {
        left->tv_sec = timex.offset / 1000000;
        left->tv_usec = timex.offset % 1000000;
    }
    return 0;
}

static void sleep_for(int64_t nanos)
{
    lock();
    int64_t end = clocks.monotonic + nanos;
    while (clocks.monotonic < end) {
        struct request request = { .what = WAIT, .value = end - clocks.monotonic };
        struct answer answer;
        ask(&request, &answer);
        if (answer.result == 1)
            deliver(&answer);
    }
    unlock();
}

int nanosleep(const struct timespec *span, struct timespec *left)
{
    if (span->tv_sec < 0 || span->tv_nsec < 0 || span->tv_nsec >= SECOND)
        return fail(EINVAL);
    sleep_for(span->tv_sec * SECOND + span->tv_nsec);
    if (left)
        *left = spec(0);
    return 0;
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *span, struct timespec *left)
{
    if ((flags & TIMER_ABSTIME) || (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC))
        return EINVAL;
    return nanosleep(span, left) < 0 ? errno : 0;
}

int usleep(useconds_t micros)
{
    sleep_for(micros * 1000LL);
    return 0;
}

unsigned int sleep(unsigned int seconds)
{
    sleep_for(seconds * SECOND);
    return 0;
}
