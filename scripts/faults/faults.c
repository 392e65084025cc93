// Loaded before libc (LD_PRELOAD): lets one chosen call on files below a folder fail, or kills the process
// there, and shifts the wall clock. A file shared with the script says what to do (faults.mjs).
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { NOTHING = 0, FAIL = 1, SHORTEN = 2, KILL = 3 };

struct Control {
  int64_t action;
  int64_t chosen;  // which call, counted from 1
  int64_t error;   // the errno of a call that fails
  int64_t calls;   // so far
  int64_t clock;   // seconds that the wall clock is ahead
  char below[472];
};

static struct Control* control;

__attribute__((constructor)) static void start(void) {
  const char* path = getenv("FAULTS_CONTROL");
  const int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
  if (file < 0) return;
  void* shared = mmap(NULL, sizeof(struct Control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (shared != MAP_FAILED) control = shared;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

// What is to become of a call on this path.
static int fate(const char* path) {
  if (!control || control->below[0] == 0 || !path || !strstr(path, control->below)) return NOTHING;
  const int64_t call = __atomic_add_fetch(&control->calls, 1, __ATOMIC_SEQ_CST);
  if (control->action == NOTHING || call < control->chosen) return NOTHING;
  // A full disk stays full.
  if (call > control->chosen && control->action == SHORTEN) return FAIL;
  if (control->action == KILL) kill(getpid(), SIGKILL);
  return (int)control->action;
}

static int fateOf(int file) {
  char link[64], path[4096];
  if (!control || control->below[0] == 0) return NOTHING;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return NOTHING;
  path[length] = 0;
  return fate(path);
}

#define FAILS(found) \
  if ((found) == FAIL || (found) == SHORTEN) return errno = (int)control->error, -1

#define OPEN(name)                                                                          \
  int name(const char* path, int flags, ...) {                                              \
    va_list rest;                                                                           \
    va_start(rest, flags);                                                                  \
    const mode_t mode = va_arg(rest, mode_t);                                               \
    va_end(rest);                                                                           \
    if (flags & O_CREAT) FAILS(fate(path));                                                 \
    return ((int (*)(const char*, int, mode_t))dlsym(RTLD_NEXT, #name))(path, flags, mode); \
  }
OPEN(open)
OPEN(open64)

#define WRITE(name, parameters, arguments, half)              \
  ssize_t name parameters {                                   \
    const int found = fateOf(file);                           \
    if (found == SHORTEN && size > 1) return REAL(name) half; \
    FAILS(found);                                             \
    return REAL(name) arguments;                              \
  }
WRITE(write, (int file, const void* data, size_t size), (file, data, size), (file, data, size / 2))
WRITE(pwrite, (int file, const void* data, size_t size, off_t at), (file, data, size, at),
      (file, data, size / 2, at))
WRITE(pwrite64, (int file, const void* data, size_t size, off64_t at), (file, data, size, at),
      (file, data, size / 2, at))

#define WRITEV(name, parameters, arguments) \
  ssize_t name parameters {                 \
    FAILS(fateOf(file));                    \
    return REAL(name) arguments;            \
  }
WRITEV(writev, (int file, const struct iovec* parts, int count), (file, parts, count))
WRITEV(pwritev, (int file, const struct iovec* parts, int count, off_t at), (file, parts, count, at))
WRITEV(pwritev64, (int file, const struct iovec* parts, int count, off64_t at), (file, parts, count, at))

int fsync(int file) {
  FAILS(fateOf(file));
  return REAL(fsync)(file);
}

int fdatasync(int file) {
  FAILS(fateOf(file));
  return REAL(fdatasync)(file);
}

int rename(const char* from, const char* to) {
  FAILS(fate(to));
  return REAL(rename)(from, to);
}

int mkdir(const char* path, mode_t mode) {
  FAILS(fate(path));
  return REAL(mkdir)(path, mode);
}

int clock_gettime(clockid_t clock, struct timespec* now) {
  const int failed = REAL(clock_gettime)(clock, now);
  if (!failed && control && clock == CLOCK_REALTIME) now->tv_sec += control->clock;
  return failed;
}

int gettimeofday(struct timeval* now, void* zone) {
  const int failed = REAL(gettimeofday)(now, zone);
  if (!failed && control) now->tv_sec += control->clock;
  return failed;
}

time_t time(time_t* now) {
  const time_t value = REAL(time)(NULL) + (control ? control->clock : 0);
  if (now) *now = value;
  return value;
}
