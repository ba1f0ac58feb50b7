import { GatewayError, type ErrorCode } from '../../errors.ts';

/** A refusal of the listener itself, which the inbox has not seen and is therefore told of. */
export class ListenerRefusal extends GatewayError {
  constructor(code: ErrorCode, detail: string, field?: string) {
    super(code, detail, { field });
    this.name = 'ListenerRefusal';
  }
}
