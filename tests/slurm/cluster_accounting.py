"""The database and the daemon behind `sacct`."""

from __future__ import annotations

import subprocess

from cluster_commands import Commands
from cluster_files import CLUSTER, DATABASE_PORT, Layout

ACCOUNT = "lab"

# a small database that need not survive a power cut
_SMALL = (
    "--innodb-buffer-pool-size=16M",
    "--innodb-log-file-size=4M",
    "--innodb-flush-method=nosync",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--skip-log-bin",
    "--sync-frm=0",
    "--aria-pagecache-buffer-size=8M",
)


def start_accounting(layout: Layout, commands: Commands) -> subprocess.Popen[bytes]:
    """Start the database and slurmdbd, with one account for root; the database's process."""
    socket = layout.run / "database.socket"
    where = ("--no-defaults", "--user=root", f"--datadir={layout.folder}/database", *_SMALL)
    commands.run("mariadb-install-db", *where, "--skip-test-db")
    database = commands.in_background(
        *("mariadbd", *where, f"--socket={socket}", f"--port={DATABASE_PORT}"),
        *("--bind-address=127.0.0.1", f"--pid-file={layout.run}/mariadbd.pid"),
        f"--log-error={layout.logs}/mariadbd.log",
    )
    commands.until(socket.exists, "the database")
    commands.run(
        *("mariadb", "--no-defaults", f"--socket={socket}", "--user=root", "--execute"),
        "create user slurm@'127.0.0.1' identified by 'slurm';"
        "create user slurm@localhost identified by 'slurm';"
        "grant all on slurm.* to slurm@'127.0.0.1';"
        "grant all on slurm.* to slurm@localhost;",
    )
    commands.daemon("slurmdbd")
    commands.until(
        lambda: "normal" in commands.run("sacctmgr", "--noheader", "show", "qos", check=False),
        "slurmdbd",
    )
    for entity in (
        ("cluster", CLUSTER),
        ("account", ACCOUNT, f"Cluster={CLUSTER}"),
        ("user", "root", f"Account={ACCOUNT}", f"DefaultAccount={ACCOUNT}"),
    ):
        commands.run("sacctmgr", "--immediate", "add", *entity)
    return database
