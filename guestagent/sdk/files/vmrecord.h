/* vmrecord.h: let a program say when the machine it runs in records itself.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     int post_batch(void *batch);               // 0: went well
 *     vmrecord_guard("transfer-batch", post_batch, batch);
 *
 * or step by step:
 *
 *     vmrecord_start("transfer-batch");
 *     if (post_batch() != 0)
 *         vmrecord_fail("the total is wrong");   // keeps the recording
 *     vmrecord_stop(VMRECORD_DROP);              // else forget it
 *
 * One file, C99 or C++, gcc 5 or newer or clang, x86 with 32 or 64 bits. Inside
 * a recording appliance each call talks to the machine; anywhere else, and with
 * other compilers and processors, it does nothing and returns 0. A refusal
 * returns -1: already recording, nothing recording, no control given to the
 * guest. Any thread may call; there is one recording for the whole machine. What ends the whole program (a signal, exit) ends
 * no recording: run it under "vmagent exec --guarded -- PROGRAM" for that.
 *
 * A call takes some 300 port accesses at most and waits for nobody: far less than
 * a millisecond. Texts are UTF-8 and are cut to their bounds: name 64 bytes, key 64, value 1024,
 * mark 256, reason 1024. Control characters become blanks, bytes that are no UTF-8
 * become '?'.
 */
#ifndef VMRECORD_H
#define VMRECORD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VMRECORD_DROP 0 /* nothing went wrong: forget the recording */
#define VMRECORD_KEEP 1 /* keep it for the vendor */

#if (defined(__GNUC__) || defined(__clang__)) && (defined(__x86_64__) || defined(__i386__))

typedef struct { uint32_t a, b, c, d, s, i; } vmrecord__regs;
typedef struct { uint32_t id, cookie1, cookie2; } vmrecord__channel;

static inline void vmrecord__in(vmrecord__regs *r)
{
    __asm__ __volatile__("inl %%dx, %%eax"
                         : "+a"(r->a), "+b"(r->b), "+c"(r->c), "+d"(r->d), "+S"(r->s), "+D"(r->i)
                         :
                         : "memory");
}

static inline void vmrecord__cpuid(uint32_t leaf, uint32_t out[4])
{
    __asm__ __volatile__("cpuid"
                         : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
                         : "a"(leaf), "c"(0));
}

/* Only behind this signature is there a port that does not fault. */
#ifndef VMRECORD_SIGNED
static inline int vmrecord__signed(void)
{
    uint32_t r[4];
    vmrecord__cpuid(1, r);
    if (!(r[2] >> 31 & 1))
        return 0;
    vmrecord__cpuid(0x40000000u, r);
    return memcmp(&r[1], "VMwareVMware", 12) == 0;
}
#define VMRECORD_SIGNED() vmrecord__signed()
#endif

static inline vmrecord__regs vmrecord__call(uint32_t cmd, uint32_t b, uint32_t sub, vmrecord__channel ch)
{
    vmrecord__regs r;
    r.a = 0x564D5868u;
    r.b = b;
    r.c = cmd | sub << 16;
    r.d = 0x5658u | ch.id << 16;
    r.s = ch.cookie1;
    r.i = ch.cookie2;
    vmrecord__in(&r);
    return r;
}

/* One step of a message: 0 done, 1 resumed: start the message again, -1 refused. */
static inline int vmrecord__step(vmrecord__channel ch, uint32_t sub, uint32_t b, vmrecord__regs *r)
{
    *r = vmrecord__call(30, b, sub, ch);
    return r->c >> 20 & 1 ? 1 : r->c >> 16 & 1 ? 0 : -1;
}

static inline int vmrecord__send(vmrecord__channel ch, const char *q, size_t n)
{
    vmrecord__regs r;
    size_t i;
    int e = vmrecord__step(ch, 1, (uint32_t)n, &r);
    for (i = 0; e == 0 && i < n; i += 4) {
        unsigned char b[4] = {0, 0, 0, 0};
        memcpy(b, q + i, n - i < 4 ? n - i : 4);
        e = vmrecord__step(ch, 2, b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24, &r);
    }
    return e;
}

static inline int vmrecord__receive(vmrecord__channel ch, char *reply, size_t room)
{
    vmrecord__regs r;
    size_t i, n, got = 0;
    int e = vmrecord__step(ch, 3, 0, &r);
    if (e != 0)
        return e;
    if (!(r.c >> 17 & 1) || r.d >> 16 != 1 || r.b > 1026) /* no reply is longer */
        return -1;
    for (i = 0, n = r.b; i < n; i++) {
        if (i % 4 == 0 && (e = vmrecord__step(ch, 4, 1, &r)) != 0)
            return e;
        if (got + 1 < room)
            reply[got++] = (char)(r.b >> 8 * (i % 4));
    }
    reply[got] = 0;
    return vmrecord__step(ch, 5, 1, &r);
}

