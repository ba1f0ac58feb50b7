import { GatewayError, type ErrorCode } from '../../errors.ts';

/** A request that does not prove what it must; the inbox has not seen it and is therefore told of it. */
export class TrustRefusal extends GatewayError {
  constructor(code: ErrorCode, detail: string) {
    super(code, detail);
    this.name = 'TrustRefusal';
  }
}
