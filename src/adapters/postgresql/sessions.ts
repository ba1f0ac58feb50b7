import { GatewayError } from '../../errors.ts';
import { SECOND_MS } from '../../units.ts';
import { databaseError } from './database-error.ts';
import { Session, type SessionOptions } from './session.ts';

/** After a failed login nobody tries again for so long. Raised: slower to come back; lowered: a dead database costs more. */
const FAIL_FAST_MS = SECOND_MS;

/** The one session of a store: made when it is needed, by one login at a time, and again when it broke. */
export class Sessions {
  readonly #options: Omit<SessionOptions, 'isPatient'>;
  readonly #onOpen: (session: Session) => Promise<void>;
  #session: Session | null = null;
  #opening: Promise<Session> | null = null;
  #failed: { readonly error: Error; readonly atMs: number } | null = null;
  #isHeldByOther = false;
  #isClosed = false;

  /** @param onOpen reads what is there; nobody has the session before that is done */
  constructor(options: Omit<SessionOptions, 'isPatient'>, onOpen: (session: Session) => Promise<void>) {
    this.#options = options;
    this.#onOpen = onOpen;
  }

  /** @throws GatewayError `store-foreign`, `store-unavailable`, at once when it failed a moment ago */
  get(): Promise<Session> {
    if (this.#session?.isBroken === false) return Promise.resolve(this.#session);
    if (this.#failed !== null && performance.now() - this.#failed.atMs < FAIL_FAST_MS) {
      return Promise.reject(this.#failed.error);
    }
    this.#opening ??= this.#open().finally(() => {
      this.#opening = null;
    });
    return this.#opening;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#opening?.catch(() => undefined);
    await this.#session?.close();
  }

  async #open(): Promise<Session> {
    let session: Session | null = null;
    try {
      session = await Session.open({ ...this.#options, isPatient: !this.#isHeldByOther });
      await this.#onOpen(session);
      if (this.#isClosed) throw new GatewayError('store-unavailable', `The store "${this.#options.name}" is closed.`);
      this.#failed = null;
      this.#isHeldByOther = false;
      this.#session = session;
      return session;
    } catch (error) {
      await session?.close();
      const cause = databaseError(error, this.#options.name);
      const judged = cause instanceof Error ? cause : new Error(String(cause));
      this.#isHeldByOther = judged instanceof GatewayError && judged.facts['heldByOther'] === true;
      this.#failed = { error: judged, atMs: performance.now() };
      throw judged;
    }
  }
}
