/* Reads a start plan and carries its operations through the phases; see start.h. */
#include "start.h"

uint32_t since(const struct start *start)
{
	return (uint32_t)(now_us() - start->received_us);
}

void note_step(struct start *start, const char *name, const char *arg, uint32_t began)
{
	struct shared *shared = start->shared;
	if (shared->steps_used < MAX_STEPS)
		shared->steps[shared->steps_used++] = (struct step){.name = name, .arg = arg, .start_us = began, .end_us = since(start)};
}

void report_failure(struct start *start, const char *name, const char *arg)
{
	struct shared *shared = start->shared;
	if (shared->failed)
		return;
	shared->err = start->ctx.err;
	snprintf(shared->step, sizeof(shared->step), "%s%s%.150s", name, arg ? " " : "", arg ? arg : "");
	snprintf(shared->text, sizeof(shared->text), "%s", start->ctx.text);
	shared->failed = true;
}

static const struct start_op *find(const struct start_op *table, const char *name)
{
	for (; table->name; table++)
		if (strcmp(table->name, name) == 0)
			return table;
	return NULL;
}

int run_phase(struct start *start, enum phase phase)
{
	for (int i = 0; i < start->planned_count; i++) {
		struct planned *planned = &start->planned[i];
		const struct start_op *op = planned->op;
		int (*run)(struct start *, struct planned *) = phase == PREPARE ? op->prepare : phase == ENTER ? op->enter : op->apply;
		if (!run)
			continue;
		uint32_t began = since(start);
		const char *arg = planned->n > 0 ? planned->args[0] : NULL;
		start->ctx.op = op->name;
		if (run(start, planned) < 0) {
			report_failure(start, op->name, arg);
			return -1;
		}
		/* `prepare` of most only remembers something. */
		if (phase != PREPARE || planned->fd >= 0)
			note_step(start, op->name, arg, began);
	}
	return 0;
}

/* A host operation is carried out as soon as it is read: it comes first in every plan. */
static int run_host(struct start *start, struct op_tokens *op)
{
	uint32_t began = since(start);
	struct op_ctx ctx = {.op = op->args[0]};
	const char *arg = op->n > 1 ? op->args[1] : NULL;
	if (run_host_op(&ctx, op->args, op->n) < 0) {
		start->ctx = ctx;
		report_failure(start, op->args[0], arg);
		return -1;
	}
	note_step(start, op->args[0], arg, began);
	return 0;
}

static const struct start_op *section_table(const struct section *sections, const char *name)
{
	for (; sections->name; sections++)
		if (strcmp(sections->name, name) == 0)
			return sections->ops;
	return NULL;
}

static int add_planned(struct start *start, const struct start_op *table, struct op_tokens *op)
{
	const struct start_op *found = table ? find(table, op->args[0]) : NULL;
	if (!found)
		return op_fail(&start->ctx, ENOSYS, "unknown operation %s", op->args[0]);
	if (op->n - 1 < found->min_args)
		return op_fail(&start->ctx, EINVAL, "%s needs %d arguments, has %d", op->args[0], found->min_args, op->n - 1);
	start->planned[start->planned_count++] = (struct planned){.op = found, .args = op->args + 1, .n = op->n - 1, .fd = -1};
	return 0;
}

int read_plan(struct start *start, const struct section *sections, struct op_tokens *ops, int count)
{
	const struct start_op *table = NULL;
	bool host = false;
	for (int i = 0; i < count; i++) {
		if (ops[i].args[0][0] == '@') {
			host = strcmp(ops[i].args[0], "@host") == 0;
			table = section_table(sections, ops[i].args[0]);
			continue;
		}
		if (host ? run_host(start, &ops[i]) : add_planned(start, table, &ops[i])) {
			report_failure(start, ops[i].args[0], NULL);
			return -1;
		}
	}
	return 0;
}
