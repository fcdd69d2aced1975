/* What the launcher hands to the processes it forks. */
#ifndef GANTRY_LAUNCHER_H
#define GANTRY_LAUNCHER_H

#include "wire.h"

/* In a fresh child of the launcher: starts the process and watches it to its end. Never returns. */
_Noreturn void monitor_run(struct request *request, uint64_t received_us);

#define MAX_OPS 4096
#define MAX_ARGS 65536

#endif
