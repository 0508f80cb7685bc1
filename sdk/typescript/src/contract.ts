/** Contracts: what producers and workers of a task type have agreed upon (docs/contracts.md). */

/** A JSON Schema, draft 7. */
export type JsonSchema = Record<string, unknown> | boolean;

export interface ContractError {
  code: string;
  /** Default: "default". */
  retry?: "default" | "never" | "always";
  description?: string;
}

/** One version. What is absent is not agreed upon. A worker registers it before it asks for tasks. */
export interface Contract {
  /** Default: 1. */
  version?: number;
  description?: string;
  /** Of payloads. */
  inputSchema?: JsonSchema;
  /** Of results. */
  outputSchema?: JsonSchema;
  errorCodes?: readonly ContractError[];
  /** Of tasks that name no priority. */
  defaultPriority?: number;
}

/** As `ContractChange` of the API. */
export function contractChange(contract: Contract): Record<string, unknown> {
  const { description, inputSchema, outputSchema, errorCodes, defaultPriority } = contract;
  return {
    description,
    input_schema: inputSchema,
    output_schema: outputSchema,
    error_codes: errorCodes,
    defaults: defaultPriority === undefined ? undefined : { priority: defaultPriority },
  };
}
