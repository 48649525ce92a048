"""Settings of a folder of PDFs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from papertune.study.settings.base import Settings, cosmetic


class PdfsSource(Settings):
    """A folder of PDFs, or a glob; ``{year}`` in the path stands for the year, if it is there.

    Without ``{year}`` the files are undated and listed with year 0.
    """

    kind: Literal["pdfs"]
    path: str
    part: Literal["whole", "abstract"] = "whole"
    max_pages: int = Field(60, ge=1, description="longer files are rejected")
    max_megabytes: float = Field(50.0, gt=0, description="larger files are rejected")
    max_seconds: float = cosmetic(60.0, gt=0, description="of reading one file")
