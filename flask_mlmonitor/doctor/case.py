"""What all checks look at."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from flask_mlmonitor._app import AppState
from flask_mlmonitor.background.folders import Folders
from flask_mlmonitor.clock import Clock, now
from flask_mlmonitor.config import Settings
from flask_mlmonitor.counters.slots import Slot, read_slots
from flask_mlmonitor.exceptions import StoreError
from flask_mlmonitor.journal.spool import Spool
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.urls import open_store

if TYPE_CHECKING:
    from flask import Flask


@dataclass(frozen=True)
class Case:
    """An app on this host, seen from outside of the processes that serve it."""

    state: AppState
    app: "Flask"
    folders: Folders
    clock: Clock = now

    @property
    def settings(self) -> Settings:
        """What the app configured."""
        return self.state.settings

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folders.data

    @cached_property
    def database(self) -> Database:
        """The store."""
        return open_store(self.folders.store_url)

    @cached_property
    def spool(self) -> Spool:
        """The journal's segments."""
        return Spool(self.data / "spool")

    @cached_property
    def store_problem(self) -> str | None:
        """Why the store does not answer, if it should and does not."""
        if not self.database.exists():
            return None
        try:
            with self.database.reading():
                return None
        except StoreError as error:
            return str(error)

    @cached_property
    def store_answers(self) -> bool:
        """Whether there is a store to ask."""
        return self.database.exists() and self.store_problem is None

    @cached_property
    def living(self) -> int:
        """How many processes of this host count in the data folder now."""
        return sum(alive for alive, _ in read_slots(Slot(self.data / "slots")))
