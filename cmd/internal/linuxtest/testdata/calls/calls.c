// Makes system calls whose arguments and results are known, without a C
// library: the same under strace and as the guest's process 1, where it waits at
// the end.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static long call(long n, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	__asm__ volatile("syscall" : "+a"(n) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return n;
}

#define CALL(n, a, b, c, d, e, f) call(SYS_##n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

void _start(void)
{
	static char text[] = "a line\twith \"quotes\", a \\ and more than 32 bytes\n", b[100];
	int ends[2];

	CALL(write, 1, "\n== calling\n", 12, 0, 0, 0);
	for (volatile long i = 0; i < 1500000; i++) // until the trace begins
		;
	CALL(sched_yield, 0, 0, 0, 0, 0, 0);
	long pid = CALL(getpid, 0, 0, 0, 0, 0, 0);
	CALL(kill, pid, 0, 0, 0, 0, 0);
	long fd = CALL(openat, AT_FDCWD, "note", O_RDWR | O_CREAT | O_CLOEXEC, 0640, 0, 0);
	CALL(write, fd, text, sizeof text - 1, 0, 0, 0);
	CALL(lseek, fd, -5, SEEK_CUR, 0, 0, 0);
	CALL(read, fd, b, sizeof b, 0, 0, 0);
	CALL(pread64, fd, b, sizeof b, 1, 0, 0);
	CALL(read, fd, b, sizeof b, 0, 0, 0);
	CALL(dup2, fd, 9, 0, 0, 0, 0);
	CALL(ftruncate, 9, 3, 0, 0, 0, 0);
	CALL(close, 9, 0, 0, 0, 0, 0);
	CALL(close, 9, 0, 0, 0, 0, 0);
	CALL(open, "missing", O_WRONLY | O_APPEND, 0, 0, 0, 0);
	CALL(access, "missing", 0, 0, 0, 0, 0);
	CALL(access, "note", 4, 0, 0, 0, 0);
	CALL(mkdir, "made", 0755, 0, 0, 0, 0);
	CALL(mkdir, "made", 0755, 0, 0, 0, 0);
	CALL(rename, "note", "made/note", 0, 0, 0, 0);
	CALL(symlink, "to", "made/link", 0, 0, 0, 0);
	CALL(readlink, "made/link", b, sizeof b, 0, 0, 0);
	CALL(chmod, "made/note", 0600, 0, 0, 0, 0);
	CALL(unlink, "made/link", 0, 0, 0, 0, 0);
	CALL(unlinkat, AT_FDCWD, "made/note", 0, 0, 0, 0);
	CALL(rmdir, "made", 0, 0, 0, 0, 0);
	CALL(brk, 0, 0, 0, 0, 0, 0);
	long at = CALL(mmap, 0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CALL(mprotect, at, 4096, PROT_NONE, 0, 0, 0);
	CALL(write, 1, at, 1, 0, 0, 0);
	CALL(munmap, at, 8192, 0, 0, 0, 0);
	CALL(openat, AT_FDCWD, 1, O_RDONLY, 0, 0, 0);
	CALL(pipe2, ends, O_NONBLOCK, 0, 0, 0, 0);
	CALL(read, ends[0], b, 1, 0, 0, 0);
	CALL(write, 1, "== called\n", 10, 0, 0, 0);
	if (pid != 1)
		CALL(exit_group, 0, 0, 0, 0, 0, 0);
	for (;;)
		CALL(pause, 0, 0, 0, 0, 0, 0);
}
