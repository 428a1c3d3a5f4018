// Shows the OpenAPI document as a page. Text only ever enters the page as text.
"use strict";

const byId = (id) => document.getElementById(id);
let api;

function make(tag, props = {}, ...children) {
    const node = Object.assign(document.createElement(tag), props);
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
}

/** Paragraphs of the little Markdown the document holds: `code` and **bold**. */
function prose(text) {
    return (text || "")
        .split("\n\n")
        .map((part) =>
            make(
                "p",
                {},
                ...part
                    .split(/(`[^`]+`|\*\*[^*]+\*\*)/)
                    .map((bit) =>
                        bit.startsWith("`")
                            ? make("code", {}, bit.slice(1, -1))
                            : bit.startsWith("**")
                              ? make("strong", {}, bit.slice(2, -2))
                              : bit,
                    ),
            ),
        );
}

function resolve(schema) {
    while (schema && schema.$ref) {
        schema = schema.$ref
            .slice(2)
            .split("/")
            .reduce((at, name) => at[name], api);
    }
    return schema || {};
}

const nameOf = (schema) => (schema.$ref ? schema.$ref.split("/").pop() : null);

/** A schema in one line. */
function type(schema) {
    if (schema.$ref) return nameOf(schema);
    const choices = schema.oneOf || schema.anyOf;
    if (choices) return choices.map(type).join(" | ");
    if (schema.enum)
        return schema.enum.map((word) => (word === null ? "null" : `"${word}"`)).join(" | ");
    const types = [schema.type]
        .flat()
        .filter(Boolean)
        .map((name) =>
            name === "array"
                ? `list of ${type(schema.items)}`
                : schema.format && name === "string"
                  ? schema.format
                  : name,
        );
    const limits = [];
    if (schema.minimum !== undefined) limits.push(`${schema.minimum}–${schema.maximum}`);
    if (schema.maxLength) limits.push(`at most ${schema.maxLength} characters`);
    if (schema.maxItems) limits.push(`${schema.minItems}–${schema.maxItems} items`);
    return types.join(" | ") + (limits.length ? ` (${limits.join(", ")})` : "");
}

function table(caption, rows) {
    if (!rows.length) return null;
    const body = rows.map(([name, needed, kind, text]) =>
        make(
            "tr",
            {},
            make("td", {}, make("code", {}, name), needed ? " *" : ""),
            make("td", {}, make("code", {}, kind)),
            make("td", {}, text || ""),
        ),
    );
    const head = make(
        "tr",
        {},
        ...["Field (* required)", "Type", "Meaning"].map((text) =>
            make("th", { scope: "col" }, text),
        ),
    );
    return make(
        "section",
        {},
        make("h3", {}, caption),
        make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)),
    );
}

/** Tables of a schema and of the objects inside it, each once. */
function tables(caption, schema, seen = new Set()) {
    const name = nameOf(schema);
    const whole = resolve(schema);
    if (name && seen.has(name)) return [];
    seen.add(name);
    const fields = Object.entries(whole.properties || {});
    const needed = new Set(whole.required || []);
    const here = table(
        `${caption}${name ? `: ${name}` : ""}`,
        fields.map(([field, of]) => [field, needed.has(field), type(of), of.description]),
    );
    const inside = [whole, ...fields.map(([, of]) => of)]
        .flatMap((of) => [of.items, ...(of.oneOf || []), ...(of.anyOf || []), of])
        .filter((of) => of && of.$ref);
    return [here, ...inside.flatMap((of) => tables("Inside", of, seen))].filter(Boolean);
}

/** A value that fits a schema, for the example. */
function sample(schema, depth = 0, name = "") {
    const whole = resolve(schema);
    if (whole.enum) return whole.enum[0];
    if (whole.oneOf && !whole.properties) return sample(whole.oneOf[0], depth);
    if (whole.anyOf && !whole.properties) return sample(whole.anyOf[0], depth);
    switch ([whole.type].flat()[0]) {
        case "object": {
            const names = new Set(whole.required || []);
            for (const rule of whole.allOf || []) {
                const one = (rule.oneOf || rule.anyOf || [])[0];
                for (const name of (one && one.required) ||
                    (one && one.oneOf && one.oneOf[0].required) ||
                    [])
                    names.add(name);
            }
            if (!names.size && depth === 0)
                Object.keys(whole.properties || {})
                    .slice(0, 2)
                    .forEach((name) => names.add(name));
            return Object.fromEntries(
                [...names].map((name) => [name, sample(whole.properties[name], depth + 1, name)]),
            );
        }
        case "array":
            return [sample(whole.items, depth + 1, name)];
        case "integer":
            return name === "bits" ? 32 : Math.max(whole.minimum || 0, 1);
        case "boolean":
            return true;
        default:
            if (whole.format === "date-time") return "2026-03-01T08:00:00Z";
            if (whole.format === "date") return "2026-12-24";
            if ((whole.pattern || "").includes("external:")) return "external:my-id";
            if (name === "time_zone") return "Europe/Stockholm";
            if (name.endsWith("_people")) return "ann@example.org";
            if ((whole.pattern || "").startsWith("^[0-9]{")) return "1234";
            if ((whole.pattern || "").includes(":[0-5]")) return "08:00";
            if ((whole.pattern || "").startsWith("^\\+")) return "+46701234567";
            if ((whole.pattern || "").includes("@")) return "ann@example.org";
            if ((whole.pattern || "").includes("https")) return "https://example.org/hook";
            if ((whole.pattern || "").includes("a-fA-F")) return "04a1b2c3";
            return "text";
    }
}

