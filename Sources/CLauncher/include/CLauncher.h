// What a launcher needs between fork and exec and in signal handlers, where Swift code must not run.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

// MARK: Starting a process

typedef struct claunch_request {
  const char *path;       // of the program
  char *const *arguments; // ends with NULL, as does
  char *const *environment;
  int input; // the descriptors that become 0, 1 and 2; all others are closed
  int output;
  int error;
  int guard; // of claunch_guard_start, or -1
} claunch_request;

// Starts a program as the leader of a process group of its own, which the kernel kills when the calling thread ends
// (PR_SET_PDEATHSIG), so call from one that lives as long as the launcher. Returns its process id, or -errno.
pid_t claunch_start(const claunch_request *request);

// Whether a child has ended. It stays a zombie, so that its process id and group are not given to others: signals to
// them go nowhere else. Returns 1 with the exit code or the signal, 0 while it runs, or -errno.
int claunch_ended(pid_t child, int *code, bool *by_signal);

// Releases a child that has ended.
void claunch_reap(pid_t child);

// A pipe that other children do not inherit: its reading and its writing end. Returns 0 or -errno.
int claunch_pipe(int ends[2]);

// A descriptor that becomes readable when the process ends, or -errno (-ENOSYS before Linux 5.3).
int claunch_pidfd(pid_t process);

// MARK: The guard

// A small process that waits for the end of this one and then kills the process groups that were started and not
// dismissed: kill -9 of a launcher runs no code of the launcher's. Returns the descriptor to talk to it, or -errno.
int claunch_guard_start(pid_t *process);

// Stops guarding the group of this leader. Call before claunch_reap.
void claunch_guard_dismiss(int guard, pid_t leader);

// MARK: Signals

// From now on the number of each of these signals is written to the descriptor as a byte. SIGHUP stays ignored where it
// is (nohup).
void claunch_catch_signals(const int *signals, int count, int descriptor);
// Restores the default action of these signals.
void claunch_release_signals(const int *signals, int count);

// MARK: The machine

// Cores that this process may run on: its affinity. -1 where the system does not say.
int claunch_allowed_cores(void);
