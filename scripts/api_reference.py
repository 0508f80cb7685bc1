#!/usr/bin/python3
"""Writes the page of the HTTP API from its contract: api_reference.py docs/openapi.yaml > docs/reference/api.md

One section for each path and method, in the order of the document's tags, then one for each schema. Errors that
(nearly) every call can return are in one section and not repeated for each call. A reference that leads nowhere is an
error.
"""

import json
import re
import sys

import yaml

# An error is common if at least this share of all calls can return it. A page with few calls has no common errors.
COMMON = 0.9
COMMON_CALLS_MIN = 5
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
MADE = "<!-- Made by ./dev docs from openapi.yaml; do not edit. -->"


def anchor(heading):
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def link(heading):
    return f"[{heading}](#{anchor(heading)})"


def cell(text):
    return " ".join(str(text).split()).replace("|", "\\|")


def code(value):
    return f"`{value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}`"


def table(heads, rows):
    """A Markdown table without the columns that are empty in every row."""
    rows = [[cell(each) for each in row] for row in rows]
    kept = [i for i in range(len(heads)) if any(row[i] for row in rows)]
    lines = [[each[i] for i in kept] for each in (heads, *rows)]
    head, *rest = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([head, "|---" * len(kept) + "|", *rest])


def sample(value):
    """JSON on one line if it fits, otherwise with one line per field."""
    def text(each):
        return json.dumps(each, ensure_ascii=False, default=str)

    if len(text(value)) <= 100 or not isinstance(value, dict):
        return text(value)
    return "{\n" + ",\n".join(f"  {text(key)}: {text(each)}" for key, each in value.items()) + "\n}"


class Schemas:
    """The document's schemas in words."""

    def __init__(self, document):
        self.document = document

    def resolve(self, node):
        """The node that a reference leads to. Keys next to the reference win."""
        while isinstance(node, dict) and "$ref" in node:
            target = self.document
            for word in node["$ref"].removeprefix("#/").split("/"):
                target = target[word.replace("~1", "/").replace("~0", "~")]
            node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
        return node

    def kind(self, schema):
        """The type in words, with its limits; for a named schema, a link to it."""
        if "$ref" in schema:
            return link(schema["$ref"].rpartition("/")[2])
        if "const" in schema:
            return code(schema["const"])
        if "enum" in schema:
            return ", ".join(code(value) for value in schema["enum"])
        for word, joint in (("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")):
            if word in schema:
                return joint.join(self.kind(each) for each in schema[word])
        types = schema.get("type")
        if types is None:
            return "object" if "properties" in schema else "any"
        return " or ".join(self.kind_of(each, schema) for each in (types if isinstance(types, list) else [types]))

    def kind_of(self, name, schema):
        if name == "array":
            bounds = self.bounds(schema.get("minItems"), schema.get("maxItems"), " of them")
            return f"array of {self.kind(schema.get('items', {}))}{bounds}"
        if name == "object":
            values = schema.get("additionalProperties")
            return f"object, each value {self.kind(values)}" if isinstance(values, dict) else "object"
        if name in ("integer", "number"):
            return name + self.bounds(schema.get("minimum"), schema.get("maximum"))
        if name == "string":
            forms = [schema[key] for key in ("format", "contentEncoding") if key in schema]
            forms += [code(schema["pattern"])] if "pattern" in schema else []
            return ", ".join([name, *forms]) + self.bounds(schema.get("minLength"), schema.get("maxLength"), " characters")
        return name

    @staticmethod
    def bounds(least, most, unit=""):
        if least is None and most is None:
            return ""
        if most is None:
            return f", at least {least}{unit}"
        if least is None:
            return f", at most {most}{unit}"
        return f", {least} to {most}{unit}"

    def fields(self, schema, prefix=""):
        """A row for each field. Fields of a nameless object follow it as `outer.inner`."""
        needed = schema.get("required", [])
        for name, each in schema.get("properties", {}).items():
            default = code(each["default"]) if "default" in each else ""
            yield [code(prefix + name), self.kind(each), "yes" if name in needed else "", default, each.get("description", "")]
            if "$ref" not in each:
                inner, steps = each, prefix + name
                while inner.get("type") == "array" and "$ref" not in inner.get("items", {}):
                    inner, steps = inner.get("items", {}), steps + "[]"
                yield from self.fields(inner, steps + ".")

    def field_table(self, schema):
        rows = list(self.fields(self.resolve(schema)))
        return [table(["field", "type", "required", "default", "meaning"], rows)] if rows else []


