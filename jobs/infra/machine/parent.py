"""The end of a driver whose Java ended: a scheduler that kills a task kills `spark-submit`, and with it only Java."""

import _thread
import os
import signal
import threading
import time
from contextlib import suppress

import psutil

LOOK_SECONDS = 0.5
GRACE_SECONDS = 20.0
"""How long the driver may take to end by itself, which ends its own processes, too."""


def end_with_parent() -> None:
    """End this process soon after the one that started it: first as Ctrl-C does, and if need be at once, with all
    processes below. Python's side of a driver may compute for hours without a word to Java. Call it in the main thread.
    """
    # A shell that starts a command in the background lets it ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parent = os.getppid()
    threading.Thread(target=_follow, args=(parent,), daemon=True, name="daybreak-parent").start()


def _follow(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    _thread.interrupt_main()
    time.sleep(GRACE_SECONDS)
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it ended just now
            process.kill()
    os._exit(1)
