import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

/** docs/openapi.json, parsed: what the gateway serves and the tests hold it to. */
export const openapi = JSON.parse(readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8')) as OpenApi;

interface OpenApi {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: {
    readonly responses: Record<string, DocumentedResponse>;
    readonly schemas: Record<string, { readonly discriminator: { readonly mapping: Record<string, string> } }>;
  };
}
interface Operation {
  readonly operationId?: string;
  readonly responses?: Record<string, DocumentedResponse | { readonly $ref: string }>;
}
interface DocumentedResponse {
  readonly headers?: Record<string, unknown>;
  readonly content?: Record<string, { readonly schema: unknown }>;
}

export interface Answer {
  readonly method: string;
  /** As it was asked for, with or without a query. */
  readonly path: string;
  readonly status: number;
  /** The header's value; null or '' when there is no body. */
  readonly contentType: string | null;
  /** Parsed, if it is JSON; of other types it is not looked at. */
  readonly body: unknown;
}

/**
 * Holds a real answer against docs/openapi.json: its path, method, status and content type must be documented, and a
 * JSON body must match, without one undocumented field.
 *
 * @returns the operationId, so that a suite can tell which operations it has seen
 * @throws Error that says what is not as documented
 */
export function assertMatchesOpenApi(answer: Answer): string {
  const what = `${answer.method} ${answer.path} ${String(answer.status)}`;
  const { template, operation } = operationOf(answer, what);
  const response = resolve(operation.responses?.[String(answer.status)], what);
  const type = (answer.contentType ?? '').split(';', 1)[0]!.trim();
  const documented = Object.keys(response.content ?? {});
  if (type === '' && (documented.length === 0 || answer.method === 'HEAD')) return operation.operationId ?? template;
  if (!documented.includes(type))
    throw new Error(
      `${what}: the content type ${type || '(none)'} is not documented, but ${documented.join(', ') || 'none'}`,
    );
  if (answer.method !== 'HEAD' && /json$/.test(type)) {
    const method = methodOf(answer);
    const status = String(answer.status);
    const place = isReference(operation.responses?.[status])
      ? `${operation.responses[status].$ref}/content/${escapePointer(type)}/schema`
      : `#/paths/${escapePointer(template)}/${method}/responses/${status}/content/${escapePointer(type)}/schema`;
    assertValid(place, answer.body, what);
  }
  return operation.operationId ?? template;
}

/** Holds what a subscriber got against the schema of a logged event, or of one without an id. */
export function assertEventMatchesOpenApi(event: unknown, kind: 'Event' | 'UnloggedEvent' = 'Event'): void {
  assertValid(`#/components/schemas/${kind}`, event, `the event ${JSON.stringify(event)}`);
}

export function assertProblem(body: unknown, what: string): void {
  assertValid('#/components/schemas/Problem', body, what);
}

/** The ids of all documented operations. */
export function operationIds(): string[] {
  return Object.values(openapi.paths).flatMap((item) =>
    Object.values(item).flatMap((operation) => (operation.operationId === undefined ? [] : [operation.operationId])),
  );
}

const ID = 'https://crossdc.invalid/openapi.json';
const ajv = new Ajv2020({ strict: false, allErrors: true });
ajv.addFormat('date-time', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
ajv.addSchema(closed(openapi) as object, ID);
const validators = new Map<string, ValidateFunction>();

/** Callers ignore fields that they do not know; the tests do not, so that none goes undocumented. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const copy: Record<string, unknown> = {};
  for (const [name, part] of Object.entries(value)) copy[name] = closed(part);
  if (copy.type === 'object' && 'properties' in copy && !('additionalProperties' in copy))
    copy.additionalProperties = false;
  return copy;
}

function assertValid(pointer: string, body: unknown, what: string): void {
  const validate = validators.get(pointer) ?? ajv.compile({ $ref: ID + encodeURI(pointer).replaceAll('%25', '%') });
  validators.set(pointer, validate);
  if (validate(body)) return;
  throw new Error(
    `${what} is not as documented: ${ajv.errorsText(validate.errors, { dataVar: 'body' })}; it is ${JSON.stringify(body)}`,
  );
}

function operationOf(answer: Answer, what: string): { template: string; operation: Operation } {
  const path = answer.path.split('?', 1)[0]!;
  for (const [template, item] of Object.entries(openapi.paths)) {
    if (!new RegExp(`^${template.replaceAll('.', '\\.').replaceAll(/\{[^}]+\}/g, '[^/]+')}$`).test(path)) continue;
    const operation = item[methodOf(answer)];
    if (operation === undefined) throw new Error(`${what}: the method is not documented`);
    return { template, operation };
  }
  throw new Error(`${what}: the path is not documented`);
}

/** HEAD is answered wherever GET is, with the same headers. */
function methodOf(answer: Answer): string {
  return answer.method === 'HEAD' ? 'get' : answer.method.toLowerCase();
}

function isReference(response: object | undefined): response is { $ref: string } {
  return response !== undefined && '$ref' in response;
}

function resolve(
  response: DocumentedResponse | { readonly $ref: string } | undefined,
  what: string,
): DocumentedResponse {
  if (response === undefined) throw new Error(`${what}: the status is not documented`);
  if (!isReference(response)) return response as DocumentedResponse;
  const name = response.$ref.replace('#/components/responses/', '');
  const found = openapi.components.responses[name];
  if (found === undefined) throw new Error(`${what}: ${response.$ref} leads nowhere`);
  return found;
}

/** JSON pointer, then URI fragment (RFC 6901 §3 and §6). */
function escapePointer(text: string): string {
  return text.replaceAll('~', '~0').replaceAll('/', '~1').replaceAll('{', '%7B').replaceAll('}', '%7D');
}