class Page:
    def __init__(self, document):
        self.document = document
        self.schemas = Schemas(document)
        components = document.get("components", {})
        problem = components.get("schemas", {}).get("Problem", {})
        self.codes = self.schemas.resolve(problem.get("properties", {}).get("code", {})).get("enum", [])

    def calls(self):
        """(tag, method, path, call with the parameters of its path), sorted by the document's order of tags."""
        found = []
        for path, item in self.document.get("paths", {}).items():
            for method in METHODS:
                if method in item:
                    call = dict(item[method])
                    call["parameters"] = [*item.get("parameters", []), *call.get("parameters", [])]
                    found.append(((call.get("tags") or ["other"])[0], f"{method.upper()} {path}", call))
        tags = [tag["name"] for tag in self.document.get("tags", [])]
        order = {tag: place for place, tag in enumerate(dict.fromkeys([*tags, *(tag for tag, _, _ in found)]))}
        return sorted(found, key=lambda each: order[each[0]])  # stable: within a tag as in the document

    def write(self):
        info = self.document["info"]
        parts = [MADE, f"# The HTTP API, {info['version']}", info.get("description", "").strip()]
        for name, scheme in self.document.get("components", {}).get("securitySchemes", {}).items():
            how = f"`{name}` ({scheme.get('scheme', scheme.get('type'))})"
            parts.append(f"Security: {how}. {scheme.get('description', '')}".strip())
        parts.append(table(["call", "what it does"], [[link(name), call.get("summary", "")] for _, name, call in self.calls()]))
        parts += self.common_errors()
        tag_before = None
        for tag, name, call in self.calls():
            if tag != tag_before:
                parts.append(f"## Calls: {tag}")
                tag_before = tag
            parts += self.call(name, call)
        parts += self.shared_examples()
        parts += ["## Types", "A field that is not marked as required may be absent."]
        for name, schema in self.document.get("components", {}).get("schemas", {}).items():
            parts += self.schema(name, schema)
        return "\n\n".join(part for part in parts if part) + "\n"

    def call(self, name, call):
        parts = [f"### {name}", call.get("summary", "").rstrip(".") + ".", call.get("description", "").strip()]
        if call.get("deprecated"):
            parts.append("*Deprecated.*")
        if call.get("security") == [{}]:
            parts.append("Needs no token.")
        parts += self.parameters([self.schemas.resolve(each) for each in call["parameters"]])
        body = self.schemas.resolve(call.get("requestBody", {}))
        for kind, content in body.get("content", {}).items():
            parts += self.body(kind, content, body.get("required", False))
        parts += self.responses(call.get("responses", {}))
        return parts

    def parameters(self, parameters):
        rows = []
        for each in parameters:
            schema = each.get("schema", {})
            rows.append([code(each["name"]), each["in"], self.schemas.kind(schema), "yes" if each.get("required") else "",
                         code(schema["default"]) if "default" in schema else "", each.get("description", "")])
        return [table(["parameter", "in", "type", "required", "default", "meaning"], rows)] if rows else []

    def body(self, kind, content, required):
        schema = content.get("schema", {})
        parts = [f"**Body**: {self.schemas.kind(schema)} as `{kind}`{'' if required else ', or none'}."]
        parts += self.schemas.field_table(schema)
        return parts + self.samples("Example", content)

    def samples(self, what, content):
        found = [(what, content["example"])] if "example" in content else []
        found += [(f"{what} `{name}`", self.schemas.resolve(each).get("value")) for name, each in content.get("examples", {}).items()]
        return [f"{title}:\n\n```json\n{sample(value)}\n```" for title, value in found]

    def common(self):
        """{reference: (which calls can return it, in words)} for the errors that calls do not repeat."""
        calls = {name: call for _, name, call in self.calls()}
        if len(calls) < COMMON_CALLS_MIN:
            return {}
        users = {}
        for name, call in calls.items():
            for status, response in call.get("responses", {}).items():
                if "$ref" in response and int(status) >= 400:
                    users.setdefault((str(status), response["$ref"]), set()).add(name)
        bodies = {name for name, call in calls.items() if "requestBody" in call}
        found = {}
        for key, names in sorted(users.items()):
            if len(names) >= COMMON * len(calls):
                found[key] = "every call" + self.listed(", except ", set(calls) - names)
            elif bodies and bodies <= names and len(names) < len(bodies) + COMMON_CALLS_MIN:
                found[key] = "every call with a body" + self.listed("; also ", names - bodies)
        return found

    @staticmethod
    def listed(lead, names):
        return lead + ", ".join(link(name) for name in sorted(names)) if names else ""

    def common_errors(self):
        rows = []
        for (status, reference), which in self.common().items():
            codes, text = self.codes_and_text(self.schemas.resolve({"$ref": reference}))
            rows.append([status, ", ".join(code(word) for word in codes), text, which])
        if not rows:
            return []
        return ["## Errors that every call can return", "The sections of the calls do not repeat them. Each has a "
                f"{link('Problem')} as its body.", table(["status", "code", "when", "returned by"], rows)]

    def shared_examples(self):
        """Examples of responses that many calls share."""
        parts = []
        for name, response in self.document.get("components", {}).get("responses", {}).items():
            for content in response.get("content", {}).values():
                parts += self.samples(f"**{name}**", content)
        return ["## Examples of errors", *parts] if parts else []

    def codes_and_text(self, response):
        """The codes that a response names, and its description. If there is one code at the end, it is cut off."""
        text = " ".join(response.get("description", "").split())
        codes = [word for word in re.findall(r"`([A-Z_]+)`", text) if word in self.codes]
        return codes, re.sub(r"\s*`[A-Z_]+`\.$", "", text) if len(codes) == 1 else text

    def responses(self, responses):
        rows, examples, common = [], [], self.common()
        for status, named in responses.items():
            if (str(status), named.get("$ref")) in common:
                continue
            response = self.schemas.resolve(named)
            codes, text = self.codes_and_text(response)
            for name, header in response.get("headers", {}).items():
                text += f" Header `{name}`: {self.schemas.resolve(header).get('description', '')}"
            kinds = []
            for kind, content in response.get("content", {}).items():
                kinds.append(f"{self.schemas.kind(content.get('schema', {}))} as `{kind}`")
                if "$ref" not in named:
                    examples += self.samples(f"Response {status}", content)
            rows.append([status, " or ".join(kinds), ", ".join(code(word) for word in codes), text])
        return [table(["status", "body", "code", "when"], rows), *examples] if rows else []

    def schema(self, name, schema):
        whole = self.schemas.resolve(schema)
        fields = self.schemas.field_table(schema)
        kind = self.schemas.kind(schema)
        default = f", default {code(whole['default'])}" if "default" in whole and not fields else ""
        shown = [] if kind == "any" else [f"Type: {kind}{default}."] if not fields else []
        samples = [f"For example {', '.join(code(each) for each in whole['examples'])}."] if "examples" in whole else []
        return [f"### {name}", whole.get("description", "").strip(), *shown, *samples, *fields]


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        sys.stdout.write(Page(yaml.safe_load(file)).write())


if __name__ == "__main__":
    main()
