from __future__ import annotations

import threading
import time
from pathlib import Path

from relay.store.lock import WriteLock


def test_only_one_holds_the_lock(tmp_path: Path) -> None:
    inside, most = 0, 0
    guard = threading.Lock()

    def work() -> None:
        nonlocal inside, most
        lock = WriteLock(tmp_path / "relay.db")
        for _ in range(30):
            with lock:
                with guard:
                    inside += 1
                    most = max(most, inside)
                time.sleep(0.0002)
                with guard:
                    inside -= 1
        lock.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_who_asks_at_once_again_does_not_overtake_who_waits(tmp_path: Path) -> None:
    turns: list[str] = []
    start = threading.Barrier(2)

    def work(name: str) -> None:
        lock = WriteLock(tmp_path / "relay.db")
        start.wait()
        for _ in range(50):
            with lock:
                turns.append(name)
                time.sleep(0.001)
        lock.close()

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    longest = max(len(run) for run in "".join(turns[:80]).replace("ab", "a b").replace("ba", "b a").split())
    assert longest < 20


def test_a_raised_error_frees_the_lock(tmp_path: Path) -> None:
    lock, other = WriteLock(tmp_path / "relay.db"), WriteLock(tmp_path / "relay.db")
    try:
        with lock:
            raise ValueError
    except ValueError:
        pass
    with other:
        lock.close()
    other.close()