/* Sends one request; the start of its reply goes into reply. 0 or -1. */
static inline int vmrecord__rpc(const char *q, char *reply, size_t room)
{
    vmrecord__channel ch = {0, 0, 0};
    vmrecord__regs r = vmrecord__call(30, 0x49435052u | 0x80000000u, 0, ch);
    int e = 1, tries = 0;
    if (!(r.c >> 16 & 1))
        return -1;
    ch.id = r.d >> 16;
    ch.cookie1 = r.s;
    ch.cookie2 = r.i;
    while (e == 1 && tries++ < 4)
        e = vmrecord__send(ch, q, strlen(q));
    for (tries = 0, e = e == 0 ? 1 : -1; e == 1 && tries < 4; tries++)
        e = vmrecord__receive(ch, reply, room);
    vmrecord__step(ch, 6, 0, &r);
    return e == 0 && reply[0] == '1' ? 0 : -1;
}

static inline int vmrecord__detect(void)
{
    char reply[32];
    vmrecord__channel none = {0, 0, 0};
    vmrecord__regs r;
    if (!VMRECORD_SIGNED())
        return 0;
    r = vmrecord__call(10, ~0x564D5868u, 0, none);
    if (r.a == 0xFFFFFFFFu || r.b != 0x564D5868u)
        return 0;
    if (vmrecord__rpc("vmrecord.version", reply, sizeof reply) != 0)
        return 0;
    return strncmp(reply, "1 vmrecord 1", 12) == 0 && (reply[12] == 0 || reply[12] == ' ');
}

/* 1 inside a recording appliance, else 0. Asks once in each source file. */
static inline int vmrecord_in_vm(void)
{
    static int known; /* 0 not asked, 1 no, 2 yes: every thread finds the same */
    int k = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (k == 0) {
        k = 1 + vmrecord__detect();
        __atomic_store_n(&known, k, __ATOMIC_RELAXED);
    }
    return k == 2;
}

/* Bytes of the UTF-8 character at s; 0 for what is none, or a control character. */
static inline int vmrecord__char(const unsigned char *s)
{
    if (s[0] < 0x80)
        return s[0] >= ' ' && s[0] != 0x7F;
    if (s[0] < 0xC2 || s[0] > 0xF4 || (s[1] & 0xC0) != 0x80)
        return 0;
    if (s[0] < 0xE0)
        return s[0] == 0xC2 && s[1] < 0xA0 ? 0 : 2;
    if ((s[2] & 0xC0) != 0x80 || (s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] >= 0xA0))
        return 0;
    if (s[0] < 0xF0)
        return 3;
    return (s[3] & 0xC0) != 0x80 || (s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] >= 0x90) ? 0 : 4;
}

/* Appends text to the request, fit to be its last argument: at most max bytes. */
static inline void vmrecord__text(char *q, const char *text, size_t max)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t start = strlen(q), end = start;
    while (*s != 0 && (*s <= ' ' || *s == 0x7F))
        s++;
    while (*s != 0) {
        int k = vmrecord__char(s);
        if (end - start + (size_t)(k ? k : 1) > max)
            break;
        if (k == 0)
            q[end] = *s < 0x80 ? ' ' : '?';
        else
            memcpy(q + end, s, (size_t)k);
        end += (size_t)(k ? k : 1);
        s += k ? k : 1;
    }
    while (end > start && q[end - 1] == ' ')
        end--;
    q[end] = 0;
}

static inline int vmrecord__tell(const char *verb, const char *text, size_t max)
{
    char q[32 + 64 + 1024 + 1], reply[8];
    if (!vmrecord_in_vm())
        return 0;
    strcpy(q, verb);
    if (max != 0) {
        vmrecord__text(q, text, max);
        if (strlen(q) == strlen(verb))
            strcat(q, "-");
    }
    return vmrecord__rpc(q, reply, sizeof reply);
}

static inline int vmrecord__log(uint32_t op)
{
    vmrecord__channel none = {0, 0, 0};
    return (vmrecord__call(47, op, 0, none).a & 0xFFFF) == 1 ? 0 : -1;
}

/* Begins a recording. */
static inline int vmrecord_start(const char *name)
{
    if (!vmrecord_in_vm())
        return 0;
    return vmrecord__tell("vmrecord.prepare ", name, 64) != 0 ? -1 : vmrecord__log(1);
}

