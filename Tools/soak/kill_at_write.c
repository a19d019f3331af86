// Loaded before a program: ends it with SIGKILL at the Nth change that it makes to files under a folder, half done.
//
//   KILL_FOLDER   the folder, without links
//   KILL_AT       N; 0 only counts, and leaves the count in the file that KILL_COUNT names
//   KILL_RANK     the rank that is meant; the others go on
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long changes;
static long kill_at;
static char folder[PATH_MAX];
static size_t folder_length;
static int is_meant;

__attribute__((constructor)) static void begin(void) {
  const char *name = getenv("KILL_FOLDER"), *at = getenv("KILL_AT"), *meant = getenv("KILL_RANK"), *rank = getenv("RANK");
  if (!name || !at) return;
  folder_length = strlen(strncpy(folder, name, sizeof folder - 1));
  kill_at = atol(at);
  is_meant = !meant || (rank && strcmp(meant, rank) == 0);
}

__attribute__((destructor)) static void finish(void) {
  const char *name = getenv("KILL_COUNT");
  if (!is_meant || !name || atomic_load(&changes) == 0) return;
  FILE *file = fopen(name, "w");
  if (!file) return;
  fprintf(file, "%ld\n", atomic_load(&changes));
  fclose(file);
}

static int is_inside(const char *path) {
  char absolute[PATH_MAX * 2];
  if (path[0] != '/') {
    char here[PATH_MAX];
    if (!getcwd(here, sizeof here)) return 0;
    snprintf(absolute, sizeof absolute, "%s/%s", here, path);
    path = absolute;
  }
  return strncmp(path, folder, folder_length) == 0;
}

static int is_file_inside(int descriptor) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return is_inside(path);
}

// Whether this is the change at which the program ends.
static int is_last(int inside) { return is_meant && inside && atomic_fetch_add(&changes, 1) + 1 == kill_at; }

static void end(void) { kill(getpid(), SIGKILL); }

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int descriptor, const void *bytes, size_t count) {
  if (is_meant && is_last(is_file_inside(descriptor))) {
    NEXT(write)(descriptor, bytes, count / 2);
    end();
  }
  return NEXT(write)(descriptor, bytes, count);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
  if (is_meant && is_last(is_file_inside(descriptor))) {
    NEXT(pwrite)(descriptor, bytes, count / 2, offset);
    end();
  }
  return NEXT(pwrite)(descriptor, bytes, count, offset);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
  if (is_meant && is_last(is_file_inside(descriptor))) {
    NEXT(writev)(descriptor, parts, count / 2);
    end();
  }
  return NEXT(writev)(descriptor, parts, count);
}

#define BY_DESCRIPTOR(name)                                   \
  int name(int descriptor) {                                  \
    if (is_meant && is_last(is_file_inside(descriptor))) end(); \
    return NEXT(name)(descriptor);                            \
  }
BY_DESCRIPTOR(fsync)
BY_DESCRIPTOR(fdatasync)

int ftruncate(int descriptor, off_t size) {
  if (is_meant && is_last(is_file_inside(descriptor))) end();
  return NEXT(ftruncate)(descriptor, size);
}

#define BY_PATH(name)                               \
  int name(const char *path) {                      \
    if (is_meant && is_last(is_inside(path))) end(); \
    return NEXT(name)(path);                        \
  }
BY_PATH(unlink)
BY_PATH(rmdir)

int unlinkat(int parent, const char *path, int flags) {
  if (is_meant && is_last(path[0] == '/' ? is_inside(path) : is_file_inside(parent))) end();
  return NEXT(unlinkat)(parent, path, flags);
}

int mkdir(const char *path, mode_t mode) {
  if (is_meant && is_last(is_inside(path))) end();
  return NEXT(mkdir)(path, mode);
}

int rename(const char *from, const char *to) {
  if (is_meant && is_last(is_inside(to))) end();
  return NEXT(rename)(from, to);
}

int renameat2(int from_parent, const char *from, int to_parent, const char *to, unsigned flags) {
  if (is_meant && is_last(to[0] == '/' ? is_inside(to) : is_file_inside(to_parent))) end();
  return NEXT(renameat2)(from_parent, from, to_parent, to, flags);
}

// A file that is made is a change; one that is opened is none.
static int opened(int (*next)(const char *, int, ...), const char *path, int flags, mode_t mode) {
  if (is_meant && (flags & O_CREAT) && is_last(is_inside(path))) end();
  return next(path, flags, mode);
}

int open(const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
  va_end(more);
  return opened(NEXT(open), path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
  va_end(more);
  return opened(NEXT(open64), path, flags, mode);
}
