/**
 * What was thrown, read with care: a handler may throw anything, and code of its own may run when a name, a message
 * or a stack is read. Nothing here throws.
 */

const CAUSES_MAX = 10;

/** `instanceof`, of which a class or a proxy may make anything. */
export function isA<T>(value: unknown, kind: abstract new (...args: never[]) => T): value is T {
  return attempted(() => value instanceof kind) ?? false;
}

/** "TypeError"; of what is thrown and is no error, "thrown". */
export function nameOf(error: unknown): string {
  if (!isA(error, Error)) return "thrown";
  const name = attempted(() => textOnly(error.name));
  const ofClass = attempted(() => textOnly(error.constructor.name));
  return (name !== "Error" && name) || ofClass || "Error";
}

export function messageOf(error: unknown): string {
  const read = (): string => {
    const message: unknown = error instanceof Error ? error.message : error;
    return String(message);
  };
  return attempted(read) ?? "what was thrown cannot be shown as text";
}

/** With the stacks of its causes, and without the frames that lead to the handler. */
export function stackOf(error: unknown): string {
  const stacks: string[] = [];
  let next = error;
  while (stacks.length <= CAUSES_MAX) {
    const each = next;
    stacks.push(ownStackOf(each));
    next = isA(each, Error) ? attempted(() => each.cause) : undefined;
    if (next === undefined) return stacks.join("\ncaused by ");
  }
  return `${stacks.join("\ncaused by ")}\ncaused by more that is left out`;
}

function ownStackOf(error: unknown): string {
  if (!isA(error, Error)) return messageOf(error);
  const stack = attempted(() => textOnly(error.stack)) ?? `${nameOf(error)}: ${messageOf(error)}`;
  return stack
    .split("\n")
    .filter((line) => !line.includes("/dist/worker/runner.js"))
    .join("\n");
}

function textOnly(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function attempted<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
