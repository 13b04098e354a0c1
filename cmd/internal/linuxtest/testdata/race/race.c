// SPDX-License-Identifier: GPL-2.0
// A timer's handler counts for whatever job is at work; a thread replaces the job
// and forgets that the handler may come in between.
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/slab.h>

#define __noipa __attribute__((noipa)) // arguments as they are written

struct owner {
	long ticks;
};

struct job {
	struct owner *owner;
	long results[32];
};

static struct owner owners[2];
static struct job *job; // the handler's and the thread's
static struct hrtimer timer;

static noinline __noipa void race_count(struct job *j)
{
	j->owner->ticks++;
}

// race_tick is the interrupt's handler.
static enum hrtimer_restart race_tick(struct hrtimer *t)
{
	race_count(job);
	hrtimer_forward_now(t, ns_to_ktime(37 * NSEC_PER_USEC));
	return HRTIMER_RESTART;
}

// race_replace puts a new job in place of the old one.
static noinline __noipa void race_replace(struct job *fresh)
{
	struct job *old = job;
	int i;

	old->owner = NULL; // nobody's: too early, the handler still finds it
	for (i = 0; i < ARRAY_SIZE(old->results); i++)
		fresh->results[i] = old->results[i] + i;
	WRITE_ONCE(job, fresh);
	kfree(old);
}

static int race_thread(void *unused)
{
	int n;

	for (n = 0;; n++) {
		struct job *fresh = kzalloc(sizeof(*fresh), GFP_KERNEL);

		if (!fresh)
			return -ENOMEM;
		fresh->owner = &owners[n & 1];
		race_replace(fresh);
		cond_resched();
	}
}

static int __init race_init(void)
{
	job = kzalloc(sizeof(*job), GFP_KERNEL);
	if (!job)
		return -ENOMEM;
	job->owner = &owners[1];
	hrtimer_init(&timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
	timer.function = race_tick;
	hrtimer_start(&timer, ns_to_ktime(NSEC_PER_MSEC), HRTIMER_MODE_REL_HARD);
	return PTR_ERR_OR_ZERO(kthread_run(race_thread, NULL, "race"));
}

module_init(race_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A race between an interrupt and a thread");
