/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/virt/watch.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>

#include <glib.h>

#include "daemon/base/log.h"

#define FILE_EVENTS (IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE)
#define FOLDER_EVENTS (IN_CREATE | IN_MOVED_TO | IN_ONLYDIR)

typedef struct Folder {
        Watch *watch;
        char *domain;
        sd_event_source *source;
} Folder;

struct Watch {
        sd_event *event;
        const WatchListener *listener;
        void *userdata;
        char *snapshots, *status;
        sd_event_source *snapshots_source, *status_source;
        GHashTable *folders; /* domain name → Folder */
};

/* NAME of NAME.xml, or NULL for any other file (libvirt writes NAME.xml.new first). */
static char *name_of_file(const struct inotify_event *event) {
        return event->len && g_str_has_suffix(event->name, ".xml")
                ? g_strndup(event->name, strlen(event->name) - 4)
                : NULL;
}

static int on_snapshot_file(sd_event_source *source, const struct inotify_event *event, void *userdata) {
        Folder *folder = userdata;
        Watch *watch = folder->watch;
        g_autofree char *name = NULL;

        if (event->mask & IN_Q_OVERFLOW)
                watch->listener->overflow(watch->userdata);
        else if (event->mask & IN_IGNORED)
                g_hash_table_remove(watch->folders, folder->domain);
        else if ((name = name_of_file(event)))
                watch->listener->snapshot(folder->domain, name, event->mask & IN_DELETE, watch->userdata);
        return 0;
}

static void folder_free(void *data) {
        Folder *folder = data;

        sd_event_source_disable_unref(folder->source);
        g_free(folder->domain);
        g_free(folder);
}

static void watch_folder(Watch *watch, const char *domain) {
        g_autofree char *path = g_build_filename(watch->snapshots, domain, NULL);
        Folder *folder;
        int r;

        if (g_hash_table_contains(watch->folders, domain))
                return;
        folder = g_new0(Folder, 1);
        folder->watch = watch;
        folder->domain = g_strdup(domain);
        r = sd_event_add_inotify(
                watch->event, &folder->source, path, FILE_EVENTS | IN_ONLYDIR, on_snapshot_file, folder);
        if (r < 0) {
                /* Gone again, or no folder at all; anything else leaves us blind for it. */
                if (r != -ENOENT && r != -ENOTDIR)
                        log_warning("cannot watch %s: %s", path, strerror(-r));
                folder_free(folder);
                return;
        }
        g_hash_table_insert(watch->folders, folder->domain, folder);
}

static int on_snapshot_folder(sd_event_source *source, const struct inotify_event *event, void *userdata) {
        Watch *watch = userdata;

        if (event->mask & IN_Q_OVERFLOW)
                watch->listener->overflow(watch->userdata);
        else if (event->len && event->mask & IN_ISDIR) {
                watch_folder(watch, event->name);
                /* Files may have come before the watch did. */
                watch->listener->snapshot(event->name, NULL, false, watch->userdata);
        }
        return 0;
}

static int on_status_file(sd_event_source *source, const struct inotify_event *event, void *userdata) {
        Watch *watch = userdata;
        g_autofree char *name = NULL;

        if (event->mask & IN_Q_OVERFLOW)
                watch->listener->overflow(watch->userdata);
        else if (!(event->mask & IN_DELETE) && (name = name_of_file(event)))
                watch->listener->status(name, watch->userdata);
        return 0;
}

/* Where the QEMU driver keeps its files: virQEMUDriverConfigNew() in libvirt's qemu_conf.c. */
static bool find_folders(Watch *watch, const char *uri) {
        if (strcmp(uri, "qemu:///system") == 0) {
                watch->snapshots = g_strdup("/var/lib/libvirt/qemu/snapshot");
                watch->status = g_strdup("/run/libvirt/qemu");
        } else if (strcmp(uri, "qemu:///session") == 0) {
                watch->snapshots = g_build_filename(g_get_user_config_dir(), "libvirt/qemu/snapshot", NULL);
                watch->status = g_build_filename(g_get_user_runtime_dir(), "libvirt/qemu/run", NULL);
        } else if (g_str_has_prefix(uri, "qemu:///embed?root=")) {
                g_autofree char *root = g_uri_unescape_string(uri + strlen("qemu:///embed?root="), NULL);

                if (!root)
                        return false;
                watch->snapshots = g_build_filename(root, "lib/qemu/snapshot", NULL);
                watch->status = g_build_filename(root, "run/qemu", NULL);
        }
        return watch->snapshots;
}

static void watch_known_folders(Watch *watch) {
        g_autoptr(GDir) dir = g_dir_open(watch->snapshots, 0, NULL);
        const char *name;

        while (dir && (name = g_dir_read_name(dir)))
                watch_folder(watch, name);
}

int watch_new(sd_event *event, const char *uri, const WatchListener *listener, void *userdata, Watch **ret) {
        Watch *watch = g_new0(Watch, 1);
        int r;

        watch->event = sd_event_ref(event);
        watch->listener = listener;
        watch->userdata = userdata;
        watch->folders = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, folder_free);
        if (!find_folders(watch, uri)) {
                watch_free(watch);
                return 0;
        }
        r = sd_event_add_inotify(
                event, &watch->snapshots_source, watch->snapshots, FOLDER_EVENTS, on_snapshot_folder, watch);
        if (r < 0) {
                log_warning("cannot watch %s, so snapshots are polled: %s", watch->snapshots, strerror(-r));
                watch_free(watch);
                return r == -ENOENT || r == -EACCES ? 0 : r;
        }
        r = sd_event_add_inotify(event, &watch->status_source, watch->status, IN_MOVED_TO | IN_CLOSE_WRITE,
                on_status_file, watch);
        if (r < 0)
                log_warning("cannot watch %s, so block jobs of others are polled: %s", watch->status,
                        strerror(-r));
        watch_known_folders(watch);
        *ret = watch;
        return 1;
}

Watch *watch_free(Watch *watch) {
        if (!watch)
                return NULL;
        g_hash_table_unref(watch->folders);
        sd_event_source_disable_unref(watch->snapshots_source);
        sd_event_source_disable_unref(watch->status_source);
        sd_event_unref(watch->event);
        g_free(watch->snapshots);
        g_free(watch->status);
        g_free(watch);
        return NULL;
}
