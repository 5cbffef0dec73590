"""One owner for each data folder, by a file lock that ends with its process."""

import fcntl
import os
from pathlib import Path
from types import TracebackType

from processes.embedded.failures import FolderOwned

LOCK_FILE = "owner.lock"


class FolderOwnership:
    """Holds `folder` for this process until released; the kernel releases it after a crash."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock: int | None = None

    def __enter__(self) -> "FolderOwnership":
        self.take()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def take(self) -> None:
        """Become the owner, creating the folder where it is missing.

        Raises:
            FolderOwned: naming the folder and its owner's process id.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise FolderOwned(self.folder, owner_of(self.folder)) from None
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
        self._lock = lock

    def release(self) -> None:
        """Give the folder up; once released, nothing happens."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def owner_of(folder: Path) -> int | None:
    """The process id that the folder's last owner wrote down; None where there is none."""
    try:
        return int((folder / LOCK_FILE).read_text())
    except (OSError, ValueError):
        return None


def is_owned(folder: Path) -> bool:
    """Whether a process holds the folder now."""
    try:
        lock = os.open(folder / LOCK_FILE, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
