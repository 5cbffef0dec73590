"""How every list is asked for page by page: `limit` and `cursor`."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

LONGEST_PAGE = 200


class PageQuery(BaseModel):
    """Which page; a list adds its filters. A parameter that is none of the list's is refused."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=LONGEST_PAGE)] = 50
    cursor: Annotated[str | None, Field(max_length=400, pattern=r"^[A-Za-z0-9_=-]+$")] = None


class LongPageQuery(PageQuery):
    """The same for lists of short lines, which are read in larger pages."""

    limit: Annotated[int, Field(ge=1, le=LONGEST_PAGE)] = 100
