"""The page that describes the API (/docs), made from its OpenAPI description: it asks nothing from other hosts."""

import json
import re
from collections.abc import Iterator
from html import escape
from typing import Any

from phin.html_page import document

_STYLE = """
h2 { border-top: 1px solid var(--line); padding-top: 1rem; overflow-wrap: anywhere; }
code, pre { background: var(--soft); border-radius: 4px; padding: 0 .25em; }
pre { padding: .5em; overflow-x: auto; }
"""
Schema = dict[str, Any]


def docs_page(openapi: Schema) -> str:
    """HTML with every operation, what it takes and answers, and every schema by its name."""
    info = openapi["info"]
    parts = [f"<p>{_words(info['description'])}</p>"]
    parts.append('<p>For programs: <a href="openapi.json">openapi.json</a> (OpenAPI 3.1).</p>')
    for path, operations in openapi["paths"].items():
        parts += [_operation(path, method, told) for method, told in operations.items()]
    parts += [_schema(name, told) for name, told in openapi["components"]["schemas"].items()]
    return document("phin-web", info["title"], parts, _STYLE)


def _operation(path: str, method: str, told: Schema) -> str:
    lines = [f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{_words(told.get('description', ''))}</p>"]
    rows = [
        (each["name"], f"{_kind(each['schema'])}, in the {each['in']}", each.get("description", ""))
        for each in told.get("parameters", ())
    ]
    lines += [_table(rows)] if rows else []
    for body in told.get("requestBody", {}).get("content", {}).values():
        lines.append(f"<p>Takes {_kind(body['schema'])}.</p>")
    answers = []
    for status, answer in told["responses"].items():
        kinds = [f"{media}: {_kind(content.get('schema', {}))}" for media, content in answer.get("content", {}).items()]
        answers.append((status, "; ".join(kinds), answer["description"]))
    return "".join([*lines, _table(answers)])


def _schema(name: str, told: Schema) -> str:
    rows = [
        (field, _kind(kind) + _default(kind), kind.get("description", ""))
        for field, kind in told.get("properties", {}).items()
    ]
    example = "".join(f"<pre>{escape(json.dumps(each, ensure_ascii=False))}</pre>" for each in told.get("examples", ()))
    return f'<h2 id="{name}">{name}</h2><p>{_words(told.get("description", ""))}</p>{example}{_table(rows)}'


def _table(rows: list[tuple[str, str, str]]) -> str:
    """Rows of a name, a kind (HTML) and what it means."""
    cells = (
        f"<tr><td><code>{escape(name)}</code></td><td>{kind}</td><td>{_words(told)}</td></tr>"
        for name, kind, told in rows
    )
    return f"<table>{''.join(cells)}</table>"


def _words(text: str) -> str:
    """A docstring in HTML: what stands in backticks there is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _default(kind: Schema) -> str:
    said = kind.get("default")
    return f" = <code>{escape(json.dumps(said, ensure_ascii=False))}</code>" if "default" in kind and said != {} else ""


def _kind(kind: Schema) -> str:
    """What a schema takes, in HTML: other schemas as links."""
    return " or ".join(dict.fromkeys(_kinds(kind)))


def _kinds(kind: Schema) -> Iterator[str]:
    if (reference := kind.get("$ref")) is not None:
        name = reference.rpartition("/")[2]
        yield f'<a href="#{name}">{name}</a>'
    elif choices := kind.get("anyOf") or kind.get("oneOf") or kind.get("allOf"):
        for choice in choices:
            yield from _kinds(choice)
    elif values := kind.get("enum") or ([kind["const"]] if "const" in kind else None):
        yield escape(" | ".join(map(str, values)))
    elif kind.get("type") == "array":
        yield f"list of {_kind(kind.get('items', {}))}"
    elif isinstance(more := kind.get("additionalProperties"), dict):
        yield f"names, each with {_kind(more)}"
    else:
        bounds = [f"{sign} {kind[key]:g}" for key, sign in (("minimum", "≥"), ("maximum", "≤")) if key in kind]
        yield escape(
            " ".join([{"null": "nothing"}.get(str(kind.get("type")), str(kind.get("type", "anything"))), *bounds])
        )
