"""Answers as bytes."""

from flask import Response
from pydantic import BaseModel


def reply(answer: BaseModel, status: int = 200) -> Response:
    """The model as JSON."""
    return Response(answer.model_dump_json(), status=status, content_type="application/json")
