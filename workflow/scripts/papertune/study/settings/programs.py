"""How programs that models write are run."""

from pydantic import Field

from papertune.study.settings.base import Settings, cosmetic


class Programs(Settings):
    """Limits of a program, and whether programs run without a sandbox."""

    seconds: float = Field(
        10.0,
        gt=0,
        le=600,
        description="CPU time of one program in seconds; it may take three times as long in all",
    )
    memory_mb: int = Field(512, ge=64, description="MB of one program with all its processes")
    allow_unsafe: bool = cosmetic(
        False, description="run programs as the user where the machine has no sandbox"
    )
