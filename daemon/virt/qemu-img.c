/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/virt/qemu-img.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <json-c/json.h>

#include "daemon/base/error.h"

#define TIME_LIMIT_USEC ((gint64) 30 * G_USEC_PER_SEC)
#define CPU_LIMIT_SEC 30
#define MEMORY_LIMIT (UINT64_C(1) << 30)
#define OUTPUT_LIMIT (UINT64_C(4) << 20)

typedef struct json_object JsonObject;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(JsonObject, json_object_put)

void qemu_img_info_clear(QemuImgInfo *info) {
        g_clear_pointer(&info->backing, g_free);
        g_clear_pointer(&info->backing_format, g_free);
}

/* Between fork and exec: calls that are safe there, and nothing else. */
static void limit_child(gpointer data) {
        struct rlimit cpu = { CPU_LIMIT_SEC, CPU_LIMIT_SEC }, memory = { MEMORY_LIMIT, MEMORY_LIMIT };
        sigset_t none;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        setrlimit(RLIMIT_CPU, &cpu);
        setrlimit(RLIMIT_AS, &memory);
}

/* Up to the end, the time limit (0) or the size limit (-EFBIG). 1 when it was read to the end. */
static int read_all(int fd, GString *output) {
        gint64 deadline = g_get_monotonic_time() + TIME_LIMIT_USEC;

        for (;;) {
                struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
                gint64 left = deadline - g_get_monotonic_time();
                char buffer[4096];
                ssize_t n;
                int r;

                if (left <= 0)
                        return 0;
                r = poll(&poll_fd, 1, (int) (left / 1000) + 1);
                if (r < 0 && errno != EINTR)
                        return -errno;
                if (r <= 0)
                        continue;
                n = read(fd, buffer, sizeof(buffer));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return 1;
                if (output->len + (size_t) n > OUTPUT_LIMIT)
                        return -EFBIG;
                g_string_append_len(output, buffer, n);
        }
}

/* Run it and take what it prints; it has ended in every case. */
static bool run(char *const *arguments, GString *output, GError **error) {
        int fd = -1, status = 0, r;
        GPid pid;

        if (!g_spawn_async_with_pipes(NULL, (char **) arguments, NULL,
                    G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDERR_TO_DEV_NULL,
                    limit_child, NULL, &pid, NULL, &fd, NULL, NULL))
                return vs_fail(
                        error, VS_ERR_NOT_SUPPORTED, "qemu-img could not be started; is it installed?");
        r = read_all(fd, output);
        close(fd);
        if (r != 1)
                kill(pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        g_spawn_close_pid(pid);
        if (r == 0)
                return vs_fail(error, VS_ERR_TIMEOUT, "qemu-img did not answer in time");
        if (r < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
                return vs_fail(error, VS_ERR_BROKEN, "qemu-img could not read the image");
        return true;
}

static char *get_text(JsonObject *object, const char *key) {
        JsonObject *value;

        if (!json_object_object_get_ex(object, key, &value) || !json_object_is_type(value, json_type_string))
                return NULL;
        return g_strdup(json_object_get_string(value));
}

static bool parse(const GString *output, QemuImgInfo *ret, GError **error) {
        g_autoptr(JsonObject) root = json_tokener_parse(output->str);
        JsonObject *value;

        if (!json_object_is_type(root, json_type_object) ||
                !json_object_object_get_ex(root, "virtual-size", &value))
                return vs_fail(error, VS_ERR_BROKEN, "qemu-img gave an answer that is not understood");
        *ret = (QemuImgInfo){
                .virtual_size = json_object_get_uint64(value),
                .backing = get_text(root, "backing-filename"),
                .backing_format = get_text(root, "backing-filename-format"),
        };
        if (json_object_object_get_ex(root, "encrypted", &value))
                ret->encrypted = json_object_get_boolean(value);
        if (json_object_object_get_ex(root, "snapshots", &value) &&
                json_object_is_type(value, json_type_array))
                ret->snapshots = (unsigned) json_object_array_length(value);
        return true;
}

static bool is_word(const char *text) {
        return text[0] && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(text) &&
                text[0] != '-';
}

bool qemu_img_info(const char *path, const char *format, QemuImgInfo *ret, GError **error) {
        const char *arguments[] = { "qemu-img", "info", "-U", "--output=json", "-f", format, path, NULL };
        g_autoptr(GString) output = g_string_new(NULL);

        if (!is_word(format))
                return vs_fail(error, VS_ERR_NOT_SUPPORTED, "This is not the name of an image format");
        return run((char *const *) arguments, output, error) && parse(output, ret, error);
}
