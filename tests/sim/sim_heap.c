/* SPDX-License-Identifier: Apache-2.0 */
/*
 * malloc() and its family for one thread: a list of free blocks for each size, and nothing is given back or joined. The
 * C library's locks, joins and checks are a seventh of a life; sanitizers bring their own family and this one is left out.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/single_threaded.h>

/* As the C library declares them, but for the names of parameters. */
void *malloc(size_t size);
void free(void *p);
void *calloc(size_t count, size_t size);
void *realloc(void *p, size_t size);
size_t malloc_usable_size(void *p);
void *memalign(size_t alignment, size_t size);
void *aligned_alloc(size_t alignment, size_t size);
int posix_memalign(void **ret_memory, size_t alignment, size_t size);

#ifndef CERTROLL_SANITIZED

#define UNIT 16 /* sizes up to SMALL_MAX are multiples of it, and all blocks are aligned to it */
#define SMALL_MAX ((size_t)1024) /* above it, powers of two */
#define SMALL_SIZES (SMALL_MAX / UNIT + 1)
#define SIZES (SMALL_SIZES + 64)
#define REGION ((size_t)4 << 20)

/* In front of what the caller gets. */
struct block {
    size_t number;      /* of its size */
    struct block *next; /* while it is free */
};
_Static_assert(sizeof(struct block) == UNIT, "what follows a block is aligned");

static struct block *unused[SIZES];
static char *region;
static size_t region_left;

static size_t number_of(size_t size)
{
    if (size <= SMALL_MAX)
        return (size + UNIT - 1) / UNIT;
    return SMALL_SIZES + (size_t)(64 - __builtin_clzl(size - 1));
}

static size_t size_of(size_t number)
{
    return number < SMALL_SIZES ? number * UNIT : (size_t)1 << (number - SMALL_SIZES);
}

static struct block *of(void *p)
{
    return (struct block *)p - 1;
}

/* A new block, from the region or, when it is large, from the system. */
static struct block *cut(size_t number)
{
    size_t size = sizeof(struct block) + size_of(number);
    if (!__libc_single_threaded)
        __builtin_trap();
    if (size > region_left) {
        size_t bytes = size > REGION ? (size + 4095) & ~(size_t)4095 : REGION;
        void *more = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (more == MAP_FAILED)
            return NULL;
        region = more;
        region_left = bytes;
    }
    struct block *b = (struct block *)(void *)region;
    region += size;
    region_left -= size;
    b->number = number;
    return b;
}

/* Not malloc() itself: the compiler makes calloc() of what calls that and clears the block. */
static void *take(size_t size)
{
    if (size > PTRDIFF_MAX / 2) {
        errno = ENOMEM;
        return NULL;
    }
    size_t number = number_of(size);
    struct block *b = unused[number];
    if (b != NULL)
        unused[number] = b->next;
    else
        b = cut(number);
    if (b == NULL)
        errno = ENOMEM;
    return b != NULL ? b + 1 : NULL;
}

void *malloc(size_t size)
{
    return take(size);
}

void free(void *p)
{
    if (p == NULL)
        return;
    struct block *b = of(p);
    b->next = unused[b->number];
    unused[b->number] = b;
}

void *calloc(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    void *p = take(bytes);
    return p != NULL ? memset(p, 0, bytes) : NULL;
}

size_t malloc_usable_size(void *p)
{
    return p != NULL ? size_of(of(p)->number) : 0;
}

void *realloc(void *p, size_t size)
{
    size_t had = malloc_usable_size(p);
    if (p != NULL && size <= had)
        return p;
    void *more = take(size);
    if (more != NULL && p != NULL) {
        memcpy(more, p, had);
        free(p);
    }
    return more;
}

/* A block within a larger one, whose first bytes are lost when it is freed. */
void *memalign(size_t alignment, size_t size)
{
    if (alignment <= UNIT)
        return take(size);
    size_t number = number_of(size);
    char *p = take(size_of(number) + alignment);
    if (p == NULL)
        return NULL;
    char *aligned = p + (alignment - (uintptr_t)p % alignment);
    of(aligned)->number = number;
    return aligned;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **ret_memory, size_t alignment, size_t size)
{
    void *p = memalign(alignment, size);
    if (p == NULL)
        return ENOMEM;
    *ret_memory = p;
    return 0;
}

#endif
