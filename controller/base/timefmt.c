/* SPDX-License-Identifier: Apache-2.0 */
#include "base/timefmt.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#define SECS_PER_DAY INT64_C(86400)
#define DAYS_PER_ERA INT64_C(146097) /* 400 years */
#define DAYS_TO_1970 INT64_C(719468) /* from 0000-03-01 */

struct civil {
    int year, month, day, hour, minute, second;
};

/* Floor division, for times before 1970. */
static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* The proleptic Gregorian calendar with years that begin in March, so that the leap day is last. */
static int64_t days_from_civil(int year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t era = floor_div(y, 400);
    int64_t year_of_era = y - era * 400;
    int64_t month_from_march = (month + 9) % 12;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970;
}

static void civil_from_days(int64_t days, struct civil *c)
{
    int64_t shifted = days + DAYS_TO_1970;
    int64_t era = floor_div(shifted, DAYS_PER_ERA);
    int64_t doe = shifted - era * DAYS_PER_ERA;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t month_from_march = (5 * doy + 2) / 153;
    c->day = (int)(doy - (153 * month_from_march + 2) / 5 + 1);
    c->month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    c->year = (int)(yoe + era * 400 + (c->month <= 2));
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

static bool civil_valid(const struct civil *c)
{
    return c->month >= 1 && c->month <= 12 && c->day >= 1 &&
           c->day <= days_in_month(c->year, c->month) && c->hour <= 23 && c->minute <= 59 &&
           c->second <= 59;
}

static int64_t civil_to_secs(const struct civil *c)
{
    return days_from_civil(c->year, c->month, c->day) * SECS_PER_DAY + c->hour * 3600 +
           c->minute * 60 + c->second;
}

/* Writes the time with so many digits of the second's fraction. */
static void format_utc(int64_t wall_ns, int digits, char out[RFC3339_MAX])
{
    int64_t secs = floor_div(wall_ns, NS_PER_SEC);
    int64_t days = floor_div(secs, SECS_PER_DAY);
    int of_day = (int)(secs - days * SECS_PER_DAY);
    struct civil c = {0};
    civil_from_days(days, &c);
    int n = snprintf(out, RFC3339_MAX, "%04d-%02d-%02dT%02d:%02d:%02d", c.year, c.month, c.day,
                     of_day / 3600, of_day / 60 % 60, of_day % 60);
    int64_t fraction = (wall_ns % NS_PER_SEC + NS_PER_SEC) % NS_PER_SEC;
    for (int i = digits; i < 9; i++)
        fraction /= 10;
    if (digits > 0)
        n += snprintf(out + n, RFC3339_MAX - (size_t)n, ".%0*d", digits, (int)fraction);
    str_copy(out + n, RFC3339_MAX - (size_t)n, "Z");
}

void rfc3339_format(int64_t wall_ns, char out[RFC3339_MAX])
{
    format_utc(wall_ns, 0, out);
}

void rfc3339_format_milli(int64_t wall_ns, char out[RFC3339_MAX])
{
    format_utc(wall_ns, 3, out);
}

void rfc3339_format_micro(int64_t wall_ns, char out[RFC3339_MAX])
{
    format_utc(wall_ns, 6, out);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Takes exactly n digits; the cursor stays where it was on failure. */
static bool take_digits(const char **cursor, int n, int *ret_value)
{
    const char *p = *cursor;
    int value = 0;
    for (int i = 0; i < n; i++, p++) {
        if (!is_digit(*p))
            return false;
        value = value * 10 + (*p - '0');
    }
    *cursor = p;
    *ret_value = value;
    return true;
}

static bool take_char(const char **cursor, char c)
{
    if (**cursor != c)
        return false;
    (*cursor)++;
    return true;
}

/* hh:mm:ss */
static bool take_clock(const char **cursor, struct civil *c)
{
    return take_digits(cursor, 2, &c->hour) && take_char(cursor, ':') &&
           take_digits(cursor, 2, &c->minute) && take_char(cursor, ':') &&
           take_digits(cursor, 2, &c->second);
}

/* ".123": digits beyond nanoseconds are read and ignored. */
static bool take_fraction(const char **cursor, int64_t *ret_ns)
{
    *ret_ns = 0;
    if (!take_char(cursor, '.'))
        return true;
    if (!is_digit(**cursor))
        return false;
    for (int64_t unit = NS_PER_SEC / 10; is_digit(**cursor); (*cursor)++, unit /= 10)
        *ret_ns += (**cursor - '0') * unit;
    return true;
}

/* "Z" or "+hh:mm", which ends the string. */
static bool take_offset(const char **cursor, int64_t *ret_secs)
{
    *ret_secs = 0;
    if (take_char(cursor, 'Z') || take_char(cursor, 'z'))
        return **cursor == '\0';
    int hours, minutes, sign = **cursor == '-' ? -1 : 1;
    if (!take_char(cursor, '+') && !take_char(cursor, '-'))
        return false;
    if (!take_digits(cursor, 2, &hours) || !take_char(cursor, ':') ||
        !take_digits(cursor, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *ret_secs = sign * (hours * 3600 + minutes * 60);
    return **cursor == '\0';
}

/* The latest time there is when it would be later. */
static int64_t whole_ns(int64_t secs, int64_t fraction_ns)
{
    int64_t ns;
    bool late = __builtin_mul_overflow(secs, NS_PER_SEC, &ns) ||
                __builtin_add_overflow(ns, fraction_ns, &ns);
    return late ? INT64_MAX : ns;
}

static bool parse_rfc3339(const char *s, int64_t *ret_wall_ns)
{
    const char *p = s;
    struct civil c = {0};
    int64_t fraction = 0, offset = 0;
    if (!take_digits(&p, 4, &c.year) || !take_char(&p, '-') || !take_digits(&p, 2, &c.month) ||
        !take_char(&p, '-') || !take_digits(&p, 2, &c.day))
        return false;
    if ((!take_char(&p, 'T') && !take_char(&p, 't')) || !take_clock(&p, &c) ||
        !take_fraction(&p, &fraction) || !take_offset(&p, &offset))
        return false;
    if (c.year < 1970 || !civil_valid(&c))
        return false;
    int64_t secs = civil_to_secs(&c) - offset;
    if (secs < 0)
        return false;
    *ret_wall_ns = whole_ns(secs, fraction);
    return true;
}

struct err *rfc3339_parse(const char *s, int64_t *ret_wall_ns)
{
    if (s == NULL || !parse_rfc3339(s, ret_wall_ns))
        return err_new(ERR_INVALID, "InvalidTime",
                       "\"%.40s\" is not a time of the years 1970 to 9999 like "
                       "2026-11-21T09:24:42Z (RFC 3339)",
                       s != NULL ? s : "");
    return NULL;
}

static const struct unit {
    const char *name;
    int64_t ns;
} units[] = {
    {"ns", 1},
    {"us", NS_PER_US},
    {"\xC2\xB5s", NS_PER_US}, /* U+00B5 MICRO SIGN, which Go prints */
    {"\xCE\xBCs", NS_PER_US}, /* U+03BC GREEK SMALL LETTER MU, which Go accepts */
    {"ms", NS_PER_MS},
    {"s", NS_PER_SEC},
    {"m", NS_PER_MIN},
    {"h", NS_PER_HOUR},
};

/* The unit is what stands before the next number or the end. */
static const struct unit *take_unit(const char **cursor)
{
    size_t len = strcspn(*cursor, ".0123456789");
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (strlen(units[i].name) == len && strncmp(units[i].name, *cursor, len) == 0) {
            *cursor += len;
            return &units[i];
        }
    }
    return NULL;
}

/* 0.d1d2d3... of a unit, exact and rounded down: Horner's scheme from the last digit. */
static int64_t fraction_of(const char *digits, size_t len, int64_t unit)
{
    int64_t ns = 0;
    while (len-- > 0)
        ns = ((digits[len] - '0') * unit + ns) / 10;
    return ns;
}

/* Takes one "1.5h" and subtracts it from *total_ns: below zero the range is one wider. */
static bool take_term(const char **cursor, int64_t *total_ns)
{
    const char *whole = *cursor;
    size_t whole_len = strspn(whole, "0123456789");
    const char *fraction = whole + whole_len + (whole[whole_len] == '.');
    size_t fraction_len = whole[whole_len] == '.' ? strspn(fraction, "0123456789") : 0;
    if (whole_len + fraction_len == 0)
        return false;
    *cursor = fraction + fraction_len;
    const struct unit *unit = take_unit(cursor);
    if (unit == NULL)
        return false;
    int64_t value = 0;
    for (size_t i = 0; i < whole_len; i++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, whole[i] - '0', &value))
            return false;
    }
    return !__builtin_mul_overflow(value, unit->ns, &value) &&
           !__builtin_add_overflow(*total_ns, value, total_ns) &&
           !__builtin_sub_overflow(*total_ns, fraction_of(fraction, fraction_len, unit->ns),
                                   total_ns);
}

static bool parse_duration(const char *s, int64_t *ret_ns)
{
    bool negative = *s == '-';
    if (*s == '-' || *s == '+')
        s++;
    int64_t total = 0;
    if (strcmp(s, "0") == 0)
        s = "0s";
    do {
        if (!take_term(&s, &total))
            return false;
    } while (*s != '\0');
    if (!negative && total == INT64_MIN)
        return false;
    *ret_ns = negative ? total : -total;
    return true;
}

struct err *duration_parse(const char *s, int64_t *ret_ns)
{
    if (s == NULL || !parse_duration(s, ret_ns))
        return err_new(ERR_INVALID, "InvalidDuration",
                       "\"%.40s\" is not a duration like 2160h, 90m or 1h30m (the units are h, m, "
                       "s, ms, us and ns)",
                       s != NULL ? s : "");
    return NULL;
}

/* value / unit with its fraction and no trailing zeros, as in "1.5". */
static int format_decimal(uint64_t value, uint64_t unit, const char *name, char *out, size_t size)
{
    char fraction[12] = "";
    size_t n = 0;
    for (uint64_t rest = value % unit; rest > 0; rest = rest * 10 % unit) {
        fraction[n++] = (char)('0' + rest * 10 / unit);
        fraction[n] = '\0';
    }
    return snprintf(out, size, "%llu%s%s%s", (unsigned long long)(value / unit), n > 0 ? "." : "",
                    fraction, name);
}

void duration_format(int64_t ns, char out[DURATION_MAX])
{
    uint64_t left = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    char *p = out;
    size_t size = DURATION_MAX;
    if (ns < 0) {
        *p++ = '-';
        size--;
    }
    if (ns == 0)
        str_copy(out, DURATION_MAX, "0s");
    else if (left < (uint64_t)NS_PER_US)
        format_decimal(left, 1, "ns", p, size);
    else if (left < (uint64_t)NS_PER_MS)
        format_decimal(left, (uint64_t)NS_PER_US, "\xC2\xB5s", p, size);
    else if (left < (uint64_t)NS_PER_SEC)
        format_decimal(left, (uint64_t)NS_PER_MS, "ms", p, size);
    else {
        uint64_t hours = left / (uint64_t)NS_PER_HOUR;
        uint64_t minutes = left / (uint64_t)NS_PER_MIN;
        int n = 0;
        if (hours > 0)
            n += snprintf(p, size, "%lluh", (unsigned long long)hours);
        if (minutes > 0)
            n += snprintf(p + n, size - (size_t)n, "%dm", (int)(minutes % 60));
        format_decimal(left % (uint64_t)NS_PER_MIN, (uint64_t)NS_PER_SEC, "s", p + n,
                       size - (size_t)n);
    }
}

void duration_human(int64_t ns, char out[DURATION_MAX])
{
    static const struct {
        int64_t ns;
        const char *name;
        int64_t minor_ns; /* 0: the unit stands alone */
        const char *minor_name;
    } scale[] = {
        {NS_PER_DAY, "d", NS_PER_HOUR, "h"}, {NS_PER_HOUR, "h", NS_PER_MIN, "min"},
        {NS_PER_MIN, "min", 0, NULL},        {NS_PER_SEC, "s", 0, NULL},
        {NS_PER_MS, "ms", 0, NULL},
    };
    uint64_t left = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(scale) && left < (uint64_t)scale[i].ns)
        i++;
    uint64_t major = left / (uint64_t)scale[i].ns;
    uint64_t rest = left % (uint64_t)scale[i].ns;
    uint64_t minor = scale[i].minor_ns > 0 ? rest / (uint64_t)scale[i].minor_ns : 0;
    int n = snprintf(out, DURATION_MAX, "%s%llu %s", ns < 0 && major > 0 ? "-" : "",
                     (unsigned long long)major, scale[i].name);
    if (minor > 0)
        snprintf(out + n, DURATION_MAX - (size_t)n, " %d %s", (int)minor, scale[i].minor_name);
}

