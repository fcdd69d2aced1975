/* Shortens the wait of the first cgroup migration; see rcu.c. */
#ifndef GANTRY_RCU_H
#define GANTRY_RCU_H

#include <stdbool.h>

/* True when grace periods are now expedited by us; then rcu_relax() must follow. */
bool rcu_hurry(void);
void rcu_relax(bool hurried);

#endif
