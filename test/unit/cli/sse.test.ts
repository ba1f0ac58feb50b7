import { expect } from 'chai';
import fc from 'fast-check';
import { parseServerSentEvents, type ServerSentEvent } from '../../../src/cli/sse.ts';

async function* inChunks(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (const size of sizes) {
    yield await Promise.resolve(bytes.subarray(at, at + size));
    at += size;
  }
  yield bytes.subarray(at);
}

async function parse(text: string, sizes: readonly number[] = []): Promise<ServerSentEvent[]> {
  const events: ServerSentEvent[] = [];
  for await (const event of parseServerSentEvents(inChunks(Buffer.from(text), sizes))) events.push(event);
  return events;
}

describe('a stream of events', () => {
  it('gives type, id and data of each event', async () => {
    expect(await parse('event: peer-up\nid: 7\ndata: {"a":1}\n\ndata:x\n\n')).to.deep.equal([
      { event: 'peer-up', id: '7', data: '{"a":1}' },
      { event: 'message', id: null, data: 'x' },
    ]);
  });

  it('joins several data lines and takes away one blank after the colon, not two', async () => {
    expect((await parse('data: a\ndata:  b\ndata\n\n'))[0]?.data).to.equal('a\n b\n');
  });

  it('passes over comments, unknown fields and events without data', async () => {
    expect(await parse(': keep-alive\n\nretry: 10\nfoo: bar\n\nevent: x\n\n')).to.deep.equal([]);
  });

  it('does not give an event that the end of the stream cuts off', async () => {
    expect(await parse('data: whole\n\ndata: half\n')).to.have.length(1);
  });

  it('is read the same with LF, CR and CRLF', async () => {
    const expected = await parse('id: 1\ndata: a\n\nid: 2\ndata: b\n\n');
    expect(expected).to.have.length(2);
    expect(await parse('id: 1\rdata: a\r\rid: 2\rdata: b\r\r')).to.deep.equal(expected);
    expect(await parse('id: 1\r\ndata: a\r\n\r\nid: 2\r\ndata: b\r\n\r\n')).to.deep.equal(expected);
  });

  it('is read the same however it is cut into chunks, also within a character and between CR and LF', async () => {
    const text = 'event: delivery\r\nid: 12\r\ndata: 東京 🚢\r\ndata: ü\r\n\r\n: c\n\nid: 13\ndata: é\n\n';
    const expected = await parse(text);
    expect(expected).to.have.length(2);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 40 }), async (sizes) => {
        expect(await parse(text, sizes)).to.deep.equal(expected);
      }),
    );
  });

  it('with an event that has no end does not fill the memory', async () => {
    async function* endless(): AsyncGenerator<Uint8Array> {
      const chunk = Buffer.alloc(4 * 1024 * 1024, 'x');
      for (;;) yield await Promise.resolve(chunk);
    }
    const failure = await parseServerSentEvents(endless())
      .next()
      .then(
        () => 'none',
        (error: unknown) => String(error),
      );
    expect(failure).to.contain('an event is longer than');
  });
});
