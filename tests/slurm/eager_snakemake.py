"""The command `snakemake` with a status check of its jobs each second.

The plugin waits ten seconds longer every time it asks and no job has ended; studies as small as these
would do little else.
"""

import asyncio

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor


async def sleep(_: RemoteExecutor) -> None:
    await asyncio.sleep(1)


RemoteExecutor.sleep = sleep
if __name__ == "__main__":
    main()
