/**
 * JSON as values, exactly: a whole number that a `number` would round becomes a `bigint`.
 *
 * Text without a long run of digits has no such number, and goes through `JSON.parse`. The other texts are read
 * here, by recursive descent; a value can also be skipped, which is how the exact text of a payload is found.
 */

const LONG_DIGITS = /\d{16}/;
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?/y;
const DEPTH_MAX = 200;

/** Throws SyntaxError. */
export function decode(text: string): unknown {
  return LONG_DIGITS.test(text) ? new Reader(text).whole() : (JSON.parse(text) as unknown);
}

/** The place behind the value that begins at `at`, which may have spaces before it. Throws SyntaxError. */
export function skipValue(text: string, at: number): number {
  at = skipSpace(text, at);
  const first = text.charCodeAt(at);
  if (first === QUOTE) return skipString(text, at);
  if (first !== BRACE && first !== BRACKET) return skipScalar(text, at);
  let depth = 0;
  for (; at < text.length; ++at) {
    const char = text.charCodeAt(at);
    if (char === QUOTE) at = skipString(text, at) - 1;
    else if (char === BRACE || char === BRACKET) ++depth;
    else if ((char === BRACE_END || char === BRACKET_END) && --depth === 0) return at + 1;
  }
  throw new SyntaxError("the JSON ends within a value");
}

export function skipSpace(text: string, at: number): number {
  for (;;) {
    const char = text.charCodeAt(at);
    if (char !== 32 && char !== 10 && char !== 13 && char !== 9) return at;
    ++at;
  }
}

const QUOTE = 34;
const BACKSLASH = 92;
const COMMA = 44;
const COLON = 58;
const BRACE = 123;
const BRACE_END = 125;
const BRACKET = 91;
const BRACKET_END = 93;

function skipString(text: string, at: number): number {
  let end = at;
  for (;;) {
    end = text.indexOf('"', end + 1);
    if (end < 0) throw new SyntaxError("the JSON ends within a string");
    let escapes = end;
    while (text.charCodeAt(escapes - 1) === BACKSLASH) --escapes;
    if ((end - escapes) % 2 === 0) return end + 1;
  }
}

function skipScalar(text: string, at: number): number {
  const begin = at;
  for (; at < text.length; ++at) {
    const char = text.charCodeAt(at);
    if (char === COMMA || char === BRACE_END || char === BRACKET_END || char <= 32) break;
  }
  if (at === begin) throw new SyntaxError(`no JSON value at ${begin}`);
  return at;
}

class Reader {
  private at = 0;
  private depth = 0;

  constructor(private readonly text: string) {}

  whole(): unknown {
    const value = this.value();
    this.at = skipSpace(this.text, this.at);
    if (this.at < this.text.length) throw this.error("more than one value");
    return value;
  }

  private value(): unknown {
    this.at = skipSpace(this.text, this.at);
    switch (this.text.charCodeAt(this.at)) {
      case BRACE:
        return this.object();
      case BRACKET:
        return this.array();
      case QUOTE:
        return this.string();
      case 116:
        return this.word("true", true);
      case 102:
        return this.word("false", false);
      case 110:
        return this.word("null", null);
      default:
        return this.number();
    }
  }

  private object(): Record<string, unknown> {
    this.enter();
    const object: Record<string, unknown> = {};
    if (!this.ends(BRACE_END)) {
      do {
        this.at = skipSpace(this.text, this.at);
        if (this.text.charCodeAt(this.at) !== QUOTE) throw this.error("no name");
        const name = this.string();
        this.at = skipSpace(this.text, this.at);
        if (this.text.charCodeAt(this.at) !== COLON) throw this.error("no colon");
        ++this.at;
        put(object, name, this.value());
      } while (this.goesOn(BRACE_END));
    }
    --this.depth;
    return object;
  }

  private array(): unknown[] {
    this.enter();
    const array: unknown[] = [];
    if (!this.ends(BRACKET_END)) {
      do array.push(this.value());
      while (this.goesOn(BRACKET_END));
    }
    --this.depth;
    return array;
  }

  private enter(): void {
    ++this.at;
    if (++this.depth > DEPTH_MAX) throw this.error("nested too deep");
  }

  private ends(bracket: number): boolean {
    this.at = skipSpace(this.text, this.at);
    if (this.text.charCodeAt(this.at) !== bracket) return false;
    ++this.at;
    return true;
  }

  private goesOn(bracket: number): boolean {
    if (this.ends(bracket)) return false;
    if (this.text.charCodeAt(this.at) !== COMMA) throw this.error("no comma");
    ++this.at;
    return true;
  }

  private string(): string {
    const begin = this.at;
    this.at = skipString(this.text, begin);
    return JSON.parse(this.text.slice(begin, this.at)) as string;
  }

  private word<T>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.at)) throw this.error("no value");
    this.at += word.length;
    return value;
  }

  private number(): number | bigint {
    NUMBER.lastIndex = this.at;
    const found = NUMBER.exec(this.text);
    if (found === null) throw this.error("no value");
    this.at += found[0].length;
    const number = Number(found[0]);
    const isWhole = found[1] === undefined && found[2] === undefined;
    return isWhole && !Number.isSafeInteger(number) ? BigInt(found[0]) : number;
  }

  private error(what: string): SyntaxError {
    return new SyntaxError(`${what} at ${this.at} of the JSON`);
  }
}

function put(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== "__proto__") object[name] = value;
  else Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}
