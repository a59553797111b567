/* A load of telephone calls against any AudioSocket server, and what came back.
 *
 *     load HOST PORT CALLS SECONDS RATE SEED [LEVEL_DBFS [RAMP_S]]
 *
 * CALLS callers ring within RAMP_S seconds (2).  Each sends its UUID and then, for SECONDS, a 20 ms frame
 * of noise at RATE Hz on its own absolute deadlines; the deadlines of all calls lie evenly in the 20 ms.
 * The noise is at LEVEL_DBFS (-60: a voice detector has to listen, but finds no speech).  Every message that
 * comes back is parsed and timed.  One line of JSON is the result.
 *
 * This file knows the wire and the clock, but no server by name: all servers are measured by the same rule.
 *
 * What is told of the frames that came back.  A call's n-th frame is due at n * 20 ms after an anchor, which
 * is the least arrival_n - n * 20 ms of the whole call: no choice of anchor makes a frame early.  The
 * lateness that is never made good again (the least lateness of all the frames still to come) is slots that
 * went by without a frame: those are lost, in whole 20 ms; the rest is how late the frame was.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
    FRAME_NS = 20000000,
    HEADER = 3,
    LONGEST = HEADER + 65535,
    NOISES = 50,          /* different frames of noise: one second, then again */
    TAIL = 25,            /* the last half second has no future to judge it: it shares one */
    MARGIN_NS = 2000000,  /* a slot counts as lost when it is missing but for this jitter */
};
static const double LOUD_DBFS = -45;
static const int RATES[] = {8000, 12000, 16000, 24000, 32000, 44100, 48000, 96000, 192000};
enum { KINDS = sizeof RATES / sizeof *RATES, FIRST_KIND = 0x10 };

enum state { WAITING, TALKING, COMPLETE, REFUSED, BROKEN };

struct call {
    enum state state;
    int fd;
    long sent;            /* frames of ours */
    int64_t began_ns;     /* UUID sent */
    int64_t message_ns, loud_ns; /* first message, first loud frame; 0: none */
    int64_t ended_ns;
    long frames, space;
    int64_t *arrivals_ns;
    size_t filled;        /* bytes of a message that is not whole yet */
    uint8_t *buffer;
};

