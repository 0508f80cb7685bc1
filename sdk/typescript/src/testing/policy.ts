/** Retry policies, as the in-memory server keeps them: like the real one, without jitter. */

export interface Policy {
  backoff: "exponential" | "linear" | "fixed" | "listed";
  backoff_base_ms: number;
  backoff_cap_ms: number;
  delays_ms: readonly number[];
  max_attempts: number;
  total_ms: number;
  never: readonly string[];
  always: readonly string[];
}

/** `own`: of the task, as on the wire; what is absent is the default. */
export function policyOf(own: Record<string, unknown> | undefined): Policy {
  const isPatient = own?.["preset"] === "patient";
  return {
    backoff: "exponential",
    backoff_base_ms: 500,
    backoff_cap_ms: isPatient ? 3_600_000 : 60_000,
    delays_ms: [],
    max_attempts: isPatient ? 25 : 20,
    total_ms: 0,
    never: [],
    always: [],
    ...own,
  };
}

/** The wait after the n-th failure. */
export function backoffMs(policy: Policy, failure: number): number {
  const base = policy.backoff_base_ms;
  switch (policy.backoff) {
    case "fixed":
      return base;
    case "listed":
      return policy.delays_ms[Math.min(failure, policy.delays_ms.length) - 1] ?? 0;
    case "linear":
      return Math.min(base * failure, policy.backoff_cap_ms);
    case "exponential":
      return Math.min(base * 2 ** (failure - 1), policy.backoff_cap_ms);
  }
}
