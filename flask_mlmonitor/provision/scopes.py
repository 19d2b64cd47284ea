"""Which models a threshold holds for: a rule has one, and each exception from it another."""

from collections.abc import Mapping
from typing import NamedTuple

from flask_mlmonitor.alerts.levels import Thresholds

Labels = tuple[tuple[str, str], ...]


class Judged(NamedTuple):
    """What decides about some models.

    :param wait: for how many seconds a figure must be bad.
    """

    limits: Thresholds
    wait: float


class Scope(NamedTuple):
    """Some models, versions or features, and what decides about them.

    :param labels: that all of them have; none for all models.
    :param but: labels of those about which something else decides.
    """

    labels: Labels
    but: Labels
    judged: Judged


class Node(NamedTuple):
    """What decides about some models, and which of them are exceptions.

    :param own: ``None`` where nothing does.
    :param label: that tells the exceptions apart.
    """

    own: Judged | None
    label: str = ""
    children: Mapping[str, "Node"] = {}


def scopes_of(node: Node, labels: Labels = ()) -> list[Scope]:
    """Return a scope for each of the different decisions; no model is in two of them.

    >>> usual, other = (Judged(Thresholds(limit, None), 0) for limit in (0.5, 1.0))
    >>> models = {"a": Node(usual), "b": Node(other)}
    >>> for scope in scopes_of(Node(usual, "model", models)):
    ...     print(scope.labels, scope.but, scope.judged.limits.warning)
    () (('model', 'b'),) 0.5
    (('model', 'b'),) () 1.0
    """
    own = [] if node.own is None else [node.own]
    exceptions = []
    but: Labels = ()
    for value, child in node.children.items():
        found = scopes_of(child, (*labels, (node.label, value)))
        if [scope.judged for scope in found] != own:
            but = (*but, (node.label, value))
            exceptions += found
    return [*(Scope(labels, but, judged) for judged in own), *exceptions]
