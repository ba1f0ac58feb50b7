/** The last bytes of a command's output, however much it writes. */
export class OutputTail {
  readonly #mostBytes: number;
  #bytes = Buffer.alloc(0);
  #isCut = false;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  add(chunk: Uint8Array): void {
    const all = Buffer.concat([this.#bytes, chunk]);
    if (all.length > this.#mostBytes) this.#isCut = true;
    // A copy and not a view: a view would keep the whole of `all` in memory.
    this.#bytes = Buffer.from(all.subarray(Math.max(0, all.length - this.#mostBytes)));
  }

  /** The text without white space around it, and with `…` before it when something is missing. */
  text(): string {
    const text = this.#bytes.toString('utf8').trim();
    // A cut may have gone through a character; what is left of it is no text.
    return this.#isCut ? `…${text.replace(/^\ufffd+/, '')}` : text;
  }
}
