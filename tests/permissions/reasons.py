"""Why each statement is in the template, and which changes no flow notices."""

from collections.abc import Mapping

_WITH_PATH = "Only if `ContactsPath` is not `none`."

WHY: Mapping[tuple[str, str], str] = {
    ("WorkerRole trust", "trust"): "only Lambda may assume the role",
    ("WorkerRole", "ReceiveMessages"): "Lambda receives messages with this role; the worker schedules retries",
    ("WorkerRole", "SendFailedMessages"): "keeps the accounts that failed",
    ("WorkerRole", "ReadContacts"): "reads the contacts, of the contact types whose policy is not `ignore`; with "
    "`ContactsPath` of every type",
    (
        "WorkerRole",
        "SetContacts",
    ): "sets the contacts of the same types, and may not delete them. In mode `report`, the statement denies it",
    (
        "WorkerRole",
        "DescribeAccounts",
    ): "determines why AWS denied access to an account, and with `ContactsPath` its OUs",
    ("WorkerRole", "ListServiceAccess"): "determines whether trusted access is off",
    ("WorkerRole", "WriteLogs"): "writes the log",
    ("WorkerRole", "ReadContactConfiguration"): "reads the [contacts of single OUs and accounts](own-contacts.md). "
    + _WITH_PATH,
    (
        "WorkerRole",
        "ListParents",
    ): "finds the OUs of an account, where the runtime's botocore is too old for one call of "
    "DescribeAccount. " + _WITH_PATH,
    ("BackfillRole trust", "trust"): "only Lambda may assume the role",
    ("BackfillRole", "DescribeOrganization"): "checks the prerequisites and lists every account",
    (
        "BackfillRole",
        "EnableTrustedAccess",
    ): "enables trusted access, without which every call about a member account is "
    "denied. In mode `report`, the statement denies it",
    (
        "BackfillRole",
        "ReadOneContact",
    ): "reads one contact as a check before it sends messages: of the first contact type "
    "whose policy is not `ignore`, with `ContactsPath` BILLING",
    (
        "BackfillRole",
        "SimulateWorkerRole",
    ): "on the first deployment, warns in BackfillSummary of what WorkerRole is denied",
    ("BackfillRole", "SendMessages"): "sends messages; skips a reconcile while messages are waiting",
    ("BackfillRole", "DescribeOwnStack"): "detects a rollback, which must always succeed",
    ("BackfillRole", "ReadBackfillMetric"): "reads how long ago the last backfill was",
    ("BackfillRole", "SendFailedInvocations"): "keeps its own [failed invocations](#what-a-failed-invocation-contains)",
    ("BackfillRole", "WriteLogs"): "writes the log",
    (
        "BackfillRole",
        "ReadContactConfiguration",
    ): "checks the [contacts of single OUs and accounts](own-contacts.md) before it sends messages. " + _WITH_PATH,
    ("BackfillRole", "ReceiveChanges"): "Lambda receives changes of the contact configuration with this role. "
    + _WITH_PATH,
    ("ScheduleRole trust", "trust"): "only schedules of this account in the group `default` may use the role",
    ("ScheduleRole", "InvokeBackfill"): "runs the reconcile and the daily report of the backfill age",
    ("ScheduleRole", "SendUndelivered"): "keeps what could not be delivered",
    (
        "KmsKeyPolicy",
        "UseKmsKey",
    ): "WorkerRole, BackfillRole and ScheduleRole read and write the encrypted queues. Only if you set `KmsKeyArn`",
    ("AccountQueuePolicy", "AllowEventBridgeRules"): "the rules of the stack deliver the events of new accounts, with "
    "`ContactsPath` also of moved ones",
    ("AccountQueuePolicy", "DenyInsecureTransport"): "denies access without TLS",
    ("FailedAccountQueuePolicy", "DenyInsecureTransport"): "denies access without TLS",
    ("UndeliveredQueuePolicy", "AllowEventBridgeRules"): "the rules of the stack keep the events that they could not "
    "deliver; two of them exist only with `ContactsPath`",
    ("UndeliveredQueuePolicy", "DenyInsecureTransport"): "denies access without TLS",
    (
        "ChangeQueuePolicy",
        "AllowEventBridgeRules",
    ): "the rule of the stack delivers changes of the contact configuration. " + _WITH_PATH,
    ("ChangeQueuePolicy", "DenyInsecureTransport"): "denies access without TLS",
    ("AlarmTopicPolicy", "AllowCloudWatchAlarms"): "alarms of this account and region notify you",
    ("AlarmTopicPolicy", "DenyInsecureTransport"): "denies access without TLS",
    ("ProtectionPolicy", "ProtectContacts"): "keeps member accounts from changing the contacts whose policy is "
    "`overwrite`. Only if you set [`ProtectedTargetId`](protection.md)",
}
"""Reasons by policy and Sid."""

_EVERY_TYPE = "all three contact types are managed there. If one is ignored, a flow fails"
_SAME_ACCOUNT = "the other condition names the account too. AWS recommends both, and without both a flow fails"
_DENIES_MORE = "the statement denies, and then denies more than the package does"

UNNOTICED: Mapping[str, str] = {
    "every feature | WorkerRole | ReadContacts | without the condition account:AlternateContactTypes": _EVERY_TYPE,
    "every feature | WorkerRole | SetContacts | without the condition account:AlternateContactTypes": _EVERY_TYPE,
    "every feature | ScheduleRole trust | trust | without the condition aws:SourceAccount": _SAME_ACCOUNT,
    "every feature | AlarmTopicPolicy | AllowCloudWatchAlarms | without the condition aws:SourceAccount": _SAME_ACCOUNT,
    "every feature | AlarmTopicPolicy | AllowCloudWatchAlarms | without the condition aws:SourceArn": _SAME_ACCOUNT,
    "mode report | WorkerRole | SetContacts | without the condition account:AlternateContactTypes": _DENIES_MORE,
    "mode report | BackfillRole | EnableTrustedAccess | "
    "without the condition organizations:ServicePrincipal": _DENIES_MORE,
}
"""Changes that no flow notices, with the reason. A run fails if it finds others, or if one of these is noticed."""
