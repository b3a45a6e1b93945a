"""JSON Schema of a template's file, from the models that the parser itself holds the file against.

For editors: what it lets pass can still be refused by a check that no schema can say, such as that
the file is called by its name.
"""

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema

from broker.policy.files import TemplateFile

TEMPLATE_SCHEMA = "template.schema.json"
"""The file beside the templates; the first line of each names it."""


class _Untitled(GenerateJsonSchema):
    """Without the titles that are made up from the names of keys."""

    def field_title_should_be_set(self, schema: CoreSchema) -> bool:
        """Never."""
        del schema
        return False


def template_schema() -> JsonSchemaValue:
    """A schema of draft 2020-12. The models' own titles are their names here; nobody else needs them."""
    schema = TemplateFile.model_json_schema(schema_generator=_Untitled)
    parts = (schema, *schema.get("$defs", {}).values())
    for part in parts:
        part.pop("title", None)
    return {"$schema": GenerateJsonSchema.schema_dialect, "title": "Role template", **schema}
