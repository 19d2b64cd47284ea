"""An app's alerts: who is told of them, what listeners hear, and what a program may ask."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, Final

from flask_mlmonitor import signals
from flask_mlmonitor._app import AppState
from flask_mlmonitor._evaluations import schedule_of, subjects_of, tell
from flask_mlmonitor.alerts.alert import Alert, Notification
from flask_mlmonitor.alerts.deciding import Decision
from flask_mlmonitor.alerts.retraining import Recommendation
from flask_mlmonitor.alerts.routing import LOG, keys_to_set, route_of, route_to
from flask_mlmonitor.background.cloudwatch import CloudWatch
from flask_mlmonitor.background.duties import Duties
from flask_mlmonitor.background.figures import Figures
from flask_mlmonitor.background.recommending import Recommending
from flask_mlmonitor.background.runtime import Runtime
from flask_mlmonitor.background.watch import Watch
from flask_mlmonitor.channels.alertmanager import Alertmanager
from flask_mlmonitor.channels.channel import Channel
from flask_mlmonitor.channels.configured import routed
from flask_mlmonitor.channels.delivery import Delivery
from flask_mlmonitor.channels.feed import Feed
from flask_mlmonitor.channels.webhook import Webhook
from flask_mlmonitor.clock import now
from flask_mlmonitor.cloudwatch.sender import Sender
from flask_mlmonitor.counters.cells import Owner
from flask_mlmonitor.counters.faults import LOGGER
from flask_mlmonitor.counters.requests import MONITOR, NotificationCounters, RetrainingCounters
from flask_mlmonitor.counters.slots import read_slots
from flask_mlmonitor.store.alerting import Post, read_heard
from flask_mlmonitor.store.levels import DAY
from flask_mlmonitor.store.outbox import add_messages

RETRAINING: Final = "retraining"
"""The channel, and the family of messages, of recommendations to train a model anew."""


def duties_of(state: AppState, runtime: Runtime) -> Duties:
    """Return what the elected process does for an app."""
    return Duties(
        schedule_of(state, runtime),
        _watch_of(state, runtime),
        wanted=lambda: state.app() is not None,
        cloudwatch=_cloudwatch_of(state, runtime),
    )


def posting(state: AppState, time: float) -> Post:
    """Return what adds messages to the outbox, for the channels of their severity.

    :param time: now, in seconds since the epoch.
    """

    def post(connection: Any, notifications: Sequence[Notification]) -> None:
        if notifications:
            messages = [(one, _channels_for(state, one)) for one in notifications]
            add_messages(connection, state.name, messages, created=time)

    return post


def tell_decided(state: AppState, decision: Decision) -> None:
    """Send the signals of what became of alerts."""
    events = {"fired": signals.alert_fired, "resolved": signals.alert_resolved}
    for one in decision.transitions:
        if one.event in events:
            tell(state, events[one.event], alert=one.alert)


def _watch_of(state: AppState, runtime: Runtime) -> Watch:
    channels = {**state.channels, **_retraining_channel(state)}
    counters = NotificationCounters(runtime.slot, channels)
    feed = state.channels.get("alertmanager")
    on_fault = partial(runtime.faults.happened, "background")
    delivery = Delivery(
        state.name,
        runtime.database,
        channels,
        count=counters.came,
        on_fault=on_fault,
        feed=Feed(feed, partial(_fed, state, runtime)) if isinstance(feed, Alertmanager) else None,
    )
    recommending = Recommending(
        state.name,
        runtime.database,
        state.settings,
        post=partial(_post_recommendation, state),
        on_recommended=partial(_tell_recommended, state, runtime),
    )
    faults = partial(_faults, runtime)
    return Watch(
        state.name,
        runtime.database,
        partial(subjects_of, state),
        state.settings,
        figures=Figures(state.name, runtime.database, state.settings, faults=faults),
        posting=partial(posting, state),
        delivery=delivery,
        recommending=recommending,
        on_fault=on_fault,
        on_decided=partial(tell_decided, state),
    )


def _cloudwatch_of(state: AppState, runtime: Runtime) -> CloudWatch | None:
    namespace = state.settings.cloudwatch_namespace
    if namespace is None:
        return None
    on_fault = partial(runtime.faults.happened, "background")
    return CloudWatch(
        runtime.database,
        partial(subjects_of, state),
        Sender(namespace, on_fault=on_fault),
        waits=runtime.waits_for,
        on_fault=on_fault,
    )


def _channels_for(state: AppState, notification: Notification) -> tuple[str, ...]:
    settings = state.settings.for_model(notification.model)
    channels = routed(notification, route_of(notification, settings), state.channels)
    if channels == (LOG,) and notification.severity != "info":
        with state.runtime.faults.guard("background"):
            _say_that_nobody_is_told(state.runtime, keys_to_set(settings, state.channels))
    return channels


def _say_that_nobody_is_told(runtime: Runtime, missing: Sequence[str]) -> None:
    """Log once a day which keys to set; none, where only the log is to be told."""
    if missing and runtime.folders.first_in_interval("untold", DAY):
        LOGGER.warning("Nobody but the log is told of alerts: set %s.", " or ".join(missing))


def _fed(state: AppState, runtime: Runtime) -> list[Alert]:
    """Return the alerts that Alertmanager is to know of."""
    return [
        one
        for one in read_heard(runtime.database, state.name, now())
        if "alertmanager" in route_to(one.severity, state.settings.for_model(one.model))
    ]


def _faults(runtime: Runtime) -> float:
    """Return how many faults the monitor of this host ever had."""
    blocks = chain.from_iterable(blocks or () for _, blocks in read_slots(runtime.slot))
    cells = (block.items() for block in blocks if block.owner == MONITOR)
    return sum(value for name, value in chain.from_iterable(cells) if name[0] == "internal_errors")


def _retraining_channel(state: AppState) -> Mapping[str, Channel]:
    url = state.settings.retrain_webhook_url
    return {} if url is None else {RETRAINING: Webhook(url, state.settings.webhook_secret)}


def _post_recommendation(state: AppState, connection: Any, found: Recommendation) -> None:
    if state.settings.retrain_webhook_url is None:
        return
    about = f"{state.name} {found.model} {found.version}"
    key = f"mlmonitor/{RETRAINING}/{hashlib.sha256(about.encode()).hexdigest()}"
    message = Notification(
        id=secrets.token_hex(16),
        key=key,
        action="trigger",
        reason="new",
        family=RETRAINING,
        model=found.model,
        version=found.version,
        severity="info",
        title=f"{found.model} {found.version}: train it anew",
        text=" ".join(found.reasons),
        time=found.time,
    )
    created = found.time.timestamp()
    add_messages(connection, state.name, [(message, (RETRAINING,))], created=created)


def _tell_recommended(state: AppState, runtime: Runtime, found: Recommendation) -> None:
    LOGGER.warning("Train %s %s anew: %s", found.model, found.version, " ".join(found.reasons))
    with runtime.faults.guard("counters"):
        RetrainingCounters(runtime.slot, Owner(found.model, found.version)).recommended()
    tell(state, signals.retraining_recommended, recommendation=found)
