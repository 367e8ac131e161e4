// Whether a request is of the kinds that phin-web takes: by the schema that the program wrote of it, in pydantic's words.

import { ASKED, SEE } from "./tables.js";
import { Refusal, refuse } from "./refusal.js";
import { counted } from "./words.js";

/** What a request says, as JSON has it. Throws Refusal for the first thing in it that is of no kind of this name. */
export function checkedKinds(asked, name) {
  const value = JSON.parse(JSON.stringify(asked));
  check(value, ASKED[name], []);
  return value;
}

/** {name, reason}: what of a value is of no kind of this name, and why; null where nothing is. */
export function firstWrong(value, kind) {
  try {
    check(value, ASKED[kind], []);
    return null;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { name: error.where.split(".").at(-1), reason: error.reason };
  }
}

function wrong(where, reason) {
  refuse(where.join(".") || "body", `${reason[0].toLowerCase()}${reason.slice(1)}`, SEE);
}

function check(value, schema, where) {
  if (schema.anyOf) {
    const [kind] = schema.anyOf; // the other one is null
    if (value !== null) check(value, kind, where);
  } else if (schema.$ref) check(value, ASKED[schema.$ref.split("/").at(-1)], where);
  else if (schema.enum) checkChoice(value, schema.enum, where);
  else KINDS[schema.type](value, schema, where);
}

const isOf = (kind) => (value) => typeof value === kind;

const KINDS = {
  boolean: (value, _, where) => isOf("boolean")(value) || wrong(where, "Input should be a valid boolean"),
  integer: (value, schema, where) => {
    if (!Number.isInteger(value)) wrong(where, "Input should be a valid integer");
    checkRange(value, schema, where);
  },
  number: (value, schema, where) => {
    if (!isOf("number")(value)) wrong(where, "Input should be a valid number");
    checkRange(value, schema, where);
  },
  string: (value, { maxLength = Infinity }, where) => {
    if (!isOf("string")(value)) wrong(where, "Input should be a valid string");
    if ([...value].length > maxLength) wrong(where, `String should have at most ${counted(maxLength, "character")}`);
  },
  array: (value, { items, minItems = 0, maxItems = Infinity }, where) => {
    if (!Array.isArray(value)) wrong(where, "Input should be a valid list");
    const but = `after validation, not ${value.length}`;
    if (value.length > maxItems) wrong(where, `List should have at most ${counted(maxItems, "item")} ${but}`);
    value.forEach((item, place) => check(item, items, [...where, place]));
    if (value.length < minItems) wrong(where, `List should have at least ${counted(minItems, "item")} ${but}`);
  },
  object: (value, schema, where) => {
    const { properties, required = [], additionalProperties: others } = schema;
    if (value === null || typeof value !== "object" || Array.isArray(value)) {
      wrong(where, `Input should be a valid dictionary${properties ? " or object to extract fields from" : ""}`);
    }
    for (const [key, kind] of Object.entries(properties ?? {})) {
      if (key in value) check(value[key], kind, [...where, key]);
      else if (required.includes(key)) wrong([...where, key], "Field required");
    }
    for (const key of Object.keys(value)) {
      if (properties && key in properties) continue;
      if (others) check(value[key], others, [...where, key]);
      else refuse([...where, key].join("."), "there is no such key", `leave it out; ${SEE}`);
    }
  },
};

function checkChoice(value, choices, where) {
  if (choices.includes(value)) return;
  const all = choices.map((each) => `'${each}'`);
  wrong(where, `Input should be ${all.slice(0, -1).join(", ")} or ${all.at(-1)}`);
}

function checkRange(value, { minimum, maximum, exclusiveMaximum }, where) {
  if (value < minimum) wrong(where, `Input should be greater than or equal to ${minimum}`);
  if (value > maximum) wrong(where, `Input should be less than or equal to ${maximum}`);
  if (value >= exclusiveMaximum) wrong(where, `Input should be less than ${exclusiveMaximum}`);
}
