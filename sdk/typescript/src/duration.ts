/** Durations and points in time, as callers write them and as the wire has them. */

import { InvalidArgumentError } from "./errors.js";

/** Milliseconds, or text with a unit: `"500ms"`, `"30s"`, `"2m"`, `"1h"`, `"7d"`. */
export type Duration = number | string;

const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const TEXT = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;

/** Throws InvalidArgumentError with `field`. */
export function milliseconds(value: Duration, field: string): number {
  if (typeof value === "number") {
    if (!Number.isFinite(value) || value < 0)
      throw new InvalidArgumentError(`${field} must be at least 0 and finite`, { field });
    return Math.round(value);
  }
  const found = typeof value === "string" ? TEXT.exec(value) : null;
  if (found === null)
    throw new InvalidArgumentError(`${field} must be milliseconds, or text such as "30s", "5m" or "1h"`, { field });
  return Math.round(Number(found[1]) * (UNITS[found[2] as string] as number));
}

/** RFC 3339 in UTC. Throws InvalidArgumentError with `field`. */
export function pointInTime(value: Date, field: string): string {
  if (!(value instanceof Date) || Number.isNaN(value.getTime()))
    throw new InvalidArgumentError(`${field} must be a valid Date`, { field });
  return value.toISOString();
}
