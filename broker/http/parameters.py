"""What several routes take and answer besides, for the OpenAPI document."""

from broker.http.query import MAX_LIMIT
from broker.http.routes import Parameter

LIMITED = ("RateLimit", "RateLimit-Policy")

PAGE = (
    Parameter("limit", "query", "Items on a page.", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}),
    Parameter("cursor", "query", "The next_cursor of the page before.", {"type": "string", "minLength": 1}),
)
