"""The command `snakemake` that asks after its jobs each second.

The plugin waits ten seconds longer every time it asks and no job has ended; studies as small as these
would do little else.
"""

import asyncio


def main() -> None:
    """Be `snakemake`, with the arguments in `sys.argv`."""
    from snakemake.cli import main as snakemake
    from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

    async def sleep(_: RemoteExecutor) -> None:
        await asyncio.sleep(1)

    RemoteExecutor.sleep = sleep
    snakemake()


if __name__ == "__main__":
    main()
