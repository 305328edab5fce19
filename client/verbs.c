/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include <glib.h>

#include "client/verb.h"

/* In the order of the help. */
static const Verb *const verbs[] = {
        &verb_domains,
        &verb_tree,
        &verb_list,
        &verb_info,
        &verb_xml,
        &verb_chain,
        &verb_watch,

        &verb_create,
        &verb_create_xml,
        &verb_revert,
        &verb_delete,
        &verb_current,
        &verb_describe,
        &verb_rename,
        &verb_protect,
        &verb_unprotect,

        &verb_commit,
        &verb_pull,

        &verb_jobs,
        &verb_wait,
        &verb_cancel,
        &verb_finish,
        &verb_bandwidth,
};

static const char *const group_titles[_GROUP_MAX] = {
        [GROUP_LOOK] = "Look:",
        [GROUP_SNAPSHOT] = "Take snapshots, go back to them, keep them in order:",
        [GROUP_MERGE] = "Merge disk images:",
        [GROUP_JOB] = "Jobs:",
};

const Verb *verb_find(const char *name) {
        for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++)
                if (g_str_equal(verbs[i]->name, name))
                        return verbs[i];
        return NULL;
}

char *verb_help(void) {
        GString *help = g_string_new("Snapshots of virtual machines: the client of virtsnapd.\n");

        for (unsigned group = 0; group < _GROUP_MAX; group++) {
                g_string_append_printf(help, "\n%s\n", group_titles[group]);
                for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++) {
                        g_autofree char *usage = NULL;

                        if (verbs[i]->group != group)
                                continue;
                        usage = g_strconcat(verbs[i]->name, " ", verbs[i]->synopsis, NULL);
                        g_string_append_printf(help, "  %-36s %s\n", usage, verbs[i]->summary);
                }
        }
        return g_string_free(help, FALSE);
}

char *verb_command(const Verb *verb) {
        return g_strconcat("virtsnapctl ", verb->name, NULL);
}
