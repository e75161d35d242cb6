"""Signals as a wish to stop."""

import os
import signal
import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tuneformer.training.callbacks.stop_signals import StopSignals


def lone_trainer() -> Any:
    return cast(Any, SimpleNamespace(world_size=1, global_step=3, log_every_n_steps=10))


@pytest.mark.fast
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_first_signal_is_noted_and_a_second_one_acts_as_ever(number: signal.Signals) -> None:
    before = {which: signal.getsignal(which) for which in (signal.SIGTERM, signal.SIGINT)}
    signals = StopSignals()
    signals.install()
    signals.install()
    try:
        assert signals.agreed(lone_trainer()) == 0
        os.kill(os.getpid(), number)
        assert signals.agreed(lone_trainer()) == signals.received == number
        ordinary = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        assert signal.getsignal(number) is ordinary
    finally:
        signals.uninstall()
    assert {which: signal.getsignal(which) for which in before} == before


@pytest.mark.fast
def test_a_closing_terminal_sends_two_signals_that_are_one_wish() -> None:
    signals = StopSignals()
    signals.install()
    try:
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGHUP)
        assert signals.agreed(lone_trainer()) == signal.SIGHUP
    finally:
        signals.uninstall()
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


@pytest.mark.fast
def test_under_nohup_a_closing_terminal_is_not_heard() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signals = StopSignals()
    try:
        signals.install()
        os.kill(os.getpid(), signal.SIGHUP)
        assert signals.received == 0
        signals.uninstall()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.mark.fast
def test_outside_the_main_thread_signals_are_left_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    signals = StopSignals()
    thread = threading.Thread(target=lambda: (signals.install(), signals.uninstall()))
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is before
