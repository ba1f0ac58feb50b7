import type { IncomingHttpHeaders } from 'node:http';
import type { StoredSnapshot } from '../../core/snapshot.ts';
import { GatewayError } from '../../errors.ts';
import type { ByteRange, SnapshotReader } from '../../ports/snapshot-store.ts';
import { descriptionHeaders, HEADER } from '../../wire/snapshot-headers.ts';
import { matchesEtag, parseRange } from './byte-range.ts';
import type { Exchange } from './exchange.ts';
import { PatientWriter } from './patient-writer.ts';

/** Answers with a snapshot's bytes, or with what the request's conditions say. The reader is closed in every case. */
export async function sendSnapshot(exchange: Exchange, opening: Promise<SnapshotReader>): Promise<void> {
  const { request, response } = exchange;
  const reader = await opening;
  try {
    const answer = answerTo(request.method, request.headers, reader.snapshot);
    response.writeHead(answer.status, answer.headers);
    if (request.method === 'HEAD' || answer.status === 304) response.end();
    else await copy(exchange, reader, answer.range);
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'range-not-satisfiable') {
      response.setHeader('content-range', `bytes */${reader.snapshot.bytes}`);
    }
    throw error;
  } finally {
    await reader.close();
  }
}

export interface ReadAnswer {
  readonly status: 200 | 206 | 304;
  readonly headers: Readonly<Record<string, string>>;
  /** undefined: the whole. */
  readonly range: ByteRange | undefined;
}

/**
 * Status and headers of a read, in the order of RFC 9110 §13.2.2.
 * @throws GatewayError `range-not-satisfiable`
 */
export function answerTo(method: string, asked: IncomingHttpHeaders, snapshot: StoredSnapshot): ReadAnswer {
  const { bytes } = snapshot;
  const etag = `"${snapshot.sha256}"`;
  const headers = {
    ...descriptionHeaders(snapshot),
    [HEADER.workload]: snapshot.key.workload,
    etag,
    'accept-ranges': 'bytes',
  };
  const type = { 'content-type': 'application/octet-stream' };
  if (matchesEtag(asked['if-none-match'], etag)) return { status: 304, headers, range: undefined };
  const isRangeWanted = method === 'GET' && (asked['if-range'] === undefined || asked['if-range'] === etag);
  const wish = isRangeWanted ? parseRange(asked.range, bytes) : ({ kind: 'whole' } as const);
  switch (wish.kind) {
    case 'unsatisfiable':
      throw new GatewayError('range-not-satisfiable', `The snapshot has ${bytes} bytes.`, { field: 'range' });
    case 'whole':
      return { status: 200, headers: { ...headers, ...type, 'content-length': String(bytes) }, range: undefined };
    case 'part': {
      const { start, end } = wish.range;
      const part = { 'content-length': String(end - start + 1), 'content-range': `bytes ${start}-${end}/${bytes}` };
      return { status: 206, headers: { ...headers, ...type, ...part }, range: wish.range };
    }
  }
}

async function copy(
  { response, context }: Exchange,
  reader: SnapshotReader,
  range: ByteRange | undefined,
): Promise<void> {
  const writer = new PatientWriter(response, context.clock, context.limits.readerStallMs);
  for await (const chunk of reader.stream(range)) {
    if (!(await writer.write(chunk))) return;
  }
  response.end();
}
