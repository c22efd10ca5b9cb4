/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

static struct err *os_error(const char *path, int number)
{
    char text[128];
    const char *what = strerror_r(number, text, sizeof(text));
    enum err_kind kind = ERR_TRANSIENT;
    if (number == ENOENT || number == ENOTDIR)
        kind = ERR_NOT_FOUND;
    else if (number == EACCES || number == EPERM)
        kind = ERR_DENIED;
    else if (number == EISDIR || number == ENAMETOOLONG || number == ELOOP)
        kind = ERR_INVALID;
    return err_new(kind, "FileError", "%s: %s", path, what);
}

/* Reads to the end; data holds max + 1 bytes, so that one byte too many is seen. len counts what
 * was read, also before a failure. */
static struct err *read_all(int fd, const char *path, char *data, size_t max, size_t *len)
{
    while (*len <= max) {
        ssize_t n = read(fd, data + *len, max + 1 - *len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return os_error(path, errno);
        if (n == 0)
            break;
        *len += (size_t)n;
    }
    if (*len > max)
        return err_new(ERR_INVALID, "TooLarge", "%s: over %zu bytes", path, max);
    if (memchr(data, '\0', *len) != NULL)
        return err_new(ERR_INVALID, "BadFile", "%s: holds a NUL byte", path);
    return NULL;
}

struct err *file_read_secret(const char *path, size_t max, struct secret *ret_secret)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return os_error(path, errno);
    char *data = x_alloc(max + 1);
    size_t len = 0;
    struct err *e = read_all(fd, path, data, max, &len);
    close(fd);
    if (e == NULL)
        *ret_secret = secret_copy(data, len);
    x_wipe_free(data, len);
    return e;
}

struct err *file_read(const char *path, size_t max, char **ret_text)
{
    AUTO(secret_release) struct secret content = {0};
    TRY(file_read_secret(path, max, &content));
    *ret_text = x_strndup(content.data, content.len);
    return NULL;
}
