/* SPDX-License-Identifier: Apache-2.0 */
#include "support/temp.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

void temp_init(struct temp *t)
{
    const char *base = getenv("TMPDIR");
    snprintf(t->dir, sizeof(t->dir), "%.40s/certroll-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(t->dir) == NULL)
        x_abort("temp_init: no folder");
}

void temp_release(struct temp *t)
{
    DIR *dir = opendir(t->dir);
    if (dir == NULL)
        x_abort("temp_release: no folder");
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        auto_free char *path = temp_path(t, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            remove(path);
    }
    closedir(dir);
    rmdir(t->dir);
}

char *temp_path(const struct temp *t, const char *name)
{
    return x_printf("%s/%s", t->dir, name);
}

char *temp_write(const struct temp *t, const char *name, const void *data, size_t len)
{
    char *path = temp_path(t, name);
    FILE *f = fopen(path, "w");
    if (f == NULL || fwrite(data, 1, len, f) != len || fclose(f) != 0)
        x_abort("temp_write: cannot write");
    return path;
}

char *temp_puts(const struct temp *t, const char *name, const char *text)
{
    return temp_write(t, name, text, strlen(text));
}
