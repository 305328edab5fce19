/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Every name that callers see, once.  Used by the daemon and by the client; docs are in org.virtsnap1.*.xml.
 */

#define VS_BUS_NAME "org.virtsnap1"
#define VS_ROOT_PATH "/org/virtsnap1"
#define VS_DOMAIN_PREFIX VS_ROOT_PATH "/domain"
#define VS_JOB_PREFIX VS_ROOT_PATH "/job"
#define VS_POLICY_PREFIX VS_ROOT_PATH "/policy"

#define VS_MANAGER_INTERFACE "org.virtsnap1.Manager"
#define VS_DOMAIN_INTERFACE "org.virtsnap1.Domain"
#define VS_SNAPSHOT_INTERFACE "org.virtsnap1.Snapshot"
#define VS_JOB_INTERFACE "org.virtsnap1.Job"
#define VS_POLICY_INTERFACE "org.virtsnap1.Policy"

#define VS_ERROR_PREFIX "org.virtsnap1.Error."
#define VS_ERROR_NO_SUCH_DOMAIN VS_ERROR_PREFIX "NoSuchDomain"
#define VS_ERROR_NO_SUCH_SNAPSHOT VS_ERROR_PREFIX "NoSuchSnapshot"
#define VS_ERROR_NO_SUCH_DISK VS_ERROR_PREFIX "NoSuchDisk"
#define VS_ERROR_NO_SUCH_JOB VS_ERROR_PREFIX "NoSuchJob"
#define VS_ERROR_NO_SUCH_POLICY VS_ERROR_PREFIX "NoSuchPolicy"
#define VS_ERROR_SNAPSHOT_EXISTS VS_ERROR_PREFIX "SnapshotExists"
#define VS_ERROR_INVALID_NAME VS_ERROR_PREFIX "InvalidName"
#define VS_ERROR_INVALID_XML VS_ERROR_PREFIX "InvalidXML"
#define VS_ERROR_INVALID_PATH VS_ERROR_PREFIX "InvalidPath"
#define VS_ERROR_DOMAIN_BUSY VS_ERROR_PREFIX "DomainBusy"
#define VS_ERROR_NOT_SUPPORTED VS_ERROR_PREFIX "NotSupported"
#define VS_ERROR_WOULD_LOSE_DATA VS_ERROR_PREFIX "WouldLoseData"
#define VS_ERROR_PROTECTED VS_ERROR_PREFIX "Protected"
#define VS_ERROR_REVERT_RISKY VS_ERROR_PREFIX "RevertRisky"
#define VS_ERROR_AGENT_UNAVAILABLE VS_ERROR_PREFIX "AgentUnavailable"
#define VS_ERROR_NO_SPACE VS_ERROR_PREFIX "NoSpace"
#define VS_ERROR_TOO_MANY VS_ERROR_PREFIX "TooMany"
#define VS_ERROR_CANCELLED VS_ERROR_PREFIX "Cancelled"
#define VS_ERROR_NOT_CANCELABLE VS_ERROR_PREFIX "NotCancelable"
#define VS_ERROR_BROKEN VS_ERROR_PREFIX "Broken"
#define VS_ERROR_DISCONNECTED VS_ERROR_PREFIX "Disconnected"
#define VS_ERROR_TIMEOUT VS_ERROR_PREFIX "Timeout"
#define VS_ERROR_LIBVIRT_FAILED VS_ERROR_PREFIX "LibvirtFailed"

/* StartedByUID of a job whose author is not known. */
#define VS_UID_UNKNOWN UINT32_MAX
