#define _GNU_SOURCE
#include "CLauncher.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// All descriptors from the fourth on go when the program starts; with an old kernel, the first thousand of them.
static void close_others_on_exec(void) {
#ifdef SYS_close_range
  if (syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */) == 0) return;
#endif
  for (int descriptor = 3; descriptor < 1024; descriptor++) fcntl(descriptor, F_SETFD, FD_CLOEXEC);
}

// The launcher handles and ignores signals that its workers must find as a shell would leave them. SIGHUP stays as it
// is: ignored under nohup.
static void restore_signals(void) {
  for (int number = 1; number < NSIG; number++) {
    if (number != SIGHUP && number != SIGKILL && number != SIGSTOP) signal(number, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

// In the child, between fork and exec: nothing but system calls.
static void become(const claunch_request *request, pid_t launcher, int failure) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The launcher may have died before the line above.
  if (getppid() != launcher) _exit(127);
  if (request->guard >= 0) {
    int32_t self = getpid();
    if (write(request->guard, &self, sizeof self) != (ssize_t)sizeof self) { /* PR_SET_PDEATHSIG is left. */ }
  }
  // Above 2 first, so that none of the three is overwritten before it is used.
  int input = fcntl(request->input, F_DUPFD_CLOEXEC, 3);
  int output = fcntl(request->output, F_DUPFD_CLOEXEC, 3);
  int error = fcntl(request->error, F_DUPFD_CLOEXEC, 3);
  if (input >= 0 && output >= 0 && error >= 0 && dup2(input, 0) >= 0 && dup2(output, 1) >= 0 && dup2(error, 2) >= 0) {
    close_others_on_exec();
    restore_signals();
    execve(request->path, request->arguments, request->environment);
  }
  int reason = errno;
  if (write(failure, &reason, sizeof reason) < 0) { /* The exit code is left. */ }
  _exit(127);
}

pid_t claunch_start(const claunch_request *request) {
  int failure[2]; // closed by a successful exec
  if (pipe2(failure, O_CLOEXEC) < 0) return -errno;
  pid_t launcher = getpid();
  // No handler of the launcher's may run in the child.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pid_t child = fork();
  int reason = errno;
  if (child == 0) become(request, launcher, failure[1]);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  close(failure[1]);
  if (child > 0) {
    setpgid(child, child); // parent and child both do this, in either order
    ssize_t count;
    while ((count = read(failure[0], &reason, sizeof reason)) < 0 && errno == EINTR) {}
    if (count == (ssize_t)sizeof reason) {
      claunch_guard_dismiss(request->guard, child);
      claunch_reap(child);
      child = -reason;
    }
  } else {
    child = -reason;
  }
  close(failure[0]);
  return child;
}

int claunch_ended(pid_t child, int *code, bool *by_signal) {
  siginfo_t info = {0};
  while (waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) < 0) {
    if (errno != EINTR) return -errno;
  }
  if (info.si_pid == 0) return 0;
  *code = info.si_status;
  *by_signal = info.si_code != CLD_EXITED;
  return 1;
}

void claunch_reap(pid_t child) {
  while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
}

int claunch_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC) < 0 ? -errno : 0; }

int claunch_pidfd(pid_t process) {
#ifdef SYS_pidfd_open
  int descriptor = (int)syscall(SYS_pidfd_open, process, 0U);
  return descriptor < 0 ? -errno : descriptor;
#else
  (void)process;
  return -ENOSYS;
#endif
}

int claunch_allowed_cores(void) {
  // The kernel refuses a set smaller than its own; machines with more than 8192 cores are not expected.
  for (int cores = 1024; cores <= 8192; cores *= 2) {
    cpu_set_t *set = CPU_ALLOC(cores);
    if (!set) return -1;
    size_t size = CPU_ALLOC_SIZE(cores);
    int count = sched_getaffinity(0, size, set) == 0 ? CPU_COUNT_S(size, set) : -1;
    CPU_FREE(set);
    if (count > 0) return count;
  }
  return -1;
}
