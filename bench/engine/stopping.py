"""How a run ends before its time: politely at the first Ctrl-C, at once at the second, and after too many failures."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)  # Ctrl-C, and what a cluster sends before its time is up
_SOON = "\n{why}: no new task starts; those under way finish. Once more stops them now.\n"


class StoppedNow(KeyboardInterrupt):
    """The user asked a second time: the work ends at once. A plain `KeyboardInterrupt` is the doing of a plugin."""


class Stop:
    """Whether a run shall end early, and why: executors look at `asked` before they start a task."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.why = ""
        self.signal: int | None = None

    @property
    def asked(self) -> bool:
        """Whether no new task may start."""
        return self._event.is_set()

    def ask(self, why: str) -> None:
        """Ask the run to end, so that no new task starts; the first reason is kept."""
        if not self.asked:
            self.why = why
            self._event.set()

    def wait(self, seconds: float) -> None:
        """Return after so many seconds, or as soon as the run shall stop."""
        self._event.wait(seconds)

    @contextlib.contextmanager
    def on_signals(self) -> Iterator[None]:
        """Turn the first SIGINT or SIGTERM in the block into a request to stop, the second into `StoppedNow`.

        Outside the main thread, where Python handles no signals, nothing changes.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self.signal is not None:
            raise StoppedNow
        self.signal = number
        self.ask("Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name)
        with contextlib.suppress(OSError):  # print could be in the middle of another print
            os.write(2, _SOON.format(why=self.why).encode())