static struct {
    long frames, bytes, violations, lost, hangups;
} total;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static uint64_t random_state;
static uint64_t random64(void) { /* splitmix64 */
    uint64_t z = (random_state += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

static void fail(const char *what) {
    perror(what);
    exit(2);
}

static int frame_bytes(int rate_hz) { return rate_hz / 50 * 2; }

/* -- what we send ---------------------------------------------------------------------------------- */

static uint8_t *noises;
static int message_bytes;

static void make_noises(int kind, double level_dbfs) {
    int length = frame_bytes(RATES[kind]);
    double peak = 32768 * pow(10, level_dbfs / 20) * sqrt(3); /* even noise: rms is peak / sqrt(3) */
    message_bytes = HEADER + length;
    noises = malloc((size_t)NOISES * message_bytes);
    for (int n = 0; n < NOISES; n++) {
        uint8_t *out = noises + (size_t)n * message_bytes;
        *out++ = FIRST_KIND + kind;
        *out++ = length >> 8;
        *out++ = length & 0xff;
        for (int i = 0; i < length / 2; i++) {
            double unit = (double)(random64() >> 11) / (1ULL << 52) - 1;
            int16_t sample = (int16_t)lround(fmax(-32768, fmin(32767, unit * peak)));
            *out++ = sample & 0xff;
            *out++ = (sample >> 8) & 0xff;
        }
    }
}

static void end_call(struct call *call, enum state state) {
    close(call->fd);
    call->ended_ns = now_ns();
    call->state = state;
}

static void begin_call(struct call *call, int epoll, const struct sockaddr_in *server) {
    uint8_t hello[HEADER + 16] = {0x01, 0, 16};
    struct timeval patience = {.tv_sec = 2};
    struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = call};
    call->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (call->fd < 0) fail("socket");
    setsockopt(call->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(call->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    for (int i = 0; i < 2; i++) memcpy(hello + HEADER + 8 * i, &(uint64_t){random64()}, 8);
    if (connect(call->fd, (const struct sockaddr *)server, sizeof *server)
        || send(call->fd, hello, sizeof hello, MSG_NOSIGNAL) != sizeof hello) {
        end_call(call, REFUSED);
        return;
    }
    call->began_ns = now_ns();
    call->state = TALKING;
    epoll_ctl(epoll, EPOLL_CTL_ADD, call->fd, &wanted);
}

/* A frame that does not fit whole means a server that has not read for many seconds: no call any more. */
static void send_frame(struct call *call, int index) {
    const uint8_t *frame = noises + (size_t)((call->sent + index) % NOISES) * message_bytes;
    if (send(call->fd, frame, message_bytes, MSG_DONTWAIT | MSG_NOSIGNAL) == message_bytes)
        call->sent++;
    else
        end_call(call, BROKEN);
}

/* -- what comes back ------------------------------------------------------------------------------- */

static bool is_loud(const uint8_t *pcm, int length) {
    double power = 0;
    for (int i = 0; i + 1 < length; i += 2) {
        int16_t sample = (int16_t)(pcm[i] | pcm[i + 1] << 8);
        power += (double)sample * sample;
    }
    return power > length / 2 * pow(32768 * pow(10, LOUD_DBFS / 20), 2);
}

static void take_message(struct call *call, const uint8_t *message, int length, int64_t at_ns) {
    int kind = message[0] - FIRST_KIND;
    if (!call->message_ns) call->message_ns = at_ns;
    if (message[0] == 0 && length == 0) {
        total.hangups++;
        return;
    }
    if (kind < 0 || kind >= KINDS || length != frame_bytes(RATES[kind])) {
        total.violations++;
        return;
    }
    if (call->frames < call->space) call->arrivals_ns[call->frames++] = at_ns;
    if (!call->loud_ns && is_loud(message + HEADER, length)) call->loud_ns = at_ns;
}

static void receive(struct call *call) {
    ssize_t got = recv(call->fd, call->buffer + call->filled, LONGEST - call->filled, MSG_DONTWAIT);
    int64_t at_ns = now_ns();
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        end_call(call, BROKEN); /* the caller hangs up in this play, nobody else */
        return;
    }
    total.bytes += got;
    call->filled += got;
    size_t at = 0;
    while (call->filled - at >= HEADER) {
        const uint8_t *message = call->buffer + at;
        int length = message[1] << 8 | message[2];
        if (call->filled - at < (size_t)HEADER + length) break;
        take_message(call, message, length, at_ns);
        at += HEADER + length;
    }
    call->filled -= at;
    memmove(call->buffer, call->buffer + at, call->filled);
}

/* -- figures --------------------------------------------------------------------------------------- */

struct series {
    long count, space;
    double *values_ms;
};

static void add(struct series *series, double value_ms) {
    if (series->count == series->space) {
        series->space = series->space ? 2 * series->space : 4096;
        series->values_ms = realloc(series->values_ms, series->space * sizeof(double));
    }
    series->values_ms[series->count++] = value_ms;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_series(const char *name, struct series *series) {
    if (!series->count) {
        printf("\"%s\": null", name);
        return;
    }
    qsort(series->values_ms, series->count, sizeof(double), by_value);
    const double *v = series->values_ms;
    long last = series->count - 1;
    printf("\"%s\": {\"count\": %ld, \"p50\": %.3f, \"p99\": %.3f, \"max\": %.3f}", name, series->count,
           v[last / 2], v[(long)ceil(0.99 * last)], v[last]);
}

static long whole_slots(int64_t ns) { return (ns + MARGIN_NS) / FRAME_NS; }

/* Adds the lateness of each frame of the call and its lost slots; see the head of this file. */
static void judge_frames(struct call *call, struct series *late) {
    int64_t *a = call->arrivals_ns, anchor_ns = INT64_MAX, behind_ns = INT64_MAX;
    long count = call->frames, tail = count < TAIL ? count : TAIL;
    int64_t silent_ns = call->ended_ns - (count ? a[count - 1] : call->began_ns);
    total.frames += count;
    if (call->state == COMPLETE && silent_ns > 2 * FRAME_NS) /* it fell silent before the caller hung up */
        total.lost += silent_ns / FRAME_NS - 1;
    for (long n = 0; n < count; n++) {
        a[n] -= n * FRAME_NS;
        if (a[n] < anchor_ns) anchor_ns = a[n];
    }
    for (long n = count - tail; n < count; n++)
        if (a[n] - anchor_ns < behind_ns) behind_ns = a[n] - anchor_ns;
    if (count) total.lost += whole_slots(behind_ns);
    for (long n = count - 1; n >= 0; n--) {
        if (n < count - tail && a[n] - anchor_ns < behind_ns) behind_ns = a[n] - anchor_ns;
        add(late, fmax(0, (a[n] - anchor_ns - whole_slots(behind_ns) * FRAME_NS) / 1e6));
    }
}

/* -- the play -------------------------------------------------------------------------------------- */

static struct call *make_calls(long count, double seconds) {
    struct call *calls = calloc(count, sizeof *calls);
    for (long i = 0; i < count; i++) {
        calls[i].space = (long)(seconds * 100) + 1000; /* twice what is due, for a server that is too fast */
        calls[i].arrivals_ns = malloc(calls[i].space * sizeof(int64_t));
        calls[i].buffer = malloc(LONGEST);
        if (!calls[i].arrivals_ns || !calls[i].buffer) fail("memory");
    }
    return calls;
}

/* One step of one call at its deadline: ring, speak, or hang up. */
static void step(struct call *call, int index, int epoll, const struct sockaddr_in *server, long frames) {
    if (call->state == WAITING)
        begin_call(call, epoll, server);
    else if (call->state == TALKING && call->sent < frames)
        send_frame(call, index);
    else if (call->state == TALKING)
        end_call(call, COMPLETE);
}

/* Deadlines come round once in 20 ms in the order of the calls: call i's are i/count of 20 ms into it. */
static void play(struct call *calls, long count, const struct sockaddr_in *server, double seconds,
                 double ramp_s, struct series *own_late) {
    int epoll = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, 0);
    int64_t start_ns = now_ns() + FRAME_NS;
    struct epoll_event events[256], wanted = {.events = EPOLLIN, .data.ptr = NULL};
    struct itimerspec every = {
        .it_interval = {.tv_nsec = FRAME_NS / count},
        .it_value = {.tv_sec = start_ns / 1000000000, .tv_nsec = start_ns % 1000000000},
    };
    long frames = (long)(seconds * 50), round = 0, turn = 0;
    long rounds = frames + 1 + (long)(ramp_s * 50) + 1;
    prctl(PR_SET_TIMERSLACK, 1);
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &every, NULL);
    epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &wanted);
    while (round < rounds) {
        int ready = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            struct call *call = events[i].data.ptr;
            uint64_t expired;
            if (!call)
                (void)!read(timer, &expired, sizeof expired); /* starts its next interval */
            else if (call->state == TALKING)
                receive(call);
        }
        for (;;) {
            int64_t due_ns = start_ns + round * FRAME_NS + turn * FRAME_NS / count, at_ns = now_ns();
            if (at_ns < due_ns || round >= rounds) break;
            /* neighbours in the 20 ms ring at quite different moments of the ramp */
            if (round >= (long)(fmod(turn * 0.6180339887, 1) * ramp_s * 50)) {
                if (calls[turn].state <= TALKING) add(own_late, (at_ns - due_ns) / 1e6);
                step(&calls[turn], turn, epoll, server, frames);
            }
            if (++turn == count) {
                turn = 0;
                round++;
            }
        }
    }
}

