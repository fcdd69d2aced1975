/* Shortens the wait of the first cgroup migration; see rcu.c. */
#ifndef GANTRY_RCU_H
#define GANTRY_RCU_H

/* Descriptors while grace periods are expedited by us; else -1. */
struct rcu_hurry {
	int setting;
	int note;
};

struct rcu_hurry rcu_hurry(void);
void rcu_relax(struct rcu_hurry *hurry);
/* Undoes what a start that was killed in between has left. */
void rcu_repair(void);

#endif