/* Ends the recording that runs. After vmrecord_fail it is kept in any case. */
static inline int vmrecord_stop(int keep)
{
    if (!vmrecord_in_vm())
        return 0;
    (void)vmrecord__tell(keep ? "vmrecord.keep" : "vmrecord.drop", "", 0);
    return vmrecord__log(2);
}

/* Names this moment of the recording. */
static inline int vmrecord_mark(const char *text) { return vmrecord__tell("vmrecord.mark ", text, 256); }

/* Says that this recording shows a failure, and why; it will be kept. */
static inline int vmrecord_fail(const char *reason) { return vmrecord__tell("vmrecord.fail ", reason, 1024); }

/* Has a machine that records always keep the last while, and a while of what
 * follows; while a recording runs, that one is kept. */
static inline int vmrecord_save(const char *reason) { return vmrecord__tell("vmrecord.save ", reason, 1024); }

/* Attaches an attribute to the recording that runs, else to the next one. */
static inline int vmrecord_attr(const char *key, const char *value)
{
    char q[32 + 64 + 1024 + 1], reply[8];
    size_t i, n;
    if (!vmrecord_in_vm())
        return 0;
    strcpy(q, "vmrecord.attr ");
    n = strlen(q);
    for (i = 0; i < 64 && key[i] != 0; i++)
        q[n++] = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_", key[i]) ? key[i] : '_';
    if (i == 0)
        q[n++] = '_';
    strcpy(q + n, " ");
    vmrecord__text(q, value, 1024);
    return vmrecord__rpc(q, reply, sizeof reply);
}

/* What the machine does, as text: "idle 3", "recording 4 NAME", "off 0"; empty
 * outside an appliance. room is of text; 86 bytes hold every answer. */
static inline int vmrecord_status(char *text, size_t room)
{
    char reply[2 + 85 + 1];
    if (room != 0)
        text[0] = 0;
    if (!vmrecord_in_vm())
        return 0;
    if (vmrecord__rpc("vmrecord.status", reply, sizeof reply) != 0 || strlen(reply + 2) >= room)
        return -1;
    strcpy(text, reply + 2);
    return 0;
}

#else /* no appliance runs here */

static inline int vmrecord_in_vm(void) { return 0; }
static inline int vmrecord_start(const char *name) { (void)name; return 0; }
static inline int vmrecord_stop(int keep) { (void)keep; return 0; }
static inline int vmrecord_mark(const char *text) { (void)text; return 0; }
static inline int vmrecord_fail(const char *reason) { (void)reason; return 0; }
static inline int vmrecord_save(const char *reason) { (void)reason; return 0; }
static inline int vmrecord_attr(const char *key, const char *value) { (void)key; (void)value; return 0; }
static inline int vmrecord_status(char *text, size_t room)
{
    if (room != 0)
        text[0] = 0;
    return 0;
}

#endif

/* Ends a guarded recording: result 0 went well. */
static inline void vmrecord__end(const char *name, int result)
{
    char reason[64 + 32] = "", digits[12];
    unsigned n = result < 0 ? 0u - (unsigned)result : (unsigned)result;
    size_t i = sizeof digits;
    if (result == 0) {
        (void)vmrecord_stop(VMRECORD_DROP);
        return;
    }
    digits[--i] = 0;
    do
        digits[--i] = (char)('0' + n % 10);
    while ((n /= 10) != 0);
    if (result < 0)
        digits[--i] = '-';
    strncat(reason, name, 64);
    strcat(reason, " ended with ");
    strcat(reason, digits + i);
    (void)vmrecord_fail(reason);
    (void)vmrecord_stop(VMRECORD_KEEP);
}

#ifdef __cplusplus
struct vmrecord__left { /* f by an exception */
    bool armed;
    ~vmrecord__left()
    {
        if (!armed)
            return;
        (void)vmrecord_fail("an exception left the guarded function");
        (void)vmrecord_stop(VMRECORD_KEEP);
    }
};
#endif

/* Runs f(arg) under a recording called name: dropped when f returns 0, a failure
 * and kept when it returns anything else (C++: or throws). Returns what f does;
 * when no recording can be started, f runs without one. */
static inline int vmrecord_guard(const char *name, int (*f)(void *), void *arg)
{
    int result;
    if (vmrecord_start(name) != 0)
        return f(arg);
    {
#ifdef __cplusplus
        vmrecord__left left = {true};
        result = f(arg);
        left.armed = false;
#else
        result = f(arg);
#endif
    }
    vmrecord__end(name, result);
    return result;
}

#endif
