"""How programs that models write are run."""

from pydantic import Field

from papertune.study.settings.base import Settings, cosmetic


class Programs(Settings):
    """What a program may use up, and whether it is run where nothing keeps it apart."""

    seconds: float = Field(
        10.0,
        gt=0,
        le=600,
        description="of one program, of the processor; three times as many on the clock",
    )
    memory_mb: int = Field(512, ge=64, description="of one program with all its processes")
    allow_unsafe: bool = cosmetic(
        False, description="run them as the user where the machine has no sandbox"
    )
