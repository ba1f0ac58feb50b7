import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { open, unlink } from 'node:fs/promises';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/**
 * The baseline: what anybody would write. Two plain Node HTTP servers; the first puts the body into a file, fsyncs it
 * and uploads that file to the second, which does the same; then the client is answered.
 */
export async function startPlainChain(folder: string): Promise<{ url: string; close: () => Promise<void> }> {
  const last = await serve(join(folder, 'plain-last'), () => Promise.resolve());
  const first = await serve(join(folder, 'plain-first'), (file, bytes) => upload(`${last.url}/`, file, bytes));
  return {
    url: first.url,
    close: async () => {
      await Promise.all([close(first.server), close(last.server)]);
    },
  };
}

async function serve(
  prefix: string,
  then: (file: string, bytes: number) => Promise<void>,
): Promise<{ url: string; server: Server }> {
  let count = 0;
  const take = async (incoming: IncomingMessage, answer: ServerResponse): Promise<void> => {
    const file = `${prefix}-${(count += 1)}`;
    const output = createWriteStream(file);
    await pipeline(incoming, output);
    const handle = await open(file, 'r');
    await handle.sync();
    await handle.close();
    await then(file, output.bytesWritten);
    await unlink(file);
    answer.end('{}');
  };
  const server = createServer((incoming, answer) => {
    take(incoming, answer).catch((error: unknown) => answer.destroy(error as Error));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

export async function upload(url: string, file: string, bytes: number): Promise<void> {
  const outgoing = request(url, { method: 'PUT', headers: { 'content-length': bytes } });
  const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), outgoing);
  const [response] = await answered;
  response.resume();
  await once(response, 'end');
  if (response.statusCode === undefined || response.statusCode >= 300)
    throw new Error(`${url} answered ${response.statusCode}`);
}

async function close(server: Server): Promise<void> {
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
}
