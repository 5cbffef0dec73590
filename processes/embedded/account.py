"""The unprivileged account that PostgreSQL runs as when Journeyman is started by root."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from processes.embedded.failures import StartFailed

PREFERRED_ACCOUNTS = ("journeyman", "postgres", "nobody")
"""Tried in this order; whoever wants a dedicated account creates `journeyman`."""


class PopenArguments(TypedDict, total=False):
    """What `subprocess` needs to change the account."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """An account of this machine."""

    name: str
    uid: int
    gid: int

    def popen_arguments(self) -> PopenArguments:
        """Arguments with which `subprocess` starts a child as this account."""
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def reaches(self, path: Path) -> bool:
        """Whether this account can enter a folder or execute a file, whatever lies above it."""
        if self.uid == os.geteuid():
            return os.access(path, os.X_OK)
        probe = subprocess.run(  # noqa: S603
            ["/usr/bin/env", "test", "-x", path],
            cwd="/",
            check=False,
            **self.popen_arguments(),
        )
        return probe.returncode == 0

    def own(self, path: Path) -> None:
        """Hand a file or folder over to this account."""
        if self.uid != os.geteuid():
            os.chown(path, self.uid, self.gid)


def own_account() -> Account:
    """The account that this process runs as."""
    return Account(_name(os.geteuid()), os.geteuid(), os.getegid())


def account_for(cluster: Path) -> Account:
    """Whom to run PostgreSQL as: the owner of an existing cluster, or who may own a new one.

    Raises:
        StartFailed: where the cluster belongs to somebody else, or root has no account to use.
    """
    me = os.geteuid()
    owner = cluster.stat().st_uid if cluster.exists() else None
    if me != 0:
        if owner not in (None, me):
            raise StartFailed(
                f"{cluster} belongs to account {_name(owner)}, not to {_name(me)}: "
                "run as that account, or name another folder with JOURNEYMAN_DATA_FOLDER"
            )
        return own_account()
    if owner:
        return Account(_name(owner), owner, cluster.stat().st_gid)
    for name in PREFERRED_ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise StartFailed(
        "PostgreSQL refuses to run as root, and this machine has none of the accounts "
        f"{', '.join(PREFERRED_ACCOUNTS)}: create the first, or run as an ordinary user"
    )


def _name(uid: int | None) -> str:
    try:
        return pwd.getpwuid(uid or 0).pw_name
    except KeyError:
        return str(uid)
