#define _GNU_SOURCE
#include "CLauncher.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static volatile sig_atomic_t destination = -1;

static void note(int number) {
  int saved = errno;
  unsigned char byte = (unsigned char)number;
  if (destination >= 0 && write(destination, &byte, 1) < 0) { /* The pipe is full of signals; one may be lost. */ }
  errno = saved;
}

void claunch_catch_signals(const int *signals, int count, int descriptor) {
  destination = descriptor;
  for (int index = 0; index < count; index++) {
    struct sigaction present;
    if (signals[index] == SIGHUP && sigaction(SIGHUP, NULL, &present) == 0 && present.sa_handler == SIG_IGN) continue;
    struct sigaction action = {0};
    action.sa_handler = note;
    action.sa_flags = SA_RESTART;
    sigfillset(&action.sa_mask);
    sigaction(signals[index], &action, NULL);
  }
}

void claunch_release_signals(const int *signals, int count) {
  for (int index = 0; index < count; index++) {
    struct sigaction present;
    if (sigaction(signals[index], NULL, &present) == 0 && present.sa_handler == note) signal(signals[index], SIG_DFL);
  }
  destination = -1;
}
