"""Why an embedded server could not be started, in words for whoever started it."""

from pathlib import Path


class StartFailed(Exception):
    """An embedded server can't run; the message says what is wrong, where, and what to do."""


class FolderOwned(StartFailed):
    """Another run owns the data folder."""

    def __init__(self, folder: Path, pid: int | None) -> None:
        self.folder = folder
        self.pid = pid
        owner = f"process {pid}" if pid else "another process"
        super().__init__(
            f"the data folder {folder} is owned by {owner}: stop that run, "
            "or name another folder with JOURNEYMAN_DATA_FOLDER"
        )


class PortTaken(StartFailed):
    """Something else listens on a port that a server of ours needs."""

    def __init__(self, port: int, purpose: str, setting: str, pid: int | None) -> None:
        self.port = port
        self.pid = pid
        owner = f" by process {pid}" if pid else ""
        super().__init__(
            f"port {port} for {purpose} is taken{owner}: free it, or name another with {setting}"
        )
