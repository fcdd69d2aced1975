#ifndef GANTRY_SEALED_H
#define GANTRY_SEALED_H

/*
 * Runs the same program from a sealed memfd called `name`, without an environment, unless it already does. What a process of a
 * container reaches through /proc/PID/exe is then that copy, which nobody can write (CVE-2019-5736).
 */
void run_from_sealed_copy(const char *name, char **argv);

#endif
