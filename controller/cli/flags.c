/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/flags.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "json/yaml.h"

#define CONFIG_MAX (1024 * 1024)

static struct err *set_duration(const struct flag *f, const char *text)
{
    int64_t ns = 0;
    struct err *e = duration_parse(text, &ns);
    if (e != NULL || ns < f->min || (f->max != 0 && ns > f->max)) {
        err_free(e);
        char min[DURATION_MAX];
        duration_format(f->min, min);
        return err_new(ERR_INVALID, "InvalidFlag",
                       "--%s: \"%s\": write a duration such as 90s or 1h30m, at least %s", f->name,
                       text, min);
    }
    *(int64_t *)f->value = ns;
    return NULL;
}

static struct err *set_int(const struct flag *f, const char *text)
{
    int64_t v = 0;
    struct err *e = str_to_i64(text, f->min, f->max, &v);
    if (e != NULL) {
        err_free(e);
        return err_new(ERR_INVALID, "InvalidFlag", "--%s: \"%s\": write a number from %lld to %lld",
                       f->name, text, (long long)f->min, (long long)f->max);
    }
    *(int64_t *)f->value = v;
    return NULL;
}

static struct err *set_value(const struct flag *f, const char *text)
{
    switch (f->type) {
    case FLAG_STRING: {
        char **to = f->value;
        free(*to);
        *to = x_strdup(text);
        return NULL;
    }
    case FLAG_BOOL:
        if (!str_eq(text, "true") && !str_eq(text, "false"))
            return err_new(ERR_INVALID, "InvalidFlag", "--%s: \"%s\": write true or false", f->name,
                           text);
        *(bool *)f->value = str_eq(text, "true");
        return NULL;
    case FLAG_INT:
        return set_int(f, text);
    case FLAG_DURATION:
        return set_duration(f, text);
    }
    return err_new(ERR_BUG, "BadFlag", "--%s: unknown type", f->name);
}

void flags_init(const struct flag *flags, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct err *e = flags[i].dflt != NULL ? set_value(&flags[i], flags[i].dflt) : NULL;
        if (e != NULL)
            abort();
    }
}

void flags_release(const struct flag *flags, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (flags[i].type == FLAG_STRING)
            freep(flags[i].value);
}

static const struct flag *find(const struct flag *flags, size_t count, const char *name, size_t len)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(flags[i].name) == len && memcmp(flags[i].name, name, len) == 0)
            return &flags[i];
    return NULL;
}

static const struct flag *find_letter(const struct flag *flags, size_t count, char letter)
{
    for (size_t i = 0; i < count; i++)
        if (letter != '\0' && flags[i].letter == letter)
            return &flags[i];
    return NULL;
}

/* What a word of the command line says: "--name", "--name=value", "-n", "-nvalue", "-n=value". */
struct flag_word {
    const struct flag *flag;
    size_t len;        /* of the flag's name with its dashes */
    const char *value; /* NULL: the next word, or none */
};

static struct flag_word read_word(const struct flag *flags, size_t count, const char *word)
{
    struct flag_word w = {.len = 2};
    if (str_starts(word, "--")) {
        w.len = strcspn(word, "=");
        w.flag = find(flags, count, word + 2, w.len - 2);
    } else {
        w.flag = find_letter(flags, count, word[1]);
    }
    const char *rest = word + w.len;
    if (*rest != '\0')
        w.value = *rest == '=' ? rest + 1 : rest;
    return w;
}

/* The flag at argv[0]; *ret_used is 2 when its value was the next word. */
static struct err *parse_one(const struct flag *flags, size_t count, char *const *argv,
                             size_t *ret_used)
{
    struct flag_word w = read_word(flags, count, argv[0]);
    *ret_used = 1;
    if (w.flag == NULL)
        return err_new(ERR_INVALID, "InvalidFlag", "unknown flag %.*s: see --help", (int)w.len,
                       argv[0]);
    if (w.value != NULL)
        return set_value(w.flag, w.value);
    if (w.flag->type == FLAG_BOOL)
        return set_value(w.flag, "true");
    if (argv[1] == NULL)
        return err_new(ERR_INVALID, "InvalidFlag", "--%s: a value is missing", w.flag->name);
    *ret_used = 2;
    return set_value(w.flag, argv[1]);
}

/* "-" alone is an argument. */
static bool is_flag(const char *word)
{
    return word[0] == '-' && word[1] != '\0';
}

struct err *flags_parse(const struct flag *flags, size_t count, char *const *argv,
                        const char **args)
{
    size_t n = 0;
    bool only_args = false;
    while (*argv != NULL) {
        size_t used = 1;
        if (!only_args && str_eq(*argv, "--"))
            only_args = true;
        else if (!only_args && is_flag(*argv))
            TRY(parse_one(flags, count, argv, &used));
        else if (args == NULL)
            return err_new(ERR_INVALID, "InvalidFlag", "unexpected argument \"%s\": see --help",
                           *argv);
        else
            args[n++] = *argv;
        argv += used;
    }
    if (args != NULL)
        args[n] = NULL;
    return NULL;
}

struct config_pass {
    const struct flag *flags;
    size_t count;
    struct err *err;
};

static bool set_from_config(void *arg, const char *key, json_t *value)
{
    struct config_pass *p = arg;
    const struct flag *f = find(p->flags, p->count, key, strlen(key));
    if (f == NULL) {
        p->err = err_new(ERR_INVALID, "InvalidConfig", "unknown setting \"%s\"", key);
        return false;
    }
    auto_free char *text = NULL;
    if (json_text(value) != NULL)
        text = x_strdup(json_text(value));
    else if (json_count(value) > 0)
        p->err = err_new(ERR_INVALID, "InvalidConfig", "%s: write a single value", key);
    else
        p->err = json_to_string(value, 64, &text);
    if (p->err == NULL)
        p->err = set_value(f, text);
    return p->err == NULL;
}

struct err *flags_load(const struct flag *flags, size_t count, const char *path)
{
    auto_free char *text = NULL;
    TRY(file_read(path, CONFIG_MAX, &text), "--config");
    json_auto_t *doc = NULL;
    TRY(yaml_parse(path, text, strlen(text), &doc), "--config");
    if (!json_is_object(doc))
        return err_new(ERR_INVALID, "InvalidConfig", "%s: write a mapping of settings", path);
    struct config_pass p = {.flags = flags, .count = count};
    json_each(doc, set_from_config, &p);
    return err_wrap(p.err, "%s", path);
}

static bool has_letters(const struct flag *flags, size_t count)
{
    bool any = false;
    for (size_t i = 0; i < count; i++)
        any = any || flags[i].letter != '\0';
    return any;
}

void flags_help(const struct flag *flags, size_t count, FILE *out)
{
    static const char *const words[] = {" TEXT", "", " N", " DURATION"};
    const char *indent = has_letters(flags, count) ? "    " : "";
    for (size_t i = 0; i < count; i++) {
        const struct flag *f = &flags[i];
        char letter[] = {'-', f->letter, ',', ' ', '\0'};
        auto_free char *left =
            x_printf("%s--%s%s", f->letter != '\0' ? letter : indent, f->name, words[f->type]);
        fprintf(out, "  %-40s %s", left, f->help);
        bool is_off = f->type == FLAG_BOOL && str_eq(f->dflt, "false");
        if (!str_empty(f->dflt) && !is_off)
            fprintf(out, " (default %s)", f->dflt);
        fputc('\n', out);
    }
}
