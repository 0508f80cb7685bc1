/** Checks of arguments for callers without types. */

export function mustBeText(value: unknown, name: string): asserts value is string {
  mustBe(typeof value === "string", value, name, "text");
}

/** Throws a TypeError that names the argument. */
export function mustBe(isRight: boolean, value: unknown, name: string, what: string): void {
  if (!isRight) throw new TypeError(`${name} must be ${what}, not ${value === null ? "null" : typeof value}`);
}
