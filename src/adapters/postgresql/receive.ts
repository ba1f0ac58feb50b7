import type { PutSnapshot } from '../../ports/snapshot-store.ts';
import type { StoredEncryption } from '../../core/snapshot.ts';
import { chunksOf, ContentMeter, type Content } from '../storage/content.ts';
import type { OutgoingContent } from '../storage/encryption.ts';
import { Pieces } from '../storage/pieces.ts';
import { CHUNK_BYTES } from './rows.ts';
import type { Upload } from './upload.ts';

/** A content that is complete and matches what was announced: in memory while it is small, else in an open transaction. */
export type Received = Content & { readonly encryption: StoredEncryption | null } & (
    { readonly small: Buffer; readonly upload: null } | { readonly upload: Upload }
  );

/**
 * Takes in a content, hashed on the way. What fits into one piece stays in memory and takes no connection, however slow
 * its sender. A larger one goes to the database piece by piece; one that is announced to be larger asks for its place
 * there before its first byte is read.
 *
 * @param to.begin waits for a place and begins the transaction
 * @throws GatewayError `snapshot-too-large`, `digest-mismatch`, `interrupted`; what the database throws. Then nothing is left
 */
export async function receive(
  request: PutSnapshot,
  content: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  to: { readonly stored: OutgoingContent; readonly begin: () => Promise<Upload> },
): Promise<Received> {
  const meter = new ContentMeter(request);
  const gathered = new Pieces(CHUNK_BYTES);
  let upload: Upload | null = null;
  try {
    if (to.stored.storedBytes(request.expect.bytes ?? 0) > CHUNK_BYTES) upload = await to.begin();
    for await (const chunk of chunksOf(content, signal)) {
      meter.take(chunk);
      for (const part of to.stored.add(chunk)) gathered.add(part);
      // Only when there is more than a piece: one that is just full may be the whole content.
      while (gathered.bytes > CHUNK_BYTES) {
        upload ??= await to.begin();
        await upload.write(gathered.take());
      }
    }
    const { rest, encryption } = to.stored.finish();
    for (const part of rest) gathered.add(part);
    const measured = { ...meter.finish(), encryption };
    while (gathered.bytes > CHUNK_BYTES) {
      upload ??= await to.begin();
      await upload.write(gathered.take());
    }
    if (upload === null) return { ...measured, small: gathered.take(), upload };
    if (gathered.bytes > 0) await upload.write(gathered.take());
    await upload.finish();
    return { ...measured, upload };
  } catch (error) {
    await upload?.abandon();
    throw error;
  }
}
