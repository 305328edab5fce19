/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

/* The head of an sd_bus_property_get_t that reads an object of this type: GETTER(get_name, Domain, domain) {
 * … }. */
#define GETTER(function, Type, object)                                                                 \
        static int function##_of(const Type *object, sd_bus_message *reply);                           \
        static int function(sd_bus *sd, const char *path, const char *interface, const char *property, \
                sd_bus_message *reply, void *userdata, sd_bus_error *error) {                          \
                return function##_of(userdata, reply);                                                 \
        }                                                                                              \
        static int function##_of(const Type *object, sd_bus_message *reply)

#define CONSTANT(name, signature, get) SD_BUS_PROPERTY(name, signature, get, 0, SD_BUS_VTABLE_PROPERTY_CONST)
#define CHANGING(name, signature, get) \
        SD_BUS_PROPERTY(name, signature, get, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)
