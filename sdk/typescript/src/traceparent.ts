/** The trace context (W3C `traceparent`) that a task gets without being told. */

// Where @opentelemetry/api registers itself, for every copy of it in a process.
const API = Symbol.for("opentelemetry.js.api.1");
const WELL_FORMED = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** What of it is used here. */
interface OpenTelemetry {
  context?: { active(): unknown };
  propagation?: { inject(context: unknown, carrier: Carrier, setter: Setter): void };
}
type Carrier = Record<string, string>;
interface Setter {
  set(carrier: Carrier, name: string, value: string): void;
}

const setter: Setter = { set: (carrier: Carrier, name: string, value: string) => void (carrier[name] = value) };

/**
 * Of the OpenTelemetry span that is current, if the program uses OpenTelemetry. No trace is a reason to refuse a task,
 * so one that the server would not take, or that cannot be found out, is none.
 */
export function ambientTraceparent(): string | undefined {
  const api = (globalThis as Record<symbol, unknown>)[API] as OpenTelemetry | undefined;
  if (api?.context === undefined || api.propagation === undefined) return undefined;
  const carrier: Carrier = {};
  try {
    api.propagation.inject(api.context.active(), carrier, setter);
  } catch {
    return undefined;
  }
  const found = carrier["traceparent"] ?? "";
  return WELL_FORMED.test(found) ? found : undefined;
}
