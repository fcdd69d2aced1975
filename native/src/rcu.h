/* Shortens the wait of the first cgroup migration; see rcu.c. */
#ifndef GANTRY_RCU_H
#define GANTRY_RCU_H

/* A descriptor when grace periods are now expedited by us, for rcu_relax(); else -1. */
int rcu_hurry(void);
void rcu_relax(int hurried);

#endif