function curl(path, verb, operation) {
    const url = path.replace(/\{(\w+)\}/g, (_, name) =>
        name === "place" ? "$PLACE" : `$${name.toUpperCase()}`,
    );
    const needed = operation.parameters
        .filter((it) => it.in === "query" && it.required)
        .map((it) => `${it.name}=${sample(it.schema)}`)
        .join("&");
    const lines = [`curl -X ${verb} "${location.origin}${url}${needed ? `?${needed}` : ""}"`];
    if (operation.security.length) lines.push('-H "Authorization: Bearer $TOKEN"');
    if (operation.requestBody) {
        lines.push('-H "Content-Type: application/json"');
        const schema = operation.requestBody.content["application/json"].schema;
        lines.push(`-d '${JSON.stringify(sample(schema))}'`);
    }
    return make("pre", { tabIndex: 0 }, lines.join(" \\\n  "));
}

function fill(box, path, verb, operation) {
    const parameters = operation.parameters
        .map((it) => (it.$ref ? resolve(it) : it))
        .map((it) => [it.name, it.required, type(it.schema), `${it.description} (${it.in})`]);
    const content = (of) => Object.values((of && of.content) || {})[0];
    const answers = Object.entries(operation.responses).map(([status, of]) => [
        status,
        false,
        nameOf(of) ? "problem" : type((content(of) || {}).schema || {}),
        resolve(of).description,
    ]);
    const good = Object.entries(operation.responses).filter(
        ([status, of]) => status < 300 && content(of),
    );
    box.append(...prose(operation.description), curl(path, verb, operation));
    const parts = [
        table("Parameters", parameters),
        ...(operation.requestBody ? tables("Body", content(operation.requestBody).schema) : []),
        table("Answers", answers),
        ...good.flatMap(([status, of]) => tables(`Answer ${status}`, content(of).schema)),
    ];
    box.append(...parts.filter(Boolean));
}

function show(words) {
    const groups = new Map();
    for (const [path, verbs] of Object.entries(api.paths)) {
        for (const [verb, operation] of Object.entries(verbs)) {
            const text = [
                verb,
                path,
                operation.summary,
                operation.operationId,
                operation.description,
            ]
                .join(" ")
                .toLowerCase();
            if (!words.every((word) => text.includes(word))) continue;
            const box = make("div");
            const item = make(
                "details",
                { id: operation.operationId },
                make(
                    "summary",
                    {},
                    make("span", { className: "verb" }, verb.toUpperCase()),
                    make("code", {}, path),
                    " ",
                    make("span", { className: "soft" }, operation.summary),
                ),
                box,
            );
            item.addEventListener("toggle", () => {
                if (item.open && !box.hasChildNodes())
                    fill(box, path, verb.toUpperCase(), operation);
            });
            const tag = operation.tags[0];
            if (!groups.has(tag)) groups.set(tag, []);
            groups.get(tag).push(item);
        }
    }
    const order = api.tags.map((tag) => tag.name).filter((name) => groups.has(name));
    byId("operations").replaceChildren(
        ...order.map((name) =>
            make(
                "section",
                {},
                make("h2", { id: `tag-${name}` }, name.replaceAll("_", " ")),
                ...groups.get(name),
            ),
        ),
    );
    byId("tags").replaceChildren(
        ...order.map((name) => make("a", { href: `#tag-${name}` }, name.replaceAll("_", " "))),
    );
    byId("count").textContent = `${[...groups.values()].flat().length} operations`;
}

function problems() {
    const rows = Object.values(api.components.responses).flatMap((of) => [
        ...of.description.matchAll(/`(\w+)`: ([^`]+)/g),
    ]);
    const body = rows.map(([, code, text]) =>
        make(
            "tr",
            { id: `problem-${code}` },
            make("td", {}, make("code", {}, code)),
            make("td", {}, text),
        ),
    );
    byId("problems").replaceChildren(
        make("h2", {}, "Errors"),
        make("table", {}, make("tbody", {}, ...body)),
    );
}

fetch("/api/v1/openapi.json")
    .then((answer) => answer.json())
    .then((document_) => {
        api = document_;
        byId("version").textContent = api.info.version;
        byId("about").replaceChildren(...prose(api.info.description));
        show([]);
        problems();
        byId("search").addEventListener("input", (event) =>
            show(event.target.value.toLowerCase().split(/\s+/).filter(Boolean)),
        );
        const asked = location.hash && byId(location.hash.slice(1));
        if (asked) {
            asked.open = true;
            asked.scrollIntoView();
        }
    })
    .catch(() => {
        byId("operations").textContent = "The document at /api/v1/openapi.json cannot be read.";
    });
