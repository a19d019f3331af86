#define _GNU_SOURCE
#include "CLauncher.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { most_workers = 4096 };

static void close_all_but(int kept) {
  long limit = sysconf(_SC_OPEN_MAX);
#ifdef SYS_close_range
  if ((kept == 0 || syscall(SYS_close_range, 0U, (unsigned)kept - 1, 0U) == 0) &&
      syscall(SYS_close_range, (unsigned)kept + 1, ~0U, 0U) == 0)
    return;
#endif
  for (int descriptor = 0; descriptor < limit && descriptor < 65536; descriptor++) {
    if (descriptor != kept) close(descriptor);
  }
}

// Reads leaders that were started (+id) and dismissed (-id). The pipe ends when the launcher does, for
// whatever reason.
static void watch(int pipe) {
  static int32_t leaders[most_workers];
  int count = 0;
  int32_t message;
  for (;;) {
    ssize_t size = read(pipe, &message, sizeof message);
    if (size < 0 && errno == EINTR) continue;
    if (size != (ssize_t)sizeof message) break;
    if (message > 0 && count < most_workers) leaders[count++] = message;
    for (int index = 0; message < 0 && index < count; index++) {
      if (leaders[index] == -message) leaders[index--] = leaders[--count];
    }
  }
  for (int index = 0; index < count; index++) kill(-leaders[index], SIGKILL);
  _exit(0);
}

int claunch_guard_start(pid_t *process) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pid_t child = fork();
  int reason = errno;
  if (child == 0) {
    // What ends the launcher (a terminal's signals, a closed session) must not end the guard, so it keeps all signals
    // blocked.
    setsid();
    prctl(PR_SET_NAME, "launch-guard");
    close_all_but(ends[0]);
    watch(ends[0]);
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  close(ends[0]);
  if (child < 0) {
    close(ends[1]);
    return -reason;
  }
  *process = child;
  return ends[1];
}

void claunch_guard_dismiss(int guard, pid_t leader) {
  if (guard < 0) return;
  int32_t message = -leader;
  while (write(guard, &message, sizeof message) < 0 && errno == EINTR) {}
}