int main(int argc, char **argv) {
    if (argc < 7) {
        fprintf(stderr, "usage: load HOST PORT CALLS SECONDS RATE SEED [LEVEL_DBFS [RAMP_S]]\n");
        return 2;
    }
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
    long count = atol(argv[3]);
    double seconds = atof(argv[4]), ramp_s = argc > 8 ? atof(argv[8]) : 2;
    int kind = 0;
    while (kind < KINDS && RATES[kind] != atoi(argv[5])) kind++;
    if (inet_pton(AF_INET, argv[1], &server.sin_addr) != 1 || count < 1 || kind == KINDS) {
        fprintf(stderr, "load: an IPv4 address, at least one call and a rate of AudioSocket are wanted\n");
        return 2;
    }
    random_state = strtoull(argv[6], NULL, 10);
    make_noises(kind, argc > 7 ? atof(argv[7]) : -60);

    struct call *calls = make_calls(count, seconds);
    struct series late = {0}, own_late = {0}, first_message = {0}, first_loud = {0};
    play(calls, count, &server, seconds, ramp_s, &own_late);

    long ended[BROKEN + 1] = {0};
    for (struct call *call = calls; call < calls + count; call++) {
        ended[call->state]++;
        if (call->message_ns) add(&first_message, (call->message_ns - call->began_ns) / 1e6);
        if (call->loud_ns) add(&first_loud, (call->loud_ns - call->began_ns) / 1e6);
        judge_frames(call, &late);
    }
    struct rusage own;
    getrusage(RUSAGE_SELF, &own);
    double cpu_s = own.ru_utime.tv_sec + own.ru_stime.tv_sec + (own.ru_utime.tv_usec + own.ru_stime.tv_usec) / 1e6;

    printf("{\"calls\": %ld, \"seconds\": %g, \"rate_hz\": %d, \"complete\": %ld, \"refused\": %ld, \"broken\": %ld, ",
           count, seconds, RATES[kind], ended[COMPLETE], ended[REFUSED], ended[BROKEN]);
    printf("\"frames\": %ld, \"lost\": %ld, \"bytes\": %ld, \"violations\": %ld, \"hangups\": %ld, ", total.frames,
           total.lost, total.bytes, total.violations, total.hangups);
    print_series("late_ms", &late);
    printf(", ");
    print_series("first_message_ms", &first_message);
    printf(", ");
    print_series("first_loud_ms", &first_loud);
    printf(", ");
    print_series("own_late_ms", &own_late);
    printf(", \"own_cpu_us_per_call_s\": %.1f}\n", cpu_s * 1e6 / (count * seconds));
    return 0;
}
