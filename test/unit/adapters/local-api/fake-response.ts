import { EventEmitter } from 'node:events';
import type { Response } from 'express';

/** As much of an answer as a writer needs: it can be full, and it can go away. */
export class FakeResponse extends EventEmitter {
  readonly chunks: string[] = [];
  isFull = false;
  destroyed = false;
  closed = false;

  asResponse(): Response {
    return this as unknown as Response;
  }

  get text(): string {
    return this.chunks.join('');
  }

  write(chunk: string): boolean {
    this.chunks.push(chunk);
    return !this.isFull;
  }

  drain(): void {
    this.isFull = false;
    this.emit('drain');
  }

  destroy(): void {
    this.destroyed = this.closed = true;
    this.emit('close');
  }
}
