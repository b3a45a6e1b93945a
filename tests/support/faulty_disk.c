/* A disk that fails as it is told: preloaded into a process, it strikes at its writes and flushes.
 *
 * While the file that $FAULTY_DISK names is there, it holds one order: CALL SUFFIX NTH WHEN ERROR.
 * CALL is "write" or "flush", of files whose names end in SUFFIX. At the NTH such call from then on,
 * or at each where NTH is 0, it strikes "before" the call is done, "torn" in its middle, or "after";
 * the call then ends in that error, or the process is killed where ERROR is 0. An order that was
 * carried out is taken away, unless it is for each call.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct order {
    char call[8], suffix[16], when[8];
    long nth;
    int error;
};

static atomic_long calls;

static int read_order(struct order *order) {
    const char *path = getenv("FAULTY_DISK");
    char text[80];
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return 0;
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    if (length <= 0) return 0;
    text[length] = '\0';
    return sscanf(text, "%7s %15s %ld %7s %d", order->call, order->suffix, &order->nth, order->when,
                  &order->error) == 5;
}

static int ends_in(int file, const char *suffix) {
    char link[32], name[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, name, sizeof name);
    ssize_t wanted = (ssize_t)strlen(suffix);
    return length >= wanted && memcmp(name + length - wanted, suffix, (size_t)wanted) == 0;
}

static int due(const char *call, int file, struct order *order) {
    int before = errno;
    int now = read_order(order) && strcmp(order->call, call) == 0 && ends_in(file, order->suffix);
    if (now && order->nth > 0) {
        now = atomic_fetch_add(&calls, 1) + 1 == order->nth && unlink(getenv("FAULTY_DISK")) == 0;
        if (now) atomic_store(&calls, 0);
    }
    errno = before;
    return now;
}

static int struck(const struct order *order) {
    if (order->error == 0) kill(getpid(), SIGKILL);
    errno = order->error;
    return -1;
}

static ssize_t written(int file, const void *bytes, size_t count, off_t at) {
    static ssize_t (*real)(int, const void *, size_t, off_t);
    struct order order;
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "pwrite64");
    if (!due("write", file, &order)) return real(file, bytes, count, at);
    if (strcmp(order.when, "torn") == 0) real(file, bytes, count / 2, at);
    if (strcmp(order.when, "after") == 0) real(file, bytes, count, at);
    return struck(&order);
}

static int flushed(int file, const char *name) {
    int (*real)(int);
    struct order order;
    *(void **)&real = dlsym(RTLD_NEXT, name);
    if (!due("flush", file, &order)) return real(file);
    if (strcmp(order.when, "after") == 0) real(file);
    return struck(&order);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) { return written(file, bytes, count, at); }
ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) { return written(file, bytes, count, at); }
int fsync(int file) { return flushed(file, "fsync"); }
int fdatasync(int file) { return flushed(file, "fdatasync"); }
