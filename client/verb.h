/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

#include "client/bus.h"
#include "client/options.h"

/* What can be typed after "virtsnapctl".  Each verb is one const Verb in the file of its family, and one
 * line in the table of verbs.c.  A second name with other options or defaults (virsh's long ones) is one
 * more Verb with the same run, which tells them apart by the verb it is given. */

typedef enum VerbGroup {
        GROUP_LOOK,
        GROUP_SNAPSHOT,
        GROUP_MERGE,
        GROUP_JOB,
        _GROUP_MAX,
} VerbGroup;

typedef struct Verb Verb;
struct Verb {
        const char *name;
        const char *synopsis; /* its arguments, as the help shows them */
        const char *summary; /* one line */
        VerbGroup group;
        unsigned min_args, max_args;
        const Option *options; /* or NULL */

        /* args: max_args + 1 of them, NULL where not given.  Returns a status, having shown what went
         * wrong. */
        int (*run)(Client *client, const Verb *verb, char **args);
};

extern const Verb verb_bandwidth, verb_cancel, verb_chain, verb_commit, verb_create, verb_create_xml,
        verb_current, verb_delete, verb_describe, verb_domains, verb_finish, verb_info, verb_jobs, verb_list,
        verb_protect, verb_pull, verb_rename, verb_revert, verb_tree, verb_unprotect, verb_wait, verb_watch,
        verb_xml;

const Verb *verb_find(const char *name);

/* The list of them for the program's own help.  The caller g_free()s it. */
char *verb_help(void);

/* How errors of usage name the verb: "virtsnapctl list".  The caller g_free()s it. */
char *verb_command(const Verb *verb);
