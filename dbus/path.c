/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/path.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-bus.h>

#include "dbus/names.h"

/* Append one escaped label to a prefix. */
static char *path_join(const char *prefix, const char *name) {
        char *path = NULL;

        return sd_bus_path_encode(prefix, name, &path) < 0 ? NULL : path;
}

/* What is behind "PREFIX/" in a path, or NULL. */
static const char *path_below(const char *path, const char *prefix) {
        size_t n = strlen(prefix);

        return strncmp(path, prefix, n) == 0 && path[n] == '/' && path[n + 1] ? path + n + 1 : NULL;
}

/* Decode the label in [label, end).  1 and the name when it is what the encoder makes of that name: each
 * object has exactly one path. */
static int label_decode(const char *label, const char *end, char **ret_name) {
        char *whole, *name = NULL, *again = NULL;
        int r;

        if (asprintf(&whole, "/%.*s", (int) (end - label), label) < 0)
                return -ENOMEM;
        r = sd_bus_object_path_is_valid(whole) ? sd_bus_path_decode(whole, "/", &name) : 0;
        if (r > 0) {
                r = sd_bus_path_encode("/", name, &again);
                r = r < 0 ? r : strcmp(again, whole) == 0;
        }
        free(again);
        free(whole);
        if (r > 0)
                *ret_name = name;
        else
                free(name);
        return r;
}

char *vs_domain_path(const char *domain_name) {
        return path_join(VS_DOMAIN_PREFIX, domain_name);
}

char *vs_snapshot_path(
        const char *domain_path, const char *parent_path, unsigned level, const char *snapshot_name) {
        char *path = NULL;

        if (level % VS_PATH_LEVELS != 0)
                path = path_join(parent_path, snapshot_name);
        if (!path || !sd_bus_object_path_is_valid(path)) {
                free(path);
                path = path_join(domain_path, snapshot_name);
        }
        return path;
}

char *vs_job_path(uint64_t id) {
        char *path;

        return asprintf(&path, VS_JOB_PREFIX "/%" PRIu64, id) < 0 ? NULL : path;
}

int vs_domain_path_decode(const char *path, char **ret_domain_name) {
        const char *label = path_below(path, VS_DOMAIN_PREFIX);

        if (!label || strchr(label, '/'))
                return 0;
        return label_decode(label, label + strlen(label), ret_domain_name);
}

int vs_snapshot_path_decode(const char *path, char **ret_domain_name, char **ret_snapshot_name) {
        const char *label = path_below(path, VS_DOMAIN_PREFIX), *slash, *last;
        char *domain, *snapshot;
        int r;

        slash = label ? strchr(label, '/') : NULL;
        last = slash ? strrchr(slash, '/') + 1 : NULL;
        if (!last || !*last)
                return 0;
        r = label_decode(label, slash, &domain);
        if (r <= 0)
                return r;
        r = label_decode(last, last + strlen(last), &snapshot);
        if (r <= 0) {
                free(domain);
                return r;
        }
        *ret_domain_name = domain;
        *ret_snapshot_name = snapshot;
        return 1;
}

int vs_job_path_decode(const char *path, uint64_t *ret_id) {
        const char *digits = path_below(path, VS_JOB_PREFIX);
        char *end, again[32];
        uint64_t id;

        if (!digits || *digits < '1' || *digits > '9')
                return 0;
        errno = 0;
        id = strtoull(digits, &end, 10);
        snprintf(again, sizeof again, "%" PRIu64, id);
        if (errno || *end || strcmp(again, digits) != 0)
                return 0;
        *ret_id = id;
        return 1;
}
