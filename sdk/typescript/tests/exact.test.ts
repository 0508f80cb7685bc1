/** JSON stays exact, and what it cannot hold is refused with its path. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidArgumentError, type TreadleError } from "../src/index.js";
import { decode, skipValue } from "../src/json/read.js";
import { encode } from "../src/json/write.js";

const refusesField = (value: unknown, field: string): void =>
  assert.throws(
    () => encode(value, "payload"),
    (error: TreadleError) => {
      assert.ok(error instanceof InvalidArgumentError);
      assert.equal(error.field, field);
      assert.ok(error.message.startsWith(`${field} `), error.message);
      return true;
    },
  );

test("whole numbers that a number would round become bigints", () => {
  assert.deepEqual(decode("[9007199254740991, 9007199254740993, -9223372036854775808, 18446744073709551615]"), [
    9007199254740991,
    9007199254740993n,
    -9223372036854775808n,
    18446744073709551615n,
  ]);
  assert.equal(decode("1.5"), 1.5);
  assert.equal(decode("[1e3,0.1234567890123456789]" as string) instanceof Array, true);
});

test("bigints are written with all their digits", () => {
  const value = { a: [2n ** 64n, { b: -1n }], c: "1n" };
  assert.equal(encode(value, "payload"), '{"a":[18446744073709551616,{"b":-1}],"c":"1n"}');
  assert.deepEqual(decode('{"a":18446744073709551616}'), { a: 18446744073709551616n });
});

test("the own reader agrees with JSON.parse", () => {
  const long = "1234567890123456";
  const texts = [
    `{"a":[1,-0.5e-3,true,false,null,"x\\"\\\\\\u00e4\\n"],"long":"${long}","":{},"b":[]}`,
    ` [ ] `,
    `"${long}"`,
    `{"__proto__":1,"l":"${long}"}`,
    `[${"[".repeat(50)}"${long}"${"]".repeat(50)}]`,
  ];
  for (const text of texts) assert.deepEqual(decode(text), JSON.parse(text), text);
  const broken = ["", "[1,]", "{,}", '{"a" 1}', "[1 2]", "tru", "01", "1.", '"a', "[1]]", "-", "{a:1}"];
  for (const text of broken) {
    assert.throws(() => JSON.parse(text) as unknown, SyntaxError, text);
    assert.throws(() => decode(`["${long}",${text}]`), SyntaxError, text);
  }
});

test("a value is skipped to its end, whatever is in its strings", () => {
  for (const value of ['{"a":"}\\"]"}', '"\\\\"', "[[],{}]", "12", "null", '"😀"'])
    assert.equal(skipValue(`  ${value},"next"`, 0), 2 + value.length, value);
});

test("what JSON cannot hold is refused with its path", () => {
  refusesField({ x: NaN }, "payload.x");
  refusesField({ x: [1, { y: -Infinity }] }, "payload.x[1].y");
  refusesField("\ud800", "payload");
  refusesField({ x: new Map() }, "payload.x");
  refusesField({ x: new Set() }, "payload.x");
  refusesField({ x: () => 1 }, "payload.x");
  refusesField({ x: Symbol("s") }, "payload.x");
  refusesField([undefined], "payload[0]");
  refusesField({ x: new Uint8Array(1) }, "payload.x");
  refusesField({ x: Buffer.from("a") }, "payload.x");
  refusesField({ at: new Date(NaN) }, "payload.at");
  const cycle: Record<string, unknown> = {};
  cycle["self"] = cycle;
  refusesField(cycle, "payload");
});

test("dates are ISO 8601 in UTC, toJSON is used, and undefined properties are left out", () => {
  const at = new Date("2026-01-02T03:04:05.678+01:00");
  assert.equal(encode({ at, gone: undefined }, "payload"), '{"at":"2026-01-02T02:04:05.678Z"}');
  assert.equal(encode({ toJSON: () => ({ big: 1n }) }, "payload"), '{"big":1}');
});

test("Unicode stays intact", () => {
  const text = "ä 😀 \u2028 \u0000 \ufeff";
  assert.equal(decode(encode(text, "payload")), text);
});
