"""Messages that wait: which one is sent, by whom, and what takes its place."""

import json
import time
from typing import Any

import pytest
from sqlalchemy import update

from flask_mlmonitor.alerts.alert import Notification
from flask_mlmonitor.store import outbox, tables
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.outbox import (
    Entry,
    Message,
    Result,
    add_messages,
    claim,
    count_waiting,
    due_channels,
    finish,
    read_outbox,
)
from flask_mlmonitor.store.pruning import worn_out
from tests.channels.notices import KEY, alert, notification, resolved

APP, NOON = "shop", 1772452800.0
DELIVERED = Result("delivered", "delivered")
REFUSED = Result("waiting", "serverError", "500 no", due=NOON + 1, known=False)


def add(database: Database, *messages: Notification, at: float = NOON, **given: Any) -> None:
    """Add messages for one channel."""
    channels = given.get("channels", ["slack"])
    with database.writing() as connection:
        add_messages(connection, APP, [(one, channels) for one in messages], created=at)


def take(database: Database, *, at: float = NOON, **given: Any) -> Message | None:
    """Claim the next message."""
    options = {"app": APP, "channel": "slack", "holder": "me", **given}
    return claim(database, options.pop("app"), options.pop("channel"), now=at, **options)


def taken(database: Database, **given: Any) -> Message:
    """Claim the next message, which is there."""
    message = take(database, **given)
    assert message is not None
    return message


def ids(database: Database) -> dict[str, str]:
    """Return the state of each message."""
    return {entry.id: entry.state for entry in read_outbox(database, APP)}


def test_what_is_added_is_claimed(database: Database) -> None:
    """As it was; and then it is delivered."""
    one = notification(alerts=(alert(value=float("inf"), feature="\x00<é>\N{PILE OF POO}"),))
    add(database, one)
    assert due_channels(database, APP, NOON) == {"slack"}
    message = taken(database)

    assert message.notification == one
    assert (message.attempts, message.known) == (1, False)
    assert finish(database, message, DELIVERED)
    assert take(database) is None
    assert due_channels(database, APP, NOON) == set()
    assert read_outbox(database, APP) == [
        Entry("slack", "n1", KEY, "trigger", "delivered", NOON, 0, 1, "delivered", "")
    ]


def test_a_number_that_is_none(database: Database) -> None:
    """It comes back as it was, too."""
    add(database, notification(alerts=(alert(value=float("nan")),)))

    assert str(taken(database).notification.alerts[0].value) == "nan"


def test_channels_and_apps_are_apart(database: Database) -> None:
    """Each has its own rows of one message; nobody sends those of another app."""
    add(database, notification(), channels=["slack", "email"])
    with database.writing() as connection:
        add_messages(connection, "bank", [(notification(), ["slack"])], created=NOON)

    assert due_channels(database, APP, NOON) == {"slack", "email"}
    assert due_channels(database, "bank", NOON) == {"slack"}
    assert count_waiting(database) == 3
    assert finish(database, taken(database), DELIVERED)
    assert take(database) is None
    assert take(database, channel="email") is not None
    assert take(database, app="bank") is not None


def test_the_callers_transaction_decides(database: Database) -> None:
    """What is rolled back was never there."""
    database.prepare()
    with database.writing() as connection:
        add_messages(connection, APP, [(notification(), ["slack"])], created=NOON)
        connection.rollback()

    assert take(database) is None


def test_added_twice_it_is_sent_once(database: Database) -> None:
    """A transaction whose end nobody learned of is repeated: before it is sent, and after."""
    add(database, notification())
    add(database, notification())
    assert count_waiting(database) == 1
    finish(database, taken(database), DELIVERED)
    add(database, notification())

    assert take(database) is None


def test_a_newer_one_takes_the_place(database: Database) -> None:
    """One message of a group waits; other groups' stay."""
    add(database, notification(), notification(id="other", key="another"))
    for number in range(2, 6):
        add(database, notification(id=f"n{number}", reason="changed"), at=NOON + number)

    assert ids(database) == {"n5": "waiting", "other": "waiting"}


def test_the_end_of_what_was_never_sent(database: Database) -> None:
    """Nobody heard of it, so nobody is told that it is over."""
    add(database, notification())
    add(database, notification(id="n2", reason="escalated"))
    add(database, resolved(id="n3"))

    assert ids(database) == {}


@pytest.mark.parametrize("known", [True, False])
def test_the_end_of_what_may_have_been_sent(database: Database, known: bool) -> None:
    """It depends on the tries: whether one of them may have reached the receiver."""
    add(database, notification())
    finish(database, taken(database), REFUSED._replace(known=known))
    add(database, notification(id="n2", reason="changed"))
    add(database, resolved(id="n3"))

    assert ids(database) == ({"n3": "waiting"} if known else {})


def test_the_end_of_what_was_sent(database: Database) -> None:
    """Also where a later message of the group waits."""
    add(database, notification())
    finish(database, taken(database), DELIVERED)
    add(database, notification(id="n2", reason="repeated"))
    add(database, resolved(id="n3"))

    assert ids(database) == {"n1": "delivered", "n3": "waiting"}


