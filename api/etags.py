"""`ETag` and `If-Match` (RFC 9110): whoever changes a thing says which state of it she knew."""

import re
from typing import Annotated, Any

from fastapi import Depends, Header

from api.problems import FieldError, Unprocessable

ETAG: dict[str, Any] = {
    "ETag": {
        "description": "The state that this is; give it in `If-Match` with what you change",
        "schema": {"type": "string"},
    }
}
"""What a route's document says of the header in its answer."""

_VERSION = re.compile(r'"(0|[1-9][0-9]{0,8})"')


def etag_of(version: int) -> str:
    """The entity tag of a state that is numbered."""
    return f'"{version}"'


async def _seen(
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            max_length=64,
            description="The `ETag` of what you have seen; refused with 412 where it has changed",
        ),
    ] = None,
) -> int | None:
    if if_match is None or if_match == "*":
        return None
    found = _VERSION.fullmatch(if_match)
    if found is None:
        wrong = FieldError(field="If-Match", message='must be one ETag of ours, such as "12", or *')
        raise Unprocessable("the request is not valid; see errors", errors=[wrong])
    return int(found[1])


Seen = Annotated[int | None, Depends(_seen)]
"""The state that the caller has seen, None where she does not say."""
