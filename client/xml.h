/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/bus.h"

/* Print the XML of the snapshot at a path, with passwords if secure.  A status. */
int xml_print(Client *client, const char *path, const char *name, bool secure);