def test_the_end_of_what_nobody_heard_of(database: Database) -> None:
    """A channel that none of the incident's messages went to is not told of its end."""
    add(database, notification(), channels=["email"])
    finish(database, taken(database, channel="email"), DELIVERED)
    add(database, resolved(), channels=["email", "slack"])
    finish(database, taken(database, channel="email"), DELIVERED)
    add(database, resolved(id="n3"), at=NOON + 1, channels=["email"])

    assert ids(database) == {"n1": "delivered", "n2": "delivered"}


def test_the_end_of_what_was_given_up(database: Database) -> None:
    """As if never sent, unless it may have been."""
    for key, known in (("one", False), ("two", True)):
        add(database, notification(id=key, key=key))
        finish(database, taken(database), Result("dead", "clientError", known=known))
        add(database, resolved(id=f"end of {key}", key=key), at=NOON + 1)

    assert ids(database) == {"one": "dead", "two": "dead", "end of two": "waiting"}


def test_one_at_a_time(database: Database) -> None:
    """Of a channel, whoever asks; those of other channels go on."""
    add(database, notification(), notification(id="n2", key="two"), channels=["slack", "email"])
    first = taken(database)

    assert take(database, holder="other") is None
    assert take(database, channel="email", holder="other") is not None
    finish(database, first, DELIVERED)
    assert taken(database, holder="other").id == "n2"


def age(database: Database, seconds: float) -> None:
    """Let the claims be older."""
    tried = tables.outbox.c.tried
    with database.writing() as connection:
        connection.execute(update(tables.outbox).values(tried=tried - seconds))


def test_the_claim_of_a_dead_process_ends(database: Database) -> None:
    """Then another one sends it, and what the first one says of it counts no more."""
    add(database, notification())
    first = taken(database)
    age(database, outbox.CLAIM_SECONDS - 2)
    assert take(database, holder="other") is None
    age(database, 3)
    second = taken(database, holder="other")

    assert (second.id, second.attempts, second.known) == ("n1", 2, True)
    assert not finish(database, first, DELIVERED)
    assert ids(database) == {"n1": "waiting"}
    assert finish(database, second, DELIVERED)


def test_a_newer_one_waits_for_the_end_of_the_older(database: Database) -> None:
    """Else the end of an incident might arrive before its beginning."""
    add(database, notification())
    first = taken(database)
    add(database, resolved())

    assert take(database, holder="other") is None
    assert not finish(database, first, DELIVERED)
    assert taken(database, holder="other").id == "n2"


def test_pause_and_hold(database: Database) -> None:
    """A pause is one message's; what the receiver asked for is the channel's, also for new ones."""
    add(database, notification(), notification(id="n2", key="two"))
    finish(database, taken(database), REFUSED)
    assert due_channels(database, APP, NOON) == {"slack"}
    second = taken(database)
    assert second.id == "n2"
    finish(database, second, REFUSED._replace(due=NOON + 60, hold=NOON + 60))
    add(database, notification(id="n3", key="three"))
    add(database, notification(id="n4", key="two"))

    assert take(database, at=NOON + 59) is None
    assert due_channels(database, APP, NOON + 59) == set()
    assert due_channels(database, APP, NOON + 60) == {"slack"}
    assert taken(database, at=NOON + 60).id in ("n3", "n4")


def test_new_ones_before_those_that_failed(database: Database) -> None:
    """One that its receiver never takes keeps none from its way."""
    add(database, notification())
    finish(database, taken(database), REFUSED)
    add(database, notification(id="n2", key="two"), at=NOON + 5)

    assert taken(database, at=NOON + 9).id == "n2"


def test_spacing(database: Database) -> None:
    """So many seconds lie between two, whoever sends them."""
    add(database, notification(), notification(id="n2", key="two"))
    finish(database, taken(database, spacing=1), DELIVERED)

    assert take(database, spacing=30) is None
    time.sleep(0.05)
    assert take(database, spacing=0.05) is not None


def test_what_is_kept_and_how_long(database: Database) -> None:
    """A week; but who was told of an incident is known for as long as one may last."""
    for days in (91, 89, 8, 6):
        for action in ("trigger", "resolve"):
            one = notification(id=f"{action} {days}", key=str(days), action=action)
            add(database, one, at=NOON - days * 86400)
            finish(database, taken(database), DELIVERED)
    add(database, notification(id="gone 8", key="8"), at=NOON - 8 * 86400, channels=["gone"])
    for deletion in worn_out(NOON):
        deletion.run(database)

    assert set(ids(database)) == {"trigger 89", "trigger 8", "trigger 6", "resolve 6"}


def test_the_payload_is_json(database: Database) -> None:
    """That people can read in the database."""
    add(database, notification())

    assert json.loads(taken(database).payload)["alerts"][0]["feature"] == "age"
