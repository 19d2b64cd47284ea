"""Where the alerts of the example arrive."""

from example_service.inbox import Inbox, Message


def message(family: str, action: str = "trigger") -> Message:
    """A message about a group of alerts."""
    return {"key": f"mlmonitor/example/{family}", "family": family, "action": action}


def test_a_repetition_is_one_message(inbox: Inbox) -> None:
    """A receiver knows it by its id, also when it has read it."""
    inbox.take("1", message("fallback"))
    assert len(list(inbox.unread())) == 1
    inbox.take("1", message("fallback"))

    assert list(inbox.unread()) == []
    assert len(inbox.messages) == 1


def test_what_will_be_over_soon(inbox: Inbox) -> None:
    """A failing model will, a summer will not."""
    inbox.take("1", message("data_drift"))
    assert not inbox.passing()
    inbox.take("2", message("fallback"))
    assert inbox.passing()
    inbox.take("3", message("fallback", "resolve"))

    assert not inbox.passing()
    assert [one["family"] for one in inbox.open().values()] == ["data_drift"]
