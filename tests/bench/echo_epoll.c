/* A bare AudioSocket echo in C on epoll: what the kernel's part of a call costs, and little more.
 *
 *     echo_epoll PORT
 *
 * Every whole audio message is written back in one write; other messages are read and dropped.  It has no
 * clock, no silence, no limits: it is the floor that the bench holds a server against.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADER = 3, LONGEST = HEADER + 65535 };

struct leg {
    int fd;
    size_t filled;
    uint8_t buffer[LONGEST];
};

static void take_call(int listener, int epoll) {
    struct leg *leg = malloc(sizeof *leg);
    leg->filled = 0;
    leg->fd = accept(listener, NULL, NULL);
    setsockopt(leg->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    epoll_ctl(epoll, EPOLL_CTL_ADD, leg->fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = leg});
}

/* Returns whether the call goes on. */
static int echo(struct leg *leg) {
    ssize_t got = recv(leg->fd, leg->buffer + leg->filled, LONGEST - leg->filled, 0);
    if (got <= 0) return 0;
    leg->filled += got;
    size_t at = 0;
    while (leg->filled - at >= HEADER) {
        uint8_t *message = leg->buffer + at;
        size_t whole = HEADER + (message[1] << 8 | message[2]);
        if (leg->filled - at < whole) break;
        if (message[0] >= 0x10 && send(leg->fd, message, whole, MSG_NOSIGNAL) != (ssize_t)whole) return 0;
        at += whole;
    }
    leg->filled -= at;
    memmove(leg->buffer, leg->buffer + at, leg->filled);
    return 1;
}

int main(int argc, char **argv) {
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event events[256];
    int listener = socket(AF_INET, SOCK_STREAM, 0), epoll = epoll_create1(0);
    here.sin_port = htons(argc > 1 ? atoi(argv[1]) : 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 1024)) {
        perror("echo_epoll");
        return 1;
    }
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN, .data.ptr = NULL});
    for (;;) {
        int ready = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            struct leg *leg = events[i].data.ptr;
            if (!leg) {
                take_call(listener, epoll);
            } else if (!echo(leg)) {
                close(leg->fd);
                free(leg);
            }
        }
    }
}