/* Takes one of count names of three letters each; its index is *ret_index. */
static bool take_name(const char **cursor, const char *names, int count, int *ret_index)
{
    for (int i = 0; i < count; i++) {
        if (strncmp(*cursor, names + 3 * i, 3) == 0) {
            *cursor += 3;
            *ret_index = i;
            return true;
        }
    }
    return false;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7). A weekday that does not fit the date is
 * forgiven: the date is what counts. */
static bool parse_http_date(const char *s, int64_t *ret_secs)
{
    const char *p = s;
    struct civil c = {0};
    int weekday, month;
    if (!take_name(&p, "MonTueWedThuFriSatSun", 7, &weekday) || !take_char(&p, ',') ||
        !take_char(&p, ' ') || !take_digits(&p, 2, &c.day) || !take_char(&p, ' ') ||
        !take_name(&p, "JanFebMarAprMayJunJulAugSepOctNovDec", 12, &month) || !take_char(&p, ' ') ||
        !take_digits(&p, 4, &c.year) || !take_char(&p, ' '))
        return false;
    c.month = month + 1;
    if (!take_clock(&p, &c) || strcmp(p, " GMT") != 0 || !civil_valid(&c))
        return false;
    *ret_secs = civil_to_secs(&c);
    return true;
}

/* Any number of digits; more than a day is a day. */
static bool parse_delta_seconds(const char *s, int64_t *ret_secs)
{
    int64_t secs = 0;
    const char *p = s;
    for (; is_digit(*p); p++) {
        secs = secs * 10 + (*p - '0');
        if (secs > SECS_PER_DAY)
            secs = SECS_PER_DAY;
    }
    if (p == s || *p != '\0')
        return false;
    *ret_secs = secs;
    return true;
}

struct err *retry_after_parse(const char *s, int64_t now_wall_ns, int64_t *ret_wall_ns)
{
    int64_t wait = 0, at = 0;
    if (s != NULL && parse_delta_seconds(s, &wait)) {
        *ret_wall_ns = now_wall_ns + wait * NS_PER_SEC;
        return NULL;
    }
    if (s == NULL || !parse_http_date(s, &at))
        return err_new(ERR_INVALID, "InvalidRetryAfter",
                       "Retry-After \"%.40s\" is neither seconds nor an HTTP date",
                       s != NULL ? s : "");
    int64_t now = floor_div(now_wall_ns, NS_PER_SEC);
    if (at > now + SECS_PER_DAY)
        *ret_wall_ns = now_wall_ns + NS_PER_DAY;
    else
        *ret_wall_ns = at > now ? at * NS_PER_SEC : now_wall_ns;
    return NULL;
}
