/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>

#include "daemon/jobs/store.h"

/* The inside of the store, for store.c and provenance.c. */

/* The folder of the store's files. */
int store_fd(const Store *store);
void store_lock(Store *store);
void store_unlock(Store *store);
